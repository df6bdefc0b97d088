"""raw-iterative: one client at a time, the others wait in the listener's queue.

Nothing is concurrent here, yet two things are waited for: the present client, and the stop signal. From that on the
clients of the queue share the grace that is left: whoever stays silent for a fair part of it makes room for the next.
"""

import select
import sys
import time
from collections import deque
from socket import socket

from raw_impl._acceptor import Acceptor
from raw_impl._blocking import Stop, milliseconds
from raw_impl._peer import EXPIRED, GONE, IN, Peer, Shared
from suite.launch import Limits, StopSignal
from suite.session import NewSession

__all__ = ("serve", "serve_in_turn")


def serve(new_session: NewSession, listener: socket, limits: Limits) -> None:
    """Serve until SIGTERM or SIGINT, drain, close the listener and return (`suite.launch.Serve`)."""
    with StopSignal() as stop:
        serve_in_turn(new_session, listener, limits, stop)


def serve_in_turn(new_session: NewSession, listener: socket, limits: Limits, stop: Stop) -> None:
    """Serve one client after the other until `stop`, then those queued; close the listener and return."""
    _Turns(listener, limits, stop).run(new_session)


class _Turns:
    """The clients of one listener, one after the other.

    Attributes:
        _queue: accepted at the stop signal and not served yet.
        _end: monotonic time at which the grace ends; 0.0 until the stop signal.
    """

    def __init__(self, listener: socket, limits: Limits, stop: Stop) -> None:
        self._acceptor = Acceptor(listener)
        self._listening_fd = listener.fileno()
        self._stop = stop
        self._grace = limits.drain_grace
        self._shared = Shared(limits)
        self._queue: deque[tuple[socket, object]] = deque()
        self._end = 0.0

    def run(self, new_session: NewSession) -> None:
        while (client := self._next()) is not None:
            sock, address = client
            with sock:
                sock.setblocking(False)
                self._attend(Peer(sock, address, new_session, self._shared))
        self._acceptor.close()

    def _next(self) -> tuple[socket, object] | None:
        """Wait for the next client; return None once the queue is drained or the grace is over."""
        while not self._queue:
            if self._end and (self._acceptor.closed or time.monotonic() >= self._end):
                return None
            paused = self._acceptor.resume_at
            self._wait(self._listening_fd, 0 if paused else IN, paused, self._end)
            if not self._end:
                self._queue.extend(self._acceptor.take(1))
            elif not self._acceptor.closed:
                self._take_all()
        return self._queue.popleft()

    def _attend(self, peer: Peer) -> None:
        """Serve one client to its end."""
        while peer.interest != GONE:
            now = time.monotonic()
            silent = now + (self._end - now) / (1 + len(self._queue)) if self._end else 0.0
            mask = self._wait(peer.sock.fileno(), peer.interest, peer.deadline, silent)
            now = time.monotonic()
            if 0.0 < peer.deadline <= now:
                peer.turn(EXPIRED)
            elif 0.0 < self._end <= now:
                peer.end("limit")
            elif mask:
                peer.turn(mask)
            elif 0.0 < silent <= now:
                peer.end("timeout")

    def _wait(self, fd: int, interest: int, *deadlines: float) -> int:
        """Return the events of `fd`, or 0 at the stop signal or the first deadline (0.0: none)."""
        poll = select.poll()
        if interest:
            poll.register(fd, interest)
        if not self._end:
            poll.register(self._stop.fileno(), IN)
        due = [deadline for deadline in deadlines if deadline]
        events = dict(poll.poll(milliseconds(min(due)) if due else None))
        if self._stop.fileno() in events:
            self._stop.clear()
        if self._stop.requested and not self._end:
            self._end = time.monotonic() + self._grace
            self._take_all()
        return events.get(fd, 0)

    def _take_all(self) -> None:
        """Accept whoever is queued, and then no more: the clients of a listener that closes are reset."""
        self._queue.extend(self._acceptor.take(sys.maxsize))
        if self._acceptor.empty:
            self._acceptor.close()
