"""Accepting: in bounded batches, and what happens when the kernel is short of something, for real or injected."""

import select
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from raw_impl._acceptor import Acceptor, turn_away
from suite import registry
from suite.launch import open_listener
from suite.registry import Variant
from tests.conftest import Start, eventually
from tests.raw_impl.running import CANARY, LOOPED, READINESS, ending, injecting, is_echoed, needs_strace, own
from tests.wire import connect, cpu, echoes

# What is injected are failures of a system call, and raw-uring accepts without.
ALL = own("raw-iterative", "raw-prefork", "raw-fork", "raw-thread", *READINESS)


@pytest.fixture
def acceptor() -> Iterator[Acceptor]:
    acceptor = Acceptor(open_listener("127.0.0.1", 0))
    yield acceptor
    acceptor.close()


def test_a_batch_is_bounded_and_the_rest_stays_queued(acceptor: Acceptor) -> None:
    address = acceptor.listener.getsockname()
    with ExitStack() as stack:
        clients = {stack.enter_context(connect(address)).getsockname() for _ in range(Acceptor.BATCH + 6)}
        taken = [(stack.enter_context(sock), peer) for sock, peer in acceptor.take()]
        assert (len(taken), acceptor.empty) == (Acceptor.BATCH, False)
        taken += [(stack.enter_context(sock), peer) for sock, peer in acceptor.take()]
        assert acceptor.empty
        assert {peer for _sock, peer in taken} == clients
        assert all(sock.getblocking() and not sock.get_inheritable() for sock, _peer in taken)


def test_who_is_turned_away_after_having_spoken_sees_fin_and_no_reset(acceptor: Acceptor) -> None:
    with connect(acceptor.listener.getsockname()) as client:
        client.sendall(bytes(100_000))
        assert eventually(lambda: select.select([acceptor.listener], [], [], 0)[0])
        for sock, peer in acceptor.take():
            turn_away(sock, peer, "a test")
        assert ending(client) == "FIN"
        assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0  # an RST behind the FIN would be EPIPE


@pytest.mark.parametrize("variant", own("raw-thread", *LOOPED))
def test_out_of_descriptors_the_crowd_is_told_so_and_not_left_waiting(start: Start, variant: Variant) -> None:
    """RLIMIT_NOFILE 32: who does not fit is closed within the longest pause; the log says why, once a second."""
    server = start(variant, "echo", "-v", nofile=32)
    with ExitStack() as stack:
        held = [stack.enter_context(connect(server.address)) for _ in range(10)]
        assert all(echoes(client, CANARY) for client in held)
        crowd = [stack.enter_context(connect(server.address)) for _ in range(60)]
        began = time.monotonic()
        for client in crowd:
            client.settimeout(5.0)
        served = 0
        for client in crowd:
            try:
                served += echoes(client, CANARY)
            except ConnectionError:
                pass
        seconds = time.monotonic() - began
        assert served < 32
        assert all(echoes(client, CANARY) for client in held)
        assert eventually(lambda: server.output().count("out of descriptors") == 60 - served)
        assert 1 <= server.output().count("accept failed") <= seconds + 2
    assert eventually(lambda: is_echoed(server.address), 3.0)


@needs_strace
@pytest.mark.parametrize(
    ("name", "errno"),
    [
        *((name, "ENOBUFS") for name in ("raw-iterative", "raw-thread", *READINESS)),
        ("raw-epoll", "ENFILE"),
        ("raw-epoll", "EBADMSG"),  # in no row of the table
    ],
)
def test_while_accept_fails_it_is_tried_once_a_pause(start: Start, name: str, errno: str, tmp_path: Path) -> None:
    """Pauses of 0.1, 0.2, 0.4, 0.8 and then 1 s: no more than six tries in the first 3.5 s, each with its shedding."""
    variant = registry.find(name)
    trace = tmp_path / "trace"
    server = start(variant, "echo", "--drain-grace", "1", wrapper=injecting("accept4", errno, "1+", trace))
    with connect(server.address):
        began = time.monotonic()
        assert eventually(lambda: "INJECTED" in trace.read_text())
        used = cpu(server)
        time.sleep(max(0.0, began + 2.4 - time.monotonic()))  # not awaited: what is counted is tries in a span of time
        tries = trace.read_text().count("INJECTED")
        assert 3 <= tries <= (12 if errno == "ENFILE" else 6)
        assert variant.capabilities.polls or cpu(server) - used < 0.5
        assert server.poll() is None


@needs_strace
@pytest.mark.parametrize("variant", ALL)
def test_a_stop_signal_during_a_pause_waits_for_the_pause_and_takes_the_queue(start: Start, variant: Variant) -> None:
    server = start(variant, "echo", "--workers", "1", wrapper=injecting("accept4", "ENOBUFS", "1..2"))
    with connect(server.address) as client:
        client.sendall(CANARY)
        client.shutdown(socket.SHUT_WR)
        assert eventually(lambda: "accept failed" in server.output())
        server.signal(signal.SIGTERM)
        assert client.recv(100, socket.MSG_WAITALL) == CANARY
        assert ending(client) == "FIN"
    assert eventually(lambda: server.poll() is not None)  # a second signal would cut it short
