"""Backpressure: a client that does not read is not read from, and nothing is lost while it waits (RFC 9293 section 3.8.6)."""

from collections.abc import Iterable

from suite.conformance.checks._parts import QUIET, STALLED
from suite.conformance.family import MUST, Family
from suite.conformance.oracle import DATA
from suite.conformance.plan import Plan
from suite.conformance.script import Op, Payload, Script
from suite.conformance.shape import Shape
from suite.conformance.transcript import Transcript
from suite.events import Finding

__all__ = ("FAMILY",)

FAMILY = Family("backpressure")

WINDOW = "RFC 9293 section 3.8.6: the receiver's window tells the sender how much it is prepared to take"
LIMIT = 64 << 20
"""Bytes; with Linux' defaults both ends' kernels hold 4 to 10 MB of a connection, and a right server hardly more."""
PART = 17 << 20


def _unbounded(transcript: Transcript) -> Finding | None:
    for client, talk in transcript.conversations.items():
        if len(talk.sent) > LIMIT and not talk.received:
            accepted = f"{len(talk.sent) >> 20} MiB accepted"
            return Finding(
                "unbounded",
                client,
                f"at most {LIMIT >> 20} MiB accepted from a client that never reads",
                accepted,
                hard=True,
            )
    return None


@FAMILY.check(
    "bp-bounded",
    MUST,
    "A server stops taking data from a client that never reads, before 64 MiB.",
    source=WINDOW,
    known="asyncio and uvloop Protocols and Twisted's wire.Echo took 256 MiB of one client (python/cpython issue 116279, twisted/twisted issue 8868)",
    specimen="unbounded_buffer.py",
    faults=frozenset({"died"}),
    judge=_unbounded,
    minimal=True,
    premise=("the server stopped reading", lambda transcript: transcript.facts["blocked"] > 0 and not transcript.slow),
    overlap=True,
)
def bounded(plan: Plan) -> Iterable[Script]:
    # One payload, sent often. The half-close waits as long as bytes move: it finds out where the server stops; the
    # pause is for servers that a busy machine does not let run for a while.
    part = Op("send", 0, Payload.random(PART, plan.number()))
    rest = (*[part] * (LIMIT // PART + 1), Op("pause", count=600), Op("fin", 0))
    for narrow in (True, False):
        yield (Op("open", 0, narrow=narrow), Op("stall", 0), *rest)


@FAMILY.check(
    "bp-resume",
    MUST,
    "When a client reads again after a long stall, everything comes, in order.",
    source=WINDOW,
    known="a loop that does not ask for writability again after a short write never sends the rest",
    specimen="lost_write_interest.py",
    premise=STALLED,
    overlap=True,
)
def resume(plan: Plan) -> Iterable[Script]:
    for narrow, length in ((True, max(1 << 18, plan.bulk(1 << 20))), (False, plan.bulk(8 << 20))):
        send = Op("send", 0, Payload.random(length, plan.number()))
        yield (
            Op("open", 0, narrow=narrow),
            Op("stall", 0),
            send,
            Op("pause", count=QUIET),
            Op("read", 0, count=length),
            Op("barrier", 0),
        )


@FAMILY.check(
    "bp-trickle",
    MUST,
    "A client that reads slowly but steadily gets everything.",
    source=WINDOW,
    known="a timeout for the whole of a write, however much of it moves",
    specimen="write_timeout.py",
    premise=STALLED,
    overlap=True,
)
def trickle(plan: Plan) -> Iterable[Script]:
    steps = 320 if plan.profile == "thorough" else 32
    sip = (Op("read", 0, count=1024), Op("pause", count=10))
    yield (
        Op("open", 0, narrow=True),
        Op("stall", 0),
        Op("send", 0, Payload.random(400_000, plan.number())),
        *sip * steps,
        Op("barrier", 0),
    )


@FAMILY.check(
    "bp-deadlock",
    MUST,
    "When both directions are full, reading is all it takes to get everything moving again.",
    source=WINDOW,
    known="a client that writes all before it reads and a server that does the same wait for each other for ever",
    specimen="queue_deadlock.py",
    premise=STALLED,
)
def deadlock(plan: Plan) -> Iterable[Script]:
    for narrow, length in ((True, plan.bulk(3 << 20, 8.0)), (False, plan.bulk(12 << 20))):
        send = Op("send", 0, Payload.random(length, plan.number()))
        yield (
            Op("open", 0, narrow=narrow),
            Op("stall", 0),
            send,
            Op("pause", count=50),
            Op("read", 0, count=length),
            Op("barrier", 0),
        )


@FAMILY.check(
    "bp-generated",
    MUST,
    "Whichever clients stop and start reading, each gets its bytes and none waits for another.",
    source=WINDOW,
    known="a blocking sendall() in a select loop: one client that does not read stops all the others",
    specimen="blocking_sendall.py",
    faults=DATA | {"early-fin"},
    premise=STALLED,
    generated=True,
)
def generated(plan: Plan) -> Iterable[Script]:
    shape = Shape(
        ("stall", "send", "send", "read", "pause"),
        endings=("barrier", "barrier", "close", "rst", "leave"),
        lengths=((140_000, 150_000, 200_000), (140_000, 200_000), range(1, 3001)),
        counts=(1, 1, 2, 2, 3, 3, 4),
        most=12,
        pauses=(1,),
        narrow=True,
    )
    return plan.draw(shape, 200)
