"""`suite bench guard`: what counts as a missed bar."""

from dataclasses import replace

import pytest

from suite import registry
from suite.bench.guard import BARS, GROUP, Bar, groups, judge
from suite.bench.results import Latency, Ratio, Row, Spread, Workload
from suite.bench.runner import Contender

LEAST = Bar("b", "a", at_least=0.9)
MOST = Bar("b", "a", at_most=0.2)


def rows(low: float, high: float, verdict: str = "MEASURED") -> list[Row]:
    first = Row("a", Workload(), verdict, "it died")
    return [first, Row("b", Workload(), "MEASURED", ratio=Ratio("a", Spread((low + high) / 2, low, high, 9), True))]


@pytest.mark.parametrize(
    ("bar", "low", "high", "verdict"),
    [
        (LEAST, 0.7, 0.89, "FAIL"),
        (LEAST, 0.7, 0.91, "ok"),  # the upper quartile clears it: too noisy to blame
        (LEAST, 1.0, 1.1, "ok"),
        (MOST, 0.21, 0.4, "FAIL"),
        (MOST, 0.1, 0.4, "ok"),
        (MOST, 0.01, 0.1, "ok"),
    ],
)
def test_three_quarters_of_the_cycles_decide(bar: Bar, low: float, high: float, verdict: str) -> None:
    assert judge(rows(low, high), {}, [bar])[0].verdict == verdict


def test_what_was_not_measured_is_no_failure_but_what_does_not_work_is() -> None:
    assert judge(rows(0.1, 0.2, "INCONCLUSIVE"), {}, [LEAST])[0].verdict == "INCONCLUSIVE"
    assert judge(rows(1.0, 1.1, "INVALID"), {}, [LEAST])[0].verdict == "FAIL"
    assert judge([], {"a": "a is unavailable: no uvloop"}, [LEAST])[0].seen == "a is unavailable: no uvloop"
    assert judge([], {}, [LEAST])[0].seen == "the run ended before"


def test_a_missing_target_leaves_the_other_bars_their_rows() -> None:
    other = Bar("d", "c", at_least=0.9)
    outcomes = judge(rows(1.0, 1.1), {"c": "not here"}, [other, LEAST])
    assert [outcome.verdict for outcome in outcomes] == ["INCONCLUSIVE", "ok"]
    assert [
        group.cells[0].contender.name for group in groups({name: Contender(name) for name in "abd"}, [other, LEAST])
    ] == ["a"]


@pytest.mark.parametrize(
    ("rate", "work", "verdict"),
    [(1.0, 1.0, "ok"), (1.0, 0.8, "INCONCLUSIVE"), (0.8, 1.0, "FAIL"), (0.8, 0.8, "FAIL")],
)
def test_where_the_generator_was_the_limit_processor_time_has_to_agree(rate: float, work: float, verdict: str) -> None:
    first, row = rows(rate, rate)
    of = Ratio("a", Spread(work, work, work, 9), True)
    for limited in (False, True):
        pair = [first, replace(row, work=of, client_limited=limited)]
        assert judge(pair, {}, [LEAST])[0].verdict == (verdict if limited else "ok" if rate == 1.0 else "FAIL")


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [
        ((119.0,) * 5, (100.0,) * 5, "ok"),
        ((121.0,) * 5, (100.0,) * 5, "FAIL"),
        ((110.0, *[900.0] * 4), (100.0,) * 5, "ok"),  # one good slice shows what it can do
        ((110.0,) * 4, (100.0,) * 5, "INCONCLUSIVE"),
    ],
)
def test_tails_are_compared_by_their_best_slices(
    ours: tuple[float, ...], theirs: tuple[float, ...], verdict: str
) -> None:
    bar = Bar("b", "a", at_most=1.2, tail=True)
    pair = [
        replace(row, latency=Latency(1, {}, 1.0, "", tails))
        for row, tails in zip(rows(1.0, 1.0), (theirs, ours), strict=True)
    ]
    assert judge(pair, {}, [bar])[0].verdict == verdict


def test_bars_on_the_same_pair_share_a_run() -> None:
    both = [Bar("b", "a", at_least=0.9), Bar("b", "a", at_most=1.2, tail=True)]
    (group,) = groups({name: Contender(name) for name in "ab"}, both)
    assert [cell.bar for cell in group.cells] == [1.0, 0.9]


def test_all_bars_fit_into_four_minutes() -> None:
    assert len({bar.pair for bar in BARS}) * (GROUP + 2) <= 240


def test_every_bar_names_variants() -> None:
    names = {row.name for row in registry.VARIANTS}
    assert {name for bar in BARS for name in (bar.target, bar.to)} <= names | {"raw-uring"}
