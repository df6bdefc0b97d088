"""Discard, RFC 863: any data received is thrown away; nothing is ever sent."""

from suite.session import Session

__all__ = ("Discard", "new_session")


class Discard(Session):
    """Answers nothing; ends at the peer's half-close."""

    __slots__ = ()

    def receive_data(self, _data: bytes, /) -> bytes:
        """Throw the input away."""
        return b""


new_session = Discard
