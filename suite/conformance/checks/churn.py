"""Churn: clients that come and go quickly, and clients that come all at once."""

from collections.abc import Iterable

from suite.conformance.checks._parts import exchange, reads, sends
from suite.conformance.family import MUST, SHOULD, Family
from suite.conformance.oracle import DATA
from suite.conformance.plan import Plan
from suite.conformance.script import Op, Script

__all__ = ("FAMILY",)

FAMILY = Family("churn")


@FAMILY.check(
    "chu-serial",
    MUST,
    "Fifteen hundred clients, one after another, are each served.",
    source="RFC 862: 'once a connection is established any data received is sent back', for the first client and the last",
    known="tables and pools that shrink with every client: served for a while, then never again",
    specimen="serves_a_thousand.py",
    faults=DATA,
)
def serial(plan: Plan) -> Iterable[Script]:
    ops: list[Op] = []
    for client in range(plan.visits(1500, 10.0)):
        # A right server may keep a client's descriptor for a while after its end, and have a thousand in all.
        ops += [Op("pause", count=200)] * (client % 250 == 249)
        # Every other one by RST, which leaves no port in TIME_WAIT.
        ops += [
            Op("open", client),
            *exchange(client, 20, plan.number(client)),
            Op("rst" if client % 2 else "close", client),
        ]
    yield tuple(ops)


@FAMILY.check(
    "chu-burst",
    SHOULD,
    "Two hundred clients that connect in one instant are all served at once.",
    source="listen(2): connections beyond the backlog are ignored, and tried again by the client after a second",
    known="listen(5), the default of Python's socketserver: bursts wait for SYN retransmits of 1, 3 and 7 s",
    specimen="short_backlog.py",
    faults=DATA,
    clients=200,
    minimal=True,
)
def burst(plan: Plan) -> Iterable[Script]:
    clients = list(range(200))
    yield (
        *(Op("open", client, hasty=True) for client in clients),
        *sends(clients, 20, plan.number()),
        *reads(clients, 20),
    )
