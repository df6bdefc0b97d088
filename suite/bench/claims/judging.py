"""From figures to verdicts: medians with quartiles, slopes, and on which side of a threshold they lie."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

from suite.bench import figures
from suite.bench.findings import Point
from suite.bench.results import Spread

__all__ = (
    "FAIL", "INCONCLUSIVE", "PASS", "REPORTED", "at_least", "at_most", "doubtful", "net_slope", "point", "shown", "slope",
    "spread", "worst",
)  # fmt: skip

PASS, FAIL, INCONCLUSIVE, REPORTED = "PASS", "FAIL", "INCONCLUSIVE", "REPORTED"


def spread(values: Sequence[float]) -> Spread:
    """Return the median of some values, at least one, and the quartiles around it."""
    found = figures.spread(values)
    assert found is not None
    return found


def shown(found: Spread, form: str = ".2f") -> str:
    """Write a spread as `0.98 [0.95, 1.03]`."""
    return f"{found.median:{form}} [{found.q1:{form}}, {found.q3:{form}}]"


def point(x: float, values: Sequence[float]) -> Point:
    """Return the median of `values` at `x`, with its quartiles."""
    found = spread(values)
    return Point(x, found.median, found.q1, found.q3)


def at_least(found: Spread, bar: float) -> str:
    """Judge that something is not below `bar`: only quartiles that lie on one side of it decide."""
    return PASS if found.q1 >= bar else FAIL if found.q3 < bar else INCONCLUSIVE


def at_most(found: Spread, bar: float) -> str:
    """Judge that something is not above `bar`."""
    return PASS if found.q3 <= bar else FAIL if found.q1 > bar else INCONCLUSIVE


def worst(verdicts: Iterable[str]) -> str:
    """Return the verdict of a claim whose every part must hold."""
    found = set(verdicts)
    return next(verdict for verdict in (FAIL, INCONCLUSIVE, PASS) if verdict in found)


def doubtful(verdict: str) -> str:
    """Return what is to be said behind the evidence of a verdict that quartiles made."""
    return "; the quartiles lie on both sides of the threshold" if verdict == INCONCLUSIVE else ""


def slope(costs: Mapping[int, float]) -> float:
    """Return the exponent with which costs grow: the least-squares slope of their logarithms over those of the keys.

    1 is in proportion, 0 is flat.
    """
    return statistics.linear_regression(
        [math.log(count) for count in costs], [math.log(cost) for cost in costs.values()]
    ).slope


def net_slope(costs: Mapping[int, float], floor: float) -> float:
    """Return the slope of what is spent above `floor`; costs not above it count for nothing, and growth needs two."""
    above = {count: cost - floor for count, cost in costs.items() if cost > floor}
    return slope(above) if len(above) > 1 else 0.0
