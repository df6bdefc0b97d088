"""What is particular to select(2): standard input is one more descriptor, and descriptors end at 1023."""

import os
import pty
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import FileIO
from pathlib import Path

import psutil
import pytest

from suite import registry
from tests.conftest import Start, eventually
from tests.raw_impl.running import CANARY, Running, is_echoed, running
from tests.wire import connect, cpu, echoes

SELECT = registry.find("raw-select")


def spins(pid: int, seconds: float = 0.5) -> bool:
    """Say whether a process that nobody talks to uses more than a tenth of a core."""
    process = psutil.Process(pid)
    before = sum(process.cpu_times()[:2])
    try:
        process.wait(seconds)
    except psutil.TimeoutExpired:
        pass
    return sum(process.cpu_times()[:2]) - before > seconds / 10


@contextmanager
def pipe() -> Iterator[tuple[int, FileIO]]:
    """Yield the reading end of a pipe, and the writing end as a file."""
    reading, writing = os.pipe()
    with FileIO(reading) as reader, FileIO(writing, "w") as writer:
        yield reader.fileno(), writer


# -- standard input ---------------------------------------------------------------------------------------------------


def test_a_line_in_a_pipe_stops_it_as_sigterm_would() -> None:
    with pipe() as (stdin, typing), running("select", stdin=stdin) as server, connect(server.address) as client:
        assert echoes(client, CANARY)
        typing.write(b"half a line")
        assert echoes(client, CANARY)
        typing.write(b", and its end\n")
        assert eventually(lambda: not is_listening(server))
        assert echoes(client, CANARY)  # it drains
        client.close()
        assert server.process.wait(10) == 0


def is_listening(server: Running) -> bool:
    try:
        connect(server.address).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize("written", [b"", b"not a line"])
def test_the_end_of_input_stops_the_watching_only(written: bytes) -> None:
    with pipe() as (stdin, typing), running("select", stdin=stdin) as server:
        typing.write(written)
        typing.close()
        assert is_echoed(server.address)
        assert not spins(server.pid)
        assert is_echoed(server.address)
        assert server.stop() == 0


def test_input_that_nobody_types_is_not_watched(tmp_path: Path) -> None:
    """/dev/null and a file are always readable: watching them would spin, reading them would stop the server."""
    lines = tmp_path / "lines"
    lines.write_text("stop\n" * 3)
    for path in (Path(os.devnull), lines):
        with path.open("rb") as file, running("select", stdin=file.fileno()) as server:
            assert is_echoed(server.address)
            assert not spins(server.pid)
            assert server.stop() == 0


def test_standard_input_may_be_closed() -> None:
    with running("select", close_stdin=True) as server:
        assert all(is_echoed(server.address) for _ in range(3))
        assert not spins(server.pid)
        assert server.stop() == 0


# A session leader takes the terminal and becomes the server, or with "background" starts it in another group and gives
# it the terminal at SIGUSR1.
LEADER = """
import fcntl, os, signal, subprocess, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
if sys.argv[1] == "foreground":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.execv(sys.argv[2], sys.argv[2:])
signal.signal(signal.SIGUSR1, lambda *_: os.tcsetpgrp(0, server.pid))
server = subprocess.Popen(sys.argv[2:], process_group=0)
sys.exit(server.wait())
"""


@contextmanager
def on_a_terminal(place: str) -> Iterator[tuple[FileIO, Running, int]]:
    """Run the server on a terminal of its own; yield the typist's end of it, the leader and the server's pid."""
    wrapper = (sys.executable, "-c", LEADER, place)
    typing, terminal = (FileIO(end, "r+") for end in pty.openpty())
    with typing, terminal, running("select", stdin=terminal.fileno(), wrapper=wrapper, session=True) as leader:
        terminal.close()
        server = psutil.Process(next(iter(leader.children()), leader.pid))
        try:
            yield typing, leader, server.pid
        finally:
            if server.is_running():  # the very process, not the number
                server.kill()


def test_a_line_typed_at_the_foreground_terminal_stops_it() -> None:
    with on_a_terminal("foreground") as (typing, server, _pid):
        assert is_echoed(server.address)
        typing.write(b"\n")
        assert server.process.wait(10) == 0


def test_in_the_background_what_is_typed_is_not_for_it_until_it_comes_to_the_foreground() -> None:
    with on_a_terminal("background") as (typing, server, pid):
        typing.write(b"for the shell\n")
        assert is_echoed(server.address)
        assert psutil.Process(pid).status() != psutil.STATUS_STOPPED  # by SIGTTIN
        assert is_echoed(server.address)
        assert not spins(pid)
        server.process.send_signal(signal.SIGUSR1)
        assert server.process.wait(10) == 0  # the line is still there, and now it is its own


def test_a_hangup_of_the_terminal_stops_the_watching_only() -> None:
    with on_a_terminal("foreground") as (typing, server, pid):
        assert is_echoed(server.address)
        typing.close()
        assert is_echoed(server.address)
        assert not spins(pid)
        assert server.stop() == 0


# -- descriptors ------------------------------------------------------------------------------------------------------

# Opens descriptors up to a number, so that few clients reach the end.
CROWDED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (1100, 1100))
null = os.open(os.devnull, os.O_RDONLY)
for number in range(20, 1010):
    os.dup2(null, number)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 1100, reason="RLIMIT_NOFILE is below 1100")
def test_beyond_descriptor_1023_clients_are_refused_and_those_held_are_served(start: Start) -> None:
    server = start(SELECT, "echo", "-v", wrapper=(sys.executable, "-c", CROWDED))
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(server.address)) for _ in range(60)]
        held, refused = [], 0
        for client in clients:
            try:
                client.sendall(CANARY)
            except ConnectionError:
                pass  # it has heard no, and speaks all the same
            if client.recv(100) == b"":
                refused += 1
            else:
                held.append(client)
        assert 10 <= len(held) <= 40
        assert refused == len(clients) - len(held)
        assert all(echoes(client, CANARY) for client in held)
        assert eventually(lambda: server.output().count("does not fit into select") == refused)
        used = cpu(server)
        assert not is_echoed(server.address)
        assert cpu(server) - used < 0.5
        held[0].close()
        assert eventually(lambda: is_echoed(server.address))
        assert all(echoes(client, CANARY) for client in held[1:])
