"""The clients of one target: they send, verify every byte that comes back, and time it. One thread, one epoll.

Rules of this file
- What comes back is compared as bytes with bytes: comparing memoryviews is a loop over elements, ten times slower.
- A client's stream repeats after a megabyte or sixteen messages, and no two clients have the same: an answer that is
  another client's, or an old one, is wrong.
- Wrong, missing or surplus bytes, an end or a reset end the measurement: `Wrong` says why, and there is no number.
- The loops keep what they need in local names; what they find out is put into figures only after the clock has stopped.
"""

import errno
import os
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from suite.bench.results import Workload

__all__ = ("PATIENCE", "REFUSED", "Churn", "Clients", "Measured", "Wrong", "open_load")

PATIENCE = 5.0
"""Seconds without an answer after which a server is taken for stalled."""
IN_FLIGHT = 20
"""Connections of a churn under way at once, where the workload does not say fewer."""
LATE = 0.001
"""Seconds behind its schedule from which on a message counts as missed by the generator."""
SPIN = 0.002
"""Seconds before a message is due during which the generator does not sleep: epoll_wait(2) counts in milliseconds."""
AT_ONCE = 64
"""Connections opened at once; a short accept queue costs SYN retransmits of a second each (tcp(7))."""
IP_BIND_ADDRESS_NO_PORT = 24
"""ip(7): bind(2) chooses an address only, and connect(2) the port; not in Python's socket before 3.12."""


REFUSED = "connection refused: nothing listens there"


class Wrong(Exception):  # noqa: N818 - the server's fault, told as data
    """The server did not do its work."""


