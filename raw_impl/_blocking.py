"""What the drivers that wait for one thing at a time share: arrivals at the listener, and one client to its end."""

import select
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from socket import socket
from typing import Protocol

from raw_impl._acceptor import Acceptor
from raw_impl._peer import EXPIRED, GONE, IN, Peer

__all__ = ("Arrivals", "Stop", "attend", "milliseconds")


class Stop(Protocol):
    """What tells a driver to stop: `suite.launch.StopSignal`, or the pipe from a master process."""

    requested: bool

    def fileno(self) -> int:
        """Return a descriptor that becomes readable when `requested` may be about to turn True."""

    def clear(self) -> None:
        """Take note of what made it readable."""


def milliseconds(deadline: float) -> float:
    """Return how long poll(2) may wait for the monotonic time `deadline`; 0.0 if it has passed."""
    return max(0.0, (deadline - time.monotonic()) * 1000)


class Arrivals:
    """Connections (blocking sockets) and their addresses, one at a time, until a stop signal has come.

    Whoever is queued by then is accepted at once, the listener closed, and only then yielded: were they taken as slowly
    as threads and processes start, new clients could keep the queue from ever being empty. During a pause of the
    acceptor nobody waits for the listener.

    Attributes:
        end: monotonic time at which the grace of the sessions ends; 0.0 until the stop signal.
    """

    def __init__(self, listener: socket, stop: Stop, grace: float, woken: Callable[[], object] = lambda: None) -> None:
        self.end = 0.0
        self._acceptor = Acceptor(listener)
        self._queued: deque[tuple[socket, object]] = deque()
        self._stop = stop
        self._grace = grace
        self._woken = woken

    def __iter__(self) -> Iterator[tuple[socket, object]]:
        stop, acceptor = self._stop, self._acceptor
        listening_fd = acceptor.listener.fileno()
        poll = select.poll()
        poll.register(stop.fileno(), IN)
        while not stop.requested:
            paused = acceptor.resume_at
            poll.register(listening_fd, 0 if paused else IN)
            ready = dict(poll.poll(milliseconds(paused) if paused else None))
            if stop.fileno() in ready:
                stop.clear()
                self._woken()
            if listening_fd in ready:
                yield from acceptor.take(1)  # between two, the stop signal and ended children are attended to
        self.end = time.monotonic() + self._grace
        while time.monotonic() < self.end:
            self._queued.extend(acceptor.take(sys.maxsize))
            if acceptor.empty:
                break
            time.sleep(milliseconds(min(acceptor.resume_at, self.end)) / 1000)
        acceptor.close()
        while self._queued:
            yield self._queued.popleft()

    def close(self) -> None:
        """Close the listener and the connections not yielded yet: what a forked child has no use for."""
        self._acceptor.close()
        for sock, _address in self._queued:
            sock.close()


def attend(peer: Peer) -> None:
    """Serve a connection to its end, for a thread or a process that has nothing else to do."""
    poll = select.poll()
    while peer.interest != GONE:
        if peer.interest == IN and not peer.deadline:
            peer.turn(IN)  # recv(2) on a blocking socket is the wait
            continue
        poll.register(peer.sock, peer.interest)
        events = poll.poll(milliseconds(peer.deadline) if peer.deadline else None)
        expired = not events or 0.0 < peer.deadline <= time.monotonic()
        peer.turn(EXPIRED if expired else events[0][1])
