"""Overload: out of descriptors, a server lives, serves those that it has, and recovers."""

from collections.abc import Iterable

from suite.conformance.checks._parts import exchange, sends
from suite.conformance.checks.resources import busy
from suite.conformance.family import MUST, SHOULD, Family
from suite.conformance.plan import Plan
from suite.conformance.script import Op, Script
from suite.conformance.transcript import Ending, Transcript
from suite.events import Finding

__all__ = ("FAMILY",)

FAMILY = Family("overload")

EMFILE = "accept(2): EMFILE, 'the per-process limit on the number of open file descriptors has been reached'"
BEYOND = 40
"""Clients more than the server has descriptors."""
HELD = 5
"""Clients that are served before, and must be served all the time."""


def _exhausted(transcript: Transcript) -> bool:
    # A server may keep a descriptor or two in reserve.
    return any(measure.after.fullest >= transcript.facts["nofile"] - 3 for measure in transcript.measures)


REACHED = ("the server ran out of descriptors", _exhausted)


def _crowd(plan: Plan) -> list[Op]:
    held = [op for client in range(HELD) for op in (Op("open", client), *exchange(client, 50, plan.number(client)))]
    crowd: list[Op] = []
    for client in range(HELD, plan.nofile + BEYOND):
        # Four at a time, for short accept queues; hasty, for nobody may be accepted any more.
        crowd += [Op("open", client, hasty=True), *[Op("pause", count=2)] * (client % 4 == 0)]
    return [*held, Op("measure"), *crowd, Op("pause", count=200), Op("measure")]


def _leave(plan: Plan) -> list[Op]:
    """The crowd's end, until the server has seen it: who comes earlier may be turned away with the crowd.

    And a second and a half: servers that pause accepting try again after a second at most.
    """
    gone = [Op("rst" if client % 2 else "close", client) for client in range(HELD, plan.nofile + BEYOND)]
    return [*gone, Op("settle", count=3000), Op("pause", count=1500)]


@FAMILY.check(
    "ovl-emfile-survive",
    MUST,
    "A server that has run out of descriptors lives, and serves the clients it has.",
    source=EMFILE,
    known="EMFILE from accept closed the listener for good (python/asyncio issue 78), or ended the server",
    specimen="emfile_dies.py",
    premise=REACHED,
    minimal=True,
    clients=32,
    needs="nofile",
)
def survive(plan: Plan) -> Iterable[Script]:
    served = [op for client in range(HELD) for op in exchange(client, 500, plan.number(client + 10))]
    yield (*_crowd(plan), *served, *_leave(plan))


@FAMILY.check(
    "ovl-emfile-recover",
    MUST,
    "Once clients have left, a server that had run out of descriptors serves new ones.",
    source=EMFILE,
    known="a listener that was taken out of the loop at EMFILE and never put back (joyent/libuv issue 690)",
    specimen="emfile_deaf.py",
    premise=REACHED,
    minimal=True,
    clients=32,
    needs="nofile",
)
def recover(plan: Plan) -> Iterable[Script]:
    yield (*_crowd(plan), *_leave(plan), Op("open", 5000), *exchange(5000, 100, plan.number()))


def _spins(transcript: Transcript) -> Finding | None:
    return busy(transcript) if _exhausted(transcript) else None


@FAMILY.check(
    "ovl-emfile-spin",
    SHOULD,
    "A server that has run out of descriptors waits for better times without using the processor.",
    source=EMFILE + "; the connection stays in the queue, and a level-triggered wait tells of it again at once",
    known="socketserver.ThreadingTCPServer uses a whole processor at EMFILE; libuv did (joyent/libuv issue 1189)",
    specimen="emfile_spin.py",
    faults=frozenset({"died"}),
    judge=_spins,
    premise=REACHED,
    minimal=True,
    compared=True,
    clients=32,
    needs="nofile",
)
def spin(plan: Plan) -> Iterable[Script]:
    yield (*_crowd(plan), Op("measure", count=800))


def _dropped(transcript: Transcript) -> Finding | None:
    for client in range(8):
        talk = transcript.conversations.get(client)
        if talk is not None and talk.ending is not Ending.OPEN:
            return Finding("dropped", client, "a client that is served stays connected", talk.ending.value, hard=True)
    for wait in transcript.waits:
        if 0 <= wait.client < 8:
            actual = f"no answer within {wait.seconds:.1f} s of the crowd's coming"
            return Finding("stalled", wait.client, "a client that is served goes on being served", actual, hard=False)
    return None


@FAMILY.check(
    "ovl-fd1024",
    MUST,
    "Past descriptor 1023 a server serves more clients or turns them away; those it has notice nothing.",
    source="select(2): an fd_set holds descriptors below FD_SETSIZE, 1024; the behaviour beyond is undefined",
    known="a select loop ended with ValueError at its 1024th descriptor, with all its clients (gorakhargosh/watchdog issue 1079)",
    specimen="select_dies_at_1024.py",
    faults=frozenset({"died", "foreign", "wrong"}),
    judge=_dropped,
    premise=("the server held a thousand clients", lambda transcript: transcript.facts["active"] > 1000),
    minimal=True,
    clients=1000,
    needs="wide",
)
def fd1024(plan: Plan) -> Iterable[Script]:
    held = [op for client in range(8) for op in (Op("open", client), *exchange(client, 50, plan.number(client)))]
    crowd = [Op("open", client) for client in range(8, 1100)]
    again = [op for client in range(8) for op in exchange(client, 50, plan.number(client + 10))]
    yield (*held, *crowd, Op("pause", count=300), *again)


FROZEN = ("clients came while the server stood still", lambda transcript: transcript.facts["frozen"] > 0)
"""Premise of checks that stop a server for a while, as a debugger, a full machine or a long computation does."""
FEW, CROWD = 8, 160
"""Clients that come meanwhile; a crowd is more than the queue that Python asks for (128), or Twisted (50)."""


@FAMILY.check(
    "ovl-backlog-full",
    MUST,
    "A server that could not accept for a while lets its callers wait, or turns them away; nobody gets what another sent.",
    source="listen(2): in a full queue a client meets a refusal, or its request is ignored and tried again",
    known="an accept loop whose handlers share its variables answers one caller with what another has sent",
    specimen="accepts_stale.py",
    faults=frozenset({"wrong", "foreign", "extra"}),  # SIGCONT alone ends some: signal(7), EINTR
    premise=FROZEN,
    needs="launch",
)
def backlog(plan: Plan) -> Iterable[Script]:
    for waiting in sorted({min(count, plan.most_clients) for count in (FEW, CROWD)}):
        # In the queue are those who ask and wait, who ask and half-close, who say nothing, and who have gone again.
        ops = [Op("freeze")]
        for client in range(waiting):
            ops += [Op("open", client, hasty=True), *sends([client], 300, plan.number()) * (client % 4 != 2)]
            if client % 4 == 1:
                ops.append(Op("fin", client))
            elif client % 4 == 3:
                ops.append(Op("rst" if client % 8 == 3 else "close", client))
        # Who finds the queue full tries again after a second, tcp(7); the others have their answers long before.
        yield (*ops, Op("pause", count=20), Op("thaw"), Op("pause", count=300))
