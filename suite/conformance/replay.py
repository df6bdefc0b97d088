"""Plays the script of a repro file again, by the same player and the same judge, and says what has become of the failure."""

import time
from dataclasses import dataclass

from suite.conformance.checks import find
from suite.conformance.confirm import STABLE, fatal, witness
from suite.conformance.evidence import Record
from suite.conformance.plan import Check
from suite.conformance.script import one_line
from suite.conformance.target import Target
from suite.conformance.transcript import Canary, Transcript
from suite.errors import StartError, TargetError, UsageError
from suite.events import Finding, Rate

__all__ = ("Outcome", "replay")

RUNS = 20
SECONDS = 60.0
"""Runs are made until either is used up."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a failure: "FIXED", "FAILED", "UNSTABLE" or "ERROR", how often it showed, and why, in one line."""

    word: str
    check: str
    target: str
    reason: str
    rate: Rate | None = None

    @property
    def exit(self) -> int:
        """The exit code it stands for."""
        return {"FIXED": 0, "ERROR": 3}.get(self.word, 1)


def replay(record: Record, target: Target) -> Outcome:
    """Play a script up to twenty times; any finding that fails its check counts, whether it looks as before or not.

    Raises:
        UsageError: the check is unknown here.
        HarnessError: this process or machine is short of descriptors, ports or memory.
    """
    try:
        check = find(record.check)
    except UsageError:
        raise UsageError(
            f"this version of suite has no check {record.check!r}; update suite, or check the server anew"
        ) from None
    if record.service != target.oracle.service:
        raise UsageError(f"the file is about the service {record.service!r}, which cannot be checked; update suite")
    try:
        with target:
            if lack := target.lacks(check.needs):
                return Outcome("ERROR", check.id, target.name, lack)
            return _outcome(check, record, target)
    except (TargetError, StartError) as error:
        return Outcome("ERROR", record.check, target.name, str(error))


def _outcome(check: Check, record: Record, target: Target) -> Outcome:
    failed = runs = slow = 0
    shown: Finding | None = None
    note = ""
    start = time.monotonic()
    while runs < RUNS and (runs < 2 or time.monotonic() - start < SECONDS):
        if runs and record.afresh and target.launched:
            target.fresh()
        elif not target.revive():
            raise TargetError("the server does not start again")
        transcript, finding = witness(
            check, target, record.script, record.finding, patience=target.patience, first=not runs
        )
        runs += 1
        failed += finding is not None
        slow += transcript.slow
        shown = finding or shown
        if finding is not None and not target.launched and fatal(finding) and not _lives(target, transcript):
            note = "; it has answered nobody since"
            break
        if runs == 1:
            _calibrate(target)
    rate = Rate(failed, runs)
    if shown is not None:
        word = "FAILED" if failed / runs >= STABLE else "UNSTABLE"
        return Outcome(word, check.id, target.name, f"{shown.actual}, not {shown.expected}{note}", rate)
    if slow == runs:
        return Outcome("ERROR", check.id, target.name, "too slow to judge within its bounds", rate)
    doubt = "; it did not show every time before: replay it more often" if record.rare else ""
    return Outcome("FIXED", check.id, target.name, _short(record) + doubt, rate)


def _lives(target: Target, transcript: Transcript) -> bool:
    return transcript.canary is Canary.OK or target.canary() is Canary.OK


def _calibrate(target: Target) -> None:
    """Learn how long waits have to be, from a server that still answers."""
    if target.revive() and target.canary() is Canary.OK:
        target.calibrate()


def _short(record: Record) -> str:
    return one_line(record.script) if len(record.script) <= 12 else f"{len(record.script)} operations"
