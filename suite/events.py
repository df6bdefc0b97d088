"""What the engine tells and the reports consume: frozen dataclasses, nothing else.

A run is RunStarted, then for each target TargetStarted, CheckFinished …, TargetFinished, and last RunFinished.
`Progress` may come at any time between; a report may ignore it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = (
    "CheckFinished",
    "CheckResult",
    "Divergence",
    "Event",
    "Finding",
    "Level",
    "Moment",
    "Progress",
    "Rate",
    "Repro",
    "RunFinished",
    "RunStarted",
    "TargetFinished",
    "TargetResult",
    "TargetStarted",
    "Verdict",
)


class Level(StrEnum):
    """How binding a requirement is (RFC 2119 words)."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    INFO = "INFO"


class Verdict(StrEnum):
    """What became of one check."""

    PASS = "PASS"  # noqa: S105 - a verdict, no password
    FAIL = "FAIL"
    WARN = "WARN"
    INFO = "INFO"
    UNSTABLE = "UNSTABLE"
    INCONCLUSIVE = "INCONCLUSIVE"
    SKIPPED = "SKIPPED"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach of a requirement, seen in one transcript.

    Attributes:
        kind: what was breached (the words of `suite.conformance.oracle`); with the check's id it is the signature
            under which a failure is confirmed and shrunk.
        client: the client that saw it, -1 for the canary or the process.
        expected: one phrase.
        actual: one phrase.
        hard: seen as a fact (wrong bytes, an end too early); False for the absence of something within a time bound.
    """

    kind: str
    client: int
    expected: str
    actual: str
    hard: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a transcript's timeline: seconds since the script's start, whose, and what happened."""

    seconds: float
    client: int
    what: str


@dataclass(frozen=True, slots=True)
class Rate:
    """How often the final script failed."""

    failed: int
    runs: int


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where one client's stream first was not what it should be, with a few bytes before it and after.

    Attributes:
        client: whose stream.
        offset: of the first byte that is wrong, missing or too much.
        start: offset of the first byte of the two windows.
        expected: the window of the owed stream; ends early where nothing more is owed.
        received: the window of what came; ends early where nothing more came.
    """

    client: int
    offset: int
    start: int
    expected: bytes
    received: bytes


@dataclass(frozen=True, slots=True)
class Repro:
    """Files that show a failure again: the script as JSON, and where they can, a stand-alone program and a shell line."""

    json: str
    python: str | None
    one_liner: str | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What became of one check on one target.

    Attributes:
        id: the check's stable slug.
        family: its family.
        level: MUST, SHOULD or INFO.
        verdict: see `Verdict`; UNSTABLE on a MUST counts as failed.
        reason: one line.
        expected: what the requirement wants, for a finding.
        actual: what was seen instead.
        finding: the breach itself, for a failure.
        note: what else to know, one phrase.
        afresh: the script fails on a server that has just been started; on one that has served others it may not.
        excused: why this failure is expected (`--baseline`); it then counts for nothing.
        script: the shortest script that shows it, as JSON data.
        rate: how often that script failed.
        timeline: what happened in that script, all clients merged.
        divergence: where the first wrong stream went wrong; None where the bytes were right.
        endings: how each client's connection stood at the end, by client.
        repro: files that show it again, where some were asked for.
        premises: how often each premise of the check was reached, by name.
        scripts: how many scripts were played before the verdict.
        seconds: wall time the check took.
    """

    id: str
    family: str
    level: Level
    verdict: Verdict
    reason: str = ""
    expected: str | None = None
    actual: str | None = None
    finding: Finding | None = None
    note: str = ""
    afresh: bool = False
    excused: str = ""
    script: tuple[Any, ...] | None = None
    rate: Rate | None = None
    timeline: tuple[Moment, ...] = ()
    divergence: Divergence | None = None
    endings: Mapping[int, str] = field(default_factory=dict)
    repro: Repro | None = None
    premises: Mapping[str, int] = field(default_factory=dict)
    scripts: int = 0
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether the target failed here: at a MUST, or for good at any."""
        return self.verdict in (Verdict.FAIL, Verdict.UNSTABLE) and not self.excused


@dataclass(frozen=True, slots=True)
class TargetResult:
    """What became of one target: "conforming", "non-conforming" or "no-verdict", and the exit code it stands for.

    `note` says why it ended early; `dismissed` that the note is all there is to say: never reached, or no such service.
    """

    target: str
    verdict: str
    exit: int
    checks: tuple[CheckResult, ...]
    capabilities: Mapping[str, Any]
    seconds: float
    note: str = ""
    address: str = ""
    dismissed: bool = False


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The run begins."""

    targets: tuple[str, ...]
    service: str
    seed: int
    profile: str


@dataclass(frozen=True, slots=True)
class TargetStarted:
    """A target is about to be judged by `checks` checks."""

    target: str
    kind: str
    checks: int


@dataclass(frozen=True, slots=True)
class Progress:
    """What the engine is doing now."""

    target: str
    check: str
    doing: str
    done: int


@dataclass(frozen=True, slots=True)
class CheckFinished:
    """A check has its verdict."""

    target: str
    result: CheckResult


@dataclass(frozen=True, slots=True)
class TargetFinished:
    """A target has its verdict."""

    kind: str
    result: TargetResult


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run is over.

    Attributes:
        targets: the results.
        exit: the command's exit code.
        seconds: wall time of the run.
        interrupted: it was cut short.
        stale: what is wrong with the baseline, one line each; any fails the run.
    """

    targets: tuple[TargetResult, ...]
    exit: int
    seconds: float
    interrupted: bool = False
    stale: tuple[str, ...] = ()


Event = RunStarted | TargetStarted | Progress | CheckFinished | TargetFinished | RunFinished
