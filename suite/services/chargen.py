"""Character generator, RFC 864: characters without end, whatever the peer sends.

The pattern is the one the RFC calls popular: line N holds the characters N to N + 71 of the ring of the 95 printable
ASCII characters, so it repeats after 95 lines.
"""

from suite.session import Session

__all__ = ("Chargen", "new_session")

_WIDTH = 72
_RING = bytes(range(0x20, 0x7F))
_PERIOD = b"".join((_RING * 2)[n : n + _WIDTH] + b"\r\n" for n in range(len(_RING)))
_PATTERN = _PERIOD * 11  # so that a limit of 64 KiB is met by one slice from wherever in the first period it starts


class Chargen(Session):
    """Sends the pattern for as long as it is pulled; throws input away; ends at the peer's half-close."""

    __slots__ = ("_at",)

    def __init__(self) -> None:
        super().__init__()
        self.has_output = True
        self._at = 0  # where in the period the next byte stands

    def receive_data(self, _data: bytes, /) -> bytes:
        """Throw the input away."""
        return b""

    def receive_eof(self) -> bytes:
        """Stop: the stream lasts "until the calling user terminates the connection"."""
        self.has_output = False
        return super().receive_eof()

    def data_to_send(self, limit: int, /) -> bytes:
        """Return the next bytes of the pattern: exactly `limit` of them while `limit` is at most 64 KiB."""
        part = _PATTERN[self._at : self._at + limit]
        self._at = (self._at + len(part)) % len(_PERIOD)
        return part


new_session = Chargen
