"""What an experiment is, as data: the claim it tries, what would be enough, and the function that finds out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from suite.bench.claims.lab import Lab
from suite.bench.findings import Plot

__all__ = ("Finding", "Trial")


@dataclass(frozen=True, slots=True)
class Finding:
    """What an experiment found; the fields are those of `suite.bench.findings.Claim`."""

    verdict: str
    evidence: str
    figures: dict[str, Any] = field(default_factory=dict)
    plot: Plot | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """A claim of the textbooks and the experiment that tries it.

    Attributes:
        id: a stable slug, never reused.
        claim: one sentence.
        threshold: what is enough, and where that number comes from.
        source: who says what the claim says.
        run: the experiment; raises `Premise` where it cannot tell.
        apart: it is worth something only where servers and generator have a processor each.
    """

    id: str
    claim: str
    threshold: str
    source: str
    run: Callable[[Lab], Finding]
    apart: bool = False
