"""Injection: system calls fail as the kernel may let them fail, and nobody but the client concerned notices."""

from collections.abc import Iterable

from suite.conformance.checks._parts import exchange
from suite.conformance.family import MUST, SHOULD, Family
from suite.conformance.oracle import DATA
from suite.conformance.plan import Plan
from suite.conformance.script import Op, Script
from suite.conformance.transcript import Transcript
from suite.events import Finding

__all__ = ("FAMILY",)

FAMILY = Family("injection")

ACCEPT = "accept,accept4"
FORK = "?clone,?clone3,?fork,?vfork"
RECV = "recvfrom,recvmsg,read,readv"
SEND = "sendto,sendmsg,write,writev"
WAIT = "?epoll_wait,epoll_pwait,?poll,ppoll,?select,pselect6,?io_uring_enter"
HELD = (0, 1)
"""Clients that are served before, and must be served all the time."""
KNOCKING = (10, 11)
"""Clients that come while accept fails. Nothing is asked for them: of the connection that the error is about the kernel
keeps nothing, and a server that waits for edges learns of the others with the next one to come."""
AFTER = 20
OFTEN = 200
"""Calls in a second; pauses of five milliseconds are no spinning."""

INJECTED = ("a system call failed", lambda transcript: transcript.facts["injected"] > 0)


def _knock(plan: Plan, fault: str, *, meanwhile: int, after: int = 0) -> Script:
    """Let clients come while a system call fails; then another, who is served as those are that were there before."""
    ops = [op for client in HELD for op in (Op("open", client), *exchange(client, 50, plan.number(client)))]
    ops.append(Op("inject", fault=fault))
    ops += [Op("open", client, hasty=True) for client in KNOCKING]
    ops += [
        Op("pause", count=meanwhile),
        *(op for client in HELD for op in exchange(client, 50, plan.number(client + 5))),
    ]
    ops += [Op("heal"), *(Op("close", client) for client in KNOCKING), *[Op("pause", count=after)] * bool(after)]
    ops += [Op("open", AFTER), *exchange(AFTER, 50, plan.number(AFTER)), *exchange(0, 50, plan.number(9))]
    return tuple(ops)


@FAMILY.check(
    "inj-accept-transient",
    MUST,
    "An error of accept that concerns one connection is nothing to the others, nor to those who come after it.",
    source="accept(2): ECONNABORTED, EINTR, EPROTO, and the network errors that Linux passes on, to be retried like EAGAIN",
    known="a listener that ended at ECONNABORTED (hickory-dns pull request 3726); asyncio left its loop (python/cpython issue 127529)",
    specimen="accept_error_ends.py",
    premise=INJECTED,
    clients=8,
    needs="inject calls",
)
def transient(plan: Plan) -> Iterable[Script]:
    for error in ("ECONNABORTED", "EPROTO", "EINTR", "ENETDOWN", "ENETUNREACH", "EHOSTUNREACH", "ENOPROTOOPT", "EPERM"):
        yield _knock(plan, f"{ACCEPT}:error={error}:when=1..3", meanwhile=80)


@FAMILY.check(
    "inj-accept-exhausted",
    MUST,
    "While the system is short of descriptors or memory a server serves those it has, and later accepts again.",
    source="accept(2): EMFILE, ENFILE, ENOBUFS, ENOMEM",
    known="EMFILE from accept closed the listener for good (python/asyncio issue 78)",
    specimen="accept_error_deaf.py",
    premise=INJECTED,
    clients=8,
    needs="inject calls",
)
def exhausted(plan: Plan) -> Iterable[Script]:
    fault = Op("inject", fault=f"{ACCEPT}:error=ENFILE")
    meanwhile = (fault, Op("open", 0, hasty=True), Op("pause", count=100), Op("heal"), Op("pause", count=1000))
    yield (*meanwhile, Op("open", 1), *exchange(1, 50, plan.number(1)))  # the shortest first: each run takes long
    for error in ("ENFILE", "EMFILE", "ENOBUFS", "ENOMEM"):
        # A second and a half: servers that pause accepting try again after a second at most.
        yield _knock(plan, f"{ACCEPT}:error={error}", meanwhile=300, after=1500)


