"""The transport that sends at once, on a reactor that is turned by hand: what leaves when, what is held, what is asked."""

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from twisted.internet.epollreactor import EPollReactor

from suite.launch import READ_SIZE, Limits
from suite.services.echo import Echo
from suite.session import NewSession, Session
from twisted_impl.protocol import SessionFactory
from twisted_impl.transport import EagerServer, send_eagerly

LIMITS = Limits(high_water=100_000)


@pytest.fixture
def reactor() -> Iterator[EPollReactor]:
    made = EPollReactor()
    yield made
    made.removeAll()
    for waker in list(made._internalReaders):
        made.removeReader(waker)
        waker.connectionLost(None)
    made._poller.close()


class Pair:
    """A TCP connection: `client` is the far end, `transport` the near one with a session behind it."""

    def __init__(self, reactor: EPollReactor, new_session: NewSession, *, eager: bool = True) -> None:
        self.reactor = reactor
        self.factory = SessionFactory(new_session, LIMITS, reactor)
        port = reactor.listenTCP(0, self.factory, interface="127.0.0.1")
        if eager:
            send_eagerly(port)
        self.client = socket.create_connection(port.socket.getsockname(), timeout=10)
        self.turn()
        [protocol] = self.factory.connections
        self.transport = protocol.transport
        port.stopListening()
        self.reactor.runUntilCurrent()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        while self.factory.connections:
            self.turn()

    def turn(self, seconds: float = 10.0) -> None:
        """Let the reactor wait for whatever it waits for, and do it."""
        self.reactor.runUntilCurrent()
        self.reactor.doIteration(seconds)

    def asks(self) -> bool:
        """The reactor is asked to say when the socket is writable."""
        return self.transport in self.reactor.getWriters()

    def held(self) -> int:
        return len(self.transport.dataBuffer) - self.transport.offset + self.transport._tempDataLen

    def stuff(self) -> bytes:
        """Send from the client, which does not read, until the server reads no more; return what was sent."""
        sent = bytearray()
        self.client.setblocking(False)
        while self.transport in self.reactor.getReaders():
            piece = os.urandom(READ_SIZE)
            try:
                sent += piece[: self.client.send(piece)]
            except BlockingIOError:
                pass
            self.turn(0.0)
            assert len(sent) < 64 << 20
        self.client.settimeout(10)
        return bytes(sent)


def receive(pair: Pair, length: int) -> bytes:
    """Read `length` bytes while the server has its turns."""
    got = bytearray()
    pair.client.setblocking(False)
    while len(got) < length:
        pair.turn(0.0)
        try:
            got += pair.client.recv(1 << 20)
        except BlockingIOError:
            pass
    pair.client.settimeout(10)
    return bytes(got)


@pytest.mark.parametrize("eager", [True, False])
def test_a_reply_leaves_in_the_turn_that_read_its_message(reactor: EPollReactor, eager: bool) -> None:
    with Pair(reactor, Echo, eager=eager) as pair:
        for message in (b"hello", bytes(1000)):
            pair.client.sendall(message)
            pair.turn()
            assert pair.asks() is not eager  # Twisted's own transport shows that asking would be seen
            assert pair.held() == (0 if eager else len(message))
            assert receive(pair, len(message)) == message


def test_who_does_not_read_is_held_to_high_water_and_one_read_and_loses_nothing(reactor: EPollReactor) -> None:
    with Pair(reactor, Echo) as pair:
        sent = pair.stuff()
        assert pair.asks()
        assert LIMITS.high_water < pair.held() <= 2 * LIMITS.high_water  # a read is as large as the mark
        assert receive(pair, len(sent)) == sent
        assert not pair.asks()
        pair.client.sendall(b"and on")
        pair.turn()
        assert pair.client.recv(100) == b"and on"
        assert not pair.asks()


def test_what_is_written_behind_a_queue_waits_for_it(reactor: EPollReactor) -> None:
    with Pair(reactor, Echo) as pair:
        text = os.urandom(16 << 20)
        pair.transport.write(text)
        assert 0 < pair.held() < len(text)
        pair.transport.write(b"behind it")
        assert receive(pair, len(text) + 9) == text + b"behind it"


def test_writing_to_a_connection_that_was_reset_or_has_ended_is_quiet(reactor: EPollReactor) -> None:
    with Pair(reactor, Echo) as pair:
        pair.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        pair.client.close()
        for _ in range(3):  # ECONNRESET, then EPIPE
            pair.transport.write(b"anybody?")
        while pair.factory.connections:
            pair.turn()
        pair.transport.write(b"anybody?")


class Flood(Session):
    """Talks without end; `keep_up` is called whenever it is pulled, so that its client always has room."""

    __slots__ = ("_keep_up", "pulled")

    def __init__(self) -> None:
        super().__init__()
        self.pulled = 0
        self._keep_up: socket.socket | None = None

    def begin(self, client: socket.socket) -> None:
        client.setblocking(False)
        self._keep_up = client
        self.has_output = True

    def receive_data(self, _data: bytes, /) -> bytes:
        return b""

    def data_to_send(self, limit: int, /) -> bytes:
        self.pulled += limit
        try:
            while self._keep_up is not None and self._keep_up.recv(1 << 20):
                pass
        except BlockingIOError:
            pass
        self.has_output = self.pulled < 64 << 20  # else a failure would last for ever
        return bytes(limit)


def test_a_session_that_talks_without_end_lets_others_have_their_turn(reactor: EPollReactor) -> None:
    session = Flood()
    with Pair(reactor, lambda: session) as pair:
        session.begin(pair.client)
        pair.client.send(b"!")
        pair.turn()
        for _ in range(10):
            before = session.pulled
            pair.turn()
            assert 0 < session.pulled - before <= LIMITS.high_water + READ_SIZE
        session.has_output = False


def test_ports_of_other_kinds_keep_their_transport(reactor: EPollReactor, tmp_path: Path) -> None:
    factory = SessionFactory(Echo, LIMITS, reactor)
    tcp, unix = reactor.listenTCP(0, factory, interface="127.0.0.1"), reactor.listenUNIX(str(tmp_path / "s"), factory)
    before = unix.transport
    for port in (tcp, unix):
        send_eagerly(port)
        port.stopListening()
    assert tcp.transport is EagerServer
    assert unix.transport is before
    reactor.runUntilCurrent()
