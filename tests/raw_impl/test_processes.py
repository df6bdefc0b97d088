"""What is particular to processes: children that must end, be reaped and be replaced, and what they inherit."""

import os
import signal
import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from suite import registry
from tests.conftest import Start, eventually
from tests.raw_impl.running import CANARY, ending, injecting, is_echoed, needs_strace, running
from tests.wire import connect, echoes, zombies

BOTH = pytest.mark.parametrize("name", ["fork", "prefork"])


def descriptors(pid: int) -> list[str]:
    """Return what the descriptors above stderr of a process are; those closed while it looks are left out."""
    found = []
    for entry in Path("/proc", str(pid), "fd").iterdir():
        with suppress(FileNotFoundError):
            found.append((int(entry.name), entry.readlink().name.partition(":")[0]))
    return sorted(kind for number, kind in found if number > 2)


# -- both -------------------------------------------------------------------------------------------------------------


@BOTH
def test_ctrl_c_reaches_the_whole_group_and_the_sessions_are_finished(name: str) -> None:
    with running(name, "--workers", "2") as server, connect(server.address) as client:
        assert echoes(client, CANARY)
        os.killpg(server.pid, signal.SIGINT)
        for _ in range(10):
            assert echoes(client, CANARY)
        client.shutdown(socket.SHUT_WR)
        assert ending(client) == "FIN"
        assert server.process.wait(10) == 0
        assert "Traceback" not in "".join(server.log)


@BOTH
def test_a_second_signal_kills_the_children_at_once(name: str) -> None:
    with running(name, "--workers", "2") as server, connect(server.address) as client:
        assert echoes(client, CANARY)
        children = [psutil.Process(pid) for pid in server.children()]
        assert children
        server.process.terminate()
        assert eventually(lambda: not accepts(server.address))
        assert echoes(client, CANARY)
        assert server.stop() == 128 + signal.SIGTERM
        assert ending(client) in ("FIN", "RST")
        assert psutil.wait_procs(children, 1.0)[1] == []


def accepts(address: tuple[str, int]) -> bool:
    try:
        connect(address).close()
    except ConnectionRefusedError:
        return False
    return True


@BOTH
def test_after_the_grace_the_children_are_killed_and_reaped(name: str) -> None:
    with running(name, "--workers", "2", "--drain-grace", "0.3") as server, connect(server.address) as client:
        assert echoes(client, CANARY)
        children = [psutil.Process(pid) for pid in server.children()]
        began = time.monotonic()
        assert server.stop() == 0
        assert 0.3 <= time.monotonic() - began < 2.0
        assert psutil.wait_procs(children, 0.0)[1] == []  # reaped: not even a zombie


# -- fork -------------------------------------------------------------------------------------------------------------


def test_a_child_holds_its_connection_and_nothing_else() -> None:
    with running("fork") as server, ExitStack() as stack:
        for _ in range(5):
            assert echoes(stack.enter_context(connect(server.address)), CANARY)
        assert len(server.children()) == 5
        assert eventually(lambda: [descriptors(pid) for pid in server.children()] == [["socket"]] * 5)


def test_nor_does_a_child_of_the_drain_hold_those_that_are_still_queued() -> None:
    with running("fork") as server, ExitStack() as stack:
        server.process.send_signal(signal.SIGSTOP)
        for _ in range(5):
            stack.enter_context(connect(server.address))
        server.process.terminate()
        server.process.send_signal(signal.SIGCONT)
        assert eventually(lambda: [descriptors(pid) for pid in server.children()] == [["socket"]] * 5)


def test_ends_that_coalesce_into_one_signal_leave_no_zombie(start: Start) -> None:
    server = start(registry.find("raw-fork"))
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(server.address)) for _ in range(60)]
        assert all(echoes(client, CANARY) for client in clients)
        assert len(server.tree()) == 61
        server.signal(signal.SIGSTOP)  # all the ends are one pending SIGCHLD
    assert eventually(lambda: zombies(server) == 60)
    server.signal(signal.SIGCONT)
    assert eventually(lambda: (zombies(server), len(server.tree())) == (0, 1), 1.0)


