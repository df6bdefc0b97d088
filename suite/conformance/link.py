"""One client's socket: non-blocking, deadline-free, and exact about what it sees.

A blocking send in a *tester* would deadlock on the very servers that stop reading, so nothing here blocks. The player
calls `on_readable` and `on_writable` when poll(2) says so.
"""

import errno
import select
import socket
import time
from collections import deque
from math import inf
from typing import ClassVar

from suite.conformance.address import Address
from suite.conformance.dialogue import Oracle
from suite.conformance.loopback import source
from suite.conformance.transcript import Conversation, Ending
from suite.errors import HarnessError

__all__ = ("BACKLOG_NARROW", "READ", "Link", "harness")

READ = 262144
NARROW_BUFFER = 2304
NARROW_SEGMENT = 1000
"""Linux' smallest receive buffer (tcp(7)) and a small segment: a server's kernel then holds about 50 kB of its output
for such a client before it refuses more; over loopback with the usual sizes it holds 4 MB."""

BACKLOG_NARROW = 128 * 1024
BACKLOG = 5 * 1024 * 1024
"""Bytes owed beyond which a server's kernel has refused more: about 50 kB and 4.2 MB were measured on loopback."""

_OURS = {
    errno.EMFILE: "out of descriptors; raise the limit with `ulimit -n`",
    errno.ENFILE: "the system is out of descriptors",
    errno.EADDRNOTAVAIL: "out of local ports; wait a minute for TIME_WAIT to pass",
    errno.ENOBUFS: "the kernel is out of socket buffers",
    errno.ENOMEM: "out of memory",
}
_UNREACHABLE = frozenset(
    {
        errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EACCES,
        errno.EPERM, errno.EINVAL, errno.EAFNOSUPPORT,
    },
)  # fmt: skip
"""What says that no connection can be made to this address from here."""
_LINGER_RST = b"\1\0\0\0\0\0\0\0"  # struct linger {on, 0 s}: close() sends RST, socket(7)
_MASK_BOTH = select.POLLIN | select.POLLOUT


