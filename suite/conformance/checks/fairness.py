"""Fairness: who has much to say may get more, but never everything."""

from collections.abc import Iterable
from random import Random

from suite.conformance.checks._parts import bulk, exchange, opened, overtaken
from suite.conformance.family import MUST, Family
from suite.conformance.plan import Plan
from suite.conformance.script import Op, Payload, Script
from suite.conformance.shape import Shape

__all__ = ("FAMILY",)

FAMILY = Family("fairness")

SOME = Payload.random(1 << 19, 8)
GROSSLY = "no standard; a client that is never answered while another is served sees the same as a dead server"


@FAMILY.check(
    "con-fair",
    MUST,
    "While a client is served bulk, another one's small messages are answered too.",
    source=GROSSLY,
    known="one connection drained until EAGAIN kept all others waiting (twitter/twemproxy issue 416)",
    specimen="starves_small.py",
    judge=overtaken,
    clients=2,
)
def fair(plan: Plan) -> Iterable[Script]:
    number = plan.number()
    for bulks, small in (([0], 1), ([1], 0), ([0, 2], 1))[: 3 if plan.most_clients > 2 else 2]:
        everyone = sorted([*bulks, small])
        yield (
            *opened(len(everyone)),
            *(op for client in everyone for op in exchange(client, 16, number + client)),
            *(op for client in bulks for op in bulk(client)),
            # A pause lets the bulk flow: while it stands still, everybody is fair.
            *(op for at in range(4) for op in (Op("pause", count=2), *exchange(small, 16, number + at))),
        )


@FAMILY.check(
    "fair-generated",
    MUST,
    "Whatever small things clients do beside one or two that are served bulk, they are answered.",
    source=GROSSLY,
    known="a round that always began anew with the first ready connection served only that one (gpjt/rsp issue 2)",
    specimen="starves_small.py",
    judge=overtaken,
    premise=("a client was answered beside bulk", lambda transcript: bool(transcript.overtaken)),
    clients=2,
    generated=True,
)
def generated(plan: Plan) -> Iterable[Script]:
    bulks = 2 if plan.most_clients > 2 else 1
    counts = tuple(min(count, max(1, plan.most_clients - bulks)) for count in (1, 1, 2, 2, 3, 4, 5, 6))
    operations = ("send", "send", "read", "read", "barrier", "reconnect", "pause")
    shape = Shape(
        operations, endings=("barrier",), lengths=(range(1, 17), (100, 1000)), counts=counts, most=6, pauses=(1,)
    )
    for at, script in enumerate(plan.draw(shape, 200)):
        random = Random(plan.number(at))
        ops = list(script)
        for client in range(90, 90 + random.randint(1, bulks)):
            # To have enough for a verdict on starvation costs 10 MB of copying; one program in ten does.
            much = bulk(client) if at % 10 == 0 else [Op("send", client, SOME)]
            place = random.randrange(len(ops))
            ops[place:place] = [Op("open", client), *much]
        yield tuple(ops)
