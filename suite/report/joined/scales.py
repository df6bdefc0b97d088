"""Axes: where a value lies between their ends, and what stands beside them."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from suite.report.joined.figures import number

__all__ = ("Scale", "scale")

_DECADES = 10.0
"""Largest by smallest, from which on an axis is logarithmic."""
_GAP = 0.12
"""Share of a logarithmic axis that lies between its 0 and its first value."""


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis.

    Attributes:
        low, high: its ends, of positive values where it is logarithmic.
        log: equal distances are equal ratios.
        zero: a logarithmic axis that shows 0 too, beyond a gap.
        ticks: values and what is written beside them.
    """

    low: float
    high: float
    log: bool
    zero: bool = False
    ticks: tuple[tuple[float, str], ...] = ()

    def at(self, value: float) -> float:
        """Return where `value` lies, 0 to 1; what lies beyond an end lies at it."""
        if not self.log:
            return _within((value - self.low) / (self.high - self.low))
        if value <= 0:
            return 0.0
        share = _within(math.log(value / self.low) / math.log(self.high / self.low))
        return _GAP + (1 - _GAP) * share if self.zero else share


def _within(share: float) -> float:
    return min(1.0, max(0.0, share))


def scale(
    values: Iterable[float], shown: Callable[[float], str] = number, *, log: bool | None = None, exact: bool = False
) -> Scale:
    """Return an axis that holds all `values`.

    Args:
        values: any numbers.
        shown: writes a tick.
        log: None: where the positive ones span a decade. One that is not starts at 0.
        exact: ticks stand at the values themselves, as long as there is room.
    """
    given = sorted(set(values)) or [0.0]
    positive = [value for value in given if value > 0]
    if log is None:
        log = bool(positive) and given[0] >= 0 and positive[-1] / positive[0] >= _DECADES
    if log and positive:
        pad = max((positive[-1] / positive[0]) ** 0.04, 1.02)
        axis = Scale(positive[0] / pad, positive[-1] * pad, log=True, zero=given[0] <= 0)
    else:
        low, high = min(0.0, given[0]), max(0.0, given[-1])
        axis = Scale(low, high + ((high - low) * 0.04 or 1.0), log=False)
    at = _apart(given, axis) if exact else _round(axis)
    return replace(axis, ticks=tuple((value, shown(value)) for value in at))


def _apart(given: list[float], axis: Scale) -> list[float]:
    """Return those of `given` that have room, the largest in any case."""
    kept: list[float] = []
    for value in reversed(given):
        if not kept or abs(axis.at(kept[-1]) - axis.at(value)) >= 0.11:
            kept.append(value)
    return kept[::-1]


def _round(axis: Scale) -> list[float]:
    if not axis.log:
        return _linear(axis.low, axis.high)
    decades = math.log10(axis.high / axis.low)
    if decades < 0.75:
        found = _linear(axis.low, axis.high, 8)
    else:
        factors = (1, 2, 5) if decades < 2.2 else (1, 3) if decades < 3.2 else (1,)
        step = max(1, round(decades / 6))
        first = math.floor(math.log10(axis.low))
        found = [
            factor * 10.0**power
            for power in range(first, first + math.ceil(decades) + 2)
            if power % step == 0
            for factor in factors
        ]
        found = [value for value in found if axis.low <= value <= axis.high]
    return [0.0] * axis.zero + found


def _linear(low: float, high: float, parts: int = 5) -> list[float]:
    raw = (high - low) / parts
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step)
    return [round(at * step, 12) for at in range(first, math.floor(high / step) + 1)]
