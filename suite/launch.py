"""What every server needs before and around its driver: limits, a bound listener, the ready line, stop signals.

The caller binds, the driver serves: a driver is handed a listening, non-blocking socket, so port 0 is always possible
and every mechanism starts from the same socket options.
"""

import errno
import os
import signal
import socket
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from suite import log
from suite.errors import StartError, UsageError
from suite.session import NewSession

__all__ = (
    "BACKLOG",
    "READ_SIZE",
    "Limits",
    "Serve",
    "StopSignal",
    "announce",
    "drop_stop_signals",
    "keep_stop_signals",
    "open_listener",
)

BACKLOG = 4096
"""listen(2) backlog: Linux' own net.core.somaxconn. A small one delays clients by a SYN retransmit of 1 s."""

READ_SIZE = 65536
"""Bytes asked of one read: smaller buffers cost throughput on bulk (16 KiB: 0.44 of it), larger ones gain nothing."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a driver may hold and how long it may take.

    Attributes:
        high_water: bytes of unsent output per connection at which its peer is no longer read from.
        drain_grace: seconds that sessions get to finish after the first stop signal.
        linger: seconds that a finished session waits for its peer's FIN, discarding input.
        workers: processes of a pre-forking driver.
    """

    high_water: int = 65536
    drain_grace: float = 5.0
    linger: float = 1.0
    workers: int = 16


_REMEDY = "give a name or address of this machine"

Serve = Callable[[NewSession, socket.socket, Limits], None]
"""A driver: serves the listener until SIGTERM or SIGINT, drains, closes it and returns."""


def open_listener(host: str, port: int, *, backlog: int = BACKLOG) -> socket.socket:
    """Bind and listen on HOST:PORT (port 0: any free one); the socket is non-blocking and closed on exec.

    TCP_NODELAY is set on the listener: Linux lets accepted sockets inherit it, one system call per accept saved.

    Raises:
        UsageError: the host name is unknown, or the port is not 0-65535.
        StartError: the address is taken, forbidden or not of this machine.
    """
    if not 0 <= port <= 65535:
        raise UsageError(f"port {port} is not in 0-65535")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise UsageError(f"cannot resolve host {host!r}: {error.strerror}; {_REMEDY}") from None
    except UnicodeError:  # an empty label or one of more than 63 characters never reaches the resolver
        raise UsageError(f"{host!r} is no host name; {_REMEDY}") from None
    family, kind, proto, _, address = found[0]
    listener = socket.socket(family, kind | socket.SOCK_NONBLOCK, proto)
    try:
        # Without it a restart within TIME_WAIT fails for a minute: socket(7), SO_REUSEADDR.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        raise StartError(f"cannot listen on {log.peername((host, port))}: {_cause(error, port)}") from None
    return listener


def _cause(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"the port is taken; stop its owner (`ss -ltnp 'sport = :{port}'` names it) or choose another --port"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "no permission; choose a port from 1024 up, or grant CAP_NET_BIND_SERVICE"
    if error.errno == errno.EADDRNOTAVAIL:
        return "the address is not of this machine; choose another --host"
    return f"{error.strerror}"


def announce(listener: socket.socket) -> None:
    """Print the ready line `listening HOST:PORT` on stdout; connections are accepted from here on."""
    address = listener.getsockname()
    log.listening(address)
    try:
        print(f"listening {log.peername(address)}", flush=True)  # noqa: T201 - the ready line is the contract
    except OSError:
        pass  # nobody reads our stdout (closed, or its reader left): no reason not to serve


def keep_stop_signals() -> None:
    """Keep a stop signal for the driver that comes between the ready line and the driver's own handlers.

    That is up to 0.1 s of imports and set-up, in which it would kill the process: it is sent again every 10 ms until a
    handler of the driver takes it.
    """

    def put_off(number: int, _frame: types.FrameType | None) -> None:
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), number))
        signal.setitimer(signal.ITIMER_REAL, 0.01)

    for number in StopSignal.SIGNALS:
        signal.signal(number, put_off)


def drop_stop_signals() -> None:
    """Ignore stop signals from now on: the server has drained, and one more must not change its exit status."""
    for number in StopSignal.SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0.0)  # one put off between the driver's end and here


class StopSignal:
    """SIGTERM and SIGINT as one readable descriptor; a second signal ends the process at once (128 + its number).

    A context manager for the main thread. `requested` turns True, and `fileno()` becomes readable, at the first stop
    signal; any other signal that has a Python handler makes it readable too, so a waiter is woken for SIGCHLD.
    """

    SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self, on_second: Callable[[], None] | None = None) -> None:
        self.requested = False
        self._on_second = on_second
        self._before: dict[int, Callable[[int, types.FrameType | None], None] | int | None] = {}

    def __enter__(self) -> Self:
        self._wake, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._write = write
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in self.SIGNALS:
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self.close()

    def close(self) -> None:
        """Close the descriptors, leave the handlers: what a forked child does with its parent's StopSignal."""
        # The interpreter would go on writing to the number, by then perhaps a client's connection.
        other = signal.set_wakeup_fd(-1)
        if other != self._write:
            signal.set_wakeup_fd(other, warn_on_full_buffer=False)
        os.close(self._wake)
        os.close(self._write)

    def fileno(self) -> int:
        """Return the descriptor to wait on for reading."""
        return self._wake

    def clear(self) -> None:
        """Empty the descriptor, so that a level-triggered wait sleeps again."""
        try:
            while os.read(self._wake, 4096):
                pass
        except BlockingIOError:
            pass

    def _handle(self, number: int, _frame: types.FrameType | None) -> None:
        if self.requested:
            if self._on_second is not None:
                self._on_second()
            os._exit(128 + number)
        self.requested = True
