"""A client that speaks TLS, kept free of I/O (`ssl.MemoryBIO`) because half-close has to survive it.

A client's FIN is a close_notify, after which it goes on reading (RFC 8446 section 6.1); Python's own
`ssl.SSLSocket.unwrap` ends both directions.
"""

import errno
import select
import socket
import ssl
from functools import lru_cache
from math import inf
from typing import Any

from suite.conformance.dialogue import Oracle
from suite.conformance.link import READ, Link
from suite.conformance.transcript import Ending

__all__ = ("TlsLink",)

RECORD = 16384
"""Bytes of a TLS record, RFC 8446 section 5.1."""
OVERHEAD = 512
"""More bytes than a record's header, its tag and padding, or a session ticket take."""


class _TlsSocket(socket.socket):
    """A TCP socket whose `send`, `recv` and `shutdown` speak TLS; whatever would block raises BlockingIOError.

    Attributes:
        more: there may be plaintext here that poll(2) knows nothing of.
        notified: the peer's close_notify has come.
        unsent: ciphertext that waits for the kernel, one record and a close_notify at most.
    """

    def __init__(self, family: int, kind: int) -> None:
        super().__init__(family, kind)
        self.more = self.notified = False
        self.unsent = b""
        self._plain = b""
        self._tls: ssl.SSLObject

    def begin(self, context: ssl.SSLContext, name: str) -> None:
        """Prepare the handshake."""
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=name)

    def shake(self) -> bool:
        """Go on with the handshake; return whether it is over.

        Raises:
            OSError: it failed (`ssl.SSLError`), or the connection did.
        """
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                done = False
            except ssl.SSLError:
                self._emit()  # the alert that says why
                raise
            else:
                done = True
            self._emit()
            if done:
                self.more = True  # the server's first bytes may have come along
                return True
            try:
                data = super().recv(READ)
            except BlockingIOError:
                return False
            if not data:
                raise ConnectionResetError(errno.ECONNRESET, "the server hung up")
            self._in.write(data)

    def flush(self, flags: int = 0) -> None:
        """Give the kernel what waits for it."""
        while self.unsent:
            self.unsent = self.unsent[super().send(self.unsent, flags) :]

    def _emit(self, flags: int = 0) -> None:
        self.unsent += self._out.read()
        try:
            self.flush(flags)
        except BlockingIOError:
            pass

    def send(self, data: Any, flags: int = 0, /) -> int:
        self.flush()
        count = self._tls.write(data[:RECORD])
        self._emit(flags)
        return count

    def _read(self, size: int) -> bytes:
        """Return the plaintext that can be had without the kernel, at most so many bytes."""
        parts = [self._plain[:size]]
        self._plain = self._plain[size:]
        size -= len(parts[0])
        try:
            while size > 0 and not self.notified:
                part = self._tls.read(size)
                self.notified = not part
                parts.append(part)
                size -= len(part)
        except ssl.SSLWantReadError:
            self.more = bool(self._plain)
            self._emit()  # an answer to a key update
        except ssl.SSLZeroReturnError:
            self.notified = True
        return b"".join(parts)

    def recv(self, size: int, _: int = 0, /) -> bytes:
        """Return plaintext; nothing at a close_notify, or at a FIN without one (`notified` says which)."""
        self.more = True
        while not (data := self._read(size)) and not self.notified:
            # A stalled client takes no more than it must: the rest stays in the kernel, and is the server's to wait for.
            cipher = super().recv(min(READ, size + RECORD + OVERHEAD))
            if not cipher:
                self.more = False
                return b""
            self._in.write(cipher)
            self.more = True
        return data

    def shutdown(self, _: int, /) -> None:
        """Send close_notify. What has come is read first: SSL_shutdown(3) takes application data for an error."""
        drained = []
        while data := self._read(READ):
            drained.append(data)
        self._plain = b"".join(drained)
        self.more = bool(drained) or self.notified
        try:
            self._tls.unwrap()
        except ssl.SSLWantReadError:
            pass  # the usual outcome: it is sent, and the peer's own is not there yet
        self._emit()


class TlsLink(Link):
    """A client that speaks TLS. It is connected when the handshake is over; closing it sends no close_notify."""

    __slots__ = ("_half_close", "_name", "_secure")
    _make = _TlsSocket

    def __init__(self, client: int, oracle: Oracle, name: str, *, half_close: bool) -> None:
        super().__init__(client, oracle)
        self._name, self._half_close = name, half_close
        self._secure: _TlsSocket | None = None

    def _connect_result(self, result: int) -> None:
        if result:
            super()._connect_result(result)
            return
        assert isinstance(self._sock, _TlsSocket)
        self._secure = self._sock
        self._secure.begin(_context(half_close=self._half_close), self._name)
        self._shake()

    def _shake(self) -> None:
        assert self._secure is not None
        try:
            if not self._secure.shake():
                return
        except OSError as error:
            self.talk.detail = _why(error)
            self._ended(Ending.SHAKEN)
        else:
            super()._connect_result(0)

    @property
    def mask(self) -> int:
        """The poll events to wait for: while the handshake lasts, whatever it waits for."""
        secure = self._secure
        if secure is None or self.ended:
            return super().mask
        writing = select.POLLOUT if secure.unsent else 0
        return writing | (super().mask if self.connected else select.POLLIN)

    def nudge(self) -> float:
        """Read what has been decrypted already."""
        secure = self._secure
        if secure is None or not self.connected or self.ended or not secure.more or not (self.eager or self.budget):
            return inf
        self.on_readable()
        return 0.0

    def on_readable(self) -> int:
        """Receive once; return the number of bytes."""
        return 0 if self.ended else super().on_readable()

    def on_writable(self, flags: int = 0) -> None:
        """Go on with the handshake, or send: what is encrypted already, then from the queue."""
        secure = self._secure
        if secure is not None:
            if not self.connected:
                self._shake()
                if not self.connected:
                    return
            try:
                secure.flush()
            except BlockingIOError:
                return
            except OSError:
                pass  # sending the next tells the same, or there is nothing more to send
        super().on_writable(flags)

    def _ended(self, ending: Ending) -> None:
        secure = self._secure
        if secure is not None and self.connected:
            if secure.notified:
                ending = Ending.FIN
            elif ending is Ending.FIN:
                ending = Ending.CUT
        super()._ended(ending)


@lru_cache
def _context(*, half_close: bool) -> ssl.SSLContext:
    """Return a context that trusts anybody: what is judged is the service, not who vouches for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # Before TLS 1.3 a close_notify had to be answered at once, pending writes discarded (RFC 8446 section 6.1).
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if half_close else ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context


def _why(error: OSError) -> str:
    """Say in a few words why a handshake failed."""
    if not isinstance(error, ssl.SSLError):
        return f"{error.strerror}"
    reason = (error.reason or "no TLS").lower().replace("_", " ")
    old = "protocol version" in reason or "unsupported protocol" in reason
    return reason + ("; only TLS 1.3 can half-close: judge an older one with --capability no-half-close" if old else "")
