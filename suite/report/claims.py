"""What `suite claims` shows: each claim with its verdict, evidence and threshold, for people and for programs."""

import json
import sys
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from suite.bench.claims.engine import ClaimsEvent
from suite.bench.claims.trial import Trial
from suite.bench.findings import Claim, ClaimFinished, ClaimsFinished, ClaimsStarted
from suite.report.bar import Bar
from suite.report.file import ReportFile

__all__ = ("JsonClaims", "TextClaims", "show_list")

_COLORS = {"PASS": "32", "FAIL": "1;31", "INCONCLUSIVE": "35", "REPORTED": "36"}
WIDTH = 120
"""Columns at which sentences are wrapped."""


class TextClaims:
    """Prints each claim on stdout as it gets its verdict, and totals; a live bar on stderr, on a terminal only."""

    def __init__(self, *, color: bool) -> None:
        self._color = color
        self._bar = Bar(sys.stderr)
        self._to_come: list[str] = []

    def __call__(self, event: ClaimsEvent) -> None:
        """Take one event."""
        match event:
            case ClaimsStarted():
                self._to_come = list(event.claims)
                self._bar.start(len(event.claims))
                where = ", ".join(f"{what} on processor {cpus[0]}" for what, cpus in event.pinning.items() if cpus)
                load = event.environment["load"][0]
                print(self._paint(f"{where or 'nothing is pinned'}; load average {load:.1f}", "2"), flush=True)
                self._next()
            case ClaimFinished():
                self._bar.pause()
                self._claim(event.claim)
                self._next()
            case ClaimsFinished():
                self._bar.stop()
                self._totals(event)

    def _next(self) -> None:
        if self._to_come:
            self._bar.target(self._to_come.pop(0), 1)
            self._bar.doing("trying")

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color else text

    def _claim(self, claim: Claim) -> None:
        verdict = self._paint(claim.verdict, _COLORS[claim.verdict])
        seconds = self._paint(f"{claim.seconds:.1f} s", "2")
        print(f"{verdict} {self._paint(claim.id, '1')} {seconds}")
        for name, text in (("claim", claim.claim), ("evidence", claim.evidence), ("threshold", claim.threshold)):
            first, *rest = textwrap.wrap(text, WIDTH - 17, break_long_words=False, break_on_hyphens=False)
            print(f"      {self._paint(f'{name:<10}', '2')} {first}")
            for line in rest:
                print(f"{'':<17}{line}")
        sys.stdout.flush()

    @staticmethod
    def _totals(end: ClaimsFinished) -> None:
        if end.interrupted:
            print("interrupted: the above is what is known")
        counts = Counter(claim.verdict for claim in end.claims)
        words = []
        for verdict in _COLORS:
            listed = [claim.id for claim in end.claims if claim.verdict == verdict]
            called = f" ({', '.join(listed)})" if verdict in ("FAIL", "INCONCLUSIVE") else ""
            words += [f"{counts[verdict]} {verdict}{called}"] if listed else []
        print(f"{', '.join(words) or 'nothing ran'} in {end.seconds:.0f} s", flush=True)


class JsonClaims:
    """Writes the whole run as one JSON file when it is over.

    Raises:
        UsageError: the file cannot be written; said before anything runs.
    """

    def __init__(self, path: Path) -> None:
        self._file = ReportFile(path, "--json")

    def __call__(self, event: ClaimsEvent) -> None:
        """Take one event."""
        if isinstance(event, ClaimsFinished):
            self._file.write(json.dumps(asdict(event), indent=1) + "\n")
            self._file.close()


def show_list(trials: Sequence[Trial]) -> None:
    """Print the claims, a line each, and who says so."""
    for trial in trials:
        print(f"{trial.id:<16}  {trial.claim}")
        print(f"{'':<16}  {trial.source}")
