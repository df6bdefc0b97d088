"""The Trio driver: one accept loop, one nursery, one task per client.

The accept loop is our own, over `trio.socket`: `trio.serve_listeners` logs a traceback for each failure when descriptors
run out, sheds nobody, and ends the server on an errno it does not know.
"""

import os
import signal
import socket
from collections.abc import AsyncIterator

import trio

from suite import log
from suite.accepting import Backoff, Decision, Reserve, decide
from suite.launch import Limits
from suite.session import NewSession
from trio_impl.handler import handle

__all__ = ("serve", "serve_async")


def serve(new_session: NewSession, listener: socket.socket, limits: Limits) -> None:
    """Serve until SIGTERM or SIGINT, drain and return; a second signal ends the process at once.

    Args:
        new_session: makes the Session of each connection.
        listener: bound and listening; closed at the end.
        limits: high water in bytes, grace and linger in seconds.
    """
    trio.run(_serve_until_signal, new_session, listener, limits)


async def serve_async(
    new_session: NewSession,
    listener: socket.socket,
    limits: Limits,
    *,
    task_status: trio.TaskStatus[trio.SocketListener] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled, then close the listener and every connection: `await nursery.start(serve_async, …)`.

    It handles no signals. Closing the reported listener drains instead: the sessions get `limits.drain_grace` seconds
    to finish, and the call returns.

    Args:
        new_session: makes the Session of each connection.
        listener: bound and listening; closed at the end.
        limits: high water in bytes, grace and linger in seconds.
        task_status: told the Trio listener.
    """
    await _Server(new_session, listener, limits).run(task_status=task_status)


async def _serve_until_signal(new_session: NewSession, listener: socket.socket, limits: Limits) -> None:
    server = _Server(new_session, listener, limits)
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

    __slots__ = ("_accepting", "_backoff", "_limits", "_listener", "_new_session", "_raw", "_reserve", "_verbose")

    def __init__(self, new_session: NewSession, listener: socket.socket, limits: Limits) -> None:
        self._new_session = new_session
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
                sock, peer = await self._listener.accept()
            except OSError as error:
                await self._recover(error)
            except trio.ClosedResourceError:
                return  # whoever was told the listener has closed it
            else:
                self._backoff.success()
                self._start(clients, sock, peer)

    async def _accept_queued(self, clients: trio.Nursery) -> None:
        """Take what the queue holds: to its clients these are connections that this server has long accepted."""
        while self._listener.fileno() >= 0:
            try:
                sock, peer = self._raw.accept()
            except BlockingIOError:
                return
            except OSError as error:
                await self._recover(error)
            else:
                self._start(clients, trio.socket.from_stdlib_socket(sock), peer)

    def _start(self, clients: trio.Nursery, sock: trio.socket.SocketType, peer: object) -> None:
        clients.start_soon(handle, trio.SocketStream(sock), peer, self._new_session, self._limits, self._verbose)

    async def _recover(self, error: OSError) -> None:
        """Do what the table says of a failed accept; the clients held are other tasks and go on."""
        decision = decide(error)
        if decision is Decision.RETRY:
            await trio.lowlevel.checkpoint()
            return
        delay = self._backoff.pause()
        log.trouble("accept", f"accept failed, pausing for {delay:.1f} s", error=error)
        if decision is Decision.SHED:
            for peer in self._reserve.shed(self._raw):
                log.refused(peer, "out of descriptors")
        await trio.sleep(delay)
