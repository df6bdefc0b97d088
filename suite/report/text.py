"""The report people read: a matrix of targets and families, and every failure with its shortest script."""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

from suite.conformance.replay import Outcome
from suite.events import (
    CheckFinished,
    CheckResult,
    Divergence,
    Event,
    Level,
    Progress,
    Repro,
    RunFinished,
    RunStarted,
    TargetFinished,
    TargetResult,
    TargetStarted,
    Verdict,
)
from suite.report.bar import Bar

__all__ = ("TextReport", "hex_diff", "show_replay", "wants_color")

MOST_MOMENTS = 14
MOST_ENDINGS = 6
WINDOW = 16
"""Bytes of a stream that a difference shows."""
_STYLES = {
    "FAIL": "1;31",
    "UNSTABLE": "1;31",
    "WARN": "33",
    "ERROR": "1;35",
    "ok": "32",
    "PASS": "32",
    "?": "35",
    "INCONCLUSIVE": "35",
    "dim": "2",
    "bold": "1",
    "FIXED": "32",
    "FAILED": "1;31",
}
_LABELS = {
    "segmentation": "segments",
    "half-close": "halfclose",
    "disconnect": "disconn.",
    "concurrency": "concurr.",
    "backpressure": "backpr.",
}


def wants_color(choice: str, stream: TextIO) -> bool:
    """Decide on colour: --color, else NO_COLOR (no-color.org; empty is unset), else a terminal that has any."""
    if choice != "auto":
        return choice == "always"
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


