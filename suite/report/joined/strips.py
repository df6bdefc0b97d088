"""Strips: one row a server, with a dot and its interval on an axis that all rows share; text that a phone can show."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from suite.bench.results import Spread
from suite.report.joined.scales import Scale, scale

__all__ = ("Bar", "Strip", "strip")


@dataclass(frozen=True, slots=True)
class Bar:
    """A row: whose, what is written, and where it lies in percent; `at` is None where there is no number.

    Attributes:
        name: whose.
        slot: its colour's number.
        text: the number with its interval, or why there is none.
        at, low, high: percent of the axis.
        mark: what limits the number, one or two words.
        group: a heading above the first row that has it.
    """

    name: str
    slot: int
    text: str
    at: float | None = None
    low: float | None = None
    high: float | None = None
    mark: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Strip:
    """Rows over one axis.

    Attributes:
        axis: what it shows, with its unit.
        ticks: percent and label.
        grid: the same as CSS background layers.
        log: equal distances are equal ratios.
        bars: the rows.
        from_zero: the axis starts at 0, so that a length may be compared.
    """

    axis: str
    ticks: tuple[tuple[float, str], ...]
    grid: str
    log: bool
    bars: tuple[Bar, ...]
    from_zero: bool


Value = tuple[str, int, Spread | None, str, str, str]
"""Whose, slot, the numbers, what is written if there are none, a mark, a group."""


def strip(
    axis: str,
    values: Iterable[Value],
    shown: Callable[[float], str],
    text: Callable[[Spread], str],
    *,
    log: bool | None = None,
    include: tuple[float, ...] = (),
    emphasis: float | None = None,
) -> Strip:
    """Lay values out over one axis.

    Args:
        axis: what it shows.
        values: in their order.
        shown: writes a tick.
        text: writes a value with its interval.
        log: whether the axis is; None decides by the values.
        include: what the axis must hold besides.
        emphasis: where a stronger line stands.
    """
    rows = list(values)
    found = [number for row in rows if row[2] is not None for number in (row[2].median, row[2].q1, row[2].q3)]
    line = scale([*found, *include], shown, log=log)
    ticks = tuple((_percent(line, value), label) for value, label in line.ticks)
    grid = ",".join(
        f"linear-gradient(var(--{'soft' if value == emphasis else 'line'}) 0 0) {_percent(line, value):g}% 0/1px 100% no-repeat"
        for value, _ in line.ticks
    )
    bars = tuple(_bar(row, line, text) for row in rows)
    return Strip(axis, ticks, grid or "none", line.log, bars, not line.log and line.low == 0)


def _bar(row: Value, line: Scale, text: Callable[[Spread], str]) -> Bar:
    name, slot, spread, reason, mark, group = row
    if spread is None:
        return Bar(name, slot, reason, mark=mark, group=group)
    places: dict[str, Any] = {"at": _percent(line, spread.median)}
    if spread.q1 != spread.q3:
        places |= {"low": _percent(line, spread.q1), "high": _percent(line, spread.q3)}
    return Bar(name, slot, text(spread), mark=mark, group=group, **places)


def _percent(line: Scale, value: float) -> float:
    return round(1.5 + 97 * line.at(value), 1)  # room for the dot itself
