"""What a check needs to know to make its scripts, and the Check itself."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zlib import crc32

from suite.conformance.oracle import DATA
from suite.conformance.script import Script
from suite.conformance.transcript import Transcript
from suite.events import Finding, Level

if TYPE_CHECKING:
    from suite.conformance.shape import Manner, Shape

__all__ = ("NEEDS", "Check", "Plan", "Premise")


@dataclass(slots=True)
class Plan:
    """The circumstances of one target that scripts are made for.

    Attributes:
        seed: the run's seed; every random choice follows from it and the check's id.
        profile: "quick" or "thorough".
        most_clients: clients that one script may have open at once.
        rate: bytes a second that this target was seen to echo; bulk sizes follow it.
        round_trip: seconds that this target was seen to take for a short answer; the number of exchanges follows it.
        visit: seconds that this target was seen to take for a client from its connect to its answer.
        check: id of the check that asks.
        nofile: descriptors that the server may open, where that was said.
        service: what the target serves, as the command line names it.
    """

    seed: int
    profile: str = "quick"
    most_clients: int = 512
    rate: float = 50e6
    round_trip: float = 0.0002
    visit: float = 0.0005
    check: str = ""
    nofile: int = 0
    service: str = "echo"

    def bulk(self, most: int, seconds: float = 1.0) -> int:
        """Return how many bytes to send where `most` would be ideal: what this target echoes in `seconds`, at least 64 KiB."""
        return max(65536, min(most, int(self.rate * seconds)))

    def rounds(self, most: int, seconds: float = 1.0) -> int:
        """Return how many exchanges to make where `most` would be ideal: what this target answers in `seconds`, at least 10."""
        return max(10, min(most, int(seconds / self.round_trip)))

    def visits(self, most: int, seconds: float) -> int:
        """Return how many clients to let come and go where `most` would be ideal: what fits in `seconds`, at least 10."""
        return max(10, min(most, int(seconds / self.visit)))

    def draw(self, shape: "Shape", count: int) -> Sequence[Script]:
        """Draw `count` programs of a shape (five times as many in the thorough profile)."""
        from suite.conformance.strategies import draw_all  # noqa: PLC0415 - Hypothesis takes 0.3 s to import

        times = 5 if self.profile == "thorough" else 1
        number = crc32(self.check.encode(), self.seed & 0xFFFFFFFF)
        return draw_all(shape, self.most_clients, count * times, number)

    def talks(self, manner: "Manner", count: int) -> Sequence[Script]:
        """Draw `count` programs of whole messages of the service (five times as many in the thorough profile)."""
        from suite.conformance.talks import draw_talks  # noqa: PLC0415 - Hypothesis takes 0.3 s to import

        times = 5 if self.profile == "thorough" else 1
        number = crc32(self.check.encode(), self.seed & 0xFFFFFFFF)
        return draw_talks(self.service, manner, self.most_clients, count * times, number)

    def number(self, index: int = 0) -> int:
        """Return a seed for a payload of this check."""
        return crc32(f"{self.check}/{index}".encode(), self.seed & 0xFFFFFFFF) & 0xFFFF


Premise = tuple[str, Callable[[Transcript], bool]]
"""What must have happened for a check to say anything, by name; a premise never reached makes it INCONCLUSIVE."""

Scripts = Callable[[Plan], Iterable[Script]]


NEEDS = {
    "": "",
    "pid": "looks at the server's processes: let suite start it (-- CMD), or give --pid N",
    "launch": "stops the server: let suite start it (-- CMD)",
    "nofile": "uses up the server's descriptors: let suite start it (-- CMD) and give --nofile N, 32 to 512",
    "tcp": "is about TCP itself: give tcp://HOST:PORT",
    "reset": "is about clients that reset: on a unix socket none can",
    "tls": "is about TLS: give tls://HOST:PORT",
    "half-close": "is about half-close: the target declares no-half-close",
    "wide": "needs more than 1200 descriptors: let suite start the server (-- CMD) and give --nofile 2048",
    "calls": "has system calls fail which the server does not make: the target declares io-uring",
    "inject": "injects errors into system calls: let suite start the server (-- CMD), and give --inject",
}
"""What a check may need of a target, and why it is skipped where that is missing."""


@dataclass(frozen=True, slots=True)
class Check:
    """One requirement and how to examine it.

    Attributes:
        id: stable slug, never renumbered or reused.
        family: which family it belongs to.
        level: MUST, SHOULD or INFO.
        requirement: one sentence.
        source: where the requirement comes from (RFC section, man page, precedent).
        known: a real bug it would have caught, with a link or how it was seen.
        specimen: file below suite/specimens that turns it red.
        scripts: makes the scripts for a plan; they are played in order until one fails.
        faults: kinds of finding that fail it (see `oracle`).
        judge: looks at a transcript for what the oracle does not know; None when there is nothing.
        premise: what at least one script must have reached.
        clients: clients that it needs open at once.
        overlap: its scripts mostly wait: they may be played beside those of other checks.
        canary: a fresh connection must be served after each script.
        minimal: its scripts are as short as they can be; a smaller one would only stand closer to a threshold.
        generated: open-ended: Hypothesis composes its scripts freely.
        needs: what the target must offer, words of `NEEDS`.
        compared: a finding counts only if a reference server, on the same machine at the same moment, shows none.
        services: names of the services it is about; "messages" stands for any whose oracle says what clients may send.
    """

    id: str
    family: str
    level: Level
    requirement: str
    source: str
    known: str
    specimen: str
    scripts: Scripts
    faults: frozenset[str] = DATA
    judge: Callable[[Transcript], Finding | None] | None = None
    premise: Premise = field(default=("completed", lambda transcript: transcript.completed))
    clients: int = 1
    overlap: bool = False
    canary: bool = False
    minimal: bool = False
    generated: bool = False
    needs: str = ""
    compared: bool = False
    services: tuple[str, ...] = ("echo",)
