"""From cases to verdicts, from verdicts to exit codes."""

from collections.abc import Sequence

from suite.conformance.confirm import STABLE, Case, fatal, steadiness
from suite.conformance.oracle import Oracle, divergence
from suite.conformance.plan import Check
from suite.conformance.script import one_line, to_json
from suite.events import CheckResult, Level, Verdict

__all__ = ("EXIT_ORDER", "conclude", "overall", "result_of")

REACHED = frozenset({Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.INFO, Verdict.UNSTABLE})
EXIT_ORDER = (130, 4, 1, 3, 0)
"""With several targets the first of these that occurred."""


def result_of(check: Check, case: Case, oracle: Oracle, *, premises: dict[str, int], scripts: int) -> CheckResult:
    """Grade a failure: unconfirmed absences are INCONCLUSIVE, the rest counts by level and rate."""
    finding = case.finding
    # Whatever was looked at, a server must outlive its clients.
    binding = check.level is Level.MUST or (fatal(finding) and case.confirmed)
    if check.level is Level.INFO and not binding:
        verdict = Verdict.INFO
    elif not finding.hard and (not case.confirmed or _gone(case)):
        verdict = Verdict.INCONCLUSIVE
    elif not binding:
        verdict = Verdict.WARN
    elif steadiness(case) < STABLE:
        verdict = Verdict.UNSTABLE
    else:
        verdict = Verdict.FAIL
    note = case.note or ("" if case.confirmed or case.rate else "seen once, and not when it was tried again")
    reason = f"{one_line(case.script) if len(case.script) <= 12 else f'{len(case.script)} operations'}: {finding.actual}, not {finding.expected}"
    return CheckResult(
        check.id,
        check.family,
        check.level,
        verdict,
        reason=reason + (f" ({note})" if note else ""),
        expected=finding.expected,
        actual=finding.actual,
        finding=finding,
        note=note,
        afresh=case.afresh,
        script=tuple(to_json(case.script)),
        rate=case.rate,
        timeline=tuple(case.transcript.moments),
        divergence=divergence(case.transcript, oracle),
        endings={talk.client: talk.ending.value for talk in case.transcript.conversations.values() if talk.client >= 0},
        premises=premises,
        scripts=scripts,
    )


def _gone(case: Case) -> bool:
    """Whether an absence never showed again while its rate was taken: a server that was slow twice is not wrong."""
    return case.rate is not None and not case.rate.failed and not fatal(case.finding)


def conclude(results: Sequence[CheckResult], *, strict: bool) -> tuple[str, int]:
    """Return a target's verdict and the exit code it stands for."""
    failed = any(
        result.failed or (strict and result.verdict is Verdict.WARN and not result.excused) for result in results
    )
    if any(result.verdict is Verdict.ERROR for result in results):
        return ("non-conforming" if failed else "no-verdict"), 4
    if failed:
        return "non-conforming", 1
    musts = [result for result in results if result.level is Level.MUST and result.verdict is not Verdict.SKIPPED]
    reached = sum(result.verdict in REACHED for result in musts)
    ran = any(result.verdict in REACHED for result in results)
    if not ran or reached < 0.9 * len(musts):
        return "no-verdict", 3
    return "conforming", 0


def overall(exits: Sequence[int]) -> int:
    """Return the exit code of several targets."""
    return next(code for code in EXIT_ORDER if code in exits) if exits else 3
