"""From figures to verdicts, with planted figures: the threshold met, just missed, straddled; parts that contradict."""

from dataclasses import replace

import pytest

from suite.bench.claims.judging import at_least, at_most, net_slope, point, shown, slope, spread, worst
from suite.bench.claims.lab import Sample
from suite.bench.claims.memory import Held, judge_memory, judge_sharing
from suite.bench.claims.polling import judge_rest
from suite.bench.claims.scaling import judge_active, judge_scan
from suite.bench.claims.versus import judge_fork
from suite.bench.claims.waiting import judge_backlog
from suite.bench.claims.wall import Half, judge_wall
from suite.bench.findings import Point


def test_medians_quartiles_and_slopes() -> None:
    found = spread([4.0, 1.0, 3.0, 2.0, 5.0])
    assert (found.q1, found.median, found.q3, found.count) == (2.0, 3.0, 4.0, 5)
    assert spread([7.0]).q1 == spread([7.0]).q3 == 7.0
    assert shown(found, ".1f") == "3.0 [2.0, 4.0]"
    assert point(9, [4.0, 1.0, 3.0, 2.0, 5.0]) == Point(9, 3.0, 2.0, 4.0)
    assert slope({10: 5.0, 100: 50.0, 1000: 500.0}) == pytest.approx(1.0)
    assert slope({10: 5.0, 1000: 5.0}) == pytest.approx(0.0)
    assert net_slope({100: 50.0, 1000: 140.0}, 40.0) == pytest.approx(1.0)
    assert net_slope({100: 39.0, 1000: 140.0}, 40.0) == 0.0  # one point above the floor shows no growth


@pytest.mark.parametrize(
    ("values", "bar", "least", "most"),
    [
        ([0.70, 0.71, 0.72], 0.7, "PASS", "FAIL"),
        ([0.65, 0.69, 0.6999], 0.7, "FAIL", "PASS"),
        ([0.60, 0.69, 0.75], 0.7, "INCONCLUSIVE", "INCONCLUSIVE"),
        ([0.7, 0.7, 0.7], 0.7, "PASS", "PASS"),
    ],
)
def test_only_quartiles_on_one_side_decide(values: list[float], bar: float, least: str, most: str) -> None:
    assert (at_least(spread(values), bar), at_most(spread(values), bar)) == (least, most)


def test_every_part_must_hold() -> None:
    assert worst(["PASS", "INCONCLUSIVE", "FAIL"]) == "FAIL"
    assert worst(["PASS", "INCONCLUSIVE"]) == "INCONCLUSIVE"
    assert worst(["PASS"]) == "PASS"


def growing(*powers: float) -> list[dict[int, float]]:
    """Return cycles in which the cost above a floor of 40 grows by these powers, from 20 at 100 on."""
    return [{0: 40.0} | {idle: 40 + 20 * (idle / 100) ** power for idle in (100, 300, 900)} for power in powers]


@pytest.mark.parametrize(
    ("powers", "verdict"),
    [
        ((1.0, 1.1, 0.9), "PASS"),
        ((0.7001, 0.71, 0.72), "PASS"),
        ((0.69, 0.698, 0.699), "FAIL"),
        ((0.5, 0.7, 0.9), "INCONCLUSIVE"),
        ((0.0, 0.01, -0.02), "FAIL"),
    ],
)
def test_scanning_is_judged_by_what_is_spent_above_the_floor(powers: tuple[float, ...], verdict: str) -> None:
    finding = judge_scan({"raw-select": growing(*powers)})
    assert finding.verdict == verdict
    assert ("both sides" in finding.evidence) is (verdict == "INCONCLUSIVE")
    assert finding.figures["raw-select"]["us_per_echo"][0] == 40.0
    assert finding.plot is not None
    assert [p.x for p in finding.plot.series[0].points] == [100, 300, 900]


def test_both_scanners_must_scan() -> None:
    assert judge_scan({"raw-select": growing(1, 1, 1), "raw-poll": growing(0, 0, 0)}).verdict == "FAIL"


def flat(*powers: float) -> list[dict[int, float]]:
    return [{0: 40.0} | {idle: 40 * (idle / 100) ** power for idle in (100, 1000, 9000)} for power in powers]


@pytest.mark.parametrize(
    ("idle", "active", "verdict"),
    [
        ((0.0, 0.01, -0.01), (-0.4, -0.5, -0.4), "PASS"),
        ((0.149, 0.15, 0.14), (0.0, 0.0, 0.0), "PASS"),
        ((0.151, 0.152, 0.16), (0.0, 0.0, 0.0), "FAIL"),
        ((0.0, 0.0, 0.0), (0.9, 1.0, 1.1), "FAIL"),
        ((0.1, 0.15, 0.2), (0.0, 0.0, 0.0), "INCONCLUSIVE"),
    ],
)
def test_epoll_must_be_flat_in_both(idle: tuple[float, ...], active: tuple[float, ...], verdict: str) -> None:
    busy = [{count: 40.0 * count**power for count in (1, 10, 100)} for power in active]
    assert judge_active(flat(*idle), busy, 900).verdict == verdict


def held(*per_client: float) -> list[Held]:
    rows, pss = [Held(10, 9000.0, 8000.0, 0.0)], 9000.0
    for number, kib in enumerate(per_client, 1):
        pss += 50 * kib
        rows.append(Held(10 + 50 * number, pss, pss - 1000, pss))
    return rows


@pytest.mark.parametrize(
    ("fork", "verdict"),
    [((500, 490, 510), "PASS"), ((198, 199, 199), "FAIL"), ((150, 200, 250), "INCONCLUSIVE"), ((0, 0, 0), "FAIL")],
)
def test_ten_times_the_memory(fork: tuple[float, ...], verdict: str) -> None:
    finding = judge_memory({"raw-fork": held(*fork), "raw-thread": held(20, 20, 20)})
    assert finding.verdict == verdict
    assert {"pss", "private", "gone"} == set(finding.figures["raw-fork"]["kib_per_client"])


