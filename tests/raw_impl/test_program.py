"""`python -m raw_impl NAME` as a user starts it."""

import signal
import socket
import subprocess
import sys

import pytest

from suite import registry
from tests.raw_impl.running import CANARY, running, unless_available
from tests.wire import connect, echoes

NAMES = [
    pytest.param(row.name.removeprefix("raw-"), marks=unless_available(row))
    for row in registry.VARIANTS
    if row.name.startswith("raw-")
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_stop_signal_and_exits_0(name: str, number: int) -> None:
    with running(name) as server:
        with connect(server.address) as client:
            assert echoes(client, CANARY)
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""
        assert server.stop(number) == 0
        assert server.log == []


@pytest.mark.parametrize("name", NAMES)
def test_a_taken_port_is_one_line_and_status_2(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "raw_impl", name, "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert f"127.0.0.1:{port}: the port is taken" in done.stderr


def test_a_stop_signal_after_the_drain_does_not_change_the_exit_status() -> None:
    code = (
        "import atexit, os, signal, sys, time; from suite.serving import main\n"
        "atexit.register(lambda: (os.kill(os.getpid(), signal.SIGTERM), time.sleep(0.05)))\n"
        "sys.exit(main('raw_impl', ['epoll', '--port', '0']))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"listening ")
        process.terminate()
        assert process.wait(10) == 0


LEFT = """
import os, sys, threading
from suite import registry
from suite.launch import Limits, announce, open_listener
from suite.services.echo import new_session
serve = registry.find("raw-" + sys.argv[1]).load()
listener = open_listener("127.0.0.1", 0)
announce(listener)
before = len(os.listdir("/proc/self/fd"))
serve(new_session, listener, Limits(drain_grace=0.3, workers=2))
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no children", threading.active_count(), "thread", len(os.listdir("/proc/self/fd")) - before)
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_driver_returns_to_its_caller_with_nothing_left_but_the_listener_gone(name: str) -> None:
    """Also when clients stay beyond the grace."""
    with subprocess.Popen([sys.executable, "-c", LEFT, name], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = ("127.0.0.1", int(process.stdout.readline().split(":")[1]))
        with connect(address) as client, connect(address):
            assert echoes(client, CANARY)
            process.terminate()
            assert process.stdout.read() == "no children 1 thread -1\n"
            assert process.wait(10) == 0
