"""Echo, RFC 862: any data received is sent back."""

from suite.session import Session

__all__ = ("Echo", "new_session")


class Echo(Session):
    """Returns what it receives; ends at the peer's half-close."""

    __slots__ = ()

    def receive_data(self, data: bytes, /) -> bytes:
        """Return the very bytes received."""
        return data


new_session = Echo
