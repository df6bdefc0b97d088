"""`suite bench guard`: the ratios that must not get worse, each judged by its interval and not by its median.

A bar fails only when the quartile nearest to it is on its wrong side: three quarters of the cycles, or more, missed it; or
when a server did not do its work. Where the generator was the limit, it holds only if processor time says so, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from suite.bench.results import Row, Spread, Workload
from suite.bench.runner import Cell, Contender, Group

__all__ = ("BARS", "Bar", "Outcome", "groups", "judge")

ACTIVE = Workload()
LARGE = Workload(size=65536)
CHURN = Workload(mode="churn")
CROWD = Workload(idle=9000)
GROUP = 12.0
"""Seconds of a group, at most; fifteen stay below four minutes, their servers' starts included."""
SLICES = 5
"""Slices that must have a tail of their own for the best of them to mean something."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What a ratio must be.

    Attributes:
        target, workload: whose rate,
        to, than: compared with whose.
        at_least, at_most: the bar, one of them.
        aim: what would be good; told, never judged.
        tail: it is the 99th percentile that is compared, the best slice of each side: the worst are the machine's.
    """

    target: str
    to: str
    workload: Workload = ACTIVE
    than: Workload | None = None
    at_least: float | None = None
    at_most: float | None = None
    aim: float | None = None
    tail: bool = False

    @property
    def pair(self) -> tuple[str, Workload, str, Workload]:
        """What has to be measured for it."""
        return self.to, self.than or self.workload, self.target, self.workload

    @property
    def bar(self) -> float:
        """The number."""
        bar = self.at_least if self.at_least is not None else self.at_most
        assert bar is not None
        return bar


BARS = (
    Bar("raw-epoll", "uvloop-protocol", at_least=0.95, aim=1.05),
    Bar("raw-epoll", "uvloop-protocol", at_most=1.2, aim=1.0, tail=True),
    Bar("raw-native", "uvloop-protocol", at_least=0.98, aim=1.10),
    Bar("raw-epoll", "raw-native", at_least=0.94, aim=0.98),
    Bar("raw-uring", "raw-epoll", at_least=0.85, aim=1.1),
    Bar("trio", "trio-native", at_least=1.4, aim=1.9),
    Bar("twisted-epoll", "twisted-wire", at_least=1.5, aim=1.7),
    Bar("raw-epoll", "uvloop-protocol", LARGE, at_least=0.92, aim=1.05),
    Bar("raw-epoll", "uvloop-protocol", CHURN, at_least=1.2, aim=1.4),
    *(
        Bar(name, name, CROWD, ACTIVE, at_least=0.7, aim=0.9)
        for name in ("raw-epoll", "raw-epoll-edge", "raw-uring", "twisted-epoll", "trio")
    ),
    Bar("raw-poll", "raw-poll", CROWD, ACTIVE, at_most=0.2),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a bar: "ok", "FAIL", or "INCONCLUSIVE"; `seen` says what was measured, or why nothing."""

    bar: Bar
    verdict: str
    seen: str


def groups(contenders: Mapping[str, Contender], bars: Sequence[Bar] = BARS) -> list[Group]:
    """Return what to run for the bars whose two targets are there: a pair each, for a pair disturbs itself least."""
    pairs = {bar.pair: bar for bar in reversed(bars) if bar.to in contenders and bar.target in contenders}
    return [
        Group(
            (Cell(contenders[to], first), Cell(contenders[target], second, pairs[to, first, target, second].bar)), GROUP
        )
        for to, first, target, second in reversed(pairs)
    ]


def judge(rows: Sequence[Row], missing: Mapping[str, str], bars: Sequence[Bar] = BARS) -> tuple[Outcome, ...]:
    """Give every bar its verdict.

    Args:
        rows: of the run of `groups`, two for each pair.
        missing: by target, why it cannot run here.
        bars: the same as were given to `groups`.
    """
    pairs = {
        (first.target, first.workload, second.target, second.workload): (first, second)
        for first, second in zip(rows[::2], rows[1::2], strict=False)
    }
    outcomes = []
    for bar in bars:
        lacking = [missing[name] for name in (bar.target, bar.to) if name in missing]
        if lacking or bar.pair not in pairs:
            outcomes.append(Outcome(bar, "INCONCLUSIVE", lacking[0] if lacking else "the run ended before"))
        else:
            outcomes.append(_outcome(bar, *pairs[bar.pair]))
    return tuple(outcomes)


def _outcome(bar: Bar, first: Row, row: Row) -> Outcome:
    for one in (first, row):
        if one.verdict == "INVALID":
            return Outcome(bar, "FAIL", f"{one.target}: {one.reason}")
        if one.verdict != "MEASURED":
            return Outcome(bar, "INCONCLUSIVE", f"{one.target}: {one.reason}")
    if bar.tail:
        return _tail(bar, first, row)
    if row.ratio is None:
        return Outcome(bar, "INCONCLUSIVE", "no cycle has both")
    of = row.ratio.spread
    seen = f"{of.median:.2f} [{of.q1:.2f}, {of.q3:.2f}], {of.count} cycles"
    verdict = "FAIL" if _missed(bar, of) else "ok"
    if (first.client_limited or row.client_limited) and row.work is not None:
        # Two servers that both wait for the generator look alike; what a message costs them may still differ.
        work = row.work.spread
        seen += f"; client-limited, by processor time {work.median:.2f} [{work.q1:.2f}, {work.q3:.2f}]"
        if verdict == "ok" and _missed(bar, work):
            verdict = "INCONCLUSIVE"
    return Outcome(bar, verdict, seen)


def _missed(bar: Bar, of: Spread) -> bool:
    return of.q3 < bar.bar if bar.at_least is not None else of.q1 > bar.bar


def _tail(bar: Bar, first: Row, row: Row) -> Outcome:
    tails = [one.latency.slices if one.latency is not None else () for one in (row, first)]
    if min(map(len, tails)) < SLICES:
        return Outcome(
            bar, "INCONCLUSIVE", f"fewer than {SLICES} slices have the thousand samples of a 99th percentile"
        )
    ours, theirs = (one[0] for one in tails)
    seen = f"{ours / theirs:.2f}, {ours:.0f} µs to {theirs:.0f} µs, best of {min(map(len, tails))} slices"
    return Outcome(bar, "FAIL" if ours / theirs > bar.bar else "ok", seen)
