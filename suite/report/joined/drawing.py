"""The benchmark's curves: latency distributions, and what grows with idle or with active connections."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from markupsafe import Markup

from suite.bench.results import Row, Spread, Workload
from suite.report.joined import figures, latencies
from suite.report.joined.benched import Group, limits
from suite.report.joined.curves import Curve, Dot, draw
from suite.report.joined.naming import Names
from suite.report.joined.scales import scale

__all__ = ("Figure", "distributions", "scaling")


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture with what a reader needs beside it.

    Attributes:
        title: what it shows.
        label: a word that sets it off from its neighbour: "closed loop", "open loop"; or "".
        svg: the curves; None where no row has any.
        who: slot, name and a remark of each curve.
        without: names of rows that have no curve, by reason.
    """

    title: str
    label: str
    svg: Markup | None
    who: tuple[tuple[int, str, str], ...]
    without: tuple[tuple[str, tuple[str, ...]], ...] = ()


def distributions(groups: Sequence[Group], names: Names, points: int) -> list[list[Figure]]:
    """Draw latencies, `points` a decade of percentiles.

    A closed loop and the open loops of the same clients go together, over the same axes; what has no partner comes last,
    in one list.
    """
    families: dict[tuple[object, ...], list[Group]] = {}
    for group in groups:
        if any(row.latency for row in group.rows):
            what = group.workload
            key = (what.connections, what.size, what.idle, what.depth, what.mode == "churn")
            families.setdefault(key, []).append(group)
    pairs, alone = [], []
    for family in families.values():
        family.sort(key=lambda group: group.workload.mode != "closed")
        drawn = _family([_curves(group, names, points) for group in family], names)
        if len(drawn) > 1:
            pairs.append(drawn)
        else:
            alone += drawn
    return [*pairs, alone] if alone else pairs


class _Curves(NamedTuple):
    group: Group
    curves: list[tuple[Row, list[Dot]]]
    without: dict[str, list[str]]


def _curves(group: Group, names: Names, points: int) -> _Curves:
    found = _Curves(group, [], {})
    for row in sorted(group.rows, key=lambda row: names.slot(row.target)):
        dots, reason = latencies.curve(row, points)
        if row.verdict != "MEASURED":
            reason = f"{row.verdict}: {row.reason}"
        if dots:
            found.curves.append((row, dots))
        else:
            found.without.setdefault(reason, []).append(row.target)
    return found


def _family(drawn: Sequence[_Curves], names: Names) -> list[Figure]:
    rows = [row for one in drawn for row, _ in one.curves]
    across = latencies.axis(row.latency.count for row in rows if row.latency)
    up = scale((dot.y for one in drawn for _, dots in one.curves for dot in dots), _ticked, log=True)
    out = []
    for group, curves, without in drawn:
        lines = [Curve(row.target, names.slot(row.target), dots) for row, dots in curves]
        titles = "share of messages that were as fast", "latency, logarithmic"
        svg = draw(lines, across, up, titles, dots=False) if lines else None
        who = tuple((names.slot(row.target), row.target, ", ".join(limits(row))) for row, _ in curves)
        told = tuple((reason, tuple(targets)) for reason, targets in without.items())
        out.append(Figure(group.title, _LOOPS[group.workload.mode], svg, who, told))
    return out


_LOOPS = {"closed": "closed loop", "open": "open loop", "churn": "churn"}


def _ticked(micros: float) -> str:
    return figures.duration(micros, figures.number)


class _Sweep(NamedTuple):
    """What grows, how much of it a workload has, and the workload without it: what the rest must agree in."""

    name: str
    of: Callable[[Workload], int]
    rest: Callable[[Workload], Workload]


_SWEEPS = (
    _Sweep("idle connections", lambda what: what.idle, lambda what: replace(what, idle=0)),
    _Sweep("active connections", lambda what: what.connections, lambda what: replace(what, connections=1)),
)


def scaling(groups: Sequence[Group], names: Names) -> list[tuple[str, list[Figure]]]:
    """Draw rate and cost wherever workloads differ only in their idle or only in their active connections."""
    out = []
    for sweep in _SWEEPS:
        families: dict[Workload, list[Group]] = {}
        for group in groups:
            families.setdefault(sweep.rest(group.workload), []).append(group)
        for rest, family in families.items():
            drawn = _grown(family, sweep, names) if len(family) > 1 else []
            if drawn:
                words = figures.workload(rest)
                fixed = words if rest.connections > 1 else words.removeprefix("1 client \N{MULTIPLICATION SIGN} ")
                out.append((f"Over {sweep.name}: {fixed}", drawn))
    return out


def _grown(family: Sequence[Group], sweep: _Sweep, names: Names) -> list[Figure]:
    rows = [row for group in family for row in group.rows]
    unit = "connections/s" if family[0].workload.mode == "churn" else "messages/s"
    both = (
        _growth(sweep, [(row, row.rate) for row in rows], unit, names),
        _growth(sweep, [(row, row.cpu) for row in rows], "µs of server processor per message", names),
    )
    return [figure for figure in both if figure is not None]


def _growth(sweep: _Sweep, rows: Iterable[tuple[Row, Spread | None]], unit: str, names: Names) -> Figure | None:
    found: dict[str, dict[int, Spread]] = {}
    for row, spread in rows:
        if spread is not None:
            found.setdefault(row.target, {})[sweep.of(row.workload)] = spread
    if not any(len(points) > 1 for points in found.values()):
        return None
    curves = [
        Curve(
            target,
            names.slot(target),
            [_dot(target, at, points[at], (sweep.name, unit), names) for at in sorted(points)],
        )
        for target, points in sorted(found.items(), key=lambda pair: names.slot(pair[0]))
    ]
    dots = [dot for curve in curves for dot in curve.dots]
    positive = [dot.x for dot in dots if dot.x > 0]
    across = scale((dot.x for dot in dots), log=max(positive) >= 4 * min(positive), exact=True)
    up = scale(end for dot in dots for end in (dot.y, dot.low, dot.high) if end is not None)
    svg = draw(curves, across, up, (sweep.name + ", logarithmic" * across.log, unit + ", logarithmic" * up.log))
    return Figure(unit, "", svg, tuple((curve.slot, curve.name, "") for curve in curves))


def _dot(target: str, at: int, spread: Spread, titles: tuple[str, str], names: Names) -> Dot:
    text = f"{names.short(target)}, {at:,} {titles[0]}: {figures.interval(spread, figures.number)} {titles[1]}"
    return Dot(at, spread.median, spread.q1, spread.q3, text)
