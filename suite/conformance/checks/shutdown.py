"""Shutdown: SIGTERM ends a server, and nothing that it has accepted is lost.

Each script stops the server; a new one is started for the next.
"""

import signal
from collections.abc import Iterable

from suite.conformance.checks._parts import exchange, opened, sends
from suite.conformance.family import MUST, SHOULD, Family
from suite.conformance.oracle import DATA
from suite.conformance.plan import Plan
from suite.conformance.script import Op, Script
from suite.conformance.transcript import Ending, Transcript
from suite.events import Finding

__all__ = ("FAMILY",)

FAMILY = Family("shutdown")

TERM = "signal(7), kill(1): SIGTERM asks a process to end, in order"
BOUND = 12_000
"""Milliseconds that a server may take to end. Ours and many others give their sessions five seconds."""
ORDERLY = (0, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP, -signal.SIGPIPE, 128 + signal.SIGTERM)
"""Exit statuses after SIGTERM that tell of no failure; shells and Java say 143 for the signal."""
STOPPED = ("the server was told to end", lambda transcript: transcript.stop is not None)


def _ended(transcript: Transcript) -> bool:
    return transcript.stop is not None and transcript.stop.seconds is not None


ENDED = ("the server ended", _ended)


def _stop_and_start(plan: Plan) -> Iterable[Script]:
    """Stop it while clients are connected, and start it again."""
    clients = range(min(3, plan.most_clients))
    talk = [op for client in clients for op in exchange(client, 100, (plan.seed + client) & 0xFFFF)]
    yield (*opened(len(clients)), *talk, Op("term"), Op("exit", count=BOUND), Op("restart"))


def _stays(transcript: Transcript) -> Finding | None:
    if transcript.stop is None or transcript.stop.seconds is not None:
        return None
    return Finding("stays", -1, f"the server ends within {BOUND // 1000} s of SIGTERM", "it still runs", hard=True)


FAMILY.check(
    "sd-sigterm-exits",
    MUST,
    "A server ends when it is told to by SIGTERM, though idle clients are connected.",
    source=TERM,
    known="Python 3.12's asyncio servers waited for their idle connections without an end (python/cpython issue 104344)",
    specimen="sigterm_waits.py",
    faults=frozenset(),
    judge=_stays,
    premise=STOPPED,
    minimal=True,
    needs="launch",
)(_stop_and_start)


def _bound(transcript: Transcript) -> Finding | None:
    if transcript.stop is None or not transcript.stop.rebind:
        return None
    return Finding("bound", -1, "the port can be listened on again at once", transcript.stop.rebind, hard=True)


FAMILY.check(
    "sd-rebind",
    SHOULD,
    "A server that was stopped with clients connected can be started again on the same port at once.",
    source="socket(7): SO_REUSEADDR lets a listener have a port with connections in TIME_WAIT; without it bind(2) fails with EADDRINUSE",
    known="'Address already in use' for a minute after each restart",
    specimen="no_reuseaddr.py",
    faults=frozenset(),
    judge=_bound,
    premise=("the server ended, and was started again", _ended),
    needs="launch",
)(_stop_and_start)


@FAMILY.check(
    "sd-alone",
    MUST,
    "A server that no client is connected to ends when it is told to by SIGTERM.",
    source=TERM,
    known="a drain that waits for its last client to leave never ends where none is there (a mutant of twisted-epoll)",
    specimen="sigterm_last_leaves.py",
    faults=frozenset(),
    judge=_stays,
    premise=STOPPED,
    minimal=True,
    needs="launch",
)
def alone(plan: Plan) -> Iterable[Script]:
    yield (Op("open", 0), *exchange(0, 100, plan.number()), Op("close", 0), Op("pause", count=200), Op("term"), Op("exit", count=BOUND))  # fmt: skip


def _fails(transcript: Transcript) -> Finding | None:
    status = None if transcript.stop is None else transcript.stop.status
    if status is None or status in ORDERLY:
        return None
    how = f"killed by signal {-status}" if status < 0 else f"status {status}"
    return Finding("fails", -1, "status 0, or 143 or a death by SIGTERM", how, hard=True)


@FAMILY.check(
    "sd-status",
    SHOULD,
    "A server that SIGTERM has ended tells so: status 0, that of the signal, or a death by it; not that of a failure.",
    source=TERM + "; systemd.service(5): status 0 and deaths by SIGHUP, SIGINT, SIGTERM and SIGPIPE are clean",
    known="mongrel2 ended with 1, unrealircd with 255: each stop was a failed service (mongrel2 pull 318, unrealircd pull 125)",
    specimen="sigterm_traceback.py",
    faults=frozenset(),
    judge=_fails,
    premise=ENDED,
    minimal=True,
    needs="launch",
)
def status(plan: Plan) -> Iterable[Script]:
    end = (Op("term"), Op("exit", count=BOUND))
    yield (Op("open", 0), *exchange(0, 100, plan.number()), Op("close", 0), Op("pause", count=50), *end)
    yield end  # nobody has ever come


