"""One connection: its socket, its Session, and the output that is not sent yet. Nothing here waits.

Rules of this file
- A driver waits for what `interest` says and calls `turn` with what came; one turn moves at most one read, one reply
  and one piece of the session's own output, so no connection starves the others.
- A reply is sent at once; OUT is waited for only after a short write. Waiting for it always would wake a
  level-triggered driver for ever, and asking per message costs two system calls more.
- A client that does not read is not read from: at most `high_water` plus one read of its bytes are held here.
- The end is the client's to choose: after its FIN all that is owed is flushed and then FIN answers FIN; a FIN of ours
  that comes first is followed by a bounded wait for the client's, for closing on unread input resets the connection
  and destroys what is still on its way to the client (RFC 1122 section 4.2.2.13).
"""

import errno
import select
import socket
import time
from collections import deque

from suite import log
from suite.launch import READ_SIZE, Limits
from suite.session import NewSession, Session

__all__ = ("EXPIRED", "GONE", "IN", "OUT", "Peer", "Shared")

IN = select.POLLIN
OUT = select.POLLOUT  # epoll(7) names the same bits EPOLLIN and EPOLLOUT
DONTWAIT = int(socket.MSG_DONTWAIT)  # looked up for every message
EXPIRED = 1 << 20
"""Event of our own, beside those of poll(2): the peer's deadline has passed."""
GONE = 1 << 21
"""Interest of a peer whose connection has ended and whose socket is closed."""


class Shared:
    """What the peers of one server have in common; a reference per peer instead of five values."""

    __slots__ = ("high_water", "linger", "lingering", "piece", "verbose")

    def __init__(self, limits: Limits) -> None:
        self.high_water = limits.high_water
        # Below the mark, so that a session which talks without end never stops its peer's FIN from being read.
        self.piece = max(1, min(READ_SIZE, limits.high_water // 2))
        self.linger = limits.linger
        # Who is due an EXPIRED event, the first to be due first. It keeps nothing until a driver of many peers puts one
        # in that does; a driver of one peer looks at its deadline.
        self.lingering: deque[Peer] = deque(maxlen=0)
        self.verbose = log.verbose()


class _Spent(Session):
    """What a finished session is replaced by: throws input away."""

    __slots__ = ()

    def receive_data(self, _data: bytes, /) -> bytes:
        return b""

    def receive_eof(self) -> bytes:
        return b""


_SPENT = _Spent()
_NOTHING = bytearray()  # never changed: idle connections share it


class Peer:
    """A connection and its Session.

    Attributes:
        sock: the connection. Non-blocking, or blocking for a driver that waits in recv(2) itself: sends never wait.
        interest: IN, OUT or both: what the driver is to wait for; GONE once the socket is closed.
        deadline: monotonic time at which a lingering peer is due an EXPIRED event; 0.0 until it lingers.
    """

    __slots__ = ("_eof", "_out", "_session", "_shared", "address", "deadline", "interest", "sock")

    def __init__(self, sock: socket.socket, address: object, new_session: NewSession, shared: Shared) -> None:
        self.sock = sock
        self.interest = IN
        self.deadline = 0.0
        self.address = address if shared.verbose else None  # only the log asks; 140 bytes a connection
        self._session: Session = _SPENT
        self._shared = shared
        self._out = _NOTHING
        self._eof = False
        try:
            self._session = new_session()
        except Exception as error:
            self._failed(error)
        else:
            self._settle()

    def turn(self, mask: int) -> bool:
        """Act on the events `mask`; return False if the socket had nothing to give and no room to take."""
        moved = False
        if mask != IN:  # everything but the usual
            if mask & EXPIRED:
                return self.end("timeout")
            # HUP and ERR come unasked: poll(2). Whatever the peer still waits for tells which end it was.
            if mask & ~IN and self.interest & OUT:
                moved = self._send_on()
            if not (mask & ~OUT and self.interest & IN):
                return moved
        try:
            data = self.sock.recv(READ_SIZE)
        except BlockingIOError:
            return moved
        except OSError as error:
            return self._lost(error)
        return self.feed(data)

    def feed(self, data: bytes) -> bool:
        """Give the session what was read (b"": the client's FIN) and send its reply."""
        session = self._session
        try:
            reply = session.receive_data(data) if data else self._receive_eof()
        except Exception as error:
            return self._failed(error)
        if self._shared.verbose and data:
            log.received(self.address, len(data))
        if reply:
            if self._out:
                self._out += reply
            else:
                try:
                    sent = self.sock.send(reply, DONTWAIT)
                except BlockingIOError:
                    sent = 0
                except OSError as error:
                    return self._lost(error)
                if sent < len(reply):
                    self._out = bytearray(memoryview(reply)[sent:])
        if self._out or not data or session.has_output or session.finished or not session.can_receive:
            self._settle()
        return True

    def end(self, how: str) -> bool:
        """Close the connection and log how it ended: FIN, RST, timeout or limit."""
        self.interest = GONE
        self.sock.close()
        if self._shared.verbose:
            log.closed(self.address, how)
        return True

    def _receive_eof(self) -> bytes:
        self._eof = True
        return self._session.receive_eof()

    def _send_on(self) -> bool:
        """Send what is owed, else the next piece of the session's own output; return False if there is no room."""
        out: bytes | bytearray = self._out
        if not out and self._session.has_output:
            try:
                out = self._session.data_to_send(self._shared.piece)
            except Exception as error:
                return self._failed(error)
        sent = 0
        if out:
            try:
                sent = self.sock.send(out, DONTWAIT)
            except BlockingIOError:
                pass
            except OSError as error:
                return self._lost(error)
        if sent == len(out):
            self._out = _NOTHING
        elif out is self._out:
            del self._out[:sent]
        else:
            self._out = bytearray(memoryview(out)[sent:])
        self._settle()
        return sent > 0 or not out

    def _settle(self) -> None:
        """Decide what to wait for next, or that this is the end."""
        session = self._session
        if session.finished and not session.has_output:
            session = self._session = _SPENT
        if self._out or session.has_output:
            readable = not self._eof and session.can_receive and len(self._out) < self._shared.high_water
            self.interest = IN | OUT if readable else OUT
        elif self._eof:
            self.end("FIN")
        else:
            # `can_receive` is not asked: with nothing to send, input is all that can move a session on.
            self.interest = IN
            if session is _SPENT and not self.deadline:
                self._linger()

    def _linger(self) -> None:
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError as error:  # ENOTCONN: the client has reset the connection meanwhile
            self._lost(error)
            return
        self.deadline = time.monotonic() + self._shared.linger
        self._shared.lingering.append(self)

    def _lost(self, error: OSError) -> bool:
        return self.end("timeout" if error.errno == errno.ETIMEDOUT else "RST")

    def _failed(self, error: Exception) -> bool:
        # One client's fault stays one client's, whatever the session raises.
        log.trouble("session", "a session failed; its connection is closed", error=error)
        return self.end("limit")
