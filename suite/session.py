"""The Session contract: one connection's half of a service, with no socket, clock, thread or logger in it.

Rules of this file
- A driver moves bytes between a connection and a Session; a Session never learns how.
- One call per message on the hot path: `receive_data` answers directly, and the three flags are plain attributes.
- Output that a service makes on its own is *pulled* with a limit, only while the peer keeps up. That is what lets
  an endless service (chargen) and a slow reader meet on every mechanism without a buffer that grows.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

__all__ = ("NewSession", "Session")


class Session(ABC):
    """One connection's half of a service (sans-I/O).

    Attributes, read by the driver after every call:
        has_output: `data_to_send` would return something now.
        can_receive: False asks the driver to stop reading from the peer (backpressure).
        finished: nothing follows what is still to be flushed. The driver flushes, sends FIN, discards further input
            until the peer's FIN or `Limits.linger` seconds, and closes. (Closing with unread input would make the
            kernel reset the reply away: RFC 9293 section 3.10.4, RFC 1122 section 4.2.2.13.)
    """

    __slots__ = ("can_receive", "finished", "has_output")

    def __init__(self) -> None:
        self.has_output = False
        self.can_receive = True
        self.finished = False

    @abstractmethod
    def receive_data(self, data: bytes, /) -> bytes:
        """Take input; return the reply it completes now (b"" if none; at most the input plus a constant)."""

    def receive_eof(self) -> bytes:
        """Take the peer's half-close; return the last reply. By default the service ends here."""
        self.finished = True
        return b""

    def data_to_send(self, limit: int, /) -> bytes:  # noqa: ARG002 - part of the contract
        """Return up to `limit` bytes of the service's own output; called only while `has_output`."""
        return b""


NewSession = Callable[[], Session]
"""Makes the Session of one new connection."""
