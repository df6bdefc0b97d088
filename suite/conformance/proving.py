"""Proves the tool itself: judges each specimen as `suite check` would, and tells what the checks made of it.

It prints nothing: what happens is told as events, which a report turns into a confusion matrix.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from suite.conformance import oracles, targets
from suite.conformance.checks import FAMILIES, select
from suite.conformance.drawing import Drawing
from suite.conformance.judge import Judge
from suite.conformance.options import Options
from suite.conformance.zoo import Specimen, command
from suite.errors import SuiteError
from suite.events import CheckFinished, CheckResult, Event, Progress, TargetResult, Verdict
from suite.process import Server

__all__ = ("MOST_SECONDS", "Proved", "Prover", "ProvingFinished", "ProvingStarted", "Row", "Sign")

MOST_SECONDS = 30.0
"""Seconds within which a fault must have been named."""
ROUNDS = {"fast": 1, "full": 20}
"""Times that each right server is judged."""
_TELLING = (Verdict.FAIL, Verdict.UNSTABLE, Verdict.WARN)


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one specimen, in one round.

    Attributes:
        name: the specimen.
        expected: the families that must name it; empty for a right server.
        round: 1, or up to 20 for a right server.
        outcome: "found", "slow" (found too late), "long" (its script is not short enough), "missed", "false alarm",
            "silent" (a right server that nothing failed), "unavailable", or "error" (the tool failed, or had no verdict).
        check: the check of an expected family that named it, or that raised the false alarm.
        others: further families that failed.
        seconds: until it was named; of the whole run for a right server.
        operations: of the shortest script that shows it; None where there is none.
        most: operations it may have.
        rate: how often that script failed: "20/20".
        note: what else to know, one phrase.
    """

    name: str
    expected: tuple[str, ...]
    round: int
    outcome: str
    check: str = ""
    others: tuple[str, ...] = ()
    seconds: float = 0.0
    operations: int | None = None
    most: int = 0
    rate: str = ""
    note: str = ""

    @property
    def good(self) -> bool:
        """Whether this is as it should be, or nothing that could be run."""
        return self.outcome in ("found", "silent", "unavailable")


@dataclass(frozen=True, slots=True)
class ProvingStarted:
    """The run begins: so many rounds in all, of which `known` come from a file."""

    profile: str
    seed: int
    rounds: int
    known: int


@dataclass(frozen=True, slots=True)
class Proved:
    """A specimen has its row; `known` says that it comes from a file."""

    row: Row
    known: bool = False


@dataclass(frozen=True, slots=True)
class ProvingFinished:
    """The run is over."""

    rows: tuple[Row, ...]
    exit: int
    seconds: float
    interrupted: bool


Sign = ProvingStarted | Proved | ProvingFinished | Progress


@dataclass(slots=True)
class _Ear:
    """Hears the events of one judge: when a check of an expected family failed first, and how far it is."""

    families: Sequence[str]
    tell: Callable[[Sign], None]
    named: str
    start: float = field(default_factory=time.monotonic)
    seconds: float | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.tell(Progress(self.named, event.check, event.doing, event.done))
        elif isinstance(event, CheckFinished) and _telling(event.result, self.families) and self.seconds is None:
            self.seconds = time.monotonic() - self.start


