"""The clients of one target: they send, verify every byte that comes back, and time it. One thread, one epoll.

Rules of this file
- What comes back is compared as bytes with bytes: comparing memoryviews is a loop over elements, ten times slower.
- A client's stream repeats after a megabyte or sixteen messages, and no two clients have the same: an answer that is
  another client's, or an old one, is wrong.
- Wrong, missing or surplus bytes, an end or a reset end the measurement: `Wrong` says why, and there is no number.
- The loops keep what they need in local names; what they find out is put into figures only after the clock has stopped.
"""

import select
import socket
import time
from collections import deque
from collections.abc import Callable
from random import Random

from suite.bench import dial
from suite.bench.churn import Churn
from suite.bench.dial import Measured, Wrong, why
from suite.bench.results import Workload

__all__ = ("Clients", "open_load")

LATE = 0.001
"""Seconds behind its schedule from which on a message counts as missed by the generator."""
SPIN = 0.002
"""Seconds before a message is due during which the generator does not sleep: epoll_wait(2) counts in milliseconds."""
PATIENCE_OF_A_SCHEDULE = 1.0
"""Seconds beyond twice its time after which a schedule that the generator cannot keep is given up."""
LONGEST_DRAIN = 30.0
"""Seconds that answers may trickle in after the last message."""
AT_ONCE = 64
"""Connections opened at once; a short accept queue costs SYN retransmits of a second each (tcp(7))."""


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
            sock.settimeout(dial.PATIENCE)
            try:
                heard = sock.recv(2)
            except OSError as error:
                raise Wrong(f"an idle client was not answered: {why(error)}") from None
            if heard != b"i":
                raise Wrong(f"an idle client sent 1 byte and received {heard!r}")
            sock.setblocking(False)

    def held(self) -> None:
        """See that the idle clients are connected still, and have heard nothing.

        Raises:
            Wrong: one was dropped, or something came.
        """
        gone = 0
        for sock in self._idle:
            try:
                gone += not sock.recv(1)
            except BlockingIOError:
                continue
            except OSError:
                gone += 1
        if gone:
            raise Wrong(f"{gone} of {len(self._idle)} idle clients were dropped")

    def _connect(self, count: int) -> list[socket.socket]:
        socks: list[socket.socket] = []
        try:
            for at in range(count):
                socks.append(dial.dial(self._address))
                if at % AT_ONCE == AT_ONCE - 1 or at == count - 1:
                    for sock in socks[-AT_ONCE:]:
                        dial.await_connected(sock)
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
        self._drain(latencies)
        ended = time.perf_counter()
        counts = [client.count for client in self._clients.values()]
        return Measured(sum(counts), ended - begun, latencies, counts, missed, time.process_time() - cpu)

    def _closed(self, end: float, latencies: list[float]) -> None:
        clients, size, ring, room = self._clients, self._workload.size, self._ring, self._room
        poll, clock, flush, readable = self._epoll.poll, time.perf_counter, self._flush, select.EPOLLIN
        now = clock()
        heard = now
        while now < end:
            events = poll(min(dial.PATIENCE, end - now))
            now = clock()
            if not events and now - heard > dial.PATIENCE:
                raise Wrong(f"no answer for {dial.PATIENCE:g} s")
            for fd, mask in events:
                client = clients[fd]
                if mask != readable and not self._other(client, mask):
                    continue
                try:
                    data = client.recv(room)
                except OSError as error:
                    raise Wrong(why(error)) from None
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
                client.count += done
                if now >= end:
                    continue
                client.queued += done * size
                times.extend([now] * done)
                flush(client)

    def _open(self, begun: float, seconds: float, rate: float, latencies: list[float]) -> int:
        order = list(self._clients.values())
        size, clock, count = self._workload.size, time.perf_counter, len(order)
        messages = max(1, int(rate * seconds))
        missed = sent = 0
        due = begun
        last = begun + 2 * seconds + PATIENCE_OF_A_SCHEDULE
        while sent < messages:
            now = clock()
            if now > last:  # no generator keeps such a schedule
                return missed + messages - sent
            while due <= now and sent < messages:
                client = order[sent % count]
                client.times.append(due)
                client.queued += size
                if client.queued - client.sent == size:
                    self._flush(client)
                missed += clock() - due > LATE
                sent += 1
                due = begun + sent / rate
                if not sent % AT_ONCE:  # answers are to be read, too, and the clock
                    break
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
                raise Wrong(why(error)) from None
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
        begun = heard = time.perf_counter()
        while any(client.times for client in self._clients.values()):
            if time.perf_counter() - begun > LONGEST_DRAIN:
                raise Wrong(f"answers were still coming in, bit by bit, {LONGEST_DRAIN:g} s after the last message")
            if self._receive(0.1, latencies):
                heard = time.perf_counter()
            elif time.perf_counter() - heard > dial.PATIENCE:
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
            raise Wrong(why(error)) from None
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
