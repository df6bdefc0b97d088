"""Each experiment for real, on a small scale; and on servers of which the claim is not true.

What is a matter of time is not judged here: the machine may be busy.
"""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest

from suite import registry
from suite.api import limits, roomy
from suite.bench import place
from suite.bench.claims import memory, polling, scaling, versus, waiting, wall
from suite.bench.claims.callers import highest
from suite.bench.claims.judging import FAIL, PASS, REPORTED
from suite.bench.claims.lab import Fault, Lab, Premise
from suite.errors import TargetError
from suite.registry import Variant
from tests.bench.planted import plant

pytestmark = [pytest.mark.usefixtures("nothing_left"), pytest.mark.xdist_group("claims")]
VERDICTS = {"PASS", "FAIL", "INCONCLUSIVE"}


@pytest.fixture
def lab() -> Iterator[Lab]:
    with roomy():
        yield Lab(place.choose(), limits()[0], 1, patience=2.0)


def needs(descriptors: int) -> None:
    if limits()[1] < descriptors:
        pytest.skip(f"needs {descriptors} descriptors")


def test_one_at_a_time(lab: Lab) -> None:
    finding = waiting.one_at_a_time(lab, hold=0.3, rounds=3)
    assert finding.verdict in VERDICTS
    assert len(finding.figures["answered_ms"]) == 3
    assert "unanswered while A was connected" in finding.evidence


def test_a_concurrent_server_is_not_one_at_a_time(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "raw-iterative", "peers/asyncio_streams.py")
    finding = waiting.one_at_a_time(lab, hold=5.0, rounds=1)
    assert (finding.verdict, finding.evidence) == (FAIL, "B was not left waiting while A was connected: served")


def test_a_full_queue_delays(lab: Lab) -> None:
    finding = waiting.backlog_delays(lab, clients=8, closed=0.2)
    assert finding.verdict in VERDICTS
    assert finding.figures["connected_at_once"] >= waiting.BACKLOG
    assert finding.figures["ended"] == []


def test_the_wall_of_select(lab: Lab) -> None:
    needs(1400)
    finding = wall.select_wall(lab, taken=1000, few=40, many=1100)
    assert finding.verdict == PASS, finding
    few, many = (half for half in finding.figures["halves"] if half["variant"] == "raw-select")
    assert few["served"] < few["asked"] == few["served"] + few["turned_away"]
    assert few["highest"] == many["highest"] == wall.FD_SETSIZE - 1


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("peers/asyncio_streams.py", "raw-select served 40, where 24 numbers are left"),
        ("specimens/select_dies_at_1024.py", "raw-select left"),
    ],
)
def test_another_wall_is_not_select_s(lab: Lab, monkeypatch: pytest.MonkeyPatch, target: str, says: str) -> None:
    needs(1400)
    plant(monkeypatch, "raw-select", target)
    finding = wall.select_wall(lab, taken=1000, few=40, many=50)
    assert finding.verdict == FAIL
    assert says in finding.evidence


