"""What the tests of servers share: variants as a fixture, servers that must end well, waits with a deadline.

Servers run with `python -P`, away from the working directory: where the project is not installed, its root is put on
PYTHONPATH for them.
"""

import os
import shutil
import signal
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Protocol

import psutil
import pytest

from suite import registry
from suite.process import Server, command_of
from suite.registry import Variant

try:
    distribution("suite")
except PackageNotFoundError:
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH")])
    )

# A shell starts a background job with SIGINT ignored, and so do we then; tests of Ctrl-C need it as a terminal has it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def eventually(condition: Callable[[], object], seconds: float = 5.0) -> bool:
    """Wait until `condition` holds; return whether it did within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


Script = Callable[..., list[str]]

ECHO = """
    import os, signal, socket, sys, threading, time
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
    def serve():
        while True:
            peer, _ = listener.accept()
            while data := peer.recv(65536):
                peer.sendall(data)
            peer.close()
"""


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Write a Python server, whose last lines are given, and return the command that runs it."""

    def write(body: str, head: str = ECHO) -> list[str]:
        path = tmp_path / "server.py"
        path.write_text(textwrap.dedent(head) + textwrap.dedent(body))
        return [sys.executable, "-I", "-S", str(path), "{host}", "{port}"]

    return write


@pytest.fixture
def socat() -> list[str]:
    """Return a command of somebody else's echo server."""
    if shutil.which("socat") is None:
        pytest.skip("socat is not installed")
    return ["socat", "TCP-LISTEN:{port},fork,reuseaddr", "EXEC:cat"]


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Every test, also one that fails to start, leaves no process and no descriptor of ours behind."""
    me = psutil.Process()
    before, descriptors = set(me.children(recursive=True)), me.num_fds()
    yield
    assert set(me.children(recursive=True)) <= before
    assert me.num_fds() == descriptors


def rows(*variants: Variant) -> list[object]:
    """Return parameters named after variants; one variant's tests share a worker and may share a server."""
    return [pytest.param(variant, id=variant.name, marks=pytest.mark.xdist_group(variant.name)) for variant in variants]


@pytest.fixture(scope="module", params=rows(*registry.own()))
def variant(request: pytest.FixtureRequest) -> Variant:
    """Each own variant in turn; an unavailable one is skipped with its reason. Other rows: `indirect=True`."""
    row: Variant = request.param
    reason = row.unavailable()
    if reason is not None:
        pytest.skip(f"{row.name} is unavailable: {reason}")
    return row


class Start(Protocol):
    """Starts a server of a variant that must stop well at the end of the test."""

    def __call__(
        self,
        variant: Variant,
        service: str = "echo",
        *options: str,
        wrapper: tuple[str, ...] = (),
        nofile: int | None = None,
    ) -> Server: ...


@pytest.fixture
def start() -> Iterator[Start]:
    """Start servers, `start(variant, "chargen", "--drain-grace", "1")`; at the end each exits 0 and leaves no orphan."""
    servers: list[Server] = []

    def run(
        variant: Variant, service: str = "echo", *options: str, wrapper: tuple[str, ...] = (), nofile: int | None = None
    ) -> Server:
        servers.append(Server.start([*wrapper, *command_of(variant, service), *options], nofile=nofile))
        return servers[-1]

    yield run
    ends_well(*servers)


def ends_well(*servers: Server) -> None:
    """Stop servers; each must exit 0 within its grace and leave no orphan."""
    ends = [(server, server.stop()) for server in servers]
    for server, end in ends:
        assert (end.status, end.killed, end.orphans) == (0, False, ()), f"{end}\n{server.output()}"
