"""Judges one target: plays the checks' scripts, has failures examined, and gives each check its verdict."""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from suite import registry
from suite.conformance.confirm import STABLE, Budget, Case, Timer, breach, examine, steadiness
from suite.conformance.drawing import Drawing
from suite.conformance.options import Emit, Options
from suite.conformance.plan import Check, Plan
from suite.conformance.script import Script
from suite.conformance.target import Target
from suite.conformance.targets import How, of_variant
from suite.conformance.transcript import Canary, Transcript
from suite.conformance.verdict import conclude, result_of
from suite.errors import StartError, SuiteError, TargetError
from suite.events import (
    CheckFinished,
    CheckResult,
    Level,
    Progress,
    TargetResult,
    TargetStarted,
    Verdict,
)

__all__ = ("Judge",)

EACH = 8.0
TOTAL = 28.0
"""Seconds for confirming, shrinking and rating: of one failing check, and of all of a target."""
BRIEF_AFTER = 3
"""Failures in a family after which the rest is reported unshrunk."""
REFERENCE = "raw-epoll"
"""Variant that runs beside a target where the machine might be to blame."""
SUSPECTS = 3
"""Failures of a check that do not show every time, after which it looks for no other."""
CANARY_EVERY = 20
"""Generated scripts between two canaries."""
LEAST = {False: 1.0, True: 1.5}
POTS = {False: 24.0, True: 24.0}
"""Seconds after which a fixed check, or a generated one, makes do with the scripts it has played, at least one of which
reached its premise; and what all checks of either kind may take together, so that a slow server is shown fewer."""
UNREACHED = 3
"""Times as long a check goes on when no script has reached its premise yet."""
LONGEST_WAIT = 2.0
"""Seconds that a client of an overlapping check may be silent."""
TOGETHER = 64
"""Clients that overlapping scripts may have open at once."""


class _Stop(Exception):  # noqa: N818 - control flow, no error
    """The rest of a target's checks cannot or need not run; the text says why, `dead` that the server answers nobody."""

    def __init__(self, why: str, *, dead: bool = False) -> None:
        super().__init__(why)
        self.dead = dead


