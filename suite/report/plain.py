"""The text report as a string: for the Python API and the pytest plugin."""

from collections.abc import Mapping
from textwrap import dedent

from suite.events import CheckResult, RunFinished, RunStarted, TargetFinished, TargetResult
from suite.report.text import TextReport

__all__ = ("failure", "whole")

About = Mapping[str, tuple[str, str, str]]
"""By check id: its requirement, its source, and a known real bug like it."""


class _Lines(TextReport):
    """Keeps its lines."""

    def __init__(self, families: tuple[str, ...], about: About) -> None:
        super().__init__(families, about, color=False, matrix=False)
        self.lines: list[str] = []

    def _say(self, text: str = "") -> None:
        self.lines.append(text)

    def of(self, result: CheckResult) -> list[str]:
        self._failure(result)
        return self.lines


def whole(target: TargetResult, seed: int, about: About) -> str:
    """Return the report of one target."""
    lines = _Lines(tuple(dict.fromkeys(row.family for row in target.checks)), about)
    lines(RunStarted((target.target,), "", seed, ""))
    lines(TargetFinished("", target))
    lines(RunFinished((target,), target.exit, target.seconds))
    return "\n".join(lines.lines)


def failure(result: CheckResult, about: About) -> str:
    """Return what is known of one failed check."""
    return dedent("\n".join(_Lines((), about).of(result)))