class Link:
    """A client's connection and its record.

    Attributes:
        talk: the record.
        queue: bytes waiting for the kernel.
        eager: read whatever comes; a stalled link reads only up to `budget` more bytes.
        narrow: connected with small windows.
        moved: monotonic time at which bytes last moved, either way.
        connected: the connect has succeeded.
        dialogue: what is owed to this client.
        local_port: the port asked for or had on purpose, else 0.
    """

    _make: ClassVar[type[socket.socket]] = socket.socket
    __slots__ = (
        "_broken",
        "_oracle",
        "_sock",
        "_tells",
        "budget",
        "connected",
        "dialogue",
        "eager",
        "fd",
        "local_port",
        "moved",
        "narrow",
        "queue",
        "talk",
    )

    def __init__(self, client: int, oracle: Oracle) -> None:
        self.talk = Conversation(client)
        self.queue: deque[memoryview] = deque()
        self.eager = True
        self.budget = 0
        self.connected = False
        self.narrow = False
        self.moved = time.monotonic()
        self.fd = -1
        self.local_port = 0
        self._broken = False
        self._oracle = oracle
        self.dialogue = oracle.conversation()
        self._tells = not self.dialogue.mirrors
        if self.dialogue.mirrors:
            self.dialogue.owed = self.talk.sent
        self._sock: socket.socket | None = None

    def connect(self, address: Address, *, port: int | None = None, narrow: bool = False) -> bool:
        """Start to connect, from local `port` if given; return whether that port could be had.

        Port 0 is one that can be had again once this connection is reset: one that connect(2) chooses may be shared
        with connections in TIME_WAIT, which forbid to bind it, socket(7).

        Raises:
            HarnessError: this process or machine is short of descriptors, ports or memory.
        """
        family, where, _ = address
        took = True
        try:
            sock = self._make(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            self._sock, self.fd = sock, sock.fileno()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.narrow = narrow
            if narrow:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW_BUFFER)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, NARROW_SEGMENT)
            own = source(where[0]) if narrow else ""
            if own and port is None:
                sock.bind((own, 0))
            if port is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    sock.bind((own, port))
                    self.local_port = sock.getsockname()[1]
                except OSError:
                    took = False
            result = sock.connect_ex(where)
            if self.local_port and result == errno.EADDRNOTAVAIL:  # the pair is not free after all
                sock.close()
                self.local_port = 0
                return self.connect(address, narrow=narrow) and False
        except OSError as error:
            if error.errno not in _UNREACHABLE:
                raise harness(error) from error
            result = error.errno
        if result == errno.EADDRNOTAVAIL and family == socket.AF_INET6:
            result = errno.ENETUNREACH  # IPv6 is switched off here; the host's next address may do
        if result == errno.EINPROGRESS:
            # Loopback completes the handshake inside connect(2); asking the peer's name is cheaper than a poll.
            try:
                sock.getpeername()
            except OSError:
                return took
            result = 0
        self._connect_result(result)
        return took

    def _connect_result(self, result: int) -> None:
        if result == 0:
            self.connected = True
            self.moved = time.monotonic()
        elif result == errno.ECONNREFUSED:
            self._ended(Ending.REFUSED)
        elif (
            result == errno.ECONNRESET
        ):  # it was established: in SYN-SENT a reset is ECONNREFUSED, RFC 9293 section 3.10.7.3
            self.connected = True
            self._ended(Ending.RST)
        elif result in _UNREACHABLE:
            self._ended(Ending.UNANSWERED)
        else:
            raise harness(OSError(result, errno.errorcode.get(result, str(result))))

    @property
    def mask(self) -> int:
        """The poll events to wait for; 0 means that poll should not know this descriptor (it reports HUP regardless)."""
        if self._sock is None or self.talk.ending is not Ending.OPEN:
            return 0
        if not self.connected:
            return select.POLLOUT
        if self.eager or self.budget:
            return _MASK_BOTH if self.queue else select.POLLIN
        return select.POLLOUT if self.queue else 0

    def nudge(self) -> float:
        """Do what poll(2) gives no event for; return the seconds after which to ask again, 0 if something was done."""
        return inf

    def send(self, data: bytes, *, more: bool = False) -> None:
        """Queue bytes and let the kernel take what it takes now; `more`: a FIN follows at once and shall ride along."""
        self.queue.append(memoryview(data))
        if self.connected and len(self.queue) == 1:
            # send(2), MSG_MORE: the last, partial segment is kept back until the shutdown, which makes it data and FIN.
            self.on_writable(socket.MSG_MORE if more else 0)

    def oob(self, data: bytes) -> None:
        """Send urgent data now. RFC 6093: where it stands in the stream, if anywhere, is the receiver's to say."""
        if self._sock is not None:
            try:
                self._sock.send(data, socket.MSG_OOB)
            except OSError:
                self._broken = True
            else:
                self.talk.urgent[len(self.talk.sent)] = data

    def on_writable(self, flags: int = 0) -> None:
        """Finish the connect, or send from the queue until the kernel refuses."""
        sock, talk = self._sock, self.talk
        if sock is None:
            return
        if not self.connected:
            self._connect_result(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
            if not self.connected:
                return
        queue = self.queue
        while queue:
            piece = queue[0]
            try:
                count = sock.send(piece, flags)
            except BlockingIOError:
                talk.blocked = True
                return
            except OSError:
                # The peer has reset, or closed and then reset. What it sent before may still be read, so how it
                # ended is for recv to say; the error is consumed though, and recv may then show a bare end.
                self._broken = True
                queue.clear()
                self.budget = max(self.budget, 1)
                return
            talk.sent += piece[:count]
            if self._tells:
                self._oracle.guarded(self.dialogue.receive, bytes(piece[:count]))
            self.moved = time.monotonic()
            if count == len(piece):
                queue.popleft()
            else:
                queue[0] = piece[count:]

    def on_readable(self) -> int:
        """Receive once, compare with what is owed; return the number of bytes."""
        sock, talk = self._sock, self.talk
        if sock is None:
            return 0
        if not self.connected:
            self.on_writable()
        if self.ended or not self.connected:
            return 0
        room = READ if self.eager else min(READ, self.budget)
        if not room:  # poll(2) tells of a hangup whether asked or not, and nothing read would look like the end
            return 0
        try:
            data = sock.recv(room)
        except BlockingIOError:
            return 0
        except OSError:
            self._ended(Ending.RST)
            return 0
        if not data:
            self._ended(Ending.RST if self._broken else Ending.FIN)
            return 0
        self.moved = time.monotonic()
        at = len(talk.received)
        talk.received += data
        if not self.eager:
            self.budget -= len(data)
        if talk.diverged is None:
            dialogue = self.dialogue
            if not dialogue.exact:
                talk.diverged = dialogue.mismatch(talk.received, at, ended=False)
            elif not dialogue.owed.startswith(data, at) and not (talk.urgent and self._inline(at)):
                talk.diverged = self._oracle.guarded(lambda: dialogue.mismatch(talk.received, at, ended=False))
        return len(data)

    def _inline(self, start: int) -> bool:
        """Whether what came from `start` on is right once urgent bytes are taken as part of the stream (SO_OOBINLINE)."""
        talk = self.talk
        for at, urgent in sorted(talk.urgent.items()):
            if talk.received[at : at + len(urgent)] == urgent and not talk.sent.startswith(urgent, at):
                talk.sent[at:at] = urgent
                talk.urgent = {where + len(urgent) * (where > at): data for where, data in talk.urgent.items()}
                del talk.urgent[at]
        return self.dialogue.owed.startswith(talk.received[start:], start)

    def fin(self) -> None:
        """Half-close."""
        self.queue.clear()
        if self._sock is not None and self.talk.ending is Ending.OPEN:
            self.talk.fin = True
            if self._tells:
                self._oracle.guarded(self.dialogue.receive_eof)
            try:
                self._sock.shutdown(socket.SHUT_WR)
            except OSError:
                self._broken = True  # ENOTCONN: the peer has reset

    def close(self, *, reset: bool = False) -> bool:
        """Close, with RST instead of FIN if `reset` (or if unread bytes are left: RFC 9293 section 3.10.4).

        Return whether the server sees the reset that was asked for.
        """
        self.queue.clear()
        self.talk.gone = True
        if self._sock is not None:
            if reset:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RST)
            self._sock.close()
            self._sock = None
        return reset

    @property
    def backlog(self) -> int:
        """Bytes owed beyond which the server has had to wait."""
        return BACKLOG_NARROW if self.narrow else BACKLOG

    @property
    def missing(self) -> int:
        """Bytes that are still to come, as far as that can be said; what the kernel has not taken counts as owed."""
        got, dialogue = self.talk.received, self.dialogue
        if not dialogue.exact:
            return int(dialogue.mismatch(got, len(got), ended=True) is not None)
        return max(0, len(dialogue.owed) - len(got)) + sum(map(len, self.queue))

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to observe."""
        return self._sock is None or self.talk.ending is not Ending.OPEN

    def _ended(self, ending: Ending) -> None:
        self.talk.ending = ending
        self.talk.sent_at_end = len(self.talk.sent)
        self.queue.clear()


def harness(error: OSError) -> HarnessError:
    """Return the error that says what we are short of."""
    return HarnessError(f"cannot make a connection: {_OURS.get(error.errno or 0, error.strerror or str(error))}")
