"""Urgent data: whoever sends it, the stream beside it stays right (RFC 6093)."""

from collections.abc import Iterable

from suite.conformance.checks._parts import exchange
from suite.conformance.family import MUST, Family
from suite.conformance.oracle import DATA
from suite.conformance.plan import Plan
from suite.conformance.script import Op, Payload, Script

__all__ = ("FAMILY",)

FAMILY = Family("urgent")


@FAMILY.check(
    "oob-stream",
    MUST,
    "An urgent byte between others neither ends the connection nor disturbs the bytes around it.",
    source="RFC 9293 section 3.8.5, RFC 6093: urgent data is a mark in the stream; whether its byte is part of it is the receiver's choice",
    known="an exceptional condition that nobody had asked about spun the loop or closed the connection (capnproto/capnproto issue 374)",
    specimen="urgent_ends.py",
    faults=DATA | {"early-fin", "reset"},
    premise=("urgent data was sent", lambda transcript: transcript.facts["urgent"] > 0),
    canary=True,
    needs="tcp",
)
def stream(plan: Plan) -> Iterable[Script]:
    for turn in range(4):
        pause = [Op("pause", count=10)] * (turn % 2)
        before = [Op("send", 0, Payload.of(b"ab"))] if turn < 2 else exchange(0, 1000, plan.number())
        # The urgent byte is none of those around it, so that it is known where it comes back.
        yield (
            Op("open", 0), *before, *pause, Op("oob", 0, Payload.of(b"!")), *pause,
            Op("send", 0, Payload.of(b"cd")), Op("barrier", 0), Op("fin", 0), Op("read_eof", 0),
        )  # fmt: skip
