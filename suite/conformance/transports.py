"""Clients of what is no plain TCP: each is a `Link` that differs where its transport must."""

import errno
import socket
from math import inf

from suite.conformance.address import Address
from suite.conformance.dialogue import Dialogue, Oracle
from suite.conformance.link import Link, harness

__all__ = ("link_to",)

BACKLOG_NARROW = 256 * 1024
BACKLOG = 512 * 1024
"""Bytes owed beyond which a server's kernel has refused more: each end held 4 to 233 kB of a narrow client's or a usual
one's, with the default buffers of 208 KiB, unix(7)."""

RETRY = 0.002
"""Seconds until a connect is tried again that met a full accept queue: EAGAIN, and poll(2) does not tell of its end."""


def link_to(address: Address, client: int, oracle: Oracle, *, raw: bool = False, half_close: bool = True) -> Link:
    """Return a client for this transport, not yet connected; a `raw` one does not speak TLS where others do."""
    if address.family == socket.AF_UNIX:
        return _UnixLink(client, oracle)
    if address.tls and not raw:
        from suite.conformance.tls import TlsLink  # noqa: PLC0415 - OpenSSL takes 10 ms to import

        return TlsLink(client, oracle, address.tls, half_close=half_close)
    link = Link(client, oracle)
    if raw:
        link.talk.raw, link.dialogue = True, _Turned()
    return link


class _Turned(Dialogue):
    """What is owed to a client that does not speak TLS: an end, whatever is said before it."""

    exact = False

    def __init__(self) -> None:
        super().__init__()
        self.closes = True

    def receive(self, data: bytes, /) -> None:
        pass

    def mismatch(self, _received: bytes | bytearray, _start: int, /, *, ended: bool) -> int | None:  # noqa: ARG002
        return None


class _UnixLink(Link):
    """A client of a unix socket. It has no port, and no RST: closing with unread bytes is what its peer sees as one."""

    __slots__ = ("_path",)

    def connect(self, address: Address, *, port: int | None = None, narrow: bool = False) -> bool:
        try:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError as error:
            raise harness(error) from error
        self._sock, self.fd, self.narrow = sock, sock.fileno(), narrow
        if narrow:  # the sender's buffer counts, unix(7): the server's own cannot be narrowed from here
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        self._path = str(address.where)
        self._try()
        return port is None

    def _try(self) -> bool:
        assert self._sock is not None
        result = self._sock.connect_ex(self._path)
        if result == errno.EAGAIN:
            return False
        # A socket that has gone, or is one of another kind, turns its clients away like one that nobody listens on.
        gone = result in (errno.ENOENT, errno.ENOTSOCK, errno.EPROTOTYPE)
        self._connect_result(errno.ECONNREFUSED if gone else result)
        return True

    @property
    def mask(self) -> int:
        return super().mask if self.connected else 0

    def nudge(self) -> float:
        if self.connected or self.ended:
            return inf
        if not self._try():
            return RETRY
        self.on_writable()
        return 0.0

    def on_writable(self, flags: int = 0) -> None:
        if self.connected:
            super().on_writable(flags)

    @property
    def backlog(self) -> int:
        return BACKLOG_NARROW if self.narrow else BACKLOG

    def close(self, *, reset: bool = False) -> bool:
        seen = bool(reset and self._sock is not None and self._unread())
        super().close()
        return seen

    def _unread(self) -> bytes:
        assert self._sock is not None
        try:
            return self._sock.recv(1, socket.MSG_PEEK)
        except OSError:
            return b""
