"""The load generator: what it counts is what was echoed, and a server that errs gets no number."""

import os
import signal
import socket
import time
from collections.abc import Callable

import pytest

from suite.bench import dial
from suite.bench.dial import REFUSED, Wrong
from suite.bench.load import Clients, open_load
from suite.bench.results import Workload
from suite.process import Server

Start = Callable[[str], Server]
LARGE = Workload(connections=3, size=1 << 18)


@pytest.mark.parametrize(
    "workload",
    [Workload(connections=5), Workload(connections=2, size=1), LARGE, Workload(connections=3, size=64, depth=16)],
    ids=lambda workload: workload.name,
)
def test_every_message_is_counted_once(start: Start, workload: Workload) -> None:
    clients = open_load(*start("raw-epoll").address, workload, 1)
    try:
        for _ in range(2):
            measured = clients.run(0.1)
            assert len(measured.latencies) == measured.messages
            assert sum(measured.counts) == measured.messages > 0
            assert len(measured.counts) == workload.connections
            assert all(0 < seconds < 5 for seconds in measured.latencies)
    finally:
        clients.close()


def test_a_schedule_is_kept_and_counted(start: Start) -> None:
    clients = open_load(*start("raw-epoll").address, Workload(mode="open", connections=4, size=100), 1)
    measured = clients.run(0.5, 200.0)
    clients.close()
    assert len(measured.latencies) == 100  # all that the schedule names, neither more nor fewer
    assert measured.missed <= 100


def test_a_stopped_server_shows_in_the_latencies_of_a_schedule(start: Start) -> None:
    server = start("raw-epoll")
    clients = open_load(*server.address, Workload(mode="open", connections=10, size=100), 1)
    pid = server.pid
    os.kill(pid, signal.SIGSTOP)
    child = os.fork()
    if not child:
        time.sleep(0.5)
        os.kill(pid, signal.SIGCONT)
        os._exit(0)
    measured = clients.run(1.0, 1000.0)
    os.waitpid(child, 0)
    clients.close()
    late = sorted(measured.latencies)
    assert len(late) == 1000
    # Of the half second that it stood still, every message waited for what was left: a tenth of all more than 0.4 s.
    assert late[len(late) * 99 // 100] >= 0.4
    assert sum(seconds >= 0.25 for seconds in late) >= 200


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("corrupts", "wrong byte"),
        ("repeats", "bytes more than were sent"),
        ("closes", "closed a connection|reset a connection"),
        ("crosses", "wrong byte|bytes more than were sent"),
        ("dies", "closed a connection|reset a connection"),
    ],
)
def test_a_server_that_errs_is_told(start: Start, fault: str, said: str) -> None:
    clients = open_load(*start(fault).address, Workload(connections=5), 1)
    with pytest.raises(Wrong, match=said):
        clients.run(20.0)
    clients.close()


@pytest.mark.parametrize("fault", ["discards", "stalls"])
@pytest.mark.parametrize("mode", ["closed", "churn"])
def test_a_server_that_says_nothing_is_told(
    start: Start, fault: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dial, "PATIENCE", 0.4)
    clients = open_load(*start(fault).address, Workload(mode=mode, connections=5), 1)
    with pytest.raises(Wrong, match=r"no answer for 0\.4 s|never answered"):
        clients.run(20.0)
    clients.close()


@pytest.mark.parametrize("fault", ["corrupts", "closes", "dies"])
def test_a_churn_verifies_as_well(start: Start, fault: str) -> None:
    churn = open_load(*start(fault).address, Workload(mode="churn"), 1)
    with pytest.raises(Wrong):
        churn.run(20.0)


def test_a_churn_counts_whole_visits(start: Start) -> None:
    churn = open_load(*start("raw-epoll").address, Workload(mode="churn", connections=3), 1)
    measured = churn.run(0.2)
    assert len(measured.latencies) == measured.messages > 0


@pytest.mark.parametrize("mode", ["closed", "open", "churn"])
def test_a_closed_port_is_told(mode: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Wrong, match=REFUSED):
        open_load("127.0.0.1", port, Workload(mode=mode, connections=3), 1).run(0.1)


def test_idle_clients_are_served_once_and_held(start: Start) -> None:
    server = start("raw-epoll")
    clients = open_load(*server.address, Workload(connections=2), 1)
    clients.run(0.05)  # those that are connected are accepted by now
    before = server.census().descriptors
    assert isinstance(clients, Clients)
    clients.hold(100)
    assert server.census().descriptors - before == 100
    assert clients.run(0.05).messages > 0
    clients.held()
    clients.close()


def test_idle_clients_that_are_dropped_are_found(start: Start) -> None:
    clients = open_load(*start("drops idle").address, Workload(connections=2), 1)
    assert isinstance(clients, Clients)
    clients.hold(5)
    clients.run(0.3)
    with pytest.raises(Wrong, match="5 of 5 idle clients were dropped"):
        clients.held()
    clients.close()


def test_a_slow_server_is_counted_in_full(start: Start) -> None:
    clients = open_load(*start("slow").address, Workload(connections=2), 1)
    measured = clients.run(0.05)
    clients.close()
    assert measured.messages == 2  # though both answers came after the end
    assert measured.seconds >= 0.3


def test_a_schedule_that_nobody_can_keep_ends(start: Start) -> None:
    clients = open_load(*start("raw-epoll").address, Workload(mode="open", connections=2, size=16), 1)
    measured = clients.run(0.1, 1e8)
    clients.close()
    assert measured.missed > 1e6
    assert measured.messages == len(measured.latencies) < 1e7
