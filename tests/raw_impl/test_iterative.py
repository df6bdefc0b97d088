"""One client at a time, and a queue whose clients share what is left of the grace."""

import signal
import socket
import time
from contextlib import ExitStack

import pytest

from suite.registry import Variant
from tests.conftest import Start, eventually
from tests.raw_impl.running import CANARY, ending, own
from tests.wire import connect, echoes, read_to_end

variants = pytest.mark.parametrize("variant", own("raw-iterative", "raw-prefork"))


@variants
def test_the_next_client_is_served_once_the_present_one_has_gone(start: Start, variant: Variant) -> None:
    server = start(variant, "echo", "--workers", "1")
    with connect(server.address) as present, connect(server.address) as waiting:
        assert echoes(present, CANARY)
        waiting.sendall(CANARY)
        assert echoes(present, CANARY)
        waiting.setblocking(False)
        with pytest.raises(BlockingIOError):
            waiting.recv(1)
        present.close()
        waiting.settimeout(10)
        assert waiting.recv(len(CANARY), socket.MSG_WAITALL) == CANARY


@variants
def test_silent_clients_get_their_share_of_the_grace_and_no_more(start: Start, variant: Variant) -> None:
    """One silent client is served, six more are queued before one that has sent its all: it is not truncated."""
    server = start(variant, "echo", "--workers", "1", "--drain-grace", "2")
    with ExitStack() as stack:
        present = stack.enter_context(connect(server.address))
        assert echoes(present, CANARY)
        silent = [stack.enter_context(connect(server.address)) for _ in range(6)]
        last = stack.enter_context(connect(server.address))
        last.sendall(CANARY)
        last.shutdown(socket.SHUT_WR)
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        assert read_to_end(last) == CANARY
        assert time.monotonic() - began < 2.0
        assert [ending(client) for client in (present, *silent)] == ["FIN"] * 7
    assert eventually(lambda: server.poll() is not None)


@variants
def test_a_client_that_is_not_silent_is_served_as_long_as_the_grace(start: Start, variant: Variant) -> None:
    server = start(variant, "echo", "--workers", "1", "--drain-grace", "1.5")
    with connect(server.address) as present, connect(server.address) as waiting:
        assert echoes(present, CANARY)
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        while time.monotonic() < began + 1.0:
            assert echoes(present, CANARY)
        present.shutdown(socket.SHUT_WR)
        assert ending(present) == "FIN"
        assert echoes(waiting, CANARY)
        assert ending(waiting) == "FIN"
        assert time.monotonic() - began < 3.0
    assert eventually(lambda: server.poll() is not None)
