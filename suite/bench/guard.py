"""`suite bench guard`: the ratios that must not get worse, each judged by its interval and not by its median.

A bar fails only when the quartile nearest to it is on its wrong side: three quarters of the cycles, or more, missed it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from suite.bench.results import Row, Workload
from suite.bench.runner import Cell, Contender, Group

__all__ = ("BARS", "Bar", "Outcome", "groups", "judge")

ACTIVE = Workload()
LARGE = Workload(size=65536)
CHURN = Workload(mode="churn")
FEW = Workload(size=64)
CROWD = Workload(size=64, idle=9000)
GROUP = 14.0
"""Seconds of a group, at most; fifteen groups stay below four minutes, their servers' starts included."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What a ratio must be.

    Attributes:
        target, workload: whose rate,
        to, than: compared with whose.
        at_least, at_most: the bar, one of them.
        aim: what would be good; told, never judged.
    """

    target: str
    to: str
    workload: Workload = ACTIVE
    than: Workload | None = None
    at_least: float | None = None
    at_most: float | None = None
    aim: float | None = None

    @property
    def bar(self) -> float:
        """The number."""
        bar = self.at_least if self.at_least is not None else self.at_most
        assert bar is not None
        return bar


BARS = (
    Bar("raw-epoll", "uvloop-protocol", at_least=0.95, aim=1.05),
    Bar("raw-native", "uvloop-protocol", at_least=0.98, aim=1.10),
    Bar("raw-epoll", "raw-native", at_least=0.94, aim=0.98),
    Bar("raw-uring", "raw-epoll", at_least=0.85, aim=1.1),
    Bar("trio", "trio-native", at_least=1.4, aim=1.9),
    Bar("twisted-epoll", "twisted-wire", at_least=1.5, aim=1.7),
    Bar("raw-epoll", "uvloop-protocol", LARGE, at_least=0.92, aim=1.05),
    Bar("raw-epoll", "uvloop-protocol", CHURN, at_least=1.2, aim=1.4),
    Bar("raw-epoll", "raw-epoll", CROWD, FEW, at_least=0.7, aim=0.9),
    Bar("twisted-epoll", "twisted-epoll", CROWD, FEW, at_least=0.7, aim=0.9),
    Bar("trio", "trio", CROWD, FEW, at_least=0.7, aim=0.9),
    Bar("raw-poll", "raw-poll", CROWD, FEW, at_most=0.2),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a bar: "ok", "FAIL", or "INCONCLUSIVE" with the reason."""

    bar: Bar
    verdict: str
    row: Row | None = None
    reason: str = ""


def groups(contenders: Mapping[str, Contender], bars: Sequence[Bar] = BARS) -> list[Group]:
    """Return what to run for the bars whose two targets are there: a pair each, for a pair disturbs itself least."""
    return [
        Group(
            (
                Cell(contenders[bar.to], bar.than or bar.workload),
                Cell(contenders[bar.target], bar.workload, bar.bar),
            ),
            GROUP,
        )
        for bar in bars
        if bar.to in contenders and bar.target in contenders
    ]


def judge(rows: Sequence[Row], missing: Mapping[str, str], bars: Sequence[Bar] = BARS) -> tuple[Outcome, ...]:
    """Give every bar its verdict.

    Args:
        rows: of the run of `groups`, two for each bar that could be run, in their order.
        missing: by target, why it cannot run here.
        bars: the same as were given to `groups`.
    """
    pairs = iter(zip(rows[::2], rows[1::2], strict=False))
    outcomes = []
    for bar in bars:
        lacking = [missing[name] for name in (bar.target, bar.to) if name in missing]
        pair = None if lacking else next(pairs, None)
        if pair is None:
            outcomes.append(Outcome(bar, "INCONCLUSIVE", reason=lacking[0] if lacking else "the run ended before"))
        else:
            outcomes.append(_outcome(bar, *pair))
    return tuple(outcomes)


def _outcome(bar: Bar, first: Row, row: Row) -> Outcome:
    for one in (first, row):
        if one.verdict != "MEASURED":
            return Outcome(bar, "INCONCLUSIVE", row, f"{one.target}: {one.reason}")
    if row.ratio is None:
        return Outcome(bar, "INCONCLUSIVE", row, "no cycle has both")
    of = row.ratio.spread
    if bar.at_least is not None:
        return Outcome(bar, "FAIL" if of.q3 < bar.at_least else "ok", row)
    return Outcome(bar, "FAIL" if of.q1 > bar.bar else "ok", row)
