"""Runs experiments one after the other and tells what they find; whatever one meets, the others go on."""

import os
import time
from collections.abc import Callable, Sequence

from suite import __version__
from suite.bench import place
from suite.bench.claims.judging import FAIL, INCONCLUSIVE
from suite.bench.claims.lab import Lab, Premise
from suite.bench.claims.trial import Finding, Trial
from suite.bench.findings import Claim, ClaimFinished, ClaimsFinished, ClaimsStarted
from suite.errors import StartError, SuiteError, TargetError

__all__ = ("ClaimsEvent", "run")

ClaimsEvent = ClaimsStarted | ClaimFinished | ClaimsFinished


def run(trials: Sequence[Trial], emit: Callable[[ClaimsEvent], None], *, seed: int, descriptors: int) -> int:
    """Run experiments; return the exit code.

    Args:
        trials: which.
        emit: is told what happens.
        seed: of payloads and of the order of slices.
        descriptors: that we, and each process we start, may open.
    """
    begun = time.monotonic()
    pinning = place.choose()
    environment = place.environment()
    emit(ClaimsStarted(tuple(trial.id for trial in trials), pinning.as_dict(), environment))
    claims: list[Claim] = []
    interrupted = broken = False
    try:
        for trial in trials:
            claim, ours = _try(trial, Lab(pinning, descriptors, seed))
            broken = broken or ours
            claims.append(claim)
            emit(ClaimFinished(claim))
    except KeyboardInterrupt:
        interrupted = True
    code = 130 if interrupted else 4 if broken else _exit_of(claims)
    seconds = time.monotonic() - begun
    emit(ClaimsFinished("suite claims", __version__, tuple(claims), pinning.as_dict(), environment, seconds, interrupted, code))  # fmt: skip
    return code


def _try(trial: Trial, lab: Lab) -> tuple[Claim, bool]:
    """Return the claim with its verdict, and whether the tool itself failed."""
    begun, ours = time.monotonic(), False
    try:
        why = lab.pinning.why if trial.apart else ""
        finding = Finding(INCONCLUSIVE, why) if why else trial.run(lab)
    except Premise as premise:
        finding = Finding(INCONCLUSIVE, str(premise))
    except (TargetError, StartError) as error:
        finding = Finding(INCONCLUSIVE, f"a server did not start: {error}")
    except Exception as error:  # ours: the other claims are tried all the same
        if os.environ.get("SUITE_TRACEBACK"):
            raise
        kind = "" if isinstance(error, SuiteError) else f"{type(error).__name__}: "
        finding, ours = Finding(INCONCLUSIVE, f"the tool failed: {kind}{error}"), True
    seconds = time.monotonic() - begun
    return Claim(trial.id, trial.claim, finding.verdict, finding.evidence, trial.threshold, finding.figures, finding.plot, seconds), ours  # fmt: skip


def _exit_of(claims: Sequence[Claim]) -> int:
    if any(claim.verdict == FAIL for claim in claims):
        return 1
    return 3 if all(claim.verdict == INCONCLUSIVE for claim in claims) else 0