@needs_strace
def test_when_fork_fails_that_client_is_turned_away_and_the_next_is_served(start: Start) -> None:
    server = start(registry.find("raw-fork"), wrapper=injecting("clone,clone3,fork,vfork", "EAGAIN", "1..2"))
    for _ in range(2):
        with connect(server.address) as client:
            client.sendall(CANARY)
            assert ending(client) == "FIN"
    assert is_echoed(server.address)
    assert eventually(lambda: "Resource temporarily unavailable" in server.output())


# -- prefork ----------------------------------------------------------------------------------------------------------


def test_a_killed_worker_is_replaced_and_no_other_client_notices() -> None:
    with running("prefork", "--workers", "3") as server, ExitStack() as stack:
        assert eventually(lambda: len(server.children()) == 3)
        clients = [stack.enter_context(connect(server.address)) for _ in range(3)]
        assert all(echoes(client, CANARY) for client in clients)
        before = server.children()
        killed = before.pop()
        os.kill(killed, signal.SIGKILL)
        assert eventually(lambda: len(server.children() - {killed}) == 3, 1.0)
        assert before < server.children()
        ended = [client for client in clients if not survives(client)]
        assert len(ended) == 1
        assert is_echoed(server.address)  # by the new one: the others are taken
        assert eventually(lambda: any(f"worker {killed} has died" in line for line in server.log))


def survives(client: socket.socket) -> bool:
    try:
        return echoes(client, CANARY)
    except ConnectionError:
        return False


def test_workers_that_die_at_once_are_replaced_five_times_and_then_once_a_second() -> None:
    with running("prefork", "--workers", "2") as server:
        assert eventually(lambda: len(server.children()) == 2)
        started: set[int] = set()
        began = time.monotonic()
        while time.monotonic() < began + 2.5:
            for worker in psutil.Process(server.pid).children():
                started.add(worker.pid)
                try:
                    worker.kill()
                except psutil.NoSuchProcess:
                    pass  # killed before, and reaped meanwhile
            time.sleep(0.002)
        assert 2 + 5 + 1 <= len(started) <= 2 + 5 + 3
        assert len(server.log) <= 4  # at most a line a second
        assert eventually(lambda: len(server.children()) == 2)
        assert is_echoed(server.address)
        assert server.stop() == 0


def test_when_the_master_is_killed_its_workers_finish_and_go() -> None:
    with running("prefork", "--workers", "3") as server, connect(server.address) as client:
        assert echoes(client, CANARY)
        assert eventually(lambda: len(server.children()) == 3)
        workers = [psutil.Process(pid) for pid in server.children()]
        server.process.kill()
        assert eventually(lambda: sum(worker.is_running() for worker in workers) == 1, 2.0)
        assert not accepts(server.address)
        assert echoes(client, CANARY)
        client.shutdown(socket.SHUT_WR)
        assert ending(client) == "FIN"
        assert psutil.wait_procs(workers, 2.0)[1] == []


def test_a_worker_holds_the_listener_its_pipe_its_reserve_and_nothing_else() -> None:
    with running("prefork", "--workers", "3") as server:
        assert eventually(lambda: len(server.children()) == 3)
        expected = [["null", "pipe", "socket"]] * 3
        assert eventually(lambda: [descriptors(pid) for pid in server.children()] == expected)


@needs_strace
def test_when_fork_fails_the_missing_workers_come_later(start: Start) -> None:
    wrapper = injecting("clone,clone3,fork,vfork", "ENOMEM", "1..4")
    server = start(registry.find("raw-prefork"), "echo", "--workers", "3", wrapper=wrapper)
    assert eventually(lambda: len(psutil.Process(server.pid).children()) == 3)  # strace is none of them
    assert is_echoed(server.address)
