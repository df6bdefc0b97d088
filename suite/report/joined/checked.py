"""The conformance part of the page: targets by families, each failure in a line, and every check."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from suite.events import Verdict
from suite.report.html import MARKS
from suite.report.joined.reading import CheckReport, CheckRow, CheckTarget

__all__ = ("Cell", "Judged", "judged")

_PLAIN = (Verdict.PASS, Verdict.SKIPPED)


@dataclass(frozen=True, slots=True)
class Cell:
    """A family on one target: its gravest verdict, how often, and of how many checks."""

    verdict: Verdict
    count: int
    checks: int

    @property
    def plain(self) -> bool:
        """Whether there is nothing to tell."""
        return self.verdict in _PLAIN


@dataclass(frozen=True, slots=True)
class Judged:
    """The conformance report as the page shows it.

    Attributes:
        report: it.
        families: name and a cell for each target, None where no check of it was selected.
        checks: by family: id, level and each target's result.
        tally: of all verdicts.
        standing: number of targets by their verdict.
    """

    report: CheckReport
    families: tuple[tuple[str, tuple[Cell | None, ...]], ...]
    checks: tuple[tuple[str, tuple[tuple[str, str, tuple[CheckRow | None, ...]], ...]], ...]
    tally: Mapping[Verdict, int]
    standing: Mapping[str, int]

    @property
    def declared(self) -> list[tuple[str, list[str]]]:
        """Limits that targets declare, and by whom."""
        found: dict[str, list[str]] = {}
        for target in self.report.targets:
            for name, value in target.capabilities.items():
                found.setdefault(name if value is True else f"{name}={value}", []).append(target.target)
        return list(found.items())

    @staticmethod
    def findings(target: CheckTarget) -> list[CheckRow]:
        """What did not simply pass on a target, gravest first."""
        order = list(MARKS)
        return sorted((row for row in target.checks if row.verdict not in _PLAIN), key=lambda row: order.index(row.verdict))  # fmt: skip

    @staticmethod
    def count(target: CheckTarget, *verdicts: str) -> int:
        """How many of its checks have one of these verdicts."""
        return sum(row.verdict in verdicts for row in target.checks)


def judged(report: CheckReport) -> Judged:
    """Prepare the conformance report."""
    rows = {row.id: row for target in report.targets for row in target.checks}
    results = [{row.id: row for row in target.checks} for target in report.targets]
    names = list(dict.fromkeys(row.family for row in rows.values()))
    return Judged(
        report,
        tuple((name, tuple(_cell(row for row in t.checks if row.family == name) for t in report.targets)) for name in names),
        tuple(
            (name, tuple((row.id, str(row.level), tuple(one.get(row.id) for one in results)) for row in rows.values() if row.family == name))
            for name in names
        ),
        Counter(row.verdict for target in report.targets for row in target.checks),
        Counter(target.verdict for target in report.targets),
    )  # fmt: skip


def _cell(rows: Iterable[CheckRow]) -> Cell | None:
    tally = Counter(row.verdict for row in rows)
    return next((Cell(verdict, tally[verdict], tally.total()) for verdict in MARKS if tally[verdict]), None)