def test_a_server_that_has_ended_has_no_descriptors() -> None:
    with subprocess.Popen(["true"]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        assert highest(ended.pid) == -1  # a zombie
    assert highest(ended.pid) == -1
    assert highest(os.getpid()) >= 2


def test_scanning(lab: Lab) -> None:
    needs(1000)
    finding = scaling.scan_all(lab, select=(0, 100, 200), poll=(0, 100, 300), seconds=0.05, least=2, most=3)
    assert finding.verdict in VERDICTS
    for variant, most in (("raw-select", 200), ("raw-poll", 300)):
        costs = finding.figures[variant]["us_per_echo"]
        assert set(costs) == {0, 100, most}
        assert min(costs.values()) > 0


def test_epoll(lab: Lab) -> None:
    needs(1000)
    finding = scaling.epoll_active(lab, idle=(0, 100, 300), active=(1, 20), beside=100, seconds=0.05, least=2, most=3)
    assert finding.verdict in VERDICTS
    assert set(finding.figures["us_per_echo_active"]) == {1, 20}
    assert "exponent" in finding.evidence


def test_memory_of_processes_and_threads(lab: Lab) -> None:
    finding = memory.process_memory(lab, steps=(5, 15, 25, 35))
    assert finding.verdict == PASS, finding
    assert finding.figures["raw-fork"]["held"][-1]["clients"] == 35


def test_processes_against_processes_are_no_dearer(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "raw-fork", "peers/asyncio_streams.py")
    assert memory.process_memory(lab, steps=(5, 25, 45)).verdict == FAIL


def test_sharing(lab: Lab) -> None:
    finding = memory.threads_share(lab, workers=3, rounds=100, mebibytes=16)
    assert finding.verdict == PASS, finding


def test_a_program_that_cannot_count_is_no_verdict(lab: Lab) -> None:
    with pytest.raises(Premise, match="ended with status 1: "):
        memory.threads_share(lab, mebibytes=-1)


def test_at_rest(lab: Lab) -> None:
    try:
        finding = polling.busy_poll(lab, waiting=("raw-epoll", "raw-thread"), seconds=0.2, slices=3)
    except Premise as premise:
        pytest.skip(str(premise))
    assert finding.verdict in VERDICTS
    assert finding.figures["raw-nonblocking"]["median"] > 10 * finding.figures["raw-thread"]["median"]


def test_what_waits_does_not_burn(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "raw-nonblocking", "peers/asyncio_streams.py")
    finding = polling.busy_poll(lab, waiting=("raw-epoll",), seconds=0.2, slices=3)
    assert finding.verdict == FAIL


def test_polling_serves(lab: Lab) -> None:
    finding = polling.polling_serves(lab, clients=40, seconds=0.1, cycles=2)
    assert (finding.verdict, finding.figures["clients"]) == (PASS, 40)


def test_a_server_that_mixes_up_bytes_does_not_serve(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "raw-nonblocking", "specimens/shared_buffer_crosstalk.py")
    finding = polling.polling_serves(lab, clients=40, seconds=1.0, cycles=3)
    assert finding.verdict == FAIL
    assert "with 40 clients raw-nonblocking did not do its work" in finding.evidence


def test_fork_against_threads(lab: Lab) -> None:
    finding = versus.fork_cost(lab, seconds=0.2, least=2, most=3)
    assert finding.verdict in VERDICTS
    assert min(finding.figures["us_per_connection"].values()) >= 0
    assert finding.figures["ratio"]["median"] > 0


def test_a_wrong_server_gives_no_figure(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "raw-fork", "specimens/shared_buffer_crosstalk.py")
    with pytest.raises(Fault, match="raw-fork did not do its work: "):
        versus.fork_cost(lab, seconds=1.0, least=3, most=3)


def test_a_server_that_does_not_start(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "raw-thread", "specimens/no_such_specimen.py")
    with pytest.raises(TargetError, match="before it listened"):
        versus.fork_cost(lab)


def test_level_and_edge(lab: Lab) -> None:
    finding = versus.level_edge(lab)
    assert finding.verdict == PASS
    assert list(finding.figures["edge"].values()) == [True, False, True]


def test_the_speed_of_edges_is_reported_and_not_judged(lab: Lab) -> None:
    finding = versus.edge_speed(lab, seconds=0.05, cycles=3)
    assert finding.verdict == REPORTED
    assert finding.figures["rate_ratio"]["count"] == 3


def test_io_uring_is_reported_where_it_is_there(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    others = tuple(variant for variant in registry.VARIANTS if variant.name != "raw-uring")
    monkeypatch.setattr(registry, "VARIANTS", others)
    with pytest.raises(Premise, match="there is no variant raw-uring here"):
        versus.uring_epoll(lab)
    stand_in = Variant("raw-uring", "peers/asyncio_protocol.py", "own", "a stand-in")
    monkeypatch.setattr(registry, "VARIANTS", (*others, stand_in))
    assert versus.uring_epoll(lab, seconds=0.05, cycles=3).verdict == REPORTED
    lacking = replace(stand_in, requires=("no_such_module",))
    monkeypatch.setattr(registry, "VARIANTS", (*others, lacking))
    with pytest.raises(Premise, match="raw-uring is unavailable: no_such_module is not installed"):
        versus.uring_epoll(lab)


def test_too_few_descriptors() -> None:
    small = Lab(place.choose(), 400, 1)
    for experiment in (wall.select_wall, scaling.scan_all, scaling.epoll_active, polling.polling_serves):
        with pytest.raises(Premise, match=r"\d+ descriptors are needed and 400 allowed; raise `ulimit -Hn`"):
            experiment(small)


def test_fewer_descriptors_shorten_a_sweep() -> None:
    assert scaling._fitting(Lab(place.choose(), 2000, 1), (0, 100, 300, 1000, 3000)) == (0, 100, 300, 1000)
