"""The control is no contestant, but it is what others are measured by: it must echo right."""

import random
import signal
import socket
from contextlib import ExitStack

import pytest

from suite import registry
from suite.process import Server
from tests.conftest import Start, eventually
from tests.wire import connect, echoes, exchange, fill, finish_all, pattern, read_to_end, reset, settled, usage

CANARY = b"a canary, sixteen bytes or more\n"
MIB = 1 << 20


@pytest.fixture
def server(start: Start) -> Server:
    return start(registry.find("raw-native"))


def test_8_mib_come_back(server: Server) -> None:
    rng = random.Random(1)
    payload = rng.randbytes(8 * MIB)
    with connect(server.address) as client:
        assert exchange(client, payload, rng) == payload


def test_a_late_reader_gets_all_that_was_taken_and_fin(server: Server) -> None:
    with connect(server.address) as client, connect(server.address) as other:
        sent = fill(client, 64 * MIB)
        assert sent < 64 * MIB
        assert echoes(other, CANARY)
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == pattern(sent)


def test_resets_end_their_own_connection_only(server: Server) -> None:
    base = settled(server)
    with connect(server.address) as other:
        for length in (0, 10, 64 * MIB):
            client = connect(server.address)
            fill(client, length, 0.2)
            reset(client)
            assert echoes(other, CANARY)
    assert eventually(lambda: usage(server) == base)


def test_a_stop_signal_truncates_nobody(server: Server) -> None:
    with ExitStack() as stack:
        server.signal(signal.SIGSTOP)
        payloads = {stack.enter_context(connect(server.address)): random.Random(n).randbytes(MIB) for n in range(20)}
        for client in payloads:
            client.sendall(CANARY)
        server.signal(signal.SIGTERM)
        server.signal(signal.SIGCONT)
        results = finish_all(payloads)
        assert all(results[client] == CANARY + payload for client, payload in payloads.items())
    assert eventually(lambda: server.poll() is not None)
