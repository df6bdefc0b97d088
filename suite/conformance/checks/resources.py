"""Resources: what a connection took is given back when it ends, however it ends; and waiting costs nothing.

These look at the server's processes, in /proc, while clients come and go.
"""

from collections.abc import Callable, Iterable
from typing import Any

from suite.census import Census
from suite.conformance.checks._parts import exchange, opened, reads, sends
from suite.conformance.family import MUST, SHOULD, Family
from suite.conformance.oracle import DATA
from suite.conformance.plan import Plan
from suite.conformance.script import Op, Payload, Script
from suite.conformance.transcript import Transcript
from suite.events import Finding

__all__ = ("FAMILY", "MEASURED", "busy", "churn")

FAMILY = Family("resources")

GIVEN_BACK = "close(2), wait(2), pthread_join(3): what a finished connection holds stays held until somebody frees it"
CLIENTS = 200
LEAKED = 30
"""Of `CLIENTS`, which end in five ways: a leak in any one of them is 40. Below, pools that grow are not suspected."""
UNREAPED = 10
"""Zombies; servers that reap at their next accept, or twice a second, are fine."""
SPINNING = 0.5
"""Share of the time that a processor is used or waited for. What waits for its clients wants none, what spins always."""
TOGETHER = 20
ANSWERED = {0: 100, 3: 10}
"""Of five clients, those who wait for their answer, and its length."""
STALLED_CLIENTS = 4
PER_CLIENT = 4 << 20
PER_CONNECTION = 2048
"""Bytes of memory: of a client that does not read; and of one connection after another, for good."""

MEASURED = ("the server's processes were looked at", lambda transcript: len(transcript.measures) > 0)
WATCHED: dict[str, Any] = {"faults": frozenset({"died"}), "premise": MEASURED, "minimal": True, "needs": "pid"}
"""Options of checks that judge by what the processes held; a smaller script would only stand closer to a threshold."""


GONE = ("clients came and went, and were looked for", lambda transcript: len(transcript.measures) > 1)
COUNTED = WATCHED | {"premise": GONE}


def churn(plan: Plan, count: int, first: int = 0) -> list[Op]:
    """Let clients come and go in each of five ways: FIN, bare close, unread echo, RST, RST unread.

    Those who want an answer wait for it together, up to `TOGETHER` clients at a time: a slow server has its time too.
    """
    ops: list[Op] = []
    at_once = min(TOGETHER, plan.most_clients)
    for start in range(first, first + count, at_once):
        clients = range(start, min(start + at_once, first + count))
        for client in clients:
            if client % 5 in ANSWERED:
                ops += [Op("open", client), *sends([client], ANSWERED[client % 5], plan.number())]
        for client in clients:
            match client % 5:
                case 0:
                    ops += [*reads([client], ANSWERED[0]), Op("fin", client)]
                case 1:
                    ops += [Op("open", client), Op("close", client)]
                case 2:
                    ops += [Op("open", client), *sends([client], 20_000, plan.number()), Op("close", client)]
                case 3:
                    ops += [*reads([client], ANSWERED[3]), Op("rst", client)]
                case 4:
                    ops += [Op("open", client), *sends([client], 20_000, plan.number()), Op("rst", client)]
        for client in clients:
            if client % 5 == 0:
                ops += [Op("read_eof", client), Op("close", client)]
    return ops


def _kept(what: str, count: Callable[[Census], int], most: int) -> Callable[[Transcript], Finding | None]:
    def judge(transcript: Transcript) -> Finding | None:
        if not transcript.measures:
            return None
        last = transcript.measures[-1]
        before, after = count(last.before), count(last.after)
        if after - before < most:
            return None
        after_that = f"{after} {what} {last.seconds:.1f} s after {CLIENTS} clients had left"
        return Finding("kept", -1, f"about {before} {what}, as before", after_that, hard=True)

    return judge


def _come_and_gone(plan: Plan) -> Iterable[Script]:
    # Some come first: what a server makes once, at its first client, is no leak.
    yield (
        *churn(plan, 20), Op("barrier"), Op("pause", count=50), Op("measure"),
        *churn(plan, CLIENTS, 20), Op("barrier"), Op("settle", count=2000),
    )  # fmt: skip


