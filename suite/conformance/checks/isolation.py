"""Isolation: what one client does or leaves undone is nothing to the others."""

from collections.abc import Iterable
from random import Random

from suite.conformance.checks._parts import QUIET, STALLED, drop, exchange, opened, reads, sends
from suite.conformance.family import MUST, Family
from suite.conformance.plan import Plan
from suite.conformance.script import Op, Payload, Script
from suite.conformance.shape import Shape

__all__ = ("FAMILY",)

FAMILY = Family("isolation")

OWN = "RFC 862: what a connection's client has sent is sent back to it; RFC 9293 section 3.3: a connection is its own pair of sockets"


@FAMILY.check(
    "con-no-crosstalk",
    MUST,
    "No byte of one client ever reaches another, however their streams are interleaved.",
    source=OWN,
    known="uvloop handed a hundred of 800 million answers a day to the wrong connection (MagicStack/uvloop issue 645)",
    specimen="shared_buffer_crosstalk.py",
    clients=2,
)
def no_crosstalk(plan: Plan) -> Iterable[Script]:
    count = max(2, min(8, plan.most_clients))
    everyone = list(range(count))
    for turn in range(4):
        random = Random(plan.number(turn))
        ops = opened(count)
        owed = dict.fromkeys(everyone, 0)
        most = plan.bulk(1 << 20, 0.2)
        for at in range(160):
            if sum(owed.values()) >= most:
                break
            client = random.randrange(count)
            length = random.choice(((8, 64, 512), (4096, 8192, 16384))[turn % 2])
            owed[client] += length
            ops.append(Op("send", client, Payload.random(length, plan.number(at) + client)))
        yield (*ops, *(Op("read", client, count=owed[client]) for client in everyone if owed[client]))


@FAMILY.check(
    "con-idle-holder",
    MUST,
    "A client that says nothing, from the start or after an exchange, does not keep others waiting; nor is it forgotten.",
    source="recv(2): a blocking call waits for one client for ever; select(2), poll(2) and threads are there to avoid it",
    known="a blocking read in the accept loop let one silent client stop the service",
    specimen="blocks_on_idle.py",
    clients=2,
    overlap=True,
)
def idle_holder(plan: Plan) -> Iterable[Script]:
    number = plan.number()
    for turn in range(2):
        hello = exchange(0, 50, number) if turn else []
        yield (
            Op("open", 0),
            *hello,
            Op("pause", count=QUIET),
            Op("open", 1),
            *exchange(1, 100, number + 1),
            *exchange(0, 100, number + 2),
            *exchange(1, 5000, number + 3),
        )


@FAMILY.check(
    "con-stalled-reader",
    MUST,
    "A client that does not read, with more owed to it than the kernels hold, does not keep others waiting.",
    source="send(2): a blocking send waits until the peer reads; O_NONBLOCK, threads or processes keep that to its own client",
    known="a select loop with blocking sendall serves nobody while one client does not read",
    specimen="blocking_sendall.py",
    premise=STALLED,
    clients=2,
)
def stalled_reader(plan: Plan) -> Iterable[Script]:
    number = plan.number()
    most = max(2, min(4, plan.most_clients))
    others = list(range(1, most))
    for turn in range(3):
        # The others connect before, between or after: their descriptors lie on either side of the stalled one's.
        before = others[: (0, 1, len(others))[turn]]
        after = others[len(before) :]
        yield (
            *(Op("open", client) for client in before),
            Op("open", 0, narrow=True),
            Op("stall", 0),
            Op("send", 0, Payload.random(1 << 19, number)),
            Op("pause", count=5),
            *(Op("open", client) for client in after),
            *sends(others, 1000, number),
            *reads(others, 1000),
            *sends(others, 20_000, number + most),
            *reads(others, 20_000),
            Op("read", 0, count=30_000),
            *sends(others, 10, number),
            *reads(others, 10),
        )


@FAMILY.check(
    "iso-generated",
    MUST,
    "Whoever stalls, idles, trickles or leaves, each other client is served meanwhile.",
    source=OWN,
    known="one limit for all connections' buffers: a stalled client used it up for everyone",
    specimen="global_backpressure.py",
    premise=STALLED,
    clients=2,
    generated=True,
)
def generated(plan: Plan) -> Iterable[Script]:
    room = 2 if plan.most_clients > 2 else 1
    counts = tuple(min(count, max(1, plan.most_clients - room)) for count in (1, 1, 2, 2, 2, 3, 4, 5, 6))
    operations = ("send", "send", "send", "stall", "read", "barrier", "barrier", "reconnect", "pause", "close")
    shape = Shape(
        operations,
        endings=("barrier", "leave"),
        lengths=((1, 10, 1000), range(1, 5000), (20_000, 100_000)),
        counts=counts,
        pauses=(1, 2),
    )
    for at, script in enumerate(plan.draw(shape, 200)):
        random = Random(plan.number(at))
        ops = list(script)
        for holder in range(90, 90 + random.randint(1, room)):
            # Opens, hears something or not, stops reading, and is owed much; then perhaps takes a little, or leaves.
            acts = [
                Op("open", holder, narrow=True),
                *random.choice(([], exchange(holder, 100, holder))),
                Op("stall", holder),
            ]
            acts += [Op("send", holder, Payload.random(random.choice((80_000, 110_000, 200_000, 300_000)), holder))]
            acts += random.choice(
                ([], [Op("read", holder, count=random.randint(1, 5000))], [drop(holder, at)], [Op("fin", holder)])
            )
            places = sorted(random.choices(range(len(ops)), k=len(acts)), reverse=True)
            for place, act in zip(places, reversed(acts), strict=True):
                ops.insert(place, act)
        yield (*ops, Op("pause", count=1))