class Prover:
    """Runs rounds of specimens.

    Args:
        profile: "fast" (a fault: the checks of the families that must name it, up to the first failure; a right server:
            once) or "full" (the whole catalogue; a right server twenty times).
        seed: of the engine.
        tell: is told what happens.
        descriptors: that this process may open.
    """

    def __init__(self, profile: str, seed: int, tell: Callable[[Sign], None], descriptors: int) -> None:
        self._profile = profile
        self._seed = seed
        self._tell = tell
        self._descriptors = descriptors

    def run(self, specimens: Sequence[Specimen], known: Sequence[Row]) -> int:
        """Run every round that `known` does not hold; return the exit code."""
        begun = time.monotonic()
        held = {(row.name, row.round): row for row in known}
        rounds = [(specimen, number) for specimen in specimens for number in self._rounds(specimen)]
        reused = sum((specimen.name, number) in held for specimen, number in rounds)
        self._tell(ProvingStarted(self._profile, self._seed, len(rounds), reused))
        rows: list[Row] = []
        interrupted = False
        try:
            with Drawing() as drawing:
                for specimen, number in rounds:
                    old = held.get((specimen.name, number))
                    row = old or self._round(specimen, number, drawing)
                    rows.append(row)
                    self._tell(Proved(row, known=old is not None))
        except KeyboardInterrupt:
            interrupted = True
        code = 130 if interrupted else _exit_of(rows)
        self._tell(ProvingFinished(tuple(rows), code, time.monotonic() - begun, interrupted))
        return code

    def _rounds(self, specimen: Specimen) -> Iterator[int]:
        yield from range(1, 2 if specimen.named else ROUNDS[self._profile] + 1)

    def _round(self, specimen: Specimen, number: int, drawing: Drawing) -> Row:
        if reason := specimen.unavailable():
            return Row(specimen.name, specimen.families, number, "unavailable", note=reason)
        try:
            return self._faulty(specimen, drawing) if specimen.named else self._right(specimen, number, drawing)
        except SuiteError as error:
            return Row(specimen.name, specimen.families, number, "error", note=str(error))

    def _faulty(self, specimen: Specimen, drawing: Drawing) -> Row:
        families = specimen.families
        fast = self._profile == "fast"
        options = Options(self._seed, fail_fast=fast, descriptors=self._descriptors)
        oracle = oracles.find(specimen.service)
        checks = select(families if fast else (), (), oracle)
        if fast:  # those that name it best come first
            checks = tuple(sorted(checks, key=lambda check: check.id not in specimen.named))
        ear = _Ear(families, self._tell, specimen.name)
        with command(specimen) as words:
            target = targets.command(
                words,
                None,
                targets.How(
                    nofile=specimen.nofile,
                    limit=specimen.limit,
                    oracle=oracle,
                    tls=specimen.tls,
                    inject=specimen.inject,
                ),
            )
            result = Judge(target, checks, options, ear, drawing).judge()
        named = [check for check in result.checks if _telling(check, families)]
        if not named:
            return _unnamed(specimen, 1, result)
        # The shortest script is the best evidence, and the expected check its best witness.
        best = min(named, key=lambda check: (check.id not in specimen.named, len(check.script or ()) or 99_999))
        operations = min((len(check.script) for check in named if check.script), default=None)
        seconds = ear.seconds or result.seconds
        outcome = "found"
        if seconds > MOST_SECONDS:
            outcome = "slow"
        elif operations is None or operations > specimen.most:
            outcome = "long"
        return Row(
            specimen.name, families, 1, outcome, best.id, _others(result, families), round(seconds, 1), operations,
            specimen.most, f"{best.rate.failed}/{best.rate.runs}" if best.rate else "", best.note,
        )  # fmt: skip

    def _right(self, specimen: Specimen, number: int, drawing: Drawing) -> Row:
        """Judge a right server that runs by itself, as a stranger's would: by HOST:PORT, nothing known of it."""
        oracle = oracles.find(specimen.service)
        with command(specimen) as words, Server.start(words, nofile=specimen.nofile) as server:
            host, port = server.address
            target = targets.parse(f"{'tls://' * specimen.tls}{host}:{port}", None, targets.How(oracle=oracle))
            options = Options(self._seed + number - 1, descriptors=self._descriptors)
            ear = _Ear((), self._tell, f"{specimen.name} {number}")
            result = Judge(target, select((), (), oracle), options, ear, drawing).judge()
        alarms = [
            check
            for check in result.checks
            if _telling(check, FAMILIES) and not (check.id in specimen.tells and check.verdict is Verdict.WARN)
        ]
        if not alarms:
            return _unnamed(specimen, number, result)
        first = alarms[0]
        others = tuple(dict.fromkeys(check.family for check in alarms))
        operations = len(first.script) if first.script else None
        return Row(
            specimen.name, (), number, "false alarm", first.id, others, round(result.seconds, 1), operations, note=first.reason
        )  # fmt: skip


def _telling(result: CheckResult, families: Sequence[str]) -> bool:
    return result.family in families and result.verdict in _TELLING


def _others(result: TargetResult, families: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            check.family for check in result.checks if check.verdict in _TELLING and check.family not in families
        )
    )


def _unnamed(specimen: Specimen, number: int, result: TargetResult) -> Row:
    """Return the row of a server that nothing failed."""
    if result.exit in (3, 4):
        outcome = "error"
        broken = [check.reason for check in result.checks if check.verdict is Verdict.ERROR]
        note = result.note or (broken[0] if broken else "too little could be judged")
    else:
        outcome, note = ("missed" if specimen.named else "silent"), result.note
    others = _others(result, specimen.families)
    return Row(specimen.name, specimen.families, number, outcome, others=others, seconds=round(result.seconds, 1), most=specimen.most, note=note)  # fmt: skip


def _exit_of(rows: Sequence[Row]) -> int:
    """Return 4 where the tool itself failed, 1 where a row is not as it should be, 3 where nothing ran."""
    if any(row.outcome == "error" for row in rows):
        return 4
    if not all(row.good for row in rows):
        return 1
    return 0 if any(row.outcome != "unavailable" for row in rows) else 3
