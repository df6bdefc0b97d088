"""The claims' part of the page: each with its plot, as rows where it has names along x and as curves elsewhere."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from suite.bench.findings import Claim, ClaimsFinished, Plot, Point, Series
from suite.bench.results import Spread
from suite.report.joined import figures
from suite.report.joined.curves import Curve, Dot, draw
from suite.report.joined.drawing import Figure
from suite.report.joined.naming import Names
from suite.report.joined.scales import scale
from suite.report.joined.strips import Strip, Value, strip

__all__ = ("MARKS", "Tried", "tried")

MARKS = {
    "FAIL": ("✕", "fail", "not so here"),
    "INCONCLUSIVE": ("?", "inconclusive", "this machine or moment cannot tell"),
    "PASS": ("✓", "pass", "shown here"),
    "REPORTED": ("i", "info", "figures without a verdict, by design"),
}
"""How each verdict is marked, in whose colour, and what it means."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A claim, its plot as rows or as curves, and its figures as text."""

    claim: Claim
    rows: Strip | None
    curves: Figure | None
    figures: tuple[tuple[str, str], ...]


def tried(report: ClaimsFinished, names: Names) -> list[Tried]:
    """Prepare every claim, in the order of the run."""
    return [_tried(claim, names) for claim in report.claims]


def _tried(claim: Claim, names: Names) -> Tried:
    rows, curves, plot = None, None, claim.plot
    if plot is not None and any(series.points for series in plot.series):
        if plot.bars:
            rows = _rows(plot, names)
        else:
            curves = _curves(plot, names)
    return Tried(claim, rows, curves, tuple((name, _text(value)) for name, value in claim.figures.items()))


def _text(value: Any) -> str:
    if isinstance(value, float | int) and not isinstance(value, bool):
        return figures.number(value)
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _slots(series: Sequence[Series], names: Names) -> list[int]:
    """Return colours: a server's own; what is none gets the first that is free."""
    taken = {names.slot(one.name) for one in series if one.name in names}
    free = (slot for slot in count() if slot not in taken)
    return [names.slot(one.name) if one.name in names else next(free) for one in series]


def _rows(plot: Plot, names: Names) -> Strip:
    slots, alone = _slots(plot.series, names), len(plot.series) == 1
    values: list[Value] = []
    for at, label in enumerate(plot.labels):
        for series, slot in zip(plot.series, slots, strict=True):
            for point in series.points:
                if round(point.x) == at:
                    own = names.slot(label) if label in names else 0
                    values.append((label if alone else series.name, own if alone else slot, _spread(point), "", "", "" if alone else label))  # fmt: skip
    return strip(plot.y + ", logarithmic" * plot.log_y, values, figures.number, _interval, log=plot.log_y)


def _spread(point: Point) -> Spread:
    if point.low is None or point.high is None:
        return Spread(point.y, point.y, point.y, 1)
    return Spread(point.y, point.low, point.high, 1)


def _interval(spread: Spread) -> str:
    return figures.number(spread.median) if spread.q1 == spread.q3 else figures.interval(spread, figures.number)


def _curves(plot: Plot, names: Names) -> Figure:
    curves = [
        Curve(series.name, slot, [_dot(series, point, plot, names) for point in sorted(series.points, key=lambda one: one.x)])
        for series, slot in zip(plot.series, _slots(plot.series, names), strict=True)
        if series.points
    ]  # fmt: skip
    dots = [dot for curve in curves for dot in curve.dots]
    distinct = {dot.x for dot in dots}
    across = scale(distinct, log=plot.log_x, exact=len(distinct) <= 8)
    up = scale((end for dot in dots for end in (dot.y, dot.low, dot.high) if end is not None), log=plot.log_y)
    svg = draw(curves, across, up, (plot.x + ", logarithmic" * across.log, plot.y + ", logarithmic" * up.log))
    return Figure(plot.y, "", svg, tuple((curve.slot, curve.name, "") for curve in curves))


def _dot(series: Series, point: Point, plot: Plot, names: Names) -> Dot:
    text = f"{names.short(series.name)}, {plot.x} {figures.number(point.x)}: {_interval(_spread(point))} {plot.y}"
    return Dot(point.x, point.y, point.low, point.high, text)
