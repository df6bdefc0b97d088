"""What the drivers share that hold all clients in one loop of events, and what is particular to one of them."""

import random
import signal
import socket
from contextlib import ExitStack

import psutil
import pytest

from raw_impl._acceptor import Acceptor
from suite import registry
from suite.registry import Variant
from tests.conftest import Start, eventually
from tests.raw_impl.running import CANARY, LOOPED, own
from tests.wire import connect, echoes, fill, read_to_end, reset

variants = pytest.mark.parametrize("variant", own(*LOOPED))


@variants
def test_a_queue_of_several_batches_is_accepted_whole(start: Start, variant: Variant) -> None:
    """All are queued before the server looks, so an edge-triggered one is told of them but once."""
    server = start(variant)
    server.signal(signal.SIGSTOP)
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(server.address)) for _ in range(3 * Acceptor.BATCH)]
        for client in clients:
            client.sendall(CANARY)
        server.signal(signal.SIGCONT)
        assert all(client.recv(len(CANARY), socket.MSG_WAITALL) == CANARY for client in clients)


@variants
def test_a_descriptor_reused_in_the_same_wait_brings_no_strangers_bytes(start: Start, variant: Variant) -> None:
    """Ends and beginnings fall into one batch of events; each client gets its own bytes and nobody else's."""
    server = start(variant)
    rng = random.Random(6)
    with ExitStack() as stack:
        clients = [connect(server.address) for _ in range(20)]
        for turn in range(60):
            server.signal(signal.SIGSTOP)
            leaving = rng.sample(range(len(clients)), 10)
            for place in leaving:
                clients[place].sendall(b"left behind by somebody else")
                (reset if place % 2 else socket.socket.close)(clients[place])
                clients[place] = connect(server.address)
            tokens = [rng.randbytes(32) for _ in clients]
            for client, token in zip(clients, tokens, strict=True):
                client.sendall(token)
            server.signal(signal.SIGCONT)
            for client, token in zip(clients, tokens, strict=True):
                assert client.recv(32, socket.MSG_WAITALL) == token, f"round {turn}"
        for client in clients:
            stack.enter_context(client)
            client.shutdown(socket.SHUT_WR)
            assert read_to_end(client) == b""


@variants
def test_urgent_data_ends_a_read_but_not_the_reading(start: Start, variant: Variant) -> None:
    """The bytes before and after the mark are both queued: recv(2) stops at the mark, with more to be read."""
    server = start(variant)
    with connect(server.address) as client:
        assert echoes(client, CANARY)
        server.signal(signal.SIGSTOP)
        # With a signal pending recv(2) says EAGAIN at the mark, and who is not asked again hears of nothing there.
        assert eventually(lambda: psutil.Process(server.pid).status() == psutil.STATUS_STOPPED)
        client.sendall(b"before")
        client.send(b"!", socket.MSG_OOB)
        client.sendall(b"after")
        client.shutdown(socket.SHUT_WR)
        server.signal(signal.SIGCONT)
        assert read_to_end(client) in (b"beforeafter", b"before!after")


@variants
def test_nobody_waits_for_a_client_that_floods(start: Start, variant: Variant) -> None:
    """One client always has input ready, another waits for its answers; a third has an endless answer unread."""
    server = start(variant)
    with connect(server.address) as flood, connect(server.address) as quiet, connect(server.address) as stalled:
        fill(stalled, 64 << 20, 0.2)
        flood.setblocking(False)
        for number in range(200):
            for _ in range(4):
                try:
                    flood.send(bytes(1 << 20))
                    flood.recv(1 << 20)
                except BlockingIOError:
                    pass
            assert echoes(quiet, b"%032d" % number)


def test_the_edge_is_remembered_while_a_client_is_not_read_from(start: Start) -> None:
    """Input that came while output was stuck is told of once, long before there is room to read it."""
    server = start(registry.find("raw-epoll-edge"), "echo", "--high-water", "1")
    with connect(server.address) as client:
        sent = fill(client, 64 << 20)
        got = 0
        while got < sent:
            data = client.recv(1 << 20)
            assert data
            got += len(data)
        assert echoes(client, CANARY)