class TextReport:
    """Prints results on stdout as targets finish; a live bar on stderr, on a terminal only.

    Args:
        families: the families' names, in order: the matrix's columns.
        about: by check id, its requirement, its source, and a known real bug like it.
        color: colour the output.
        matrix: print one row a target instead of one line a check.
    """

    def __init__(
        self, families: Sequence[str], about: Mapping[str, tuple[str, str, str]], *, color: bool, matrix: bool
    ) -> None:
        self._families = families
        self._about = about
        self._color = color
        self._matrix = matrix
        self._bar = Bar(sys.stderr)
        self._kind = ""
        self._seed = 0
        self._finished: list[TargetResult] = []

    def __call__(self, event: Event) -> None:
        """Take one event."""
        match event:
            case RunStarted():
                self._seed = event.seed
                self._bar.start(len(event.targets))
                if self._matrix:
                    self._header(event)
            case TargetStarted():
                self._bar.target(event.target, event.checks)
            case Progress():
                self._bar.doing(f"{event.check} {event.doing}")
            case CheckFinished():
                self._bar.advance()
            case TargetFinished():
                self._bar.pause()
                self._finished.append(event.result)
                if self._matrix:
                    self._row(event)
                else:
                    self._single(event.result)
            case RunFinished():
                self._bar.stop()
                if self._matrix:
                    self._details()
                self._last(event)

    def _say(self, text: str = "") -> None:
        print(text, flush=True)

    def _paint(self, text: str, style: str) -> str:
        code = _STYLES.get(style)
        return f"\x1b[{code}m{text}\x1b[0m" if self._color and code else text

    # one target ------------------------------------------------------------------------------------------------------

    def _single(self, target: TargetResult) -> None:
        if target.dismissed:
            return
        where = f" at {target.address}" if target.address and target.address != target.target else ""
        self._say(self._paint(f"{target.target}{where}", "bold"))
        for family in self._families:
            results = [result for result in target.checks if result.family == family]
            if results:
                marks = " ".join(self._mark(result) for result in results)
                self._say(f"  {family:<13}{marks}")
        if target.verdict == "no-verdict" and not target.note:
            skipped = [result for result in target.checks if result.verdict is Verdict.SKIPPED]
            for reason in dict.fromkeys(result.reason for result in skipped):
                ids = " ".join(result.id for result in skipped if result.reason == reason)
                self._say(f"  SKIPPED {ids}: {reason}")
        self._failures(target)

    def _mark(self, result: CheckResult) -> str:
        words = {Verdict.PASS: result.id, Verdict.SKIPPED: f"({result.id})"}
        word = words.get(result.verdict, f"{result.id}:{result.verdict}")
        return self._paint(word, "dim" if result.verdict is Verdict.SKIPPED else result.verdict)

    # many targets ----------------------------------------------------------------------------------------------------

    def _header(self, run: RunStarted) -> None:
        self._width = max(map(len, run.targets)) + 2
        self._say(" " * self._width + "".join(f"{_label(family)}  " for family in self._families))

    def _row(self, event: TargetFinished) -> None:
        target = event.result
        if event.kind in ("control", "peer") and self._kind == "own":
            self._say(self._paint("controls and peers, not counted:", "dim"))
        if event.kind != "unavailable":
            self._kind = event.kind
        if all(result.verdict is Verdict.SKIPPED for result in target.checks):
            why = target.note or "; ".join(dict.fromkeys(result.reason for result in target.checks))
            self._say(f"{target.target:<{self._width}}{self._paint(why, 'dim')}")
            return
        cells = []
        for family in self._families:
            word, style = self._cell([result for result in target.checks if result.family == family])
            cells.append(self._paint(f"{word:<{len(_label(family)) + 2}}", style))
        self._say(f"{target.target:<{self._width}}{''.join(cells)}{self._paint(f'{target.seconds:5.1f} s', 'dim')}")

    @staticmethod
    def _cell(results: Sequence[CheckResult]) -> tuple[str, str]:
        verdicts = [result.verdict for result in results]
        failed = sum(result.failed for result in results)
        if failed:
            return f"FAIL {failed}", "FAIL"
        if known := sum(bool(result.excused) for result in results):
            return f"known {known}", "WARN"
        for verdict, word in ((Verdict.ERROR, "ERROR"), (Verdict.WARN, "warn"), (Verdict.INCONCLUSIVE, "?")):
            if verdict in verdicts:
                return (f"{word} {verdicts.count(verdict)}" if word == "warn" else word), verdict
        if not verdicts or all(verdict is Verdict.SKIPPED for verdict in verdicts):
            return "limit", "dim"
        return ("ok*" if Verdict.SKIPPED in verdicts else "ok"), "ok"

    def _details(self) -> None:
        limits = [f"{target.target} {limit}" for target in self._finished if (limit := _limits(target))]
        if limits:
            self._say(self._paint(f"* and limit: beyond what the row declares ({', '.join(limits)})", "dim"))
        for target in self._finished:
            self._failures(target, heading=True)

    # failures --------------------------------------------------------------------------------------------------------

    def _failures(self, target: TargetResult, *, heading: bool = False) -> None:
        shown = [
            result for result in target.checks if result.verdict not in (Verdict.PASS, Verdict.SKIPPED, Verdict.INFO)
        ]
        if heading and shown:
            self._say()
            self._say(self._paint(target.target, "bold"))
        for result in shown:
            self._failure(result)
        for result in target.checks:
            if result.verdict is Verdict.INFO and not heading:
                self._say(f"  {self._paint('INFO', 'dim')} {result.id}: {result.reason}")

    def _failure(self, result: CheckResult) -> None:
        if result.excused:
            known = self._paint(f"known {result.verdict}", "WARN")
            self._say(f"  {known} {self._paint(result.id, 'bold')} {result.excused}")
            return
        rate = f" {result.rate.failed}/{result.rate.runs}" if result.rate else ""
        level = "" if result.level is Level.MUST else f" ({result.level})"
        head = f"  {self._paint(f'{result.verdict}{rate}', result.verdict)} {self._paint(result.id, 'bold')}{level}"
        if result.script is None or self._matrix:
            self._say(f"{head}: {result.reason}")
            return
        requirement, source, known = self._about[result.id]
        self._say(f"{head}: {requirement}")
        script, _, _ = result.reason.partition(": ")
        ended = ", ".join(f"client {client} {how}" for client, how in list(result.endings.items())[:MOST_ENDINGS])
        more = len(result.endings) - MOST_ENDINGS
        self._line("script", script)
        self._line("expected", result.expected)
        self._line("actual", result.actual)
        if result.divergence is not None:
            for name, shown in hex_diff(result.divergence):
                self._line(name, shown)
        self._line("endings", ended + (f", {more} more" if more > 0 else ""))
        for name, text in (("note", result.note), ("source", source), ("similar", known), *_commands(result.repro)):
            self._line(name, text)
        moments = result.timeline
        for moment in moments[:MOST_MOMENTS]:
            who = f"client {moment.client}" if moment.client >= 0 else "canary"
            self._say(self._paint(f"      {moment.seconds * 1000:9.2f} ms  {who:<9} {moment.what}", "dim"))
        if len(moments) > MOST_MOMENTS:
            self._say(self._paint(f"      … {len(moments) - MOST_MOMENTS} more", "dim"))

    def _line(self, name: str, text: str | None) -> None:
        if text:
            self._say(f"      {self._paint(f'{name:<9}', 'dim')} {text}")

    def _last(self, run: RunFinished) -> None:
        if run.interrupted:
            self._say("interrupted: the above is what is known")
        for fault in run.stale:
            self._say(f"{self._paint('baseline', 'FAIL')}: {fault}")
        words = []
        for verdict in ("conforming", "non-conforming", "no-verdict"):
            names = [target for target in run.targets if target.verdict == verdict]
            if names and self._matrix:
                words.append(f"{len(names)} {verdict}")
            elif names:
                note = f": {names[0].note}" if names[0].note else ""
                words.append(self._counts(names[0], verdict) + note)
        if not self._matrix and any(target.dismissed for target in run.targets):
            self._say(f"{run.targets[0].target}: {run.targets[0].note}")
            return
        if run.stale:
            words.append("the baseline is out of date, which fails the run")
        self._say(f"{', '.join(words) or 'nothing ran'} in {run.seconds:.1f} s, seed {self._seed}")

    @staticmethod
    def _counts(target: TargetResult, verdict: str) -> str:
        counts: dict[str, int] = {
            word: sum(result.verdict is word and not result.excused for result in target.checks) for word in Verdict
        }
        counts["known"] = sum(bool(result.excused) for result in target.checks)
        scripts = sum(result.scripts for result in target.checks)
        listed = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
        return f"{target.target} {verdict} ({listed}; {scripts} scripts)"


