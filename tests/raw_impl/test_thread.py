"""What is particular to threads."""

from contextlib import ExitStack

import psutil

from suite import registry
from tests.conftest import Start, eventually
from tests.raw_impl.running import CANARY, ending, injecting, is_echoed, needs_strace
from tests.wire import connect, echoes

THREAD = registry.find("raw-thread")


def test_a_client_is_a_thread_and_its_end_is_the_threads(start: Start) -> None:
    server = start(THREAD)
    process = psutil.Process(server.pid)
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(server.address)) for _ in range(100)]
        assert all(echoes(client, CANARY) for client in clients)
        assert process.num_threads() == 101
    assert eventually(lambda: process.num_threads() == 1, 1.0)


@needs_strace
def test_when_no_thread_can_be_started_that_client_is_turned_away_and_the_next_is_served(start: Start) -> None:
    server = start(THREAD, wrapper=injecting("clone,clone3", "EAGAIN", "1..2"))
    for _ in range(2):
        with connect(server.address) as client:
            client.sendall(CANARY)
            assert ending(client) == "FIN"
    assert is_echoed(server.address)
    assert eventually(lambda: "can't start new thread" in server.output())