@dataclass(slots=True)
class Measured:
    """What one slice gave.

    Attributes:
        messages: answered in time; for a churn, connections.
        seconds: from the first send to the end of counting.
        latencies: seconds, of all messages that were sent, also those answered after the end.
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


class _Client:
    """One connection: positions in its endless stream, and when the messages under way were sent."""

    __slots__ = ("count", "queued", "read", "recv", "send", "sent", "sock", "stream", "times", "watched")

    def __init__(self, sock: socket.socket, stream: bytes) -> None:
        self.sock = sock
        self.recv: Callable[[int], bytes] = sock.recv
        self.send: Callable[[bytes], int] = sock.send
        self.stream = stream
        self.times: deque[float] = deque()
        self.read = self.sent = self.queued = self.count = 0
        self.watched = False


def open_load(host: str, port: int, workload: Workload, seed: int) -> "Clients | Churn":
    """Connect the clients of a workload.

    Raises:
        Wrong: the server refuses, resets, or does not answer the first message.
        OSError: our own descriptors or ports ran out.
    """
    if workload.mode == "churn":
        return Churn(host, port, workload, seed)
    return Clients(host, port, workload, seed)


class Clients:
    """Clients that stay connected. `run` may be called again and again.

    Args:
        host, port: the server.
        workload: how many clients, and what they do.
        seed: of what they say.
    """

    def __init__(self, host: str, port: int, workload: Workload, seed: int) -> None:
        self._workload = workload
        self._address = (host, port)
        size, depth = workload.size, workload.depth
        self._room = min(max(size * depth + 1, 4096), 1 << 18)
        self._ring = size * max(2, min(16, (1 << 20) // size))
        self._epoll = select.epoll()
        self._clients: dict[int, _Client] = {}
        self._idle: list[socket.socket] = []
        random = Random(seed)
        for sock in self._connect(workload.connections):
            # Each has a stream of its own: what belongs to another is wrong.
            ring = random.randbytes(self._ring)
            # Doubled and more, so that whatever recv or send takes is one slice of it.
            client = _Client(sock, ring * (2 + max(self._room, size * depth) // self._ring))
            self._clients[sock.fileno()] = client
            self._epoll.register(sock, select.EPOLLIN)

    def close(self) -> None:
        """Close every connection."""
        for sock in (*(client.sock for client in self._clients.values()), *self._idle):
            sock.close()
        self._epoll.close()

    def hold(self, count: int) -> None:
        """Connect further clients, which say one byte, hear it, and stay silent from then on.

        Raises:
            Wrong: one is not served.
        """
        before = len(self._idle)
        self._idle += self._connect(count)
        for sock in self._idle[before:]:
            sock.send(b"i")
        for sock in self._idle[before:]:
            sock.settimeout(PATIENCE)
            try:
                heard = sock.recv(2)
            except OSError as error:
                raise Wrong(f"an idle client was not answered: {_why(error)}") from None
            if heard != b"i":
                raise Wrong(f"an idle client sent 1 byte and received {heard!r}")
            sock.setblocking(False)

    def _connect(self, count: int) -> list[socket.socket]:
        socks: list[socket.socket] = []
        try:
            for at in range(count):
                socks.append(_dial(self._address))
                if at % AT_ONCE == AT_ONCE - 1 or at == count - 1:
                    for sock in socks[-AT_ONCE:]:
                        _await_connected(sock)
        except BaseException:
            for sock in socks:
                sock.close()
            raise
        return socks

    def run(self, seconds: float, rate: float | None = None) -> Measured:
        """Load the server for so long; then wait for every answer that is owed.

        Args:
            seconds: how long messages are sent and counted.
            rate: messages a second of all clients together (open loop); None for a closed loop.

        Raises:
            Wrong: the server did not do its work.
        """
        for client in self._clients.values():
            client.count = 0
        latencies: list[float] = []
        cpu = time.process_time()
        begun = time.perf_counter()
        missed = 0
        if rate is None:
            for client in self._clients.values():
                client.times.extend([begun] * self._workload.depth)
                client.queued += self._workload.size * self._workload.depth
                self._flush(client)
            self._closed(begun + seconds, latencies)
        else:
            missed = self._open(begun, seconds, rate, latencies)
        ended = time.perf_counter()
        counts = [client.count for client in self._clients.values()]
        self._drain(latencies)
        return Measured(sum(counts), ended - begun, latencies, counts, missed, time.process_time() - cpu)

    def _closed(self, end: float, latencies: list[float]) -> None:
        clients, size, ring, room = self._clients, self._workload.size, self._ring, self._room
        poll, clock, flush, readable = self._epoll.poll, time.perf_counter, self._flush, select.EPOLLIN
        now = clock()
        heard = now
        while now < end:
            events = poll(min(PATIENCE, end - now))
            now = clock()
            if not events and now - heard > PATIENCE:
                raise Wrong(f"no answer for {PATIENCE:g} s")
            for fd, mask in events:
                client = clients[fd]
                if mask != readable and not self._other(client, mask):
                    continue
                try:
                    data = client.recv(room)
                except OSError as error:
                    raise Wrong(_why(error)) from None
                heard = now = clock()
                at = client.read % ring
                length = len(data)
                if data != client.stream[at : at + length] or not length or client.read + length > client.sent:
                    raise _wrong(client, data, at)
                client.read += length
                times = client.times
                done = (at % size + length) // size
                if not done:
                    continue
                latencies += [now - times.popleft() for _ in range(done)]
                if now >= end:
                    continue  # the answer came too late to count
                client.count += done
                client.queued += done * size
                times.extend([now] * done)
                flush(client)

    def _open(self, begun: float, seconds: float, rate: float, latencies: list[float]) -> int:
        order = list(self._clients.values())
        size, clock, count = self._workload.size, time.perf_counter, len(order)
        messages = max(1, int(rate * seconds))
        missed = sent = 0
        due = begun
        while sent < messages:
            now = clock()
            while due <= now and sent < messages:
                client = order[sent % count]
                client.times.append(due)
                client.queued += size
                if client.queued - client.sent == size:
                    self._flush(client)
                missed += clock() - due > LATE
                sent += 1
                due = begun + sent / rate
            wait = due - clock()
            self._receive(wait - SPIN if wait > SPIN else 0.0, latencies)
        return missed

    def _receive(self, timeout: float, latencies: list[float]) -> bool:
        """Take in what has come; return whether anything did."""
        size, ring = self._workload.size, self._ring
        events = self._epoll.poll(timeout)
        for fd, mask in events:
            client = self._clients[fd]
            if mask != select.EPOLLIN and not self._other(client, mask):
                continue
            try:
                data = client.recv(self._room)
            except OSError as error:
                raise Wrong(_why(error)) from None
            now = time.perf_counter()
            at = client.read % ring
            length = len(data)
            if data != client.stream[at : at + length] or not length or client.read + length > client.sent:
                raise _wrong(client, data, at)
            client.read += length
            done = (at % size + length) // size
            latencies += [now - client.times.popleft() for _ in range(done)]
            client.count += done
        return bool(events)

    def _drain(self, latencies: list[float]) -> None:
        """Wait for what is owed, and see that no more comes."""
        heard = time.perf_counter()
        while any(client.times for client in self._clients.values()):
            if self._receive(0.1, latencies):
                heard = time.perf_counter()
            elif time.perf_counter() - heard > PATIENCE:
                owed = sum(len(client.times) for client in self._clients.values())
                raise Wrong(f"{owed} messages were never answered")
        self._receive(0.0, latencies)

    def _flush(self, client: _Client) -> None:
        """Send what is queued; have the rest wait for room."""
        at = client.sent % self._ring
        length = client.queued - client.sent
        try:
            sent = client.send(client.stream[at : at + length])
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise Wrong(_why(error)) from None
        client.sent += sent
        if client.sent < client.queued:
            self._watch(client, True)

    def _watch(self, client: _Client, watched: bool) -> None:
        if client.watched != watched:
            client.watched = watched
            self._epoll.modify(client.sock, select.EPOLLIN | (select.EPOLLOUT if watched else 0))

    def _other(self, client: _Client, mask: int) -> bool:
        """Act on what is not just input; return whether there is input too."""
        if mask & select.EPOLLOUT:
            self._watch(client, False)
            self._flush(client)
        return bool(mask & ~select.EPOLLOUT)


class Churn:
    """Clients that connect, send one message, hear it and close, so many at once.

    They come from many loopback addresses where the server is on one: an address has 28 000 ports, and each is held for
    a minute after a close.
    """

    def __init__(self, host: str, port: int, workload: Workload, seed: int) -> None:
        self._address = (host, port)
        self._at_once = min(workload.connections, IN_FLIGHT)
        random = Random(seed)
        self._messages = [random.randbytes(workload.size) for _ in range(16)]
        self._sources = _sources(host)
        self._opened = 0

    def close(self) -> None:
        """Nothing stays open between two slices."""

    def hold(self, count: int) -> None:
        """Not for a churn."""
        raise NotImplementedError(count)

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
                    events = epoll.poll(PATIENCE)
                    if not events:
                        raise Wrong(f"no answer for {PATIENCE:g} s")
                    for fd, _mask in events:
                        visit = live[fd]
                        if not visit.turn(epoll):
                            continue
                        now = time.perf_counter()
                        visit.sock.close()
                        del live[fd]
                        latencies.append(now - visit.begun)
                        if now < end:
                            count += 1
                            self._start(epoll, live)
            finally:
                for visit in live.values():
                    visit.sock.close()
        return Measured(count, seconds, latencies, [], 0, time.process_time() - cpu)

    def _start(self, epoll: select.epoll, live: dict[int, "_Visit"]) -> None:
        self._opened += 1
        begun = time.perf_counter()
        sock = _dial(self._address, next(self._sources))
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
            raise Wrong(_why(error)) from None
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


def _dial(address: tuple[str, int], source: str | None = None) -> socket.socket:
    """Begin to connect."""
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
        raise Wrong(_why(error)) from None
    except BaseException:
        sock.close()
        raise
    return sock


def _await_connected(sock: socket.socket) -> None:
    waiting = select.poll()
    waiting.register(sock, select.POLLOUT)
    if not waiting.poll(2 * PATIENCE * 1000):
        raise Wrong("a connection was not taken up")
    if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise Wrong(_why(OSError(error, "")))


def _why(error: OSError) -> str:
    if error.errno is None:
        return f"no answer for {PATIENCE:g} s"
    named = {errno.ECONNREFUSED: REFUSED, errno.ECONNRESET: "the server reset a connection"}
    return named.get(error.errno, os.strerror(error.errno))


def _wrong(client: _Client, data: bytes, at: int) -> Wrong:
    if not data:
        return Wrong(f"the server closed a connection with {client.sent - client.read} bytes unanswered")
    owed = client.stream[at : at + len(data)]
    first = next((i for i, (a, b) in enumerate(zip(data, owed, strict=False)) if a != b), len(data))
    surplus = client.read + len(data) - client.sent
    if first >= len(data) - surplus:
        return Wrong(f"{surplus} bytes more than were sent")
    return Wrong(
        f"wrong byte {data[first]:#04x} where {owed[first]:#04x} was sent, at offset {client.read + first} of a connection"
    )
