"""What the driver contract says of a kernel that is short of something, with real exhaustion and injected errnos."""

import shutil
import time
from contextlib import ExitStack

import pytest

from suite.registry import Variant
from tests.conftest import Start, eventually
from tests.wire import Address, connect, cpu, echoes

CANARY = b"a canary, sixteen bytes or more\n"
HELD = 20
CROWD = 80
WINDOW = 1.5


def is_served(address: Address) -> bool:
    """Say whether one new client is echoed; one that is turned away or waits is not."""
    with connect(address) as client:
        client.settimeout(1.0)
        try:
            return echoes(client, CANARY)
        except (ConnectionError, TimeoutError):
            return False


def test_out_of_descriptors(start: Start, variant: Variant) -> None:
    """64 descriptors, 100 clients: those held are served, the processor and the log stay quiet, and it recovers."""
    server = start(variant, "echo", nofile=64)
    room = min(HELD, (variant.capabilities.max_clients or HELD + 1) - 1)
    with ExitStack() as stack:
        held = [stack.enter_context(connect(server.address)) for _ in range(room)]
        assert all(echoes(client, CANARY) for client in held)
        with ExitStack() as crowd:
            for _ in range(CROWD):
                crowd.enter_context(connect(server.address))
            time.sleep(0.2)  # not awaited: what is measured is the lasting state
            lines, used, began = len(server.output().splitlines()), cpu(server), time.monotonic()
            while time.monotonic() < began + WINDOW:
                assert all(echoes(client, CANARY) for client in held)
                time.sleep(0.1)
            passed = time.monotonic() - began
            assert variant.capabilities.polls or cpu(server) - used < passed / 2
            assert len(server.output().splitlines()) - lines <= 2 * passed + 1
            assert server.poll() is None
        assert eventually(lambda: is_served(server.address), 3.0)
        assert all(echoes(client, CANARY) for client in held)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: accept errors cannot be injected")
@pytest.mark.parametrize("errno", ["ECONNABORTED", "EPROTO", "ENFILE", "ENOMEM"])
def test_failing_accepts(start: Start, variant: Variant, errno: str) -> None:
    """The first accepts fail (in each process): the server lives, and serves the next client."""
    inject = f"inject=accept4:error={errno}:when=1..3"
    strace = ("strace", "-D", "-f", "--seccomp-bpf", "-qqq", "-o", "/dev/null", "-e", "trace=accept4", "-e", inject)
    server = start(variant, wrapper=strace)
    if errno in ("ECONNABORTED", "EPROTO"):
        assert is_served(server.address)  # that failure was of one connection: the next is taken at once
    else:
        assert eventually(lambda: is_served(server.address))  # after a pause; meanwhile it may turn clients away
    assert is_served(server.address)
    assert server.poll() is None
