"""Alternating runs on real servers: what a row says, and what becomes of those that err meanwhile."""

import shutil
import signal
import socket
import time
from dataclasses import replace

import psutil
import pytest

from suite import registry
from suite.bench import runner
from suite.bench.generator import Generator
from suite.bench.live import Live
from suite.bench.place import Pinning, choose
from suite.bench.results import BenchEvent, BenchFinished, BenchStarted, RowFinished, Step, Workload
from suite.bench.runner import Cell, Contender, Group, Runner
from suite.process import Server, command_of
from tests.bench.conftest import faulty

SMALL = Workload(connections=4, size=100)


def own(name: str) -> Contender:
    return Contender(name, tuple(command_of(registry.find(name))))


def wrong(fault: str) -> Contender:
    return Contender(fault, tuple(faulty(fault)))


def run(*cells: Cell, seconds: float = 0.5, pinning: Pinning | None = None, syscalls: bool = False) -> tuple[BenchFinished, list[BenchEvent]]:  # fmt: skip
    events: list[BenchEvent] = []
    measured = Runner(pinning or choose(), events.append, least=3, syscalls=syscalls).run([Group(cells, seconds)])
    return measured, events


def test_a_pair_is_measured_and_told() -> None:
    report, events = run(Cell(own("raw-epoll"), SMALL), Cell(own("raw-thread"), SMALL), syscalls=True)
    first, second = report.rows
    assert (first.target, first.verdict, second.target, second.verdict) == (
        "raw-epoll",
        "MEASURED",
        "raw-thread",
        "MEASURED",
    )
    assert first.ratio is None
    assert second.ratio is not None
    assert second.ratio.to == "raw-epoll"
    assert second.ratio.spread.count >= 3
    for row in report.rows:
        assert row.rate is not None
        assert row.latency is not None
        assert row.cpu is not None
        assert row.footprint is not None
        assert row.fairness is not None
        assert row.latency.count >= row.messages > 0
        assert 1 < row.cpu.median < 10_000
        assert 0.5 < row.fairness.jain <= 1.0
        assert (row.footprint.pss or 0) > 1000
    assert first.footprint is not None
    assert second.footprint is not None
    assert first.footprint.threads == 1
    assert second.footprint.threads >= 5  # one for each client
    assert report.exit == 0
    assert isinstance(events[0], BenchStarted)
    assert events[-1] is report
    assert [event.row for event in events if isinstance(event, RowFinished)] == list(report.rows)
    assert any(isinstance(event, Step) for event in events)


def test_system_calls_are_counted() -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    report, _ = run(Cell(own("raw-epoll"), SMALL), syscalls=True)
    calls = report.rows[0].syscalls
    assert calls is not None
    # Each message is received once and sent once; a wait may bring several.
    assert 0.9 < calls["recvfrom"] < 1.2
    assert 0.9 < calls["sendto"] < 1.2
    assert calls["all"] < 3.5


def test_a_server_that_errs_has_no_number_and_the_others_go_on() -> None:
    report, _ = run(
        Cell(own("raw-epoll"), SMALL), Cell(wrong("repeats"), SMALL), Cell(own("raw-poll"), SMALL), seconds=4
    )
    good, bad, other = report.rows
    assert (good.verdict, bad.verdict, other.verdict) == ("MEASURED", "INVALID", "MEASURED")
    assert "more than were sent" in bad.reason
    assert (bad.rate, bad.latency, bad.cpu, bad.ratio, bad.messages) == (None, None, None, None, 0)
    assert other.ratio is not None
    assert report.exit == 1


def test_without_its_reference_a_row_has_no_ratio() -> None:
    report, _ = run(Cell(wrong("closes"), SMALL), Cell(own("raw-epoll"), SMALL), seconds=3)
    assert [row.verdict for row in report.rows] == ["INVALID", "MEASURED"]
    assert report.rows[1].ratio is None


def test_a_server_that_dies_is_said_to_have_died() -> None:
    report, _ = run(Cell(wrong("dies"), SMALL), seconds=5)
    (row,) = report.rows
    assert (row.verdict, report.exit) == ("INVALID", 1)
    assert "exited with status 7" in row.reason


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = free.getsockname()
    report, _ = run(Cell(Contender("nobody", address=address), SMALL))
    assert (report.rows[0].verdict, report.exit) == ("INVALID", 3)
    assert "connection refused" in report.rows[0].reason


