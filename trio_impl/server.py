"""The Trio driver: one accept loop, one nursery, one task per client, which talks over its socket or over a stream.

The accept loop is our own: `trio.serve_listeners` logs a traceback for each failure when descriptors run out, sheds
nobody, and ends the server on an errno it does not know.
"""

import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import trio

from suite import log
from suite.accepting import Backoff, Decision, Reserve, decide
from suite.launch import Limits
from suite.session import NewSession
from trio_impl import handler, handler_sockets

__all__ = ("over_sockets", "over_streams", "serve", "serve_async", "serve_streams")

Handle = Callable[[socket.socket, object, NewSession, Limits, bool], Awaitable[None]]
"""What a client's task runs: serves an accepted connection to its end (socket, peer, new_session, limits, verbose)."""

over_sockets: Handle = handler_sockets.handle


def over_streams(
    sock: socket.socket, peer: object, new_session: NewSession, limits: Limits, verbose: bool
) -> Awaitable[None]:
    """Serve an accepted connection as a Trio stream."""
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
    return handler.handle(stream, peer, new_session, limits, verbose)


def serve(new_session: NewSession, listener: socket.socket, limits: Limits) -> None:
    """Serve until SIGTERM or SIGINT, drain and return; a second signal ends the process at once.

    Args:
        new_session: makes the Session of each connection.
        listener: bound and listening; closed at the end.
        limits: high water in bytes, grace and linger in seconds.
    """
    trio.run(_serve_until_signal, _Server(new_session, listener, limits, over_sockets))


def serve_streams(new_session: NewSession, listener: socket.socket, limits: Limits) -> None:
    """Serve as `serve` does, over Trio's streams."""
    trio.run(_serve_until_signal, _Server(new_session, listener, limits, over_streams))


async def serve_async(
    new_session: NewSession,
    listener: socket.socket,
    limits: Limits,
    *,
    handle: Handle = over_sockets,
    task_status: trio.TaskStatus[trio.SocketListener] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled, then close the listener and every connection: `await nursery.start(serve_async, …)`.

    It handles no signals. Closing the reported listener drains instead: the sessions get `limits.drain_grace` seconds
    to finish, and the call returns.

    Args:
        new_session: makes the Session of each connection.
        listener: bound and listening; closed at the end.
        limits: high water in bytes, grace and linger in seconds.
        handle: `over_sockets` or `over_streams`.
        task_status: told the Trio listener.
    """
    await _Server(new_session, listener, limits, handle).run(task_status=task_status)


async def _serve_until_signal(server: "_Server") -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_obey, signals, server)
            await server.run()
            nursery.cancel_scope.cancel()


async def _obey(signals: AsyncIterator[int], server: "_Server") -> None:
    await anext(signals)
    server.drain()
    os._exit(128 + await anext(signals))


class _Server:
    """A listener, its accept loop, and the tasks of its clients.

    Attributes:
        _raw: the listener that `_listener` wraps; its accept does not wait, and no cancellation stops it.
    """

    __slots__ = (
        "_accepting",
        "_backoff",
        "_handle",
        "_limits",
        "_listener",
        "_new_session",
        "_raw",
        "_reserve",
        "_verbose",
    )

    def __init__(self, new_session: NewSession, listener: socket.socket, limits: Limits, handle: Handle) -> None:
        self._new_session = new_session
        self._handle = handle
        self._raw = listener
        self._listener = trio.socket.from_stdlib_socket(listener)
        self._limits = limits
        self._accepting = trio.CancelScope()
        self._backoff = Backoff()
        self._reserve = Reserve()
        self._verbose = log.verbose()

    def drain(self) -> None:
        """Stop accepting; `run` returns once the clients of this moment are served, or their grace is over."""
        self._accepting.cancel()

    async def run(self, *, task_status: trio.TaskStatus[trio.SocketListener] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until drained or cancelled; to be called once."""
        async with trio.open_nursery() as clients:
            try:
                with self._accepting:
                    task_status.started(trio.SocketListener(self._listener))
                    await self._accept(clients)
                clients.cancel_scope.deadline = trio.current_time() + self._limits.drain_grace
                await self._accept_queued(clients)
            finally:
                self._listener.close()
                self._reserve.close()

    async def _accept(self, clients: trio.Nursery) -> None:
        while self._listener.fileno() >= 0:
            try:
                await trio.lowlevel.wait_readable(self._raw)
            except trio.ClosedResourceError:
                return  # whoever was told the listener has closed it
            await self._accept_next(clients)

    async def _accept_queued(self, clients: trio.Nursery) -> None:
        """Take what the queue holds: to its clients these are connections that this server has long accepted."""
        while self._listener.fileno() >= 0 and await self._accept_next(clients):
            await trio.lowlevel.checkpoint()

    async def _accept_next(self, clients: trio.Nursery) -> bool:
        """Accept without waiting; return False if nobody was there.

        The caller passes a checkpoint before the next: a flood of clients starves nobody, and those that have come and
        gone meanwhile leave their descriptors, which a batch of 64 would hold all at once.
        """
        try:
            sock, peer = self._raw.accept()
        except BlockingIOError:
            return False
        except OSError as error:
            await self._recover(error)
        else:
            self._backoff.success()
            clients.start_soon(self._handle, sock, peer, self._new_session, self._limits, self._verbose)
        return True

    async def _recover(self, error: OSError) -> None:
        """Do what the table says of a failed accept; the clients held are other tasks and go on."""
        decision = decide(error)
        if decision is Decision.RETRY:
            return
        delay = self._backoff.pause()
        log.trouble("accept", f"accept failed, pausing for {delay:.1f} s", error=error)
        if decision is Decision.SHED:
            for peer in self._reserve.shed(self._raw):
                log.refused(peer, "out of descriptors")
        await trio.sleep(delay)
