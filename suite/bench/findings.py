"""What `suite claims` finds: frozen dataclasses that the experiments tell and the reports consume."""

from dataclasses import dataclass, field
from typing import Any

__all__ = ("Claim", "ClaimFinished", "ClaimsFinished", "ClaimsStarted", "Plot", "Point", "Series")


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement: x, y, and the quartiles of y where there are any."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """What one server showed."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """What the evidence looks like.

    Attributes:
        x, y: what the axes show, with units.
        log_x, log_y: decades are spanned.
        bars: x is a name in `labels` and not a number: point.x indexes it.
    """

    x: str
    y: str
    series: tuple[Series, ...]
    log_x: bool = False
    log_y: bool = False
    bars: bool = False
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of the textbooks, tried.

    Attributes:
        id: a stable slug.
        claim: one sentence.
        verdict: "PASS" (shown here), "FAIL" (not so here), "INCONCLUSIVE" (this machine or moment cannot tell) or
            "REPORTED" (figures without a verdict, by design).
        evidence: what was seen, one or two sentences with figures and units.
        threshold: what would have been enough, and where that number comes from.
        figures: the numbers, by name.
        seconds: that it took.
    """

    id: str
    claim: str
    verdict: str
    evidence: str
    threshold: str
    figures: dict[str, Any] = field(default_factory=dict)
    plot: Plot | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ClaimsStarted:
    """A run begins: ids in order."""

    claims: tuple[str, ...]
    pinning: dict[str, list[int]]
    environment: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ClaimFinished:
    """A claim has its verdict."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class ClaimsFinished:
    """The run is over; `asdict` of this is the JSON report, format 1."""

    tool: str
    version: str
    claims: tuple[Claim, ...]
    pinning: dict[str, list[int]]
    environment: dict[str, Any]
    seconds: float
    interrupted: bool
    exit: int
    format: int = 1