def test_threads_that_took_nothing_new_divide_by_no_zero() -> None:
    assert judge_memory({"raw-fork": held(500, 500), "raw-thread": held(0, 0)}).verdict == "PASS"


TOLD = {
    "threads": [40, 40], "children": [20, 20], "parent": 0, "held": 2048, "own_before": 100, "own_after": 1150, "touched": 1024,
}  # fmt: skip


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({}, "all saw it"),
        ({"threads": [40, 39]}, "saw [40, 39]"),
        ({"children": [20, 40]}, "saw [20, 40]"),
        ({"parent": 40}, "their parent 40"),
        ({"own_after": 1000}, "1000 KiB after"),
        ({"own_before": 1100, "own_after": 1150}, "1100 KiB of its own before"),
        ({"own_after": 4000}, "4000 KiB after"),
    ],
)
def test_sharing_and_copying(other: dict[str, object], says: str) -> None:
    finding = judge_sharing(TOLD | other, 2, 20)
    assert finding.verdict == ("FAIL" if other else "PASS")
    assert says in finding.evidence


@pytest.mark.parametrize(
    ("polls", "waits", "verdict"),
    [
        ([1.0, 0.99, 0.95], [0.0, 0.0, 0.001], "PASS"),
        ([0.9, 0.9, 0.9], [0.01, 0.01, 0.01], "PASS"),
        ([0.88, 0.89, 0.899], [0.0, 0.0, 0.0], "FAIL"),
        ([1.0, 1.0, 1.0], [0.011, 0.012, 0.02], "FAIL"),
        ([1.0, 1.0, 1.0], [0.0, 0.01, 0.03], "INCONCLUSIVE"),
        ([0.7, 0.91, 1.0], [0.0, 0.0, 0.0], "INCONCLUSIVE"),
    ],
)
def test_all_or_nothing_at_rest(polls: list[float], waits: list[float], verdict: str) -> None:
    finding = judge_rest({"raw-nonblocking": polls, "raw-poll": [0.0, 0.0, 0.0], "trio": waits})
    assert finding.verdict == verdict
    assert ("trio took" in finding.evidence) is (waits[-1] > 0.01)


@pytest.mark.parametrize(
    ("forks", "verdict"), [((100, 110, 90), "PASS"), ((1100, 1200, 1300), "FAIL"), ((800, 1010, 1200), "INCONCLUSIVE")]
)
def test_fork_against_threads(forks: tuple[float, ...], verdict: str) -> None:
    rows = [(Sample(1000.0, 100.0), Sample(rate, 2000.0)) for rate in forks]
    assert judge_fork(rows).verdict == verdict


SELECT = Half("raw-select", 1000, 40, 17, 23, (), 1023)
FREE = [
    Half(name, taken, asked, asked, 0, (), 1046) for taken, asked in ((1000, 40), (0, 1100)) for name in ("raw-poll", "raw-epoll")
]  # fmt: skip
MANY = Half("raw-select", 0, 1100, 1017, 83, (), 1023)


@pytest.mark.parametrize(
    ("select", "many", "says"),
    [
        ({}, {}, ""),
        ({"served": 40, "turned_away": 0, "highest": 1046}, {}, "served 40, where 24"),
        ({"served": 0, "turned_away": 0, "other": ("RST",) * 40}, {}, "left 40 clients with RST"),
        ({}, {"served": 24, "turned_away": 1076}, "served 24, where 1024"),
        ({}, {"served": 1000, "turned_away": 83, "other": ("no answer",) * 17}, "left 17 clients with no answer"),
        ({"highest": 1024}, {}, "served 17, where 24"),
    ],
)
def test_the_wall_is_at_a_number(select: dict[str, object], many: dict[str, object], says: str) -> None:
    finding = judge_wall([replace(SELECT, **select), *FREE, replace(MANY, **many)])  # type: ignore[arg-type]
    assert finding.verdict == ("FAIL" if says else "PASS")
    assert says in finding.evidence


def test_poll_and_epoll_must_go_on_beyond() -> None:
    short = [replace(FREE[0], served=39), *FREE[1:]]
    finding = judge_wall([SELECT, *short, MANY])
    assert (finding.verdict, finding.evidence) == ("FAIL", "raw-poll served 39 of 40")


@pytest.mark.parametrize(
    ("took", "early", "ended", "accepting", "verdict"),
    [
        ([0.0, 0.0, 1.01, 1.02], 2, [], 0.7, "PASS"),
        ([0.0, 0.0, 2.03, 2.04], 2, [], 1.1, "PASS"),  # the machine was busy: nobody accepted in time for the first
        ([0.0, 0.0, 1.02, 1.02], 2, [], 1.01, "PASS"),
        ([0.0, 0.0, 2.03, 2.04], 2, [], 0.7, "INCONCLUSIVE"),
        ([0.0, 0.0, 0.3, 0.4], 2, [], 0.2, "FAIL"),
        ([0.0, 0.0, 1.01, None], 2, [], 0.7, "INCONCLUSIVE"),
        ([0.0, 0.0, 0.0, 0.0], 4, [], 0.7, "FAIL"),
        ([0.0, 0.0, None, None], 2, ["refused"], 0.7, "FAIL"),
        ([0.0, 0.0, 1.01, 1.02], 2, ["served"], 0.7, "FAIL"),
    ],
)
def test_a_full_queue(took: list[float | None], early: int, ended: list[str], accepting: float, verdict: str) -> None:
    assert judge_backlog(took, early, ended, accepting).verdict == verdict
