"""Segmentation: TCP carries a stream; where it is cut is nobody's message (RFC 9293 section 3.7)."""

import random
import statistics
from collections.abc import Iterable, Sequence

from suite.conformance.checks._parts import opened
from suite.conformance.family import INFO, MUST, Family
from suite.conformance.plan import Plan
from suite.conformance.script import Op, Payload, Script
from suite.conformance.shape import LENGTHS, Shape
from suite.conformance.transcript import Transcript
from suite.events import Finding

__all__ = ("FAMILY",)

FAMILY = Family("segmentation")

STREAM = "RFC 9293 section 3.1: TCP is a reliable, in-order byte stream; the cuts between segments have no meaning"
QUANTUM = 0.035
"""Seconds; Linux delays an acknowledgement by 40 ms at least (tcp(7), TCP_QUICKACK)."""


def _pieces(data: bytes, lengths: Sequence[int]) -> list[Payload]:
    """Cut `data` into pieces of these lengths and a rest."""
    pieces, start = [], 0
    for length in (*lengths, len(data)):
        if data[start : start + length]:
            pieces.append(Payload.of(data[start : start + length]))
        start += length
    return pieces


@FAMILY.check(
    "seg-split",
    MUST,
    "The answer does not depend on how the client cuts its data into writes, nor on the time between them.",
    source=STREAM,
    known="servers that take one recv() for one message",
    specimen="one_recv_one_message.py",
)
def split(plan: Plan) -> Iterable[Script]:
    numbers = random.Random(plan.number())
    data = Payload.random(6000, plan.number()).data
    cuts: list[tuple[list[int], int]] = [([], 0), ([1], 1), ([5999], 1), ([3000], 0), ([2, 2996], 20)]
    cuts += [
        ([numbers.randint(1, 400) for _ in range(count)], delay) for count, delay in ((3, 1), (10, 0), (60, 0), (12, 1))
    ]
    for lengths, delay in cuts:
        ops = [Op("open", 0)]
        for piece in _pieces(data, lengths):
            ops += [Op("send", 0, piece), Op("pause", count=delay)] if delay else [Op("send", 0, piece)]
        yield (*ops, Op("read", 0, count=len(data)), Op("barrier", 0))


@FAMILY.check(
    "seg-byte-by-byte",
    MUST,
    "Three hundred writes of one byte each come back whole.",
    source=STREAM,
    known="an edge-triggered loop that reads once per edge stalls on what is left (tokio-rs/mio issue 45)",
    specimen="one_recv_one_message.py",
)
def byte_by_byte(plan: Plan) -> Iterable[Script]:
    data = Payload.random(300, plan.number()).data
    yield (
        Op("open", 0),
        *(Op("send", 0, piece) for piece in _pieces(data, [1] * len(data))),
        Op("read", 0, count=len(data)),
        Op("barrier", 0),
    )


@FAMILY.check(
    "seg-coalesced",
    MUST,
    "A write larger than any receive buffer is answered whole, without anything sent after it.",
    source="epoll(7): an edge-triggered descriptor must be read until EAGAIN",
    known="tokio-rs/mio issue 45 and vibe-d/eventcore pull 20: after a partial read the rest waits for the next edge",
    specimen="edge_read_once.py",
)
def coalesced(plan: Plan) -> Iterable[Script]:
    for length in (65_537, 131_073, plan.bulk(1 << 20)):
        yield (Op("open", 0), Op("send", 0, Payload.random(length, plan.number())), Op("read", 0, count=length))


@FAMILY.check(
    "seg-small-latency",
    MUST,
    "A small write is answered at once: not when more comes, nor when the client has finished.",
    source=STREAM,
    known="a handler that reads to the end, or a full buffer, before it answers (python/asyncio issue 251)",
    specimen="waits_for_more.py",
)
def small_latency(plan: Plan) -> Iterable[Script]:
    for length in (1, 2, 3, 7, 15, 100):
        payload = Payload.of(bytes([length]) * length)
        yield (
            Op("open", 0),
            Op("send", 0, payload),
            Op("read", 0, count=length),
            Op("send", 0, payload),
            Op("read", 0, count=length),
        )
    full = Payload.random(8192, plan.number())
    yield (
        Op("open", 0),
        Op("send", 0, full),
        Op("read", 0, count=8192),
        Op("send", 0, Payload.of(b"\1")),
        Op("read", 0, count=1),
    )


def _median(transcript: Transcript) -> Finding | None:
    for client, latencies in transcript.latencies.items():
        median = statistics.median(latencies)
        if median >= QUANTUM:
            return Finding(
                "slow",
                client,
                f"answers within {QUANTUM * 1000:.0f} ms",
                f"a median of {median * 1000:.0f} ms over {len(latencies)} answers",
                hard=False,
            )
    return None


@FAMILY.check(
    "seg-pingpong",
    INFO,
    "Answers do not wait for a timer: half of them come within 35 ms.",
    source="tcp(7): TCP_NODELAY, TCP_QUICKACK; RFC 1122 sections 4.2.3.2 (delayed acknowledgements) and 4.2.3.4 (Nagle)",
    known="a second small reply waits for the acknowledgement of the first, which the client delays by 40 ms; loops that sleep between polls",
    specimen="right_batching.py",
    faults=frozenset(),
    judge=_median,
)
def pingpong(plan: Plan) -> Iterable[Script]:
    one = Payload.of(b"\0")
    yield (Op("open", 0), *[Op("send", 0, one), Op("read", 0, count=1)] * plan.rounds(50))
    yield (Op("open", 0), *[Op("send", 0, one), Op("send", 0, one), Op("read", 0, count=2)] * plan.rounds(10))


@FAMILY.check(
    "seg-boundaries",
    MUST,
    "Messages as long as a power of two, one less or one more come back whole.",
    source=STREAM,
    known="off-by-one errors where a message just fills, or just overruns, the receive buffer",
    specimen="multiple_of_4096.py",
)
def boundaries(plan: Plan) -> Iterable[Script]:
    powers = [1 << k for k in range(18)]
    lengths = sorted({power + more for power in powers for more in (-1, 0, 1)} - {0})
    # Over several clients at once, which takes a slow server a fraction of the time.
    count = min(8, plan.most_clients)
    ops = opened(count)
    for first in range(0, len(lengths), count):
        group = list(enumerate(lengths[first : first + count]))
        ops += [Op("send", client, Payload.random(length, plan.number(length))) for client, length in group]
        ops += [Op("read", client, count=length) for client, length in group]
    yield (*ops, *(Op("barrier", client) for client in range(count)))


@FAMILY.check(
    "seg-generated",
    MUST,
    "However several clients cut and interleave their writes, each gets its own stream back.",
    source=STREAM,
    known="two chunks in one read, or one in two, break whatever takes a read for a message",
    specimen="multiple_of_4096.py",
    generated=True,
)
def generated(plan: Plan) -> Iterable[Script]:
    operations = (*("send",) * 9, "read", "read", "read", "pause")
    return plan.draw(
        Shape(
            operations, endings=("barrier", "barrier", "leave"), lengths=(*LENGTHS, range(1, 65)), most=16, pauses=(1,)
        ),
        200,
    )