def hex_diff(divergence: Divergence) -> list[tuple[str, str]]:
    """Show where a stream went wrong as named lines: what was owed, what came, a mark below the first wrong byte."""
    at = divergence.offset - divergence.start
    rows = [("owed", divergence.expected), ("came", divergence.received)]
    lines = [
        (name, data[:WINDOW].hex(" ") + ("" if len(data) >= WINDOW else " (end)" if data else "(nothing)"))
        for name, data in rows
    ]
    return [*lines, ("", f"{'   ' * at}^^ client {divergence.client}, offset {divergence.offset}")]


def _commands(repro: Repro | None) -> list[tuple[str, str | None]]:
    if repro is None:
        return []
    alone = None if repro.python is None else f"python3 {shlex.quote(repro.python)} HOST PORT"
    return [("replay", f"suite replay {shlex.quote(repro.json)}"), ("or", alone), ("or", repro.one_liner)]


def show_replay(outcome: Outcome, *, color: bool) -> None:
    """Print what became of a replay."""
    code = _STYLES.get(outcome.word, "1;31")
    word = f"\x1b[{code}m{outcome.word}\x1b[0m" if color else outcome.word
    rate = "" if outcome.rate is None else f" {outcome.rate.failed}/{outcome.rate.runs}"
    print(f"{word}{rate} {outcome.check} on {outcome.target}: {outcome.reason}", flush=True)


def _label(family: str) -> str:
    """Return a family's column heading: at least as wide as "FAIL 10"."""
    return f"{_LABELS.get(family, family):<7}"


def _limits(target: TargetResult) -> str:
    return " ".join(
        f"{name}={value}" if value is not True else name
        for name, value in target.capabilities.items()
        if name not in ("polls", "io-uring")
    )
