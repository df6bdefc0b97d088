"""Concurrency: many clients at once, in any order of coming and going, each with its own bytes."""

from collections.abc import Iterable
from random import Random

from suite.conformance.checks._parts import bulk, drop, exchange, opened, overtaken, reads, sends
from suite.conformance.family import MUST, SHOULD, Family
from suite.conformance.plan import Plan
from suite.conformance.script import Op, Script
from suite.conformance.shape import Shape

__all__ = ("FAMILY",)

FAMILY = Family("concurrency")

OWN = "RFC 862: a server listens for connections, in the plural; each has its own data sent back"
WAVE = 4
"""Clients that connect before the next exchange: an accept queue of five, the textbooks' listen(5), must not overflow."""


@FAMILY.check(
    "con-n",
    MUST,
    "8, 64, 300 and 512 clients are connected at once, and each is sent back its own bytes.",
    source=OWN,
    known="a textbook's accept, recv, close loop leaves the second client waiting for ever",
    specimen="serial_server.py",
    clients=2,
)
def many(plan: Plan) -> Iterable[Script]:
    for count in sorted({max(2, min(count, plan.most_clients)) for count in (8, 64, 300, 512)}):
        random = Random(plan.number(count))
        ops: list[Op] = []
        for first in range(0, count, WAVE):
            wave = list(range(first, min(first + WAVE, count)))
            ops += [*opened(len(wave), first), *sends(wave, 16, plan.number()), *reads(wave, 16)]
        everyone = list(range(count))
        ops += sends(random.sample(everyone, count), 16, plan.number() + count)
        ops += reads(random.sample(everyone, count), 16)
        # They leave by and by: the ends of 512 processes or threads at once would tell more of the machine than of the server.
        for client in range(1, count):
            ops += [Op("close", client), *(exchange(0, 16, plan.number()) if client % 16 == 0 else [])]
        yield tuple(ops)


@FAMILY.check(
    "con-open-order",
    MUST,
    "Clients may leave in any order: first in first out, last in first out, or at random.",
    source=OWN,
    known="tables indexed by position served the wrong client once an earlier one had left",
    specimen="drops_on_open_order.py",
    clients=2,
)
def open_order(plan: Plan) -> Iterable[Script]:
    count = max(2, min(12, plan.most_clients))
    everyone = list(range(count))
    mixed = (Random(plan.number(turn)).sample(everyone, count) for turn in range(4))
    for turn, order in enumerate([everyone[:3], everyone, everyone[::-1], *mixed]):
        number = plan.number(turn)
        ops = [*opened(len(order)), *sends(sorted(order), 20, number), *reads(sorted(order), 20)]
        for at, client in enumerate(order[:-1]):
            staying = order[at + 1 :]
            # No two clients ever say the same, or nobody could tell whose bytes came.
            said = sends(staying, 20, number + count * (at + 1))
            ops += [drop(client, turn), *said, *reads(staying, 20)]
        yield tuple(ops)


@FAMILY.check(
    "con-late-joiner",
    SHOULD,
    "A client that connects while sixteen others are busy is served.",
    source="listen(2), accept(2): a connection waits in the queue for the server, and clients see no difference to a dead one",
    known="connections are accepted only when nothing else is to be done, under load never",
    specimen="never_accepts_late.py",
    judge=overtaken,
    clients=3,
)
def late_joiner(plan: Plan) -> Iterable[Script]:
    number = plan.number()
    busy = list(range(max(1, min(16, plan.most_clients - 1))))
    late = len(busy)
    before = [*opened(late), *sends(busy, 100, number), *reads(busy, 100), *sends(busy, 4000, number + late)]
    yield (*before, Op("open", late), *exchange(late, 1000, number), *reads(busy, 4000))
    # Now they come beside one that has more to say than anybody can send back at once, and while its bytes flow.
    newcomers = (
        [Op("pause", count=2), Op("open", client), *exchange(client, 100, number + client)] for client in range(1, 7)
    )
    yield (
        Op("open", 0),
        *exchange(0, 10, number),
        *bulk(0),
        *(op for ops in newcomers for op in (*ops, Op("close", ops[1].client))),
    )


@FAMILY.check(
    "con-generated",
    MUST,
    "Whatever several clients do at once, each gets its own bytes, all of them, in order.",
    source=OWN,
    known="buffers re-provided too late served the wrong client when exactly so many were active (axboe/liburing issue 1409)",
    specimen="exactly_three_clients.py",
    premise=("three clients active at once", lambda transcript: transcript.facts["active"] >= 3),
    clients=4,
    generated=True,
)
def generated(plan: Plan) -> Iterable[Script]:
    operations = ("send", "send", "send", "read", "read", "barrier", "reconnect", "pause")
    return plan.draw(
        Shape(operations, endings=("barrier", "barrier", "leave"), counts=(2, 3, 3, 3, 4, 4, 5, 6, 7, 8), most=12), 200
    )
