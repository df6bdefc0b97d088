"""`suite selftest`: from its options to specimens, reports and the exit code."""

import argparse
import secrets
import sys
from collections.abc import Callable, Sequence

from suite.api import limits, names, roomy
from suite.conformance.proving import Prover, Sign
from suite.conformance.zoo import SPECIMENS, Specimen
from suite.errors import UsageError
from suite.report.confusion import JsonConfusion, RowsFile, TextConfusion
from suite.report.text import wants_color

__all__ = ("selftest",)


def selftest(options: argparse.Namespace) -> int:
    """Run `suite selftest`; return its exit code.

    Raises:
        UsageError: a name is unknown, or a file cannot be used.
    """
    specimens = _selected(names(options.only))
    seed = secrets.randbits(32) if options.seed is None else options.seed
    rows = None if options.resume is None else RowsFile(options.resume, options.profile, seed)
    reports: list[Callable[[Sign], None]] = [TextConfusion(color=wants_color(options.color, sys.stdout))]
    reports += [JsonConfusion(options.json)] if options.json is not None else []
    reports += [rows] if rows is not None else []

    def tell(sign: Sign) -> None:
        for report in reports:
            report(sign)

    prover = Prover(options.profile, seed if rows is None else rows.seed, tell, limits()[1])
    with roomy():
        return prover.run(specimens, [] if rows is None else rows.rows)


def _selected(only: Sequence[str]) -> tuple[Specimen, ...]:
    """Return the specimens called so, or named by a family or check called so; all when nothing is asked for."""
    keys = [{row.name, row.file, *row.families, *row.named} | (set() if row.named else {"right"}) for row in SPECIMENS]
    known = set().union(*keys)
    for name in only:
        if name not in known:
            from difflib import get_close_matches  # noqa: PLC0415 - only a misspelt name needs it

            close = get_close_matches(name, known, n=2)
            hint = (
                f"did you mean {' or '.join(close)}?"
                if close
                else "--only takes a specimen, a check, a family or `right`"
            )
            raise UsageError(f"unknown specimen {name!r}; {hint}")
    return tuple(row for row, called in zip(SPECIMENS, keys, strict=True) if not only or called & set(only))
