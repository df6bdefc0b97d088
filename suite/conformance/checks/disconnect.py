"""Disconnect: a client that leaves, at whatever moment, costs nobody else anything."""

from collections.abc import Iterable
from random import Random

from suite.conformance.checks._parts import drop, exchange, left, opened, reads, sends
from suite.conformance.family import MUST, Family
from suite.conformance.oracle import DATA
from suite.conformance.plan import Plan
from suite.conformance.script import Op, Payload, Script
from suite.conformance.shape import Shape

__all__ = ("FAMILY",)

FAMILY = Family("disconnect")

SERVICE = "RFC 862: data is sent back 'until the calling user terminates the connection', and no longer"
SIGPIPE = "write(2): EPIPE, and SIGPIPE whose default action ends the process; one client's end is no reason to"
QUEUE = "accept(2): errors already pending on a new connection are to be treated like EAGAIN, by trying again"
LEFT = ("a client left and others were served", left)
LENGTHS = (range(1, 17), (100, 1000, 4096, 20_000), (65536, 150_000))


@FAMILY.check(
    "dis-fin",
    MUST,
    "A client that ends in good order is answered with FIN, and whoever is connected beside it is served on.",
    source=SERVICE,
    known="a missing EPOLLRDHUP kept ended connections for ever (toffaletti/state-threads issue 4)",
    specimen="ignores_eof.py",
    faults=DATA | {"no-fin", "early-fin"},
)
def fin(plan: Plan) -> Iterable[Script]:
    number = plan.number()
    for turn in range(8):
        length = (1, 100, 5000, 65536)[turn % 4]
        first = [Op("open", 0), *exchange(0, length, number)]
        end = [Op("close", 0)] if turn >= 6 else [Op("fin", 0), Op("read_eof", 0), Op("close", 0)]
        if plan.most_clients == 1:
            yield (*first, *end, Op("open", 1), *exchange(1, length, number + 1))
        else:
            # The bystander connects before or after the one that leaves.
            beside = [Op("open", 1), *exchange(1, length, number + 1)]
            yield (*(beside + first if turn % 2 else first + beside), *end, *exchange(1, length, number + 2))