class Judge:
    """Judges one target."""

    def __init__(self, target: Target, checks: Sequence[Check], options: Options, emit: Emit, drawing: Drawing) -> None:
        self._target = target
        self._checks = checks
        self._options = options
        self._emit = emit
        self._drawing = drawing
        self._results: dict[str, CheckResult] = {}
        self._failures: Counter[str] = Counter()
        self._budget = Budget(TOTAL if options.profile == "quick" else 5 * TOTAL, EACH)
        self._start = time.monotonic()
        self._reached = False
        self._met = False
        self._dismissed = False
        self._pots = {kind: pot if options.profile == "quick" else 5 * pot for kind, pot in POTS.items()}
        self._address = ""
        self._reference: Target | None = None
        self._last: tuple[object, Transcript] | None = None  # a lone script that failed nothing, and what made it
        self._stack = ExitStack()
        few = target.capabilities.max_clients
        room = max(1, (options.descriptors - 64) // 2)
        if target.nofile is not None:
            room = max(1, min(room, target.nofile - 32))
        self._plan = Plan(
            options.seed,
            options.profile,
            most_clients=min(512, room) if few is None else max(1, min(few - 1, room)),
            nofile=target.nofile or 0,
            service=target.oracle.service,
        )
        self._few = few

    def judge(self) -> TargetResult:
        """Run all checks; a target that cannot be reached at all has no verdict."""
        target = self._target
        self._emit(TargetStarted(target.name, target.kind, len(self._checks)))
        try:
            with target, self._stack:
                self._address = target.address
                self._run_all()
        except _Stop as stop:
            return self.conclude(str(stop), code=1 if stop.dead else 0)
        except (TargetError, StartError) as error:
            self._dismissed = not self._reached
            return self.conclude(str(error), code=0 if self._reached else 3)
        except (Exception, SystemExit) as error:  # ours: the other targets are judged all the same
            return self.conclude(_ours(error), code=4)
        return self.conclude()

    def conclude(self, note: str = "", *, code: int = 0) -> TargetResult:
        """Give the target its verdict from what is known; what did not run is SKIPPED.

        Args:
            note: why the run of this target ended early.
            code: the exit code that this end stands for, whatever the checks say: 1, the server is dead; 3, it was
                never reached; 4, the tool failed; 130, interrupted.
        """
        for check in self._checks:
            if check.id not in self._results:
                self._finish(self._skipped(check, note or "not run"), count=False)
        results = tuple(self._results[check.id] for check in self._checks)
        verdict, exit_code = conclude(results, strict=self._options.strict)
        if code:
            failed = code == 1 or verdict == "non-conforming"
            verdict, exit_code = ("non-conforming" if failed else "no-verdict"), (1 if failed and code == 130 else code)
        target = self._target
        seconds = time.monotonic() - self._start
        return TargetResult(
            target.name, verdict, exit_code, results, target.declared(), seconds, note, self._address, self._dismissed
        )

    def _run_all(self) -> None:
        """Run the checks in order: fixed ones, generated ones, and those that wait, side by side."""
        able = [check for check in self._checks if self._able(check)]
        self._drawing.begin(able, self._plan)
        for at, check in enumerate(sorted(able, key=lambda check: check.generated)):
            if check.overlap and at:
                continue
            self._one(check)
            if self._reached:  # else it was the oracle that failed
                self._meet()
        self._side_by_side([check for check in able if check.id not in self._results])
        self._again()

    def _able(self, check: Check) -> bool:
        idle = self._target.capabilities.idle_timeout
        if lack := self._target.lacks(check.needs):
            why = lack
        elif check.compared and self._target.capabilities.polls:
            why = "the target declares that it polls"
        elif self._few is not None and check.clients > self._few:
            why = f"needs {check.clients} clients at once; the target declares {self._few}"
        elif check.overlap and idle is not None and idle < LONGEST_WAIT:
            why = f"waits for up to {LONGEST_WAIT} s; the target declares idle-timeout={idle}"
        else:
            return True
        self._finish(self._skipped(check, why))
        return False

    def _meet(self, failed: Case | None = None) -> None:
        """After the first check, or its failure: is this a server of this service at all? Then learn how fast it is."""
        if self._met:
            return
        self._met = True
        target = self._target
        self._revive()
        oracle = target.oracle
        # Of a server that died and was started anew, the last canary says nothing.
        canary = (failed.transcript.canary if failed and failed.transcript.died is None else None) or target.canary()
        if canary in (Canary.SILENT, Canary.REFUSED) and target.launched:
            target.fresh()  # was it deaf from the start, or did the first script make it so?
            canary = target.canary(target.patience)
        if canary is Canary.REFUSED and not target.launched:
            raise _Stop(f"{target.name} answers no client any more after this check", dead=True)
        # Of what speaks by itself a wrong word is what there is to judge.
        mute = canary is Canary.SILENT and not oracle.echoes
        if canary is not Canary.OK and (oracle.echoes or oracle.foreign or mute) and target.death() is None:
            self._dismissed = True
            ended = "it ended the connection" if canary is Canary.ENDED else "it answered nothing"
            said = f"it answered {target.answer[:40]!r}" if target.answer else ended
            if oracle.echoes:
                why = (
                    f"not an echo server: it accepts, but {said} to a line of 16 bytes; name what it is with --service"
                )
            elif mute:
                why = f"no {oracle.name} server: it accepts, but the shortest exchange never came to its end"
            else:
                why = f"no {oracle.name} server: it accepts, but {said} to what any such server answers"
            raise _Stop(why, dead=True)
        self._revive()
        self._plan.rate = target.calibrate() or 1e6
        self._plan.round_trip, self._plan.visit = target.round_trip, target.visit

    def _one(self, check: Check) -> None:
        """Run one check by itself."""
        begun = time.monotonic()
        self._plan.check = check.id
        premises: Counter[str] = Counter()
        played = suspects = 0
        doubt = ""
        name, holds = check.premise
        case: Case | None = None
        timer: Timer | None = None
        try:
            scripts = self._drawing.scripts(check, self._plan)
            # Checks that ask for the same judge one and the same run: on a server slow to accept, or to end, it takes long.
            alike = self._last[1] if self._last and self._last[0] is check.scripts else None
            self._last = None
            start = time.monotonic()
            share = self._share(check)
            for script in scripts:
                if played and time.monotonic() - start > share * (1 if premises[name] else UNREACHED):
                    break
                if played % 16 == 0:
                    self._emit(Progress(self._target.name, check.id, "playing", played))
                self._revive()
                played += 1
                canary = check.canary or played == len(scripts) > 1 or (check.generated and played % CANARY_EVERY == 0)
                transcript = alike or self._play(script, canary=canary)
                premises[name] += holds(transcript)
                premises["port-reused"] += transcript.facts["port-reused"]
                if transcript.slow:
                    doubt = "too slow to judge within its bounds"
                finding = breach(check, transcript, self._target)
                if finding is None:
                    continue
                if check.compared and self._reference_too(check, script):
                    premises[name] -= holds(transcript)
                    doubt = f"{REFERENCE} beside it did no better: this machine is too busy"
                    continue
                seen = Case(transcript.script[: transcript.played], transcript, finding)
                try:
                    self._meet(seen)
                except _Stop:
                    case = replace(seen, confirmed=True)  # by the canary, which fared no better
                    raise
                paused = time.monotonic()
                timer = timer or self._budget.begin()
                seen = self._examined(check, seen, timer, played)
                start += time.monotonic() - paused
                # A race stays evidence; a failure that can be seen every time is better, and worth looking for.
                suspects += 1
                case = max(case or seen, seen, key=steadiness)
                if steadiness(case) >= STABLE or suspects == SUSPECTS or timer.over(0.5):
                    break
            if len(scripts) == 1 and case is None:
                self._last = check.scripts, transcript
            self._pots[check.generated] -= time.monotonic() - start
            if timer is not None:
                timer.end()
        except (TargetError, _Stop):
            if case is not None:
                self._settle(check, case, premises, played, begun, doubt)
            raise
        except (Exception, SystemExit) as error:  # ours, never the server's: ERROR, and the other checks go on
            seconds = time.monotonic() - begun
            self._finish(CheckResult(check.id, check.family, check.level, Verdict.ERROR, _ours(error), seconds=seconds))
            return
        self._settle(check, case, premises, played, begun, doubt)
        if case is not None:
            self._survivors()
            if self._budget.spent:
                self._target.hurry()

    def _reference_too(self, check: Check, script: Script) -> bool:
        """Whether a server known to be right shows the same here and now."""
        if self._reference is None:
            self._reference = self._stack.enter_context(
                of_variant(registry.find(REFERENCE), None, How(oracle=self._target.oracle))
            )
        return breach(check, self._reference.play(script), self._reference) is not None

    def _share(self, check: Check) -> float:
        """Return the seconds that the scripts of a check may take: an equal part of what is left."""
        kind = check.generated
        left = sum(other.generated is kind and other.id not in self._results for other in self._checks)
        pot = self._pots[kind] + min(0.0, self._pots[not kind])  # what one kind has overdrawn the other goes without
        return max(LEAST[kind], pot / max(1, left))

    def _revive(self) -> None:
        if not self._target.revive():
            raise _Stop("the server does not start again", dead=True)

    def _play(self, script: Script, *, canary: bool) -> Transcript:
        """Play a script; the very first one tells whether anything listens at all."""
        target = self._target
        play = target.play if self._reached else target.first
        transcript = play(script, canary=canary and self._met)
        self._address = target.address
        self._reached = True
        return transcript

    def _examined(self, check: Check, case: Case, timer: Timer, played: int) -> Case:
        """Have a failure confirmed, shrunk and rated."""
        self._emit(Progress(self._target.name, check.id, "shrinking", played))
        brief = check.level is Level.INFO or self._budget.spent or self._failures[check.family] >= BRIEF_AFTER
        return examine(check, self._target, case, timer, brief=brief)

    def _settle(
        self, check: Check, case: Case | None, premises: Counter[str], played: int, begun: float, doubt: str = ""
    ) -> None:
        """Turn what was seen into a result."""
        name = check.premise[0]
        counts = {premise: count for premise, count in premises.items() if count or premise == name}
        if case is not None:
            result = result_of(check, case, self._target.oracle, premises=counts, scripts=played)
        else:
            verdict, reason = Verdict.PASS, ""
            if played and not premises[name]:
                verdict = Verdict.INCONCLUSIVE
                reason = doubt or f"premise never reached: {name}"
            result = CheckResult(check.id, check.family, check.level, verdict, reason, premises=counts, scripts=played)
        self._finish(replace(result, seconds=time.monotonic() - begun))

    def _survivors(self) -> None:
        """After a failure: an address that answers nobody any more ends the run; a launched server starts afresh."""
        target = self._target
        if target.launched:
            if not self._budget.spent or target.canary() is not Canary.OK:
                target.fresh()
        elif target.canary() is not Canary.OK and target.canary() is not Canary.OK:
            raise _Stop(f"{target.name} answers no client any more after this check", dead=True)

    def _side_by_side(self, checks: Sequence[Check]) -> None:
        """Play the checks that mostly wait beside each other; whatever fails there is seen again by itself."""
        batch: list[tuple[Check, Script]] = []
        room = TOGETHER if self._few is None else min(TOGETHER, self._plan.most_clients)
        for check in checks:
            self._plan.check = check.id
            scripts = list(check.scripts(self._plan))
            # Where nothing can wait side by side, one wait must do.
            batch += [(check, script) for script in (scripts if room > 1 else scripts[-1:])]
        begun = time.monotonic()
        seen: dict[str, list[Transcript]] = {check.id: [] for check in checks}
        while batch:
            group: list[tuple[Check, Script]] = []
            clients = 0
            while batch and (not group or clients + _clients(batch[0][1]) <= room):
                group.append(batch.pop(0))
                clients += _clients(group[-1][1])
            self._emit(
                Progress(self._target.name, ", ".join(sorted({check.id for check, _ in group})), "waiting", len(group))
            )
            self._revive()
            for (check, _), transcript in zip(
                group, self._target.play_together([script for _, script in group]), strict=True
            ):
                seen[check.id].append(transcript)
        took = time.monotonic() - begun
        for check in checks:
            transcripts = seen[check.id]
            name, holds = check.premise
            premises = Counter({name: sum(map(holds, transcripts))})
            if premises[name] and not any(breach(check, transcript, self._target) for transcript in transcripts):
                self._settle(check, None, premises, len(transcripts), time.monotonic() - took)
            else:
                self._one(check)

    def _again(self) -> None:
        """Give checks without a verdict one quiet re-run, unless the target's verdict is known already."""
        if any(result.failed for result in self._results.values()):
            return
        self._last = None
        for check in self._checks:
            if self._results[check.id].verdict is Verdict.INCONCLUSIVE:
                del self._results[check.id]
                self._one(check)

    def _skipped(self, check: Check, why: str) -> CheckResult:
        return CheckResult(check.id, check.family, check.level, Verdict.SKIPPED, why)

    def _finish(self, result: CheckResult, *, count: bool = True) -> None:
        options = self._options
        if options.baseline is not None:
            result = options.baseline.excuse(self._target.name, result)
        self._results[result.id] = result
        if options.evidence is not None:
            check = next(check for check in self._checks if check.id == result.id)
            result = self._results[result.id] = options.evidence.keep(self._target, check, result)
        self._emit(CheckFinished(self._target.name, result))
        if count and result.verdict in (Verdict.FAIL, Verdict.UNSTABLE, Verdict.WARN):
            self._failures[result.family] += 1
            if options.fail_fast and result.failed:
                raise _Stop("stopped at the first failure (--fail-fast)")


def _ours(error: BaseException) -> str:
    return str(error) if isinstance(error, SuiteError) else f"internal error: {type(error).__name__}: {error}"


def _clients(script: Script) -> int:
    return max(1, len({op.client for op in script}))
