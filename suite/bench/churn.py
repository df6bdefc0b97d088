"""Clients that come and go: connect, one message, its answer, close."""

import select
import socket
import time
from collections.abc import Iterator
from random import Random

from suite.bench import dial
from suite.bench.dial import Measured, Wrong, why
from suite.bench.results import Workload

__all__ = ("Churn",)

IN_FLIGHT = 20
"""Connections of a churn under way at once, where the workload does not say fewer."""


class Churn:
    """Clients that connect, send one message, hear it and close, so many at once.

    They come from many loopback addresses where the server is on one: an address has 28 000 ports, and each is held for
    a minute after a close.
    """

    def __init__(self, host: str, port: int, workload: Workload, seed: int) -> None:
        self._address = (host, port)
        self._at_once = min(workload.connections, IN_FLIGHT)
        random = Random(seed)
        self._messages = [random.randbytes(workload.size) for _ in range(4 * IN_FLIGHT)]
        self._sources = _sources(host)
        self._opened = 0

    def close(self) -> None:
        """Nothing stays open between two slices."""

    def hold(self, count: int) -> None:
        """Not for a churn."""
        raise NotImplementedError(count)

    def held(self) -> None:
        """Nobody is."""

    def run(self, seconds: float, _rate: float | None = None) -> Measured:
        """Connect again and again for so long.

        Raises:
            Wrong: the server did not do its work.
        """
        live: dict[int, _Visit] = {}
        latencies: list[float] = []
        cpu, begun = time.process_time(), time.perf_counter()
        end = begun + seconds
        count = 0
        with select.epoll() as epoll:
            try:
                for _ in range(self._at_once):
                    self._start(epoll, live)
                while live:
                    events = epoll.poll(dial.PATIENCE)
                    if not events:
                        raise Wrong(f"no answer for {dial.PATIENCE:g} s")
                    for fd, _mask in events:
                        visit = live[fd]
                        if not visit.turn(epoll):
                            continue
                        now = time.perf_counter()
                        visit.sock.close()
                        del live[fd]
                        latencies.append(now - visit.begun)
                        count += 1
                        if now < end:
                            self._start(epoll, live)
            finally:
                for visit in live.values():
                    visit.sock.close()
        ended = time.perf_counter()
        return Measured(count, ended - begun, latencies, [], 0, time.process_time() - cpu)

    def _start(self, epoll: select.epoll, live: dict[int, "_Visit"]) -> None:
        self._opened += 1
        begun = time.perf_counter()
        sock = dial.dial(self._address, next(self._sources))
        live[sock.fileno()] = _Visit(sock, self._messages[self._opened % len(self._messages)], begun)
        epoll.register(sock, select.EPOLLOUT)


class _Visit:
    """One short connection."""

    __slots__ = ("begun", "got", "message", "sent", "sock")

    def __init__(self, sock: socket.socket, message: bytes, begun: float) -> None:
        self.sock, self.message, self.begun = sock, message, begun
        self.sent = self.got = 0

    def turn(self, epoll: select.epoll) -> bool:
        """Go on; return whether the whole answer is here."""
        try:
            if self.sent < len(self.message):
                self.sent += self.sock.send(self.message[self.sent :])
                if self.sent == len(self.message):
                    epoll.modify(self.sock, select.EPOLLIN)
                return False
            data = self.sock.recv(len(self.message) - self.got + 1)
        except OSError as error:
            raise Wrong(why(error)) from None
        if not data or data != self.message[self.got : self.got + len(data)]:
            raise Wrong("closed before the answer was complete" if not data else "wrong bytes came back")
        self.got += len(data)
        return self.got == len(self.message)


def _sources(host: str) -> Iterator[str | None]:
    """Yield addresses to connect from, for ever; None leaves the choice to the kernel."""
    if not host.startswith("127."):
        while True:
            yield None
    while True:
        for low in range(1, 255):
            yield f"127.80.{low}.1"
