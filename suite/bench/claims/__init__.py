"""The textbooks' claims as experiments: the registry, in the order in which they run.

Adding a claim is one function and one `Trial`, in the module of its theme.
"""

from importlib import import_module

from suite.bench.claims.trial import Trial
from suite.errors import UsageError

__all__ = ("THEMES", "catalogue", "select")

THEMES = ("waiting", "wall", "scaling", "memory", "polling", "versus")
"""Modules here that hold experiments."""


def catalogue() -> tuple[Trial, ...]:
    """Return all claims, in running order."""
    return tuple(trial for theme in THEMES for trial in import_module(f"{__name__}.{theme}").TRIALS)


def select(ids: tuple[str, ...]) -> tuple[Trial, ...]:
    """Return the claims called so, in running order; all when none is named.

    Raises:
        UsageError: there is no such claim; the message names the closest ones.
    """
    trials = catalogue()
    known = [trial.id for trial in trials]
    for name in ids:
        if name not in known:
            from difflib import get_close_matches  # noqa: PLC0415 - only a misspelt name needs it

            close = get_close_matches(name, known, n=2)
            hint = f"did you mean {' or '.join(close)}?" if close else "`suite claims --list` names them all"
            raise UsageError(f"unknown claim {name!r}; {hint}")
    return tuple(trial for trial in trials if not ids or trial.id in ids)
