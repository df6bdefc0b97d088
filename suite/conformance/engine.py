"""Runs checks over targets and tells what happens as events; it prints nothing."""

import time
from collections.abc import Sequence

from suite.conformance.drawing import Drawing
from suite.conformance.judge import Judge
from suite.conformance.options import Emit, Options
from suite.conformance.plan import Check
from suite.conformance.target import Target
from suite.conformance.verdict import overall
from suite.events import RunFinished, RunStarted, TargetFinished, TargetResult

__all__ = ("Options", "run")


def run(
    targets: Sequence[Target],
    checks: Sequence[Check],
    options: Options,
    emit: Emit,
    counted: frozenset[str] = frozenset(),
) -> int:
    """Judge every target by every check; return the exit code.

    Args:
        targets: what to judge, in order.
        checks: by what.
        options: how.
        emit: is told every event.
        counted: kinds of target whose result counts for the exit code; empty means all.
    """
    start = time.monotonic()
    service = targets[0].oracle.service if targets else "echo"
    emit(RunStarted(tuple(target.name for target in targets), service, options.seed, options.profile))
    results: list[TargetResult] = []
    exits: list[int] = []
    interrupted = False
    with Drawing() as drawing:
        for target in targets:
            judge = Judge(target, checks, options, emit, drawing)
            try:
                result = judge.conclude("not begun: interrupted", code=130) if interrupted else judge.judge()
            except KeyboardInterrupt:
                interrupted = True
                result = judge.conclude("interrupted", code=130)
            results.append(result)
            emit(TargetFinished(target.kind, result))
            if not counted or target.kind in counted:
                exits.append(result.exit)
            if interrupted:
                exits.append(130)
    stale = options.baseline.stale(results) if options.baseline is not None else ()
    if stale:
        exits.append(1)
    code = overall(exits)
    emit(RunFinished(tuple(results), code, time.monotonic() - start, interrupted, stale))
    return code
