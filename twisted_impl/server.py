"""The Twisted driver: a reactor chosen by name, on a listener that the caller has bound.

The reactor is made inside `serve`, and `twisted.internet.reactor` is imported nowhere earlier: a process has one, and
whoever starts the process chooses it (the name of the variant, or twistd's --reactor).
"""

import errno
import select
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from twisted.internet.abstract import FileDescriptor
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.main import installReactor
from twisted.internet.pollreactor import PollReactor
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.tcp import Port
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogBeginner
from twisted.python.failure import Failure
from zope.interface import implementer

from suite import log
from suite.accepting import Backoff, Decision, Reserve, decide
from suite.launch import READ_SIZE, Limits, StopSignal
from suite.session import NewSession
from twisted_impl.protocol import SessionFactory
from twisted_impl.transport import send_eagerly

if TYPE_CHECKING:
    from twisted.internet.posixbase import PosixReactorBase

__all__ = ("Acceptor", "serve_epoll", "serve_poll", "serve_producer", "serve_select")

_FD_SETSIZE = 1024
"""select(2): an fd_set holds descriptors below 1024."""

_RETRIES = 64
"""Failures in a row that are each blamed on one connection; more are the machine's fault, and are paused for."""


def serve_epoll(new_session: NewSession, listener: socket.socket, limits: Limits) -> None:
    """Serve on the epoll reactor until SIGTERM or SIGINT, drain, close the listener and return."""
    _serve(EPollReactor, new_session, listener, limits)


def serve_poll(new_session: NewSession, listener: socket.socket, limits: Limits) -> None:
    """Serve on the poll reactor until SIGTERM or SIGINT, drain, close the listener and return."""
    _serve(_PollReactor, new_session, listener, limits)


def serve_select(new_session: NewSession, listener: socket.socket, limits: Limits) -> None:
    """Serve on the select reactor until SIGTERM or SIGINT, drain, close the listener and return."""
    _serve(SelectReactor, new_session, listener, limits)


def serve_producer(new_session: NewSession, listener: socket.socket, limits: Limits) -> None:
    """Serve as `serve_epoll` does, by Twisted's own transport: a reply waits for the reactor, and asks it twice."""
    _serve(EPollReactor, new_session, listener, limits, eager=False)


class _PollReactor(PollReactor):
    """PollReactor, which looks through all descriptors for one that it does not watch: four times per connection's end.

    When 10 000 clients left at once, their descriptors took 47 s to come back.
    """

    def removeReader(self, reader: FileDescriptor) -> None:
        if reader.fileno() in self._reads:
            super().removeReader(reader)

    def removeWriter(self, writer: FileDescriptor) -> None:
        if writer.fileno() in self._writes:
            super().removeWriter(writer)


def _serve(
    mechanism: "type[PosixReactorBase]",
    new_session: NewSession,
    listener: socket.socket,
    limits: Limits,
    *,
    eager: bool = True,
) -> None:
    with StopSignal() as stop:
        reactor = mechanism()
        installReactor(reactor)
        globalLogBeginner.beginLoggingTo([cast("ILogObserver", _forward)], discardBuffer=True, redirectStandardIO=False)
        factory = SessionFactory(new_session, limits, reactor)
        port = reactor.adoptStreamPort(listener.fileno(), listener.family, factory)
        listener.close()  # Twisted holds a duplicate
        if eager:
            send_eagerly(port)
        acceptor = Acceptor(port)

        def drain() -> None:
            acceptor.stop()
            factory.drain().addCallback(lambda _: reactor.stop())

        reactor.addReader(cast("IReadDescriptor", _StopReader(stop, drain)))
        reactor.run(installSignalHandlers=False)


def _forward(event: LogEvent) -> None:
    """Show Twisted's own complaints among ours; its chatter about factories and ports is dropped."""
    if event["log_level"] >= LogLevel.warn:
        failure = event.get("log_failure")
        log.trouble("twisted", formatEvent(event), error=failure.value if failure else None)


@implementer(IReadDescriptor)
class _StopReader:
    """Calls `stopped` once, when a stop signal has made the StopSignal readable."""

    def __init__(self, signal: StopSignal, stopped: Callable[[], None]) -> None:
        self._signal = signal
        self._stopped: Callable[[], None] | None = stopped
        self.fileno = signal.fileno

    def doRead(self) -> None:
        self._signal.clear()
        if self._signal.requested and self._stopped is not None:
            stopped, self._stopped = self._stopped, None
            stopped()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor has stopped."""

    def logPrefix(self) -> str:
        return "stop"


class Acceptor:
    """The accept-error table (suite.accepting) for a listening Twisted port, and an end that loses no connection.

    It takes the place of the port's socket, so that Twisted's own loop sees connections or an empty queue and nothing
    else. Left alone, that loop logs three lines for each connection it sheds, asks again at once when the kernel is out
    of memory or files, which is a spin, and hands select(2) descriptors it cannot watch.
    """

    def __init__(self, port: Port) -> None:
        self._port = port
        self._reactor: PosixReactorBase = port.reactor
        self._listener = port.socket
        self._watchable = _FD_SETSIZE if isinstance(self._reactor, SelectReactor) else sys.maxsize
        self._backoff = Backoff()
        self._reserve = Reserve()
        self._retries = 0
        self.fileno, self.getsockname = self._listener.fileno, self._listener.getsockname
        self.shutdown = self._listener.shutdown
        port.socket = cast("socket.socket", self)

    def accept(self) -> tuple[socket.socket, object]:
        """Return the next connection that can be served, as `socket.accept` does.

        Raises:
            BlockingIOError: there is none now.
        """
        while True:
            try:
                sock, peer = self._listener.accept()
            except BlockingIOError:
                raise
            except OSError as error:
                self._retries += 1
                if decide(error) is Decision.RETRY and self._retries < _RETRIES:
                    continue
                self._pause(error)
                raise BlockingIOError(errno.EAGAIN, "paused") from None
            self._retries = 0
            self._backoff.success()
            if sock.fileno() < self._watchable:
                return sock, peer
            log.trouble("select", f"select(2) cannot watch descriptors from {_FD_SETSIZE} up; refusing clients")
            log.refused(peer, "select(2) is full")
            _turn_away(sock)

    def stop(self) -> None:
        """Accept what is queued and close the port in the same breath: Linux has no atomic stop."""
        queue = select.poll()
        queue.register(self._listener, select.POLLIN)
        while queue.poll(0):
            self._port.doRead()  # as many as Port.numberAccepts, which follows the load and may be 1
            if self._backoff.until:
                break
        self._port.connectionLost(Failure(ConnectionDone()))  # stopListening would close it one turn later

    def close(self) -> None:
        """Close the listening socket: the port's last act."""
        self._listener.close()
        self._reserve.close()

    def _pause(self, error: OSError) -> None:
        delay = self._backoff.pause()
        log.trouble("accept", f"accept failed, pausing for {delay:.1f} s", error=error)
        if decide(error) is Decision.SHED:
            for peer in self._reserve.shed(self._listener):
                log.refused(peer, "out of descriptors")
        self._port.stopReading()
        self._reactor.callLater(delay, self._resume)

    def _resume(self) -> None:
        if self._port.connected:
            self._port.startReading()


def _turn_away(sock: socket.socket) -> None:
    """Close a connection with FIN: what the client has sent is read first, or close would reset it."""
    with sock:
        try:
            sock.setblocking(False)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(READ_SIZE):
                pass
        except OSError:
            pass  # it has sent no more, or is gone
