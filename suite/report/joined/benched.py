"""The benchmark's part of the page: rows by workload, ratios, cost, memory."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from suite.bench.results import BenchFinished, Row, Spread, Workload
from suite.report.joined import figures
from suite.report.joined.naming import Names
from suite.report.joined.strips import Strip, Value, strip

__all__ = ("Group", "clear", "groups", "limits", "memory", "saturated")

_KEPT_UP = 0.95
"""Share of its schedule that an open loop must manage; below, its queue grew as long as the run lasted."""


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one workload.

    Attributes:
        workload: which.
        title: it in words.
        reference: whom the ratios compare with, or under which workload each server is compared with itself; "" where
            there are none.
        own: each server is compared with itself.
        rows: fastest first, those without a number last.
        ratios: of rates to the reference's; None where nothing can be compared.
        cost: server processor time per message; None where nobody has it.
    """

    workload: Workload
    title: str
    reference: str
    own: bool
    rows: tuple[Row, ...]
    ratios: Strip | None
    cost: Strip | None

    @property
    def compared(self) -> list[Row]:
        """Rows with a ratio of their own making (in an open loop the schedule makes it), fastest first."""
        return [row for row in self.rows if row.ratio is not None and self.workload.mode != "open"]


def groups(report: BenchFinished, names: Names) -> list[Group]:
    """Sort a report's rows by workload, in the order of the run."""
    known = {*report.targets, *(row.target for row in report.rows)}
    found: dict[Workload, list[Row]] = {}
    for row in report.rows:
        found.setdefault(row.workload, []).append(row)
    return [_group(workload, rows, known, names) for workload, rows in found.items()]


def clear(row: Row) -> bool:
    """Whether there is a winner: the quartiles lie on one side of 1, and the benchmark has no other doubt."""
    return row.ratio is not None and row.ratio.clear and not row.ratio.spread.q1 <= 1 <= row.ratio.spread.q3


def _group(workload: Workload, rows: list[Row], known: set[str], names: Names) -> Group:
    partners = Counter(row.ratio.to for row in rows if row.ratio is not None)
    reference = partners.most_common(1)[0][0] if partners else ""
    rows = sorted((_honest(row, reference) for row in rows), key=lambda row: _place(row, reference))
    own = bool(reference) and reference not in known
    return Group(
        workload, figures.workload(workload), reference, own, tuple(rows), _ratios(rows, reference, names, own=own),
        _cost(rows, names),
    )  # fmt: skip


def _honest(row: Row, reference: str) -> Row:
    """Return the row, without numbers that its verdict withholds or a ratio to somebody else."""
    if row.verdict != "MEASURED":
        return Row(row.target, row.workload, row.verdict, row.reason)
    if row.ratio is not None and row.ratio.to != reference:
        return Row(**{name: getattr(row, name) for name in Row.__slots__ if name != "ratio"})
    return row


def _place(row: Row, reference: str) -> tuple[int, float]:
    if row.verdict != "MEASURED":
        return 3, 0.0
    if row.ratio is not None:
        return 0, -row.ratio.spread.median
    return (0, -1.0) if row.target == reference else (1, -(row.rate.median if row.rate else 0.0))


def limits(row: Row) -> list[str]:
    """Name what limits a row's numbers, as the page explains the words."""
    return ["client-limited"] * row.client_limited + ["saturated"] * saturated(row)


def saturated(row: Row) -> bool:
    """Whether an open loop asked for more than this server managed."""
    wanted = row.workload.rate
    return bool(row.workload.mode == "open" and wanted and row.rate and row.rate.median < _KEPT_UP * wanted)


def _without(row: Row) -> str:
    return f"{row.verdict}: {row.reason}" if row.verdict != "MEASURED" else "not measured"


def _ratios(rows: Sequence[Row], reference: str, names: Names, *, own: bool) -> Strip | None:
    if not reference or rows[0].workload.mode == "open":  # there the rate is the schedule's
        return None
    values: list[Value] = []
    for row in rows:
        spread, mark = row.ratio.spread if row.ratio else None, ", ".join(limits(row))
        if row.target == reference and row.verdict == "MEASURED":
            spread, mark = Spread(1, 1, 1, 0), ", ".join(("reference", *limits(row)))
        elif row.ratio is not None and not own and not clear(row):
            mark = ", ".join(("no winner", *limits(row)))
        values.append((row.target, names.slot(row.target), spread, _without(row), mark, ""))
    return strip(
        f"times {f'its own rate at {reference}' if own else f'the rate of {names.short(reference)}'}, logarithmic", values, figures.number,
        lambda spread: figures.interval(spread) if spread.count else "1", log=True, include=(0.8, 1, 1.25), emphasis=1,
    )  # fmt: skip


def _cost(rows: Sequence[Row], names: Names) -> Strip | None:
    known = sorted((row for row in rows if row.cpu is not None), key=lambda row: row.cpu.median if row.cpu else 0.0)
    if not known:
        return None
    values: list[Value] = [(row.target, names.slot(row.target), row.cpu, "", "", "") for row in known]
    return strip("µs of server processor time per message", values, figures.number, _micros)


def _micros(spread: Spread) -> str:
    return f"{figures.interval(spread, figures.steady)} µs"


def memory(report: BenchFinished, names: Names) -> Strip | None:
    """Lay out user memory per idle connection, of the row with the most idle clients of each target."""
    best: dict[str, Row] = {}
    for row in report.rows:
        if row.verdict == "MEASURED" and row.footprint is not None and row.footprint.idle_connection is not None:
            held = best.get(row.target)
            if held is None or held.workload.idle < row.workload.idle:
                best[row.target] = row
    found = [(row, row.footprint.idle_connection) for row in best.values() if row.footprint is not None]
    values: list[Value] = [
        (row.target, names.slot(row.target), Spread(size, size, size, 1), "", f"{row.workload.idle:,} idle", "")
        for row, size in sorted(found, key=lambda pair: pair[1] or 0.0)
        if size is not None
    ]
    return (
        strip(
            "KiB of user memory per idle connection", values, figures.number, lambda spread: figures.kib(spread.median)
        )
        if values
        else None
    )
