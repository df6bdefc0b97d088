"""What was observed while a script was played.

Five observations are never merged: data, FIN, RST, nothing yet, refused. A `Conversation` is one client's record; a
`Transcript` holds all of a script's, with a timeline, and says which premises the run reached.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from suite.conformance.script import Script
from suite.conformance.watching import Measure, Stop
from suite.events import Moment

__all__ = ("ENDED", "NEVER", "Canary", "Conversation", "Ending", "Transcript", "Wait")


class Ending(StrEnum):
    """How the server's side of a connection stands, as far as its client has seen."""

    OPEN = "open"
    FIN = "FIN"
    RST = "RST"
    CUT = "FIN without close_notify"  # TLS: whether that was all, nobody can say (RFC 8446 section 6.1)
    REFUSED = "refused"
    SHAKEN = "TLS handshake failed"
    UNANSWERED = "no answer to the connect"


ENDED = frozenset({Ending.FIN, Ending.RST, Ending.CUT})
"""Ends of a connection that there was."""
NEVER = frozenset({Ending.REFUSED, Ending.SHAKEN, Ending.UNANSWERED})
"""Why there was none."""


class Canary(StrEnum):
    """What became of a fresh connection that sent a nonce."""

    OK = "answered"
    SILENT = "no answer"
    WRONG = "wrong answer"
    ENDED = "closed without an answer"
    REFUSED = "refused"


@dataclass(slots=True)
class Conversation:
    """One client's connection.

    Attributes:
        client: its number in the script, -1 for a general barrier.
        sent: bytes the kernel accepted for sending, in order.
        received: bytes that came back, in order.
        ending: how the server's side ended, as seen.
        sent_at_end: how much had been sent when that end was seen.
        fin: the client has half-closed.
        gone: the client has closed or reset: nothing is observed from then on.
        diverged: offset in `received` of the first byte that is not the expected one.
        blocked: the kernel refused more of the client's bytes at least once.
        urgent: bytes sent as urgent data, by their offset in `sent`, of which they are no part until they come back.
        raw: the client does not speak TLS where others do, and is owed nothing.
        detail: why the handshake failed.
    """

    client: int
    sent: bytearray = field(default_factory=bytearray)
    received: bytearray = field(default_factory=bytearray)
    ending: Ending = Ending.OPEN
    sent_at_end: int = 0
    fin: bool = False
    gone: bool = False
    diverged: int | None = None
    blocked: bool = False
    urgent: dict[int, bytes] = field(default_factory=dict)
    raw: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait that ran out: which client waited for what ("read", "read_eof", "barrier"), and how many bytes it missed."""

    client: int
    what: str
    missing: int
    seconds: float


@dataclass(slots=True)
class Transcript:
    """The record of one script.

    Attributes:
        script: what was played.
        conversations: by client number; a general barrier has a number of its own below 0.
        moments: the timeline.
        facts: premises reached, by name (see `player`), counted.
        waits: waits that ran out; the script is stopped at the first.
        played: operations begun; those after it were never carried out.
        slow: bytes were still moving when a bulk transfer hit its cap: slow, not wrong.
        canary: what a fresh connection saw afterwards; None when none was made.
        died: exit status of the launched server, if it ended.
        latencies: seconds from each single `send` to the `read` it satisfied, by client.
        overtaken: the most bytes that all others together received between a `send` and that `read`
            (or during a `barrier`), by client.
        measures: what the server's processes held, per `measure` and `settle`; none where nobody may look.
        stop: how the server took its `term`.
        seconds: how long it took.
    """

    script: Script
    conversations: dict[int, Conversation] = field(default_factory=dict)
    moments: list[Moment] = field(default_factory=list)
    facts: Counter[str] = field(default_factory=Counter)
    waits: list[Wait] = field(default_factory=list)
    played: int = 0
    slow: bool = False
    canary: Canary | None = None
    died: str | None = None
    latencies: dict[int, list[float]] = field(default_factory=dict)
    overtaken: dict[int, int] = field(default_factory=dict)
    measures: list[Measure] = field(default_factory=list)
    stop: Stop | None = None
    seconds: float = 0.0

    @property
    def completed(self) -> bool:
        """Whether every operation was carried out."""
        return not self.waits and not self.slow and all(c.diverged is None for c in self.conversations.values())
