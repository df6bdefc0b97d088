"""From a finding seen once to evidence: confirmed, shrunk, and rated.

Nothing is retried until green. A failure is confirmed when any of `ATTEMPTS` attempts fails with the same signature;
wrong bytes seen once are evidence even when none does. A launched server is started afresh where the failure may
depend on what it had served before; the scripts played so far are then part of the evidence.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from suite.conformance.lawful import lawful
from suite.conformance.oracle import findings
from suite.conformance.plan import Check
from suite.conformance.script import Op, Script, normalise
from suite.conformance.shrink import merge, renumber, shrink
from suite.conformance.target import Target
from suite.conformance.transcript import Canary, Transcript
from suite.errors import TargetError
from suite.events import Finding, Rate

__all__ = ("ATTEMPTS", "STABLE", "Budget", "Case", "Timer", "breach", "examine", "fatal", "steadiness", "witness")

ATTEMPTS = 8
STABLE = 0.95
"""Share of runs that fail from which on a failure is no race."""
RUNS = 20
LEAST_RUNS = 2
BETWEEN = 0.0005
EACH_CLIENT = 0.0002
"""Seconds between two runs, and more for each client."""
LINGERING = 0.05
"""Seconds that a server which may be dying is given to die, though it served a canary."""
RECENT = 200
"""Scripts before a failing one that may be part of its cause."""

_KINDS = {
    "foreign": "wrong",
    "extra": "wrong",
    "lost": "truncated",
    "deaf": "stalled",
    "unaccepted": "stalled",
    "refused": "died",
}
"""One fault shows itself as either of these, by timing: they share a signature."""


class Budget:
    """Seconds that confirming and shrinking may take, for one check and for a whole target."""

    def __init__(self, total: float, each: float) -> None:
        self._left = total
        self._each = each

    def begin(self) -> "Timer":
        """Start the time of one check."""
        return Timer(self, min(self._each, max(0.0, self._left)))

    def spend(self, seconds: float) -> None:
        """Take away what a check used."""
        self._left -= seconds

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return self._left <= 0


class Timer:
    """The time of one check."""

    def __init__(self, budget: Budget, seconds: float) -> None:
        self._budget = budget
        self._start = time.monotonic()
        self.seconds = seconds

    def over(self, share: float = 1.0) -> bool:
        """Whether this share of the time has passed."""
        return time.monotonic() - self._start >= self.seconds * share

    def end(self) -> None:
        """Charge the budget."""
        self._budget.spend(time.monotonic() - self._start)


@dataclass(frozen=True, slots=True)
class Case:
    """A failure with its evidence.

    Attributes:
        script: the shortest script that shows it.
        transcript: of a failing run of that script.
        finding: what it shows.
        rate: how often it failed; None when it was not run again.
        confirmed: it failed again with the same signature.
        afresh: it was run on a server just started each time.
        note: what else to know, one phrase.
    """

    script: Script
    transcript: Transcript
    finding: Finding
    rate: Rate | None = None
    confirmed: bool = False
    afresh: bool = False
    note: str = ""


def fatal(finding: Finding) -> bool:
    """Whether a finding means that the server serves nobody any more."""
    return finding.kind in ("died", "refused", "deaf")


def steadiness(case: Case) -> float:
    """Return the share of runs in which a case fails: below 0 if it was never seen again, 1 if it was not counted."""
    if not case.confirmed:
        return -1.0
    return 1.0 if case.rate is None else case.rate.failed / case.rate.runs


def breach(check: Check, transcript: Transcript, target: Target) -> Finding | None:
    """Return the finding that fails this check, if any."""
    for finding in findings(transcript, target.oracle):
        if finding.kind in check.faults:
            return finding
    return check.judge(transcript) if check.judge is not None else None


def witness(
    check: Check, target: Target, script: Script, like: Finding, *, patience: float | None = None, first: bool = False
) -> tuple[Transcript, Finding | None]:
    """Play a script that has shown a finding `like` this one; return what was seen, and the finding that fails the check.

    Raises:
        TargetError: it is the `first` script that this target is played, and nothing listens.
    """
    # A server that died or went deaf must not leave it to the next script to find out.
    suspect = not like.hard or like.kind in ("died", "refused") or like.client < 0
    play = target.first if first else target.play
    transcript = play(script, patience=patience, canary=check.canary or suspect)
    if like.kind == "died" and transcript.died is None:
        transcript.died = target.death(within=LINGERING)
    return transcript, breach(check, transcript, target)


def _same(one: Finding, other: Finding | None) -> bool:
    return other is not None and _KINDS.get(one.kind, one.kind) == _KINDS.get(other.kind, other.kind)


class _Prover:
    """Replays candidates of one failure."""

    def __init__(self, check: Check, target: Target, finding: Finding, timer: Timer) -> None:
        self._check = check
        self._target = target
        self._finding = finding
        self._timer = timer
        self._last: tuple[Transcript, Finding] | None = None
        self.afresh = False
        self.patience: float | None = None

    def tidy(self, ops: Iterable[Op]) -> Script:
        """Take out of a candidate what would do nothing, or may not be sent."""
        oracle = self._target.oracle
        return normalise(ops) if oracle.echoes else lawful(ops, oracle)

    def once(self, script: Script) -> bool:
        """Play a script once; say whether it fails with the same signature."""
        target = self._target
        if self.afresh:
            target.fresh()
        elif not target.revive():
            raise TargetError("the server cannot be restarted")
        elif not target.launched and fatal(self._finding) and target.canary() is not Canary.OK:
            raise TargetError("the server has answered nobody since")
        if not self.afresh:  # the server is to see that the clients of the last run have gone
            time.sleep(BETWEEN + EACH_CLIENT * len({op.client for op in script}))
        transcript, finding = witness(self._check, target, script, self._finding, patience=self.patience)
        if not _same(self._finding, finding):
            return False
        assert finding is not None
        if self.patience is not None and finding.kind == "deaf" != self._finding.kind and not transcript.waits:
            return False  # only the canary had to wait, and it was hurried
        self._last = (transcript, finding)
        return True

    @property
    def out_of_time(self) -> bool:
        """Whether nothing more will be tried: what was not tried must not be told as seen."""
        return self._timer.over()

    def any_of(self, script: Script, attempts: int) -> bool:
        """Play a script until it fails, at most so many times."""
        return any(self.once(script) for attempt in range(attempts) if not attempt or not self._timer.over())

    def found(self, script: Script) -> Case:
        """Return the case of a script that has just failed."""
        assert self._last is not None
        return Case(script[: self._last[0].played], *self._last, confirmed=True)

    def shrunk(self, found: Case) -> Case:
        """Return the shortest case that can be had in time."""
        if self._check.minimal or self._timer.over(0.6):
            return found
        # A race that happened to fail twice would lose every cut to its luck.
        steady = self.any_of(found.script, 1) and (self._timer.over(0.15) or self.any_of(found.script, 1))
        tries = 1 if steady else ATTEMPTS
        failed = [found.script]

        def fails(script: Script) -> bool:
            # What always fails must not shrink into what fails sometimes: a cut has to be seen to fail twice.
            if not self.any_of(script, tries) or (steady and not self.any_of(script, 1)):
                return False
            failed.append(script)
            return True

        # An absence that full patience has confirmed need not be waited for as long in every cut; what is left in the
        # end must be seen at full patience again. A fault that is a fact needs no patience.
        self.patience = self._target.short if not self._finding.hard else None
        opaque = self._target.oracle.foreign
        small = shrink(found.script, fails, lambda: self._timer.over(0.6), self.tidy, opaque=opaque)
        if steady:
            small = self._steadiest(small, failed)
        self.patience = None
        if small != found.script and self.any_of(small, tries):
            return replace(self.found(small), note=found.note)
        return found

    def _steadiest(self, small: Script, failed: Sequence[Script]) -> Script:
        """Go back over the cuts, luck among them, to the shortest script that fails several times in a row."""
        in_a_row = 5 if self._finding.hard else 3
        lengths = {len(script): script for script in failed}
        for script in (small, *(renumber(lengths[length]) for length in sorted(lengths))):
            if self._timer.over(0.8) or all(self.once(script) for _ in range(in_a_row)):
                return script
        return failed[0]

    def rate(self, script: Script) -> Rate | None:
        """Run a script twenty times, or as often as there is time; None if there is none left for a single run."""
        runs = failed = 0
        while runs < RUNS and not self._timer.over(1.0 if runs >= LEAST_RUNS else 1.5):
            runs += 1
            failed += self.once(script)
        return Rate(failed, runs) if runs else None


def examine(check: Check, target: Target, case: Case, timer: Timer, *, brief: bool) -> Case:
    """Confirm, shrink and rate a failure; `brief` only confirms it.

    `target.history` ends with the failing script.
    """
    prover = _Prover(check, target, case.finding, timer)
    history = target.history[-RECENT - 1 : -1]
    # A server that answers nobody fails any script.
    ill = case.transcript.canary not in (None, Canary.OK) or target.death() is not None
    try:
        if not (ill and target.launched) and prover.any_of(case.script, ATTEMPTS if not brief else 2):
            found = prover.found(case.script)
            if found.finding.kind == "no-fin":
                target.give_up_ends()
            if brief:
                return found
            found = prover.shrunk(found)
            if target.launched:
                found = _aged(prover, found, history)
        elif target.launched:
            anew = _anew(prover, case.script, [] if brief else history, attempts=1)
            if anew is None or brief:
                return anew or case
            found = prover.shrunk(anew)
        else:
            return case if brief else replace(case, rate=Rate(1, 1 + ATTEMPTS))
        if found.rate is not None:
            return found
        rate = prover.rate(found.script)
        if rate is not None and not rate.failed and found.script != case.script:
            # Too short to show it again: what was first seen is the better evidence.
            found, rate = replace(case, confirmed=True, note="a race"), prover.rate(case.script)
        return replace(found, rate=rate, afresh=prover.afresh)
    except TargetError as error:
        return replace(case, confirmed=fatal(case.finding), note=str(error))


def _aged(prover: "_Prover", found: Case, history: list[Script]) -> Case:
    """See whether a script that fails on a server which has served others fails on a fresh one too.

    If not, what the server had served before is part of the cause, and of the script if that can be shown.
    """
    rate = prover.rate(found.script)
    if rate is None or prover.out_of_time:
        return replace(found, rate=rate)
    always = rate.failed == rate.runs
    anew = _anew(prover, found.script, history, attempts=2 if always else ATTEMPTS)
    if anew is None:
        return replace(found, rate=rate, note="only on a server that had served others before" if always else "a race")
    if anew.script == found.script:
        return replace(found, rate=rate)
    return prover.shrunk(anew)


def _anew(prover: "_Prover", script: Script, history: list[Script], *, attempts: int = 2) -> Case | None:
    """Play a script on a fresh server, then behind what was played before it; return what fails, if anything."""
    prover.afresh = True
    if prover.any_of(script, attempts):
        return prover.found(script)
    # Few before many: what is merged has to be shrunk, a restart of the server for each try.
    for recent in sorted({min(count, len(history)) for count in (3, 20, len(history))} - {0}):
        whole = merge([*history[-recent:], script], prover.tidy)
        if prover.any_of(whole, 1):
            return replace(prover.found(whole), note="depends on what the server had served before")
        if prover.out_of_time:
            break
    return None