@FAMILY.check(
    "sd-queue",
    SHOULD,
    "Who was connected before SIGTERM is served, accepted by then or not.",
    source=TERM + "; listen(2): the kernel completes connections that wait to be accepted",
    known="a worker that is reloaded resets all who wait in its accept queue (emmett-framework/granian issue 567)",
    specimen="sigterm_drops_queue.py",
    faults=DATA - {"died", "refused", "unaccepted"},
    premise=("clients came while it stood still", lambda transcript: transcript.facts["frozen"] > 0),
    needs="launch tcp",
)
def queue(plan: Plan) -> Iterable[Script]:
    clients = range(min(3, plan.most_clients))
    yield (
        Op("freeze"),
        *(Op("open", client, hasty=True) for client in clients),
        *sends(list(clients), 500, plan.number()),
        *(Op("fin", client) for client in clients),
        Op("term"),
        Op("thaw"),
        *(Op("read_eof", client) for client in clients),
        Op("exit", count=BOUND),
    )


@FAMILY.check(
    "sd-flush",
    SHOULD,
    "What was sent before SIGTERM comes back before the end.",
    source=TERM + "; RFC 862: 'any data received is sent back'",
    known="connections in mid-answer were cut at the signal (pgjones/hypercorn issue 106)",
    specimen="sigterm_cuts.py",
    faults=DATA - {"died"},
    premise=STOPPED,
    needs="launch",
)
def flush(plan: Plan) -> Iterable[Script]:
    clients = list(range(min(3, plan.most_clients)))
    talk = [op for client in clients for op in exchange(client, 100, plan.number(client))]
    # They do not read until the server has been told to end. Of the first, it and the kernels hold all they can.
    stalled = [Op("stall", client) for client in clients]
    asked = [*sends(clients[:1], plan.bulk(16 << 20, 2.0), plan.number()), *sends(clients[1:], 65_536, plan.number())]
    yield (
        *opened(len(clients)),
        *talk,
        *stalled,
        *asked,
        *(Op("fin", client) for client in clients),
        Op("term"),
        *(Op("read_eof", client) for client in clients),
        Op("exit", count=BOUND),
    )


def _hangs(transcript: Transcript) -> Finding | None:
    late = transcript.conversations.get(9)
    if late is None or transcript.stop is None or late.ending is not Ending.OPEN or late.received:
        return None
    hangs = "connected, then nothing until the server ended"
    return Finding("hangs", 9, "a client that comes after SIGTERM is refused, ended or served", hangs, hard=True)


@FAMILY.check(
    "sd-refuse-new",
    SHOULD,
    "A client that comes after SIGTERM is turned away at once, not left hanging.",
    source=TERM + "; listen(2): a socket that listens completes connections, whether anybody accepts them or not",
    known="servers that stopped accepting but kept the listener open while old clients were served to their end",
    specimen="sigterm_deaf.py",
    faults=frozenset(),
    judge=_hangs,
    premise=STOPPED,
    clients=2,
    needs="launch",
)
def refuse_new(plan: Plan) -> Iterable[Script]:
    yield (
        Op("open", 0), *exchange(0, 100, plan.number()), Op("term"), Op("pause", count=300), Op("open", 9),
        *sends([9], 10, plan.number()), Op("pause", count=400),
    )  # fmt: skip


def _orphans(transcript: Transcript) -> Finding | None:
    if transcript.stop is None or not transcript.stop.left:
        return None
    left = f"{transcript.stop.left} live on"
    return Finding("orphans", -1, "no process is left 2 s after the last client has", left, hard=True)


@FAMILY.check(
    "sd-no-orphans",
    MUST,
    "When the server has ended and its last client has left, no process of it is left.",
    source=TERM + "; one whose children live on has not ended",
    known="workers that lived on, and served on, when their master had ended",
    specimen="leaves_orphans.py",
    faults=frozenset(),
    judge=_orphans,
    premise=ENDED,
    needs="launch",
)
def no_orphans(plan: Plan) -> Iterable[Script]:
    clients = list(range(min(3, plan.most_clients)))
    talk = [op for client in clients for op in exchange(client, 100, plan.number(client))]
    yield (
        *opened(len(clients)),
        *talk,
        *(Op("close", client) for client in clients),
        Op("term"),
        Op("exit", count=BOUND),
    )
