"""Reset: a client may abort at any moment (RFC 9293 section 3.10.5); a server never does so to an orderly client."""

from collections.abc import Iterable

from suite.conformance.checks._parts import STALLED, exchange, opened, reads, sends
from suite.conformance.family import MUST, SHOULD, Family
from suite.conformance.plan import Plan
from suite.conformance.script import Op, Payload, Script
from suite.conformance.shape import Shape
from suite.conformance.transcript import ENDED

__all__ = ("FAMILY",)

FAMILY = Family("reset")

ABORT = "RFC 9293 section 3.10.5: ABORT resets one connection; RFC 864 asks a server to be ready for a client's 'rude abort'"
RESET = ("a client reset", lambda transcript: transcript.facts["reset"] > 0)
LENGTHS = (range(1, 17), (100, 1000, 4096, 20_000), (65536, 150_000))


def _beside(plan: Plan, ops: list[Op]) -> Script:
    """Do `ops` with client 0 while client 1 is connected; where one client must do, let client 1 come afterwards."""
    number = plan.number() + 1
    after = exchange(1, 1000, number + 1)
    return (
        (*ops, Op("open", 1), *after)
        if plan.most_clients == 1
        else (Op("open", 1), *exchange(1, 10, number), *ops, *after)
    )


@FAMILY.check(
    "rst-idle",
    MUST,
    "A client that resets while nothing is going on takes nobody with it.",
    source=ABORT,
    known="Trio's textbook echo, `async for` and send_all, ends with the exception of one client's reset",
    specimen="rst_kills_server.py",
    premise=RESET,
    needs="reset",
    canary=True,
)
def idle(plan: Plan) -> Iterable[Script]:
    for turn in range(6):
        before = exchange(0, 100, plan.number(turn)) if turn % 2 else []
        pause = [Op("pause", count=turn)] if turn > 1 else []
        # The reset is seen by itself, or with what the other client says.
        alone = [Op("pause", count=3)] if turn % 3 else []
        yield _beside(plan, [Op("open", 0), *before, *pause, Op("rst", 0), *alone])


