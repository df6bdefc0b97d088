"""How a run judges: what the engine, its judges and those who start them agree on."""

from collections.abc import Callable
from dataclasses import dataclass

from suite.conformance.baseline import Baseline
from suite.conformance.evidence import Evidence
from suite.events import Event

__all__ = ("Emit", "Options")

Emit = Callable[[Event], None]
"""Is told everything as it happens."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to run.

    Attributes:
        seed: every random choice follows from it.
        profile: "quick" or "thorough".
        strict: a failed SHOULD counts.
        fail_fast: stop a target at its first failure.
        descriptors: descriptors that this process may open.
        evidence: writes files that show failures again.
        baseline: knows which failures are expected.
    """

    seed: int
    profile: str = "quick"
    strict: bool = False
    fail_fast: bool = False
    descriptors: int = 1024
    evidence: Evidence | None = None
    baseline: Baseline | None = None
