"""Connecting, what one slice gives, and what a server's fault is called."""

import errno
import os
import select
import socket
from contextlib import suppress
from dataclasses import dataclass, field

__all__ = ("PATIENCE", "REFUSED", "Measured", "Wrong", "await_connected", "dial", "why")

PATIENCE = 5.0
"""Seconds without an answer after which a server is taken for stalled."""
IP_BIND_ADDRESS_NO_PORT = 24
"""ip(7): bind(2) chooses an address only, and connect(2) the port; not in Python's socket before 3.12."""
REFUSED = "connection refused: nothing listens there"


class Wrong(Exception):  # noqa: N818 - the server's fault, told as data
    """The server did not do its work."""


@dataclass(slots=True)
class Measured:
    """What one slice gave.

    Attributes:
        messages: sent and answered; for a churn, connections.
        seconds: from the first send to the last answer.
        latencies: seconds, of all messages.
        counts: messages of each client.
        missed: messages that left later than `LATE` behind their schedule.
        cpu: processor seconds of the generator.
    """

    messages: int
    seconds: float
    latencies: list[float]
    counts: list[int] = field(default_factory=list)
    missed: int = 0
    cpu: float = 0.0


def dial(address: tuple[str, int], source: str | None = None) -> socket.socket:
    """Begin to connect.

    Args:
        address: host, as a number, and port.
        source: where to connect from; None leaves the choice to the kernel.

    Raises:
        Wrong: nothing listens.
        OSError: our own descriptors or ports ran out.
    """
    family, kind, _, _, where = socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0]
    sock = socket.socket(family, kind)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source is not None:
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((source, 0))
        with suppress(BlockingIOError):
            sock.connect(where)
    except ConnectionError as error:
        sock.close()
        raise Wrong(why(error)) from None
    except BaseException:
        sock.close()
        raise
    return sock


def await_connected(sock: socket.socket) -> None:
    """Wait for the end of a connect.

    Raises:
        Wrong: it was refused, reset or not answered.
    """
    waiting = select.poll()
    waiting.register(sock, select.POLLOUT)
    if not waiting.poll(2 * PATIENCE * 1000):
        raise Wrong("a connection was not taken up")
    if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise Wrong(why(OSError(error, "")))


def why(error: OSError) -> str:
    """Say what an error on a connection means."""
    if error.errno is None:
        return f"no answer for {PATIENCE:g} s"
    named = {errno.ECONNREFUSED: REFUSED, errno.ECONNRESET: "the server reset a connection"}
    return named.get(error.errno, os.strerror(error.errno))