FAMILY.check(
    "res-fd",
    MUST,
    "Two seconds after clients have left, in whatever way, their descriptors are closed.",
    source=GIVEN_BACK,
    known="a forking server whose parent kept its copies ran out of descriptors (Mbed-TLS/mbedtls pull request 2803)",
    specimen="keeps_descriptors.py",
    judge=_kept("descriptors", lambda census: census.descriptors, LEAKED),
    **COUNTED,
)(_come_and_gone)
FAMILY.check(
    "res-thread",
    MUST,
    "Two seconds after clients have left, in whatever way, their threads have ended.",
    source=GIVEN_BACK,
    known="a threading server kept a reference to every thread it had ever started (python/cpython issue 81374)",
    specimen="keeps_threads.py",
    judge=_kept("threads", lambda census: census.threads, LEAKED),
    **COUNTED,
)(_come_and_gone)
FAMILY.check(
    "res-child",
    MUST,
    "Two seconds after clients have left, in whatever way, the processes that served them have ended.",
    source=GIVEN_BACK,
    known="children that never saw the end of their connection, for the parent held it open too",
    specimen="keeps_children.py",
    judge=_kept("processes", lambda census: census.processes, LEAKED),
    **COUNTED,
)(_come_and_gone)
FAMILY.check(
    "res-zombie",
    MUST,
    "Two seconds after clients have left, the processes that served them have been waited for.",
    source="wait(2): a child that has ended and is not waited for stays in the process table as a zombie",
    known="one wait for each SIGCHLD leaves zombies, for signals do not queue (signal(7); python/cpython issue 75334)",
    specimen="keeps_zombies.py",
    judge=_kept("zombies", lambda census: census.zombies, UNREAPED),
    **COUNTED,
)(_come_and_gone)


def _slope(transcript: Transcript) -> Finding | None:
    sizes = [measure.after.memory for measure in transcript.measures]
    if len(sizes) < 5:
        return None
    served = len({op.client for op in transcript.script if op.kind == "open"}) // (len(sizes) - 1)
    steps = [after - before for before, after in zip(sizes[-4:], sizes[-3:], strict=False)]
    # One arena of an allocator is a step of a megabyte; growth in every round is none.
    if min(steps) < served * PER_CONNECTION // 2 or sum(steps) < len(steps) * served * PER_CONNECTION:
        return None
    each = sum(steps) // (len(steps) * served)
    return Finding("kept", -1, "memory that levels off", f"{each} bytes more for each connection, for good", hard=True)


@FAMILY.check(
    "res-rss-slope",
    MUST,
    "Connections that have ended leave no memory behind: it does not grow with their number.",
    source=GIVEN_BACK,
    known="threads that had ended were kept in a list, one for each connection (python/cpython issue 81374)",
    specimen="keeps_memory.py",
    faults=frozenset({"died"}),
    judge=_slope,
    premise=("five rounds were measured", lambda transcript: len(transcript.measures) >= 5),
    minimal=True,
    needs="pid",
)
def slope(plan: Plan) -> Iterable[Script]:
    each = plan.visits(1000 if plan.profile == "thorough" else 250, 1.5)
    ops = [*churn(plan, 100), Op("barrier"), Op("pause", count=50), Op("measure")]
    for turn in range(5):
        ops += [*churn(plan, each, 100 + turn * each), Op("barrier"), Op("pause", count=20), Op("measure")]
    yield tuple(ops)


@FAMILY.check(
    "res-buffer-pool",
    MUST,
    "However many connections have ended with data unread, the next one is served.",
    source=GIVEN_BACK,
    known="buffers of an io_uring echo were not provided again when a connection closed (frevib/io_uring-echo-server issue 11)",
    specimen="pool_runs_dry.py",
    faults=DATA,
)
def buffer_pool(plan: Plan) -> Iterable[Script]:
    ops: list[Op] = []
    for client in range(plan.visits(1100, 5.0)):
        ops += [Op("open", client), *sends([client], 5000, plan.number()), Op("rst" if client % 2 else "close", client)]
        if client % 50 == 49:
            ops.append(Op("barrier"))
    yield (*ops, Op("open", 2000), *exchange(2000, 5000, plan.number(1)))


@FAMILY.check(
    "res-fin-inherited",
    MUST,
    "A client that has finished sees the end of its connection while those that came after it are still there.",
    source="close(2), shutdown(2): the connection ends when the last descriptor of it is closed, in whatever process",
    known="children inherited the connections of earlier clients, who never saw their end (apache/guacamole-server pull request 698)",
    specimen="inherits_connections.py",
    faults=DATA | {"no-fin"},
    clients=3,
)
def fin_inherited(plan: Plan) -> Iterable[Script]:
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
        ops = [op for client in range(3) for op in (Op("open", client), *exchange(client, 100, plan.number(client)))]
        yield (*ops, *(op for client in order for op in (Op("fin", client), Op("read_eof", client))))


