"""The catalogue: every check, family by family, in the order they run.

Adding a check is one function with its requirement, in the module of its family.
"""

from importlib import import_module

from suite.conformance.dialogue import Oracle
from suite.conformance.plan import Check
from suite.errors import UsageError

__all__ = ("FAMILIES", "MATRIX", "catalogue", "find", "select")

FAMILIES = (
    "fidelity",
    "segmentation",
    "ordering",
    "half-close",
    "disconnect",
    "reset",
    "concurrency",
    "isolation",
    "fairness",
    "backpressure",
    "resources",
    "churn",
    "overload",
    "injection",
    "urgent",
    "idle",
    "shutdown",
    "services",
    "protocol",
    "tls",
)
"""Names of the families, in running order; each is a module here, dashes as underscores."""

MATRIX = (*FAMILIES[:10], "urgent")
"""Families that `suite check all` runs when none is chosen: what clients see, in the three minutes that it may take."""


def catalogue() -> tuple[Check, ...]:
    """Return all checks, in running order."""
    return tuple(
        check for family in FAMILIES for check in import_module(f"{__name__}.{family.replace('-', '_')}").FAMILY.checks
    )


def find(name: str) -> Check:
    """Return the check with this id.

    Raises:
        UsageError: there is none; or it is a family's name, and the message names its checks.
    """
    checks = select((name,), ())
    if checks[0].id != name:
        raise UsageError(f"{name} is a family: name one of {', '.join(check.id for check in checks)}")
    return checks[0]


def select(only: tuple[str, ...], exclude: tuple[str, ...], oracle: Oracle | None = None) -> tuple[Check, ...]:
    """Return the checks named by id or family in `only` (all when empty), less those in `exclude`.

    With an oracle, only those that apply to its service.

    Raises:
        UsageError: a name is neither a check nor a family; or nothing is left.
    """
    checks = catalogue()
    known = {check.id for check in checks} | set(FAMILIES)
    for name in (*only, *exclude):
        if name not in known:
            from difflib import get_close_matches  # noqa: PLC0415 - only a misspelt name needs it

            close = get_close_matches(name, known, n=2)
            hint = f"did you mean {' or '.join(close)}?" if close else "`suite list checks` names them all"
            raise UsageError(f"unknown check or family {name!r}; {hint}")
    if oracle is not None:
        checks = tuple(check for check in checks if _applies(check, oracle))
    chosen = tuple(
        check for check in checks
        if (not only or {check.id, check.family} & set(only)) and not {check.id, check.family} & set(exclude)
    )  # fmt: skip
    if only and not any({check.id, check.family} & set(only) for check in checks):
        service = oracle.service if oracle else ""
        raise UsageError(
            f"none of {', '.join(only)} is about the service {service}; choose others, or another --service"
        )
    if not chosen:
        raise UsageError("no check is left to run; --only and --exclude cancel each other out")
    return chosen


def _applies(check: Check, oracle: Oracle) -> bool:
    return oracle.service in check.services or (oracle.messages is not None and "messages" in check.services)
