"""A `Peer` whose socket completes instead of being ready: it is fed what has arrived, and hands over what it sends.

Rules of this file
- The session's logic is Peer's. What differs is when a send is known to have been taken: not at once, but after the
  next wait. Until then it counts as taken, and no decision is made that depends on it (FIN, close, the next piece).
- One send at a time is under way per connection, so bytes keep their order whatever the ring does.
- A descriptor is closed only when no request of it is under way: the kernel would keep the connection open, and its
  number would be another client's while completions for this one still come.
"""

import errno
import socket
from typing import Final

from raw_impl._peer import GONE, IN, OUT, Peer, Shared
from raw_impl._uring import RECV, REST, Ring
from suite import log
from suite.launch import READ_SIZE
from suite.session import NewSession

__all__ = ("Channel", "CompletedPeer")

_NONE: Final = b""


class Channel(socket.socket):
    """A connection whose requests are the ring's: `send` leaves the sending to its next wait.

    Attributes:
        number: its descriptor.
        receiving: a receive is under way.
        held: what arrived while the session was taking no input.
        rest: what is being sent although there was no room for it at once; empty if nothing is.
        taken: how much of `rest` was sent, to be told by the next `send`.
    """

    __slots__ = ("_outgoing", "_ring", "held", "number", "receiving", "rest", "taken")

    def __init__(self, ring: Ring, family: int, fd: int) -> None:
        super().__init__(family, socket.SOCK_STREAM, 0, fd)
        self._ring = ring
        self._outgoing = ring.outgoing
        self.number = fd
        self.receiving = False
        self.held: list[bytes | OSError] | None = None
        self.rest: bytes = _NONE
        self.taken = 0

    def send(self, data: bytes | bytearray, _flags: int = 0, /) -> int:  # type: ignore[override]
        """Have it sent by the next wait.

        Raises:
            BlockingIOError: it is what was left of an earlier send, and is under way now; called again for it, returns
                how much was taken.
        """
        if isinstance(data, bytearray):
            if self.taken:
                taken, self.taken = self.taken, 0
                return taken
            self.rest = bytes(memoryview(data)[:READ_SIZE])
            self._ring.send(self.number, self.rest)
            raise BlockingIOError
        outgoing, number = self._outgoing, self.number
        if number in outgoing:
            outgoing[number] += data
        else:
            outgoing[number] = data
        return len(data)

    def greet(self) -> object:
        """Return the client's address, as accept(2) would have, and log it."""
        try:
            address: object = self.getpeername()
        except OSError:  # ENOTCONN: the client has reset the connection meanwhile
            address = "somebody gone again"
        log.connected(address)
        return address

    def receive(self) -> None:
        """Start a receive, unless one is under way."""
        if not self.receiving:
            self.receiving = True
            self._ring.receive(self.number)

    @property
    def unsure(self) -> bool:
        """Something was handed over of which the ring has not yet told whether it was taken."""
        return self.number in self._ring.outgoing or self.number in self._ring.submitted

    def close(self) -> None:
        """Close, or end the requests under way if there are any; `release` closes then."""
        if self.release():
            return
        if self.receiving:
            self._ring.cancel(self.number, RECV)
        if self.rest:
            self._ring.cancel(self.number, REST)

    def release(self) -> bool:
        """Close if nothing is under way; return whether that was so."""
        if not self._ring.closed and (self.receiving or self.rest or self.unsure):
            return False
        super().close()
        return True


class CompletedPeer(Peer):
    """A `Peer` on a `Channel`. A driver hands it completions and then lets it `attend` to what they change."""

    __slots__ = ()
    sock: Channel

    @classmethod
    def on(
        cls, ring: Ring, sock: socket.socket, address: object, new_session: NewSession, shared: Shared
    ) -> "CompletedPeer":
        """Make one of a socket, which is no more to be used."""
        channel = sock if isinstance(sock, Channel) else Channel(ring, sock.family, sock.detach())
        return cls(channel, address, new_session, shared)

    def arrived(self, data: bytes | OSError) -> None:
        """Take what a receive has brought: data, b"" for the client's FIN, or an error."""
        channel = self.sock
        if self.interest == GONE:
            return
        if channel.held or not self.interest & IN:
            channel.held = [*(channel.held or ()), data]
        elif isinstance(data, OSError):
            self._lost(data)
        else:
            self.feed(data)

    def sent_short(self, sent: bytes, result: int) -> None:
        """Take back what was not taken of `sent`, by a send that did not wait."""
        if self.interest == GONE:
            return
        if result < 0 and result != -errno.EAGAIN:
            self._lost(OSError(-result, "send"))
            return
        self._out = bytearray(sent[max(0, result) :]) + self._out
        self._settle()

    def sent_rest(self, result: int) -> None:
        """Take note of the end of a send that waited for room."""
        channel = self.sock
        channel.rest = _NONE
        channel.taken = max(0, result)
        if result < 0 and self.interest != GONE:
            self._lost(OSError(-result, "send"))

    def attend(self) -> bool:
        """Start what there is to start; return True if there is more, but only after the next wait."""
        channel = self.sock
        while self.interest != GONE:
            if self.interest & IN:
                if channel.held:
                    data, *channel.held = channel.held
                    self._lost(data) if isinstance(data, OSError) else self.feed(data)
                    continue
                channel.receive()
            if not self.interest & OUT or channel.rest:
                return False
            if channel.unsure:
                return True
            self.turn(OUT)
        return channel.unsure

    def end(self, how: str) -> bool:
        """Close the connection and log how it ended, once."""
        if self.interest != GONE:
            return super().end(how)
        self.sock.close()
        return True

    def _settle(self) -> None:
        if (
            self.sock.unsure
            and not self._out
            and not self._session.has_output
            and (self._eof or self._session.finished)
        ):
            self.interest = OUT  # this is the end, if all was taken: `attend` asks again when that is known
        else:
            super()._settle()