def _swollen(transcript: Transcript) -> Finding | None:
    if len(transcript.measures) < 2:
        return None
    grown = transcript.measures[-1].after.memory - transcript.measures[0].before.memory
    if grown < STALLED_CLIENTS * PER_CLIENT:
        return None
    most = (
        f"at most {STALLED_CLIENTS * PER_CLIENT >> 20} MiB more memory for {STALLED_CLIENTS} clients that do not read"
    )
    return Finding("swollen", -1, most, f"{grown >> 20} MiB more", hard=True)


@FAMILY.check(
    "bp-rss",
    MUST,
    "Clients that do not read cost the server a bounded amount of memory.",
    source="RFC 9293 section 3.8.6: the receiver's window tells the sender how much it is prepared to take",
    known="asyncio's, uvloop's and Twisted's stock echo grew by the 256 MiB that one client sent (python/cpython issue 116279)",
    specimen="unbounded_buffer.py",
    faults=frozenset({"died"}),
    judge=_swollen,
    premise=(
        "clients were held up",
        lambda transcript: transcript.facts["blocked"] > 0 and len(transcript.measures) > 1,
    ),
    minimal=True,
    clients=STALLED_CLIENTS,
    needs="pid",
)
def memory_of_the_stalled(plan: Plan) -> Iterable[Script]:
    clients = list(range(STALLED_CLIENTS))
    offer = Op("send", 0, Payload.random(17 << 20, plan.number()))
    yield (
        *(Op("open", client, narrow=True) for client in clients), *sends(clients, 10, plan.number()), *reads(clients, 10), Op("measure"),
        *(op for client in clients for op in (Op("stall", client), Op("send", client, offer.payload))),
        Op("pause", count=1000), Op("measure"),
    )  # fmt: skip


def busy(transcript: Transcript) -> Finding | None:
    """Find a server that uses the processor while its clients wait."""
    for measure in transcript.measures:
        if measure.wanted > SPINNING:
            share = f"a processor was wanted {measure.wanted:.0%} of {measure.seconds:.1f} s"
            return Finding("spins", -1, "no work while nobody sends or reads", share, hard=True)
    return None


@FAMILY.check(
    "bp-writable-spin",
    SHOULD,
    "Clients that say nothing cost no processor time.",
    source="epoll(7), poll(2): a socket is writable nearly always; whoever waits for that without having to write never waits",
    known="write interest that stayed on: a loop at full speed over idle connections (reported of many event loops)",
    specimen="writable_spin.py",
    judge=busy,
    compared=True,
    **WATCHED,
)
def writable_spin(plan: Plan) -> Iterable[Script]:
    clients = list(range(min(50, plan.most_clients)))
    talk = [*sends(clients, 100, plan.number()), *reads(clients, 100)]
    yield (*opened(len(clients)), *talk, Op("pause", count=100), Op("measure", count=500))


@FAMILY.check(
    "hc-spin",
    MUST,
    "A client that has half-closed and does not read costs no processor time.",
    source="epoll(7), poll(2): the end of a stream is readable for ever, and a hang-up is always told",
    known="an event loop woke at full speed for a half-closed peer (oven-sh/bun pull request 37928)",
    specimen="half_close_spin.py",
    judge=busy,
    compared=True,
    **WATCHED | {"needs": "pid half-close"},
)
def half_close_spin(plan: Plan) -> Iterable[Script]:
    # A server comes to the end only of what it has room for: of these amounts, 48 KiB apart, one is more than the
    # kernels hold for a client and less than a server with a buffer of 64 KiB takes besides.
    lengths = [1 << 20, *range(1 << 15, 1 << 19, 3 << 14)][: plan.most_clients]
    ops: list[Op] = []
    for client, length in enumerate(lengths):
        offer = Payload.random(length, plan.number())
        ops += [Op("open", client, narrow=True), Op("stall", client), Op("send", client, offer)]
    ops += [Op("pause", count=50), *(Op("fin", client) for client in range(len(lengths)))]
    if plan.most_clients > len(lengths):
        last = len(lengths)
        ops += [Op("open", last), *exchange(last, 100, plan.number()), Op("stall", last), Op("fin", last)]
    yield (*ops, Op("pause", count=100), Op("measure", count=500))
