"""One connection: bytes between a Trio stream and a Session.

A task per client makes the order of things the order of lines: read, answer, send, and read again only once the answer
is sent. That one line of `await` is the whole backpressure: a client that does not read is not read from, and no more
than one read of its bytes is ever held.
"""

import trio

from suite import log
from suite.launch import READ_SIZE, Limits
from suite.session import NewSession, Session

__all__ = ("handle",)


async def handle(
    stream: trio.abc.HalfCloseableStream, peer: object, new_session: NewSession, limits: Limits, verbose: bool
) -> None:
    """Serve one client to its end and close the stream; a fault of its own ends this connection only.

    Args:
        stream: the accepted connection.
        peer: its address, for the log.
        new_session: makes its Session.
        limits: high water in bytes, linger in seconds.
        verbose: log the per-connection words.

    Raises:
        trio.Cancelled: the server stops and this client's time is up.
    """
    how = "limit"  # stays so when the end of the drain's grace cancels this task
    try:
        async with stream:
            if verbose:
                log.connected(peer)
            how = await _Conversation(stream, peer, new_session(), limits, verbose).run()
    except* trio.BrokenResourceError:
        how = "RST"
    except* Exception as errors:  # whatever a session raises is one client's fault, not the server's end
        log.trouble("session", f"session of {log.peername(peer)} failed", error=errors.exceptions[0])
    finally:
        if verbose:
            log.closed(peer, how)


class _Conversation:
    """A stream and its Session until nothing is left to say.

    Attributes:
        _eof: the client's FIN was read.
        _reply: an answer that came up while own output was being sent; goes out right after it.
    """

    __slots__ = ("_eof", "_limits", "_peer", "_reply", "_session", "_stream", "_verbose")

    def __init__(
        self, stream: trio.abc.HalfCloseableStream, peer: object, session: Session, limits: Limits, verbose: bool
    ) -> None:
        self._stream = stream
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
            else:
                # `can_receive` is not asked: with nothing to pull, input is all that can move a session on.
                await self._receive()
            if self._reply:
                reply, self._reply = self._reply, b""
                await self._stream.send_all(reply)
                del reply  # an idle client's frame would hold it

    async def _receive(self) -> None:
        data = bytes(await self._stream.receive_some(READ_SIZE))  # copies nothing: a socket's stream gives bytes
        self._eof = not data
        if data and self._verbose:
            log.received(self._peer, len(data))
        session = self._session
        if not session.finished:
            self._reply = session.receive_data(data) if data else session.receive_eof()

    async def _send_own(self) -> None:
        """Send one piece of the session's own output, reading meanwhile: a client may end while it does not read."""
        piece = self._session.data_to_send(self._limits.high_water)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_receiving)
            await self._stream.send_all(piece)
            nursery.cancel_scope.cancel()  # takes no data with it: a receive is cancelled only while it waits

    async def _keep_receiving(self) -> None:
        session = self._session
        while not self._eof and not self._reply and (session.can_receive or session.finished):
            await self._receive()

    async def _finish(self) -> str:
        """Send FIN and discard input until the client's; closing on unread input would reset the reply away."""
        if self._eof:
            return "FIN"
        await self._stream.send_eof()
        with trio.move_on_after(self._limits.linger) as linger:
            while await self._stream.receive_some(READ_SIZE):
                pass
        return "timeout" if linger.cancelled_caught else "FIN"