@FAMILY.check(
    "rst-pending",
    MUST,
    "A client that resets while its bytes are being echoed takes nobody with it.",
    source=ABORT,
    known="a reset between reading and answering was an error nobody had thought of (esnet/iperf issue 550)",
    specimen="rst_kills_server.py",
    premise=("a client reset with its echo unread", lambda transcript: transcript.facts["unread-close"] > 0),
    canary=True,
)
def pending(plan: Plan) -> Iterable[Script]:
    for turn in range(12):
        send = Op("send", 0, Payload.random((1, 1000, 65536, 1 << 18)[turn % 4], plan.number(turn)))
        # At once, or when some of the echo waits unread in the client's kernel.
        wait = ([], [Op("stall", 0), Op("pause", count=2)], [Op("stall", 0), Op("read", 0, count=1)])[turn // 4]
        yield _beside(plan, [Op("open", 0), *wait[:1], send, *wait[1:], Op("rst", 0)])


@FAMILY.check(
    "rst-in-backpressure",
    MUST,
    "A client that resets while the server waits to write to it takes nobody with it.",
    source=ABORT,
    known="sends that waited for a stalled client neither ended nor failed when it reset, and kept their threads",
    specimen="drops_then_writes.py",
    premise=STALLED,
    overlap=True,
)
def in_backpressure(plan: Plan) -> Iterable[Script]:
    for turn, milliseconds in enumerate((300, 400, 900)):
        send = Op("send", 0, Payload.random(1 << 19, plan.number(turn)))
        yield _beside(
            plan, [Op("open", 0, narrow=True), Op("stall", 0), send, Op("pause", count=milliseconds), Op("rst", 0)]
        )


@FAMILY.check(
    "rst-other-clients",
    MUST,
    "When one of several clients in mid-exchange resets, each other one gets all its bytes and is served on.",
    source=ABORT,
    known="tasks of one group: the exception of one cancels all (asyncio.TaskGroup and Trio nurseries)",
    specimen="rst_drops_all.py",
    premise=RESET,
    needs="reset",
    clients=2,
)
def other_clients(plan: Plan) -> Iterable[Script]:
    count = max(2, min(8, plan.most_clients))
    everyone = list(range(count))
    for leaving in everyone:
        number = plan.number(leaving)
        staying = [client for client in everyone if client != leaving]
        yield (
            *opened(count),
            *sends(everyone, 100, number),
            *reads(everyone, 100),
            *sends(everyone, 3000, number + count),
            Op("rst", leaving),
            *reads(staying, 3000),
            *(op for client in staying for op in exchange(client, 50, number + client)),
        )


@FAMILY.check(
    "rst-after-fin",
    SHOULD,
    "A client that half-closes and then resets is an end like any other.",
    source="RFC 9293 section 3.10.7.4: in CLOSE-WAIT a RST ends the connection; shutdown(2): ENOTCONN from then on",
    known="libuv told of no event after the FIN and kept the descriptor (libuv/libuv issue 3449)",
    specimen="shutdown_enotconn.py",
    premise=RESET,
    needs="reset half-close",
    canary=True,
)
def after_fin(plan: Plan) -> Iterable[Script]:
    long = 1 << 16
    for turn in range(36):
        number = plan.number(turn)
        length = (0, 100, 1 << 18)[turn % 3]
        send = [Op("send", 0, Payload.random(length, number))] if length else []
        before, between, after = [], [], []
        match turn // 3 % 4:
            case 1:
                between = [Op("pause", count=1)]
            case 2:
                before = [Op("pause", count=1)]
            case 3 if plan.most_clients > 1:
                # While the other client keeps it busy, both ends arrive: it sees them at once.
                before, after = [Op("send", 1, Payload.random(long, number))], [Op("read", 1, count=long)]
        ops = [Op("open", 0), Op("stall", 0), *send, *before, Op("fin", 0), *between, Op("rst", 0), *after]
        yield _beside(plan, ops)


@FAMILY.check(
    "rst-not-by-server",
    SHOULD,
    "A client that ends in good order is never reset.",
    source="RFC 9293 section 3.6: a normal close is by FIN; section 3.10.4 (SHLD-3): RST is for data that was not read",
    known="servers that close with SO_LINGER 0, or with unread input, reset the tail of their answers away",
    specimen="linger_zero.py",
    faults=frozenset({"reset", "lost"}),
    premise=(
        "the server ended the connection",
        lambda transcript: any(talk.ending in ENDED for talk in transcript.conversations.values()),
    ),
)
def not_by_server(plan: Plan) -> Iterable[Script]:
    for turn in range(5):
        # The end comes after the exchange, or with the data.
        some = exchange(0, (1, 100, 65536)[turn % 3], plan.number(turn))[: 2 if turn < 3 else 1]
        yield (Op("open", 0), *some, Op("fin", 0), Op("read_eof", 0))
    yield (Op("open", 0), Op("fin", 0), Op("read_eof", 0))


@FAMILY.check(
    "rst-generated",
    MUST,
    "Whenever clients reset, and come back from the same port, those that are there get all their bytes.",
    source=ABORT,
    known="sessions kept by address and port: one that was reset stayed behind for the next client from there",
    specimen="port_reuse_wrong.py",
    premise=RESET,
    generated=True,
)
def generated(plan: Plan) -> Iterable[Script]:
    operations = (
        "send",
        "send",
        "send",
        "read",
        "rst",
        "again",
        "again",
        "again",
        "reconnect",
        "barrier",
        "stall",
        "pause",
    )
    shape = Shape(operations, endings=("barrier", "barrier", "rst"), lengths=LENGTHS, pauses=(1, 3), narrow=True)
    for at, script in enumerate(plan.draw(shape, 200)):
        # In every fourth program a reset follows a half-close: they may meet in one event.
        yield tuple(_with_fin(script)) if at % 4 == 3 else script


def _with_fin(script: Script) -> Iterable[Op]:
    for op in script:
        if op.kind == "rst":
            yield Op("fin", op.client)
        yield op
