"""One self-contained HTML page: the matrix, and each failure with its evidence.

The page asks nobody for anything, which its content security policy enforces; it is complete without JavaScript, which
only filters. Whatever came from a server is escaped by the template engine, after `visible` has shown what is unprintable.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from shlex import quote
from types import MappingProxyType
from typing import NamedTuple

from suite import __version__
from suite.events import CheckResult, Event, Level, RunFinished, RunStarted, TargetFinished, TargetResult, Verdict
from suite.report.as_json import environment
from suite.report.file import ReportFile
from suite.report.templates import engine
from suite.report.words import hex_rows, operation, who

__all__ = ("MARKS", "HtmlReport")

MARKS = {
    Verdict.FAIL: ("✕", "a MUST is breached, always"),
    Verdict.UNSTABLE: ("≈", "a MUST is breached k times of n; it counts as failed"),
    Verdict.ERROR: ("‼", "the tool itself failed"),
    Verdict.WARN: ("▲", "a SHOULD is breached"),
    Verdict.INCONCLUSIVE: ("?", "the situation to be judged never came about, or an absence did not repeat"),
    Verdict.INFO: ("i", "an observation without a grade"),
    Verdict.PASS: ("✓", "every script passed"),
    Verdict.SKIPPED: ("·", "beyond what the target declares, or not run"),
}
"""How each verdict is marked and what it means, gravest first."""

_UNDECIDED = {Verdict.INCONCLUSIVE, Verdict.ERROR}


class _Target(NamedTuple):
    """A target as the page shows it."""

    kind: str
    counts: bool
    result: TargetResult

    @property
    def by_id(self) -> dict[str, CheckResult]:
        return {result.id: result for result in self.result.checks}

    @property
    def tally(self) -> Counter[Verdict]:
        return Counter(result.verdict for result in self.result.checks)

    @property
    def failed(self) -> int:
        return sum(result.failed for result in self.result.checks)

    @property
    def warned(self) -> int:
        return sum(result.verdict is Verdict.WARN and not result.excused for result in self.result.checks)

    @property
    def excused(self) -> int:
        return sum(bool(result.excused) for result in self.result.checks)

    @property
    def undecided(self) -> int:
        return sum(result.verdict in _UNDECIDED for result in self.result.checks)

    @property
    def scripts(self) -> int:
        return sum(result.scripts for result in self.result.checks)

    @property
    def findings(self) -> list[CheckResult]:
        """What did not simply pass, gravest first; within one verdict in running order."""
        order = list(MARKS)
        told = [result for result in self.result.checks if result.verdict not in (Verdict.PASS, Verdict.SKIPPED)]
        return sorted(told, key=lambda result: order.index(result.verdict))

    @property
    def skipped(self) -> Iterator[tuple[str, list[str]]]:
        """Ids of the checks that did not run, by reason."""
        rows = sorted(
            (result.reason, at, result.id)
            for at, result in enumerate(self.result.checks)
            if result.verdict is Verdict.SKIPPED
        )
        for reason, group in groupby(rows, key=lambda row: row[0]):
            yield reason, [row[2] for row in group]


class HtmlReport:
    """Writes the page when the run is over.

    Args:
        path: where.
        families: the families' names, in order.
        about: by check id, its requirement, its source, and a known real bug like it.
        counted: kinds of target whose result counts for the exit code; empty means all.
        again: by target, what returns the command that runs a check on it again.

    Raises:
        UsageError: the file cannot be written; said before anything runs.
    """

    def __init__(
        self,
        path: Path,
        families: Sequence[str],
        about: Mapping[str, tuple[str, str, str]],
        *,
        counted: frozenset[str] = frozenset(),
        again: Mapping[str, Callable[[str], str]] = MappingProxyType({}),
    ) -> None:
        self._again = again
        self._file = ReportFile(path, "--html")
        self._families = families
        self._about = about
        self._counted = counted
        self._started: RunStarted | None = None
        self._targets: list[_Target] = []

    def __call__(self, event: Event) -> None:
        """Take one event.

        Raises:
            HarnessError: the file cannot be written any more.
        """
        match event:
            case RunStarted():
                self._started = event
            case TargetFinished():
                counts = not self._counted or event.kind in self._counted
                self._targets.append(_Target(event.kind, counts, event.result))
            case RunFinished():
                assert self._started is not None
                self._file.write(self._page(self._started, event))
                self._file.close()

    def _page(self, started: RunStarted, finished: RunFinished) -> str:
        templates = engine()
        templates.filters |= {"operation": operation, "who": who, "hex_rows": hex_rows, "quote": quote}
        rows = {result.id: result for target in self._targets for result in target.result.checks}
        groups = [(family, [row for row in rows.values() if row.family == family]) for family in self._families]
        return templates.get_template("page.html").render(
            about=self._about,
            again=self._again,
            columns=[
                ("Failed", [target.failed for target in self._targets]),
                ("Expected to fail", [target.excused for target in self._targets]),
                ("Warned", [target.warned for target in self._targets]),
                ("Undecided", [target.undecided for target in self._targets]),
                ("Skipped", [target.tally[Verdict.SKIPPED] for target in self._targets]),
            ],
            environment=environment(),
            families=[(family, checks) for family, checks in groups if checks],
            finished=finished,
            level=Level,
            marks=MARKS,
            now=datetime.now(UTC),
            started=started,
            tally=sum((target.tally for target in self._targets), Counter[Verdict]()),
            targets=self._targets,
            title=self._title(),
            version=__version__,
        )

    def _title(self) -> str:
        words = {"conforming": "conforms", "non-conforming": "does not conform", "no-verdict": "has no verdict"}
        counting = [target for target in self._targets if target.counts]
        match self._targets:
            case []:
                return "Nothing ran"
            case [only]:
                return f"{only.result.target} {words[only.result.verdict]}"
        conforming = sum(target.result.verdict == "conforming" for target in counting)
        of = f"{'' if len(counting) == len(self._targets) else ' counted'} target{'s' * (len(counting) != 1)}"
        if conforming == len(counting) > 1:
            return f"All {conforming}{of} conform"
        return f"{conforming} of {len(counting)}{of} conform{'s' * (conforming == 1)}"