def test_what_does_not_start_is_told() -> None:
    report, _ = run(Cell(Contender("none", ("/nonexistent/server", "{port}")), SMALL), Cell(own("raw-epoll"), SMALL))
    assert [row.verdict for row in report.rows] == ["INVALID", "MEASURED"]
    assert "command not found" in report.rows[0].reason
    assert report.exit == 3


def test_a_schedule_is_the_same_for_all_and_below_the_slowest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "OPEN_SLICE", 0.1)
    work = replace(SMALL, mode="open")
    report, _ = run(Cell(own("raw-epoll"), work), Cell(own("trio"), work))
    rates = [row.workload.rate for row in report.rows]
    assert rates[0] == rates[1] is not None
    assert all(row.missed is not None and row.ratio is None for row in report.rows)


def test_the_same_target_is_compared_across_workloads() -> None:
    crowd = replace(SMALL, idle=200)
    report, _ = run(Cell(own("raw-poll"), SMALL), Cell(own("raw-poll"), crowd))
    few, many = report.rows
    assert many.ratio is not None
    assert many.ratio.to == "4x100B"
    assert few.footprint is not None
    assert many.footprint is not None
    assert many.footprint.fds - few.footprint.fds == 200
    assert many.footprint.idle_connection is not None
    assert -1 < many.footprint.idle_connection < 20  # what the heap had free is taken first


def test_one_processor_compares_nothing() -> None:
    report, _ = run(Cell(own("raw-epoll"), SMALL), pinning=Pinning(why="one processor only"))
    assert (report.rows[0].verdict, report.rows[0].reason, report.exit) == ("INCONCLUSIVE", "one processor only", 3)
    assert report.rows[0].rate is not None  # shown, and marked


def test_an_interrupted_run_tells_what_it_knows() -> None:
    cells = Cell(own("raw-epoll"), SMALL), Cell(own("raw-epoll"), replace(SMALL, size=101))
    events: list[BenchEvent] = []

    def emit(event: BenchEvent) -> None:
        events.append(event)
        if isinstance(event, Step) and event.doing.endswith("cycle 2"):
            signal.raise_signal(signal.SIGINT)

    report = Runner(choose(), emit).run([Group(cells, 60), Group(cells, 60)])
    assert (report.interrupted, report.exit) == (True, 130)
    assert events[-1] is report
    assert [row.verdict for row in report.rows] == ["MEASURED", "MEASURED"]


def stands_still(server: Server, wanted: bool) -> bool:
    """Whether it does so, or does not, within two seconds: a signal takes its time."""
    process, deadline = psutil.Process(server.pid), time.monotonic() + 2
    while (process.status() == psutil.STATUS_STOPPED) is not wanted:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def test_a_server_that_never_rests_stands_still_while_others_have_their_turn() -> None:
    with (
        Server.start(command_of(registry.find("raw-nonblocking"))) as spins,
        Server.start(command_of(registry.find("raw-epoll"))) as waits,
        Generator() as generator,
    ):
        for server, restless in ((spins, True), (waits, False)):
            live = Live(Cell(Contender("it"), SMALL), "it", server)
            generator.open("it", server.address, SMALL)
            live.look_at_rest()
            assert live.restless is restless
            for _ in range(2):
                assert stands_still(server, restless)
                live.measure(generator, 1)
            assert live.slices[1].messages > 0
            live.pause(signal.SIGCONT)
            assert stands_still(server, False)


def test_a_server_that_never_rests_ends_as_fast_as_others() -> None:
    report, _ = run(Cell(own("raw-nonblocking"), SMALL))
    assert report.rows[0].verdict == "MEASURED"
    assert report.seconds < 7  # the grace after which a server that stands still would be killed


def test_idle_clients_that_are_dropped_make_the_row_invalid() -> None:
    report, _ = run(Cell(wrong("drops idle"), replace(SMALL, idle=5)), seconds=0.5)
    assert (report.rows[0].verdict, report.exit) == ("INVALID", 1)
    assert "5 of 5 idle clients were dropped" in report.rows[0].reason


def test_an_address_is_neither_pinned_nor_a_winner() -> None:
    with Server.start(command_of(registry.find("raw-thread"))) as server:
        there = Contender("there", address=server.address)
        report, _ = run(Cell(own("raw-epoll"), SMALL), Cell(there, SMALL), seconds=1)
    row = report.rows[1]
    assert row.verdict == "MEASURED"
    assert "neither pinned nor observed" in row.reason
    assert row.ratio is not None
    assert not row.ratio.clear
    assert (row.cpu, row.work, row.footprint) == (None, None, None)
