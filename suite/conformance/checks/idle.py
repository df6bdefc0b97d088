"""Idle: a client may be silent, and silence costs nothing."""

from collections.abc import Iterable

from suite.conformance.checks._parts import exchange, opened
from suite.conformance.family import INFO, MUST, Family
from suite.conformance.oracle import DATA
from suite.conformance.plan import Plan
from suite.conformance.script import Op, Script
from suite.conformance.transcript import Transcript
from suite.events import Finding

__all__ = ("FAMILY",)

FAMILY = Family("idle")

NOTICEABLE = 0.02


@FAMILY.check(
    "idle-survive",
    MUST,
    "A client that has said nothing for two seconds is still served.",
    source="RFC 9293 section 3.9.1.8, RFC 862: silence ends neither a connection nor the service; a limit on it is for the server to declare",
    known="handlers with a read timeout of a second or two that closed without a word",
    specimen="idle_timeout.py",
    faults=DATA | {"early-fin", "reset"},
    overlap=True,
)
def survive(plan: Plan) -> Iterable[Script]:
    yield (Op("open", 0), *exchange(0, 100, plan.number()), Op("pause", count=2000), *exchange(0, 100, plan.number(1)))
    yield (Op("open", 0), Op("pause", count=2000), *exchange(0, 100, plan.number(1)), Op("fin", 0), Op("read_eof", 0))


def _works(transcript: Transcript) -> Finding | None:
    for measure in transcript.measures:
        if measure.load > NOTICEABLE:
            return Finding(
                "works", -1, "next to no work for idle clients", f"{measure.load:.0%} of a processor", hard=True
            )
    return None


@FAMILY.check(
    "idle-cpu",
    INFO,
    "A hundred idle clients take less than a fiftieth of a processor.",
    source="no standard; asking every socket in turn whether it has something to say is what select(2) and its kin were made for",
    known="non-blocking sockets asked in a loop take a whole processor, by nature",
    specimen="writable_spin.py",
    faults=frozenset(),
    judge=_works,
    premise=("the server's processes were looked at", lambda transcript: len(transcript.measures) > 0),
    minimal=True,
    needs="pid",
)
def cpu(plan: Plan) -> Iterable[Script]:
    yield (*opened(min(100, plan.most_clients)), Op("pause", count=100), Op("measure", count=400))
