"""`suite claims`: from its options to experiments, reports and the exit code."""

import argparse
import secrets
import sys
from collections.abc import Callable

from suite.api import limits, names, roomy
from suite.bench import claims, place
from suite.bench.claims import engine
from suite.errors import UsageError
from suite.report.claims import JsonClaims, TextClaims, show_list
from suite.report.text import wants_color

__all__ = ("run",)


def run(options: argparse.Namespace) -> int:
    """Run `suite claims`; return its exit code.

    Raises:
        UsageError: an id is unknown, a command is given, the file cannot be written, or another measurement runs.
        HarnessError: the file could not be written; said when the run is over.
    """
    if options.command is not None:
        raise UsageError("claims are tried on the variants here; `suite bench -- CMD` measures a server of yours")
    trials = claims.select(names(options.ids))
    if options.list:
        show_list(trials)
        return 0
    reports: list[Callable[[engine.ClaimsEvent], None]] = [TextClaims(color=wants_color(options.color, sys.stdout))]
    reports += [JsonClaims(options.json)] if options.json is not None else []

    def emit(event: engine.ClaimsEvent) -> None:
        for report in reports:
            report(event)

    seed = secrets.randbits(32) if options.seed is None else options.seed
    with place.alone(), roomy():
        return engine.run(trials, emit, seed=seed, descriptors=limits()[1])
