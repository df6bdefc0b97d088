"""What the readiness drivers share besides their mechanism: the table of peers, the deadlines, the drain."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from socket import socket
from types import TracebackType
from typing import Self

from raw_impl._acceptor import Acceptor, turn_away
from raw_impl._peer import EXPIRED, GONE, Peer, Shared
from suite.launch import Limits, StopSignal
from suite.session import NewSession

__all__ = ("Loop",)

NewPeer = Callable[[socket, object, NewSession, Shared], Peer]


class Loop:
    """One server's state; leaving it as a context manager closes the listener and whoever is still connected.

    Attributes:
        peers: the connections by descriptor; a driver deletes the ones that are GONE.
        acceptor: owns the listener.
        listening: the driver is to wait for the listener; False during a pause and once the queue is drained.
        draining: a stop signal has come; the driver calls `accept` in every turn until `listening` is False.
    """

    def __init__(
        self, new_session: NewSession, listener: socket, limits: Limits, stop: StopSignal, new_peer: NewPeer = Peer
    ) -> None:
        self.peers: dict[int, Peer] = {}
        self.acceptor = Acceptor(listener)
        self.listening = True
        self.draining = False
        self._drained = False  # the queue was seen empty after the stop signal: the listener can go
        self._end = 0.0
        self._grace = limits.drain_grace
        self._new_peer = new_peer
        self._new_session = new_session
        self._shared = Shared(limits)
        self._shared.lingering = deque()
        self._stop = stop

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.acceptor.close()
        for peer in self.peers.values():
            peer.end("limit")
        self.peers.clear()

    def turns(self) -> Iterator[float | None]:
        """Yield before each wait how many seconds it may last (None: any time); end when the server is drained."""
        stop, lingering = self._stop, self._shared.lingering
        while True:
            if self.listening and not lingering and not stop.requested:
                yield None
                continue
            now = time.monotonic()
            if stop.requested and not self.draining:
                self.draining = True
                self._end = now + self._grace
            if self._drained:
                self.acceptor.close()
            elif not self.listening:
                self.listening = not self.acceptor.resume_at
            if self.draining and (now >= self._end or (self._drained and not self.peers)):
                return
            yield self._longest_wait(now)

    def _longest_wait(self, now: float) -> float | None:
        if self.draining and self.listening:
            return 0.0  # the queue is to be emptied now
        due = [self._end] if self.draining else []
        if self._shared.lingering:
            due.append(self._shared.lingering[0].deadline)
        if not self.listening and not self._drained:
            due.append(self.acceptor.resume_at)
        return max(0.0, min(due) - now) if due else None

    def expired(self) -> list[tuple[int, int]]:
        """Return an event (descriptor, EXPIRED) for each lingering peer whose time is up."""
        events: list[tuple[int, int]] = []
        lingering = self._shared.lingering
        if lingering:
            now = time.monotonic()
            while lingering and lingering[0].deadline <= now:
                peer = lingering.popleft()
                if peer.interest != GONE:
                    events.append((peer.sock.fileno(), EXPIRED))
        return events

    def accept(self) -> Iterator[Peer]:
        """Accept a batch of connections; yield each as a peer that is already in the table."""
        if not self.listening:
            return
        acceptor = self.acceptor
        for sock, address in acceptor.take():
            sock.setblocking(False)
            peer = self.admit(sock, address)
            if peer is not None:
                yield peer
        self._drained = self.draining and acceptor.empty
        self.listening = not self._drained and not acceptor.resume_at

    def admit(self, sock: socket, address: object) -> Peer | None:
        """Make a peer of a connection and put it into the table; None if it has ended already."""
        peer = self._new_peer(sock, address, self._new_session, self._shared)
        if peer.interest == GONE:
            return None
        self.peers[peer.sock.fileno()] = peer
        return peer

    def refuse(self, peer: Peer, why: str) -> None:
        """Turn away a peer that the mechanism cannot hold."""
        del self.peers[peer.sock.fileno()]
        peer.interest = GONE
        turn_away(peer.sock, peer.address, why)
