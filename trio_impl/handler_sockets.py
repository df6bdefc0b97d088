"""One connection: bytes between a non-blocking socket and a Session, on the lowest level that Trio offers.

The same conversation as over a stream (`diff -u trio_impl/handler.py trio_impl/handler_sockets.py`), for half of the
processor time of a message under load (docs/performance.md): a stream passes a checkpoint at each read and at each
write, below layers of calls; here a turn has one read, one write and one checkpoint, and no wait while there is
something to read.

Rules of this file
- Reads and writes are tried at once; what is waited for is what the kernel has just denied. A wait costs more than a
  vain read, for Trio arms the descriptor anew each time (epoll(7), EPOLLONESHOT), and a busy client has often spoken
  again by the time the others have had their turn.
- A turn passes a checkpoint after its answer, so that no client starves the others and a cancellation comes through.
- None lies between a read and the keeping of what it gave: a cancellation takes no data with it.
"""

import socket

import trio

from suite import log
from suite.launch import READ_SIZE, Limits
from suite.session import NewSession, Session

__all__ = ("handle",)


async def handle(sock: socket.socket, peer: object, new_session: NewSession, limits: Limits, verbose: bool) -> None:
    """Serve one client to its end and close the socket; a fault of its own ends this connection only.

    Args:
        sock: the accepted connection; made non-blocking.
        peer: its address, for the log.
        new_session: makes its Session.
        limits: high water in bytes, linger in seconds.
        verbose: log the per-connection words.

    Raises:
        trio.Cancelled: the server stops and this client's time is up.
    """
    how = "limit"  # stays so when the end of the drain's grace cancels this task
    try:
        with sock:  # `notify_closing` would be for other tasks that wait for it; there are none by then
            sock.setblocking(False)
            if verbose:
                log.connected(peer)
            how = await _Conversation(sock, peer, new_session(), limits, verbose).run()
    except* trio.BrokenResourceError:
        how = "RST"
    except* Exception as errors:  # whatever a session raises is one client's fault, not the server's end
        log.trouble("session", f"session of {log.peername(peer)} failed", error=errors.exceptions[0])
    finally:
        if verbose:
            log.closed(peer, how)


class _Conversation:
    """A socket and its Session until nothing is left to say.

    Attributes:
        _eof: the client's FIN was read.
        _reply: an answer that came up while own output was being sent; goes out right after it.
    """

    __slots__ = ("_eof", "_limits", "_peer", "_reply", "_session", "_sock", "_verbose")

    def __init__(self, sock: socket.socket, peer: object, session: Session, limits: Limits, verbose: bool) -> None:
        self._sock = sock
        self._peer = peer
        self._session = session
        self._limits = limits
        self._verbose = verbose
        self._eof = False
        self._reply = b""

    async def run(self) -> str:
        """Converse until the session is finished and flushed; return how it ended: "FIN" or "timeout"."""
        session = self._session
        while True:
            if session.has_output:
                await self._send_own()
            elif session.finished or self._eof:
                return await self._finish()
            # `can_receive` is not asked: with nothing to pull, input is all that can move a session on.
            elif not self._receive():
                await trio.lowlevel.wait_readable(self._sock)
                continue
            if self._reply:
                reply, self._reply = self._reply, b""
                await self._send_all(reply)
                del reply  # an idle client's frame would hold it
            await trio.lowlevel.checkpoint()

    def _receive(self) -> bool:
        """Read once and tell the session; return False if there was nothing to read."""
        try:
            data = self._sock.recv(READ_SIZE)
        except BlockingIOError:
            return False
        except OSError as error:
            raise trio.BrokenResourceError from error
        self._eof = not data
        if data and self._verbose:
            log.received(self._peer, len(data))
        session = self._session
        if not session.finished:
            self._reply = session.receive_data(data) if data else session.receive_eof()
        return True

    def _send(self, data: bytes | memoryview) -> int:
        """Write what there is room for; return how many bytes that were."""
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise trio.BrokenResourceError from error

    async def _send_all(self, data: bytes | memoryview) -> None:
        """Send everything; a checkpoint only if that takes more than one write."""
        sent = self._send(data)
        if sent < len(data):
            rest = memoryview(data)[sent:]
            while rest:
                await trio.lowlevel.wait_writable(self._sock)
                rest = rest[self._send(rest) :]

    async def _send_own(self) -> None:
        """Send one piece of the session's own output, reading meanwhile: a client may end while it does not read."""
        piece = memoryview(self._session.data_to_send(self._limits.high_water))
        rest = piece[self._send(piece) :]
        if not rest:
            if self._may_receive():
                self._receive()
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_receiving)
            await self._send_all(rest)
            nursery.cancel_scope.cancel()

    def _may_receive(self) -> bool:
        session = self._session
        return not self._eof and not self._reply and (session.can_receive or session.finished)

    async def _keep_receiving(self) -> None:
        while self._may_receive():
            await trio.lowlevel.wait_readable(self._sock)
            self._receive()

    async def _finish(self) -> str:
        """Send FIN and discard input until the client's; closing on unread input would reset the reply away."""
        if self._eof:
            return "FIN"
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise trio.BrokenResourceError from error
        with trio.move_on_after(self._limits.linger) as linger:
            while not self._eof:
                await trio.lowlevel.wait_readable(self._sock)
                self._receive()
        return "timeout" if linger.cancelled_caught else "FIN"