@FAMILY.check(
    "dis-abandon-echo",
    MUST,
    "A client may leave without waiting for its echo; the server lives and serves the next one.",
    source=SIGPIPE,
    known="SIGPIPE from a client that had gone ended the server (esnet/iperf issue 550)",
    specimen="sigpipe_dies.py",
    premise=("a client left with its echo unread", lambda transcript: transcript.facts["unread-close"] > 0),
    canary=True,
)
def abandon_echo(plan: Plan) -> Iterable[Script]:
    for turn in range(18):
        length = (1, 1000, 9000, 20_000, 40_000, 1 << 19)[turn % 6]
        early = ([], [Op("fin", 0)], [Op("pause", count=1)])[turn // 6]
        yield (Op("open", 0), Op("send", 0, Payload.random(length, plan.number(turn))), *early, Op("close", 0))
    for turn, length in enumerate((80_000, 110_000)):
        # The server waits to write and has the FIN: the RST of the close makes its writing fail with EPIPE.
        send = Op("send", 0, Payload.random(length, plan.number(turn)))
        yield (Op("open", 0, narrow=True), Op("stall", 0), send, Op("fin", 0), Op("pause", count=5), Op("close", 0))


@FAMILY.check(
    "dis-double-write",
    MUST,
    "Writing several times to a client that has already gone does not end the server.",
    source=SIGPIPE,
    known="a client that left in the middle of its answers ended the server (mcavage/node-fast issue 8)",
    specimen="broken_pipe_ends.py",
    premise=("a client left with its echo unread", lambda transcript: transcript.facts["unread-close"] > 0),
    canary=True,
)
def double_write(plan: Plan) -> Iterable[Script]:
    for turn in range(12):
        number = plan.number(turn)
        if turn % 3 == 0:
            # One message is answered, so the server is in the middle of the other when their sender goes.
            ops = [*exchange(0, 100, number), Op("send", 0, Payload.random(1 << 19, number)), Op("read", 0, count=1)]
        elif turn % 3 == 1:
            ops = [Op("send", 0, Payload.random(4096, number)), Op("pause", count=1)] * 2
            ops.append(Op("send", 0, Payload.random(1 << 18, number)))
        else:
            # The FIN is there before the RST, so that writing fails with EPIPE instead of ECONNRESET.
            ops = [Op("stall", 0), Op("send", 0, Payload.random(110_000, number)), Op("fin", 0)]
            ops.append(Op("pause", count=1 + turn // 3))
        yield (Op("open", 0, narrow=turn % 3 == 2), *ops, drop(0, turn // 3))


@FAMILY.check(
    "dis-during-accept",
    MUST,
    "Connections that their clients reset before they are accepted do not stop the server from accepting others.",
    source=QUEUE,
    known="ECONNABORTED from accept ended the listener (hickory-dns/hickory-dns pull request 3726)",
    specimen="econnaborted_ends.py",
    canary=True,
    needs="tcp",
)
def during_accept(plan: Plan) -> Iterable[Script]:
    # Five at a time: an accept queue of five, the textbooks' listen(5), must not overflow into SYN retransmits.
    for turn in range(2):
        ops: list[Op] = []
        for client in range(60):
            ops.append(Op("open", client))
            if client % 6 < 5:
                ops += [*sends([client], 1000, plan.number())] * turn
                ops.append(Op("rst", client))
            else:
                ops += [*exchange(client, 100, plan.number(turn) + client), Op("close", client)]
        yield tuple(ops)


@FAMILY.check(
    "dis-connect-close",
    MUST,
    "Two hundred clients that connect and close without a word cost nothing: each later client is served.",
    source=SERVICE,
    known="getpeername(2) fails with ENOTCONN for such a client and ended accept loops (MisterTea/EternalTerminal pull request 756)",
    specimen="empty_first_read.py",
    canary=True,
)
def connect_close(plan: Plan) -> Iterable[Script]:
    ops: list[Op] = []
    for client in range(plan.visits(250, 5.0)):
        ops.append(Op("open", client))
        if client % 5 == 4:
            ops += exchange(client, 20, plan.number() + client)
        ops.append(Op("close", client))
    yield tuple(ops)


@FAMILY.check(
    "dis-mid-stream",
    MUST,
    "A client may leave in the middle of a long echo, at any byte; the server lives and others are served.",
    source=SIGPIPE,
    known="an event that says both 'error' and 'writable' was handled twice, the second time without its connection",
    specimen="drops_then_writes.py",
    premise=("a client left with its echo unread", lambda transcript: transcript.facts["unread-close"] > 0),
)
def mid_stream(plan: Plan) -> Iterable[Script]:
    random = Random(plan.number())
    for turn in range(12):
        narrow = turn % 2 == 1
        length = 1 << 18 if narrow else plan.bulk(1 << 20, 0.05)
        most = 20_000 if narrow else length - 1
        some = 1 if turn < 2 else random.randint(1, most)
        later = [Op("open", 1), *exchange(1, 1000, plan.number(turn))]
        # A narrow client that does not read keeps the server waiting to write when it goes.
        waiting = [Op("stall", 0), Op("pause", count=3)] if narrow else []
        yield (
            Op("open", 0, narrow=narrow),
            Op("send", 0, Payload.random(length, plan.number(turn + 100))),
            Op("read", 0, count=some),
            *waiting,
            drop(0, turn // 2),
            *later,
        )


@FAMILY.check(
    "dis-many-at-once",
    MUST,
    "When half of the clients leave in one instant, some by FIN and some by RST, the other half is served on.",
    source=SERVICE,
    known="a table compacted while it was iterated skipped a neighbour (openstreetmap/mod_tile pull request 239)",
    specimen="list_mutation.py",
    premise=LEFT,
    clients=4,
)
def many_at_once(plan: Plan) -> Iterable[Script]:
    count = max(4, min(32, plan.most_clients)) // 2 * 2
    for round_ in range(12):
        turn = round_ % 6
        number = plan.number(round_)
        random = Random(number)
        clients = list(range(count))
        order = clients if turn < 2 else random.sample(clients, count)
        leaving = set(clients[turn % 2 :: 2] if turn < 4 else random.sample(clients, count // 2))
        staying = [client for client in clients if client not in leaving]
        # What keeps the server busy lets it see ends and messages at once: a long message first, or all of some length.
        long = plan.bulk(1 << 20, 0.05)
        short = 1000 if turn % 3 == 2 else long // 20
        burst = [Op("send", staying[0], Payload.random(long, number))]
        for at, client in enumerate(order):
            if client not in leaving:
                burst += sends([client], short, number)
                continue
            burst += sends([client], 300, number) if turn % 3 == 2 else []
            burst.append(drop(client, at // 2))
        yield (
            *opened(count),
            *sends(clients, 100, plan.number()),
            *reads(clients, 100),
            *burst,
            Op("read", staying[0], count=long),
            *reads(staying, short),
            *sends(staying, 50, plan.number(turn + 10)),
            *reads(staying, 50),
        )


@FAMILY.check(
    "dis-fd-reuse",
    MUST,
    "The end of an old connection never touches a new one, though the new one has the old one's descriptor.",
    source="open(2), accept(2): the lowest free descriptor is given out again at once",
    known="uvloop closed a descriptor that belonged to another connection by then (MagicStack/uvloop issue 645)",
    specimen="stale_fd_reuse.py",
    premise=LEFT,
)
def fd_reuse(plan: Plan) -> Iterable[Script]:
    number = plan.number()
    last = plan.visits(50, 0.5)
    for turn in range(4):
        ops: list[Op] = []
        for client in range(last):
            if (client + turn) % 10 == 9:
                # It goes while the server waits to write to it.
                ops += [Op("open", client, narrow=True), Op("stall", client), *sends([client], 1 << 17, number)]
                ops += [Op("read", client, count=1), Op("pause", count=turn), drop(client, client)]
                continue
            ops += [Op("open", client), *exchange(client, 100, number + client)]
            if length := (0, 1000, 20_000)[client % 3]:
                ops += sends([client], length, number)
            ops.append(drop(client, client + turn))
        yield (*ops, Op("open", 50), *exchange(50, 5000, number), Op("pause", count=5), *exchange(50, 5000, number + 1))


@FAMILY.check(
    "dis-generated",
    MUST,
    "Whenever and however clients leave and come back, those that are there get all their bytes.",
    source=SERVICE,
    known="a stale event of a closed connection was handed to the one that had taken its descriptor (MagicStack/uvloop issue 738)",
    specimen="list_mutation.py",
    premise=LEFT,
    generated=True,
)
def generated(plan: Plan) -> Iterable[Script]:
    operations = ("send", "send", "send", "read", "close", "reconnect", "reconnect", "barrier", "stall", "pause")
    return plan.draw(
        Shape(
            operations, endings=("barrier", "barrier", "close", "leave"), lengths=LENGTHS, pauses=(1, 3), narrow=True
        ),
        200,
    )