def _spins(transcript: Transcript) -> Finding | None:
    calls = transcript.facts["injected"]
    if calls <= OFTEN:
        return None
    return Finding("spins", -1, "a pause after each failure", f"accept failed {calls} times in a second", hard=True)


@FAMILY.check(
    "inj-accept-spin",
    SHOULD,
    "While accept keeps failing a server pauses before it tries again.",
    source="accept(2): ENFILE; the connection stays in the queue, and a level-triggered wait tells of it again at once",
    known="socketserver.ThreadingTCPServer uses a whole processor; libuv did (joyent/libuv issue 1189)",
    specimen="accept_error_again.py",
    faults=frozenset({"died"}),
    judge=_spins,
    premise=INJECTED,
    minimal=True,
    clients=8,
    needs="inject calls",
)
def spin(_: Plan) -> Iterable[Script]:
    fault = Op("inject", fault=f"{ACCEPT}:error=ENFILE")
    # Whoever is played next is not to meet what is left of a pause.
    yield (fault, Op("open", 0, hasty=True), Op("pause", count=1000), Op("heal"), Op("pause", count=1500))


@FAMILY.check(
    "inj-fork",
    SHOULD,
    "A process or thread that cannot be had for a client is nothing to the others, nor to those who come later.",
    source="fork(2), pthread_create(3): EAGAIN, a limit on processes or threads has been reached",
    known="the textbook's forking server: os.fork() raises BlockingIOError, which leaves the accept loop",
    specimen="fork_error_ends.py",
    premise=INJECTED,
    clients=8,
    needs="inject",
)
def fork(plan: Plan) -> Iterable[Script]:
    yield _knock(plan, f"{FORK}:error=EAGAIN", meanwhile=100, after=100)


def _interrupted(plan: Plan, calls: str) -> Script:
    """Exchange messages while every other call is interrupted."""
    held = [op for client in HELD for op in (Op("open", client), *exchange(client, 50, plan.number(client)))]
    ops = [*held, Op("inject", fault=f"{calls}:error=EINTR:when=1+2")]
    for turn in range(5):
        ops += [op for client in HELD for op in exchange(client, 3000, plan.number(10 * turn + client))]
    return (*ops, Op("heal"), *(op for client in HELD for op in exchange(client, 50, plan.number(client + 5))))


@FAMILY.check(
    "inj-recv-eintr",
    SHOULD,
    "Receiving that a signal interrupts loses nothing.",
    source="recv(2), signal(7): EINTR, 'interrupted by delivery of a signal before any data was available'",
    known="the textbook's `while ((n = recv(...)) > 0)`, which takes every -1 for the end",
    specimen="c_recv_eintr.c",
    faults=DATA | {"early-fin", "reset"},
    premise=INJECTED,
    clients=2,
    needs="inject calls",
)
def recv_eintr(plan: Plan) -> Iterable[Script]:
    yield _interrupted(plan, RECV)


@FAMILY.check(
    "inj-send-eintr",
    SHOULD,
    "Sending that a signal interrupts loses nothing.",
    source="send(2), signal(7): EINTR, 'a signal occurred before any data was transmitted'",
    known="a textbook's `if (send(...) < 0) break;`, which leaves out a message",
    specimen="c_send_eintr.c",
    faults=DATA | {"early-fin", "reset"},
    premise=INJECTED,
    clients=2,
    needs="inject calls",
)
def send_eintr(plan: Plan) -> Iterable[Script]:
    yield _interrupted(plan, SEND)


@FAMILY.check(
    "inj-wait-eintr",
    SHOULD,
    "Waiting that a signal interrupts is taken up again.",
    source="epoll_wait(2), poll(2), select(2): EINTR; signal(7): also without a handler, after SIGSTOP and SIGCONT",
    known="a textbook's `if (epoll_wait(...) < 0) exit(1)`, which ends when a debugger attaches",
    specimen="c_wait_eintr.c",
    premise=INJECTED,
    clients=2,
    needs="inject",
)
def wait_eintr(plan: Plan) -> Iterable[Script]:
    yield _interrupted(plan, WAIT)
