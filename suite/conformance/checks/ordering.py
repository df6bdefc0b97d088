"""Ordering: bytes come back in the order in which they were sent (RFC 9293 section 3.1)."""

import random
from collections.abc import Iterable

from suite.conformance.checks._parts import STALLED
from suite.conformance.family import MUST, Family
from suite.conformance.plan import Plan
from suite.conformance.script import Op, Payload, Script
from suite.conformance.shape import LENGTHS, Shape

__all__ = ("FAMILY",)

FAMILY = Family("ordering")

ORDER = "RFC 9293 section 3.1: TCP delivers a stream in order; RFC 862 sends back the data received"


@FAMILY.check(
    "ord-pipelined",
    MUST,
    "Two thousand records written without reading come back in order.",
    source=ORDER,
    known="completions handled out of order (axboe/liburing issues 1409 and 1423); servers with a task per chunk",
    specimen="out_of_order.py",
)
def pipelined(_: Plan) -> Iterable[Script]:
    records = [Payload.of(b"%07d\n" % number) for number in range(2000)]
    yield (
        Op("open", 0),
        *(Op("send", 0, record) for record in records),
        Op("read", 0, count=8 * len(records)),
        Op("barrier", 0),
    )


@FAMILY.check(
    "ord-duplex",
    MUST,
    "A mebibyte written and read in pieces that have nothing to do with each other comes back in order.",
    source=ORDER,
    known="two tasks that write to one stream interleave their pieces",
    specimen="out_of_order.py",
)
def duplex(plan: Plan) -> Iterable[Script]:
    numbers = random.Random(plan.number())
    left, owed = plan.bulk(1 << 20), 0
    ops = [Op("open", 0)]
    while left:
        length = min(left, numbers.randint(1, 32_768))
        left, owed = left - length, owed + length
        ops.append(Op("send", 0, Payload.random(length, plan.number(left))))
        if numbers.random() < 0.5:
            count = numbers.randint(1, owed)
            owed -= count
            ops.append(Op("read", 0, count=count))
    yield (*ops, Op("read", 0, count=owed), Op("barrier", 0))


@FAMILY.check(
    "ord-after-stall",
    MUST,
    "Order is kept across a pause in which the client does not read and the server cannot write.",
    source=ORDER,
    known="the rest of a partial write put back behind what had been queued after it",
    specimen="requeues_at_tail.py",
    premise=STALLED,
)
def after_stall(plan: Plan) -> Iterable[Script]:
    lengths = (1, 60_000, 5000, 65_536, 100, 131_072)
    pieces = [Op("send", 0, Payload.random(length, plan.number(length))) for length in lengths]
    rest = (Op("read", 0, count=sum(lengths)), Op("barrier", 0))
    for pause in (20, 200):
        yield (Op("open", 0, narrow=True), Op("stall", 0), *pieces, Op("pause", count=pause), *rest)


@FAMILY.check(
    "ord-generated",
    MUST,
    "Whatever pauses clients make in reading, each gets its bytes back in order.",
    source=ORDER,
    known="replies from a pool of threads, each right by itself, overtake each other",
    specimen="out_of_order.py",
    generated=True,
)
def generated(plan: Plan) -> Iterable[Script]:
    operations = ("send", "send", "send", "send", "stall", "read", "read", "pause")
    return plan.draw(
        Shape(operations, endings=("barrier",), lengths=(*LENGTHS, (20_000, 50_000)), pauses=(1,), narrow=True), 200
    )
