"""Protocol: any service whose oracle says what clients may send (`--service module:attr`): each client gets its answers."""

from collections.abc import Iterable

from suite.conformance.family import MUST, Family
from suite.conformance.oracle import DATA
from suite.conformance.plan import Plan
from suite.conformance.script import Script
from suite.conformance.shape import Manner
from suite.conformance.transcript import Transcript

__all__ = ("FAMILY",)

FAMILY = Family("protocol")

ORACLE = "the protocol, as the oracle has it"
STREAM = "RFC 9293 section 3.1: TCP is a byte stream; where it is cut has no meaning"
MESSAGES = ("messages",)
CUT = ("a message was cut", lambda transcript: any(op.step or op.hold for op in transcript.script))


@FAMILY.check(
    "pro-answers",
    MUST,
    "Each message is answered, and the connection ended, as it should be, one client at a time.",
    source=ORACLE,
    known="the commonest bug of all: a message whose answer is wrong",
    specimen="upper_forgets_z.py",
    faults=DATA | {"early-fin", "no-fin"},
    services=MESSAGES,
)
def answers(plan: Plan) -> Iterable[Script]:
    return plan.talks(Manner(("send",), endings=("barrier",), counts=(1,), most=6), 60)


@FAMILY.check(
    "pro-generated",
    MUST,
    "Whatever several clients say in any order, wait for or leave unread, each gets its own answers.",
    source=ORACLE,
    known="a reply queue shared by connections hands one client's answer to another",
    specimen="upper_shared_buffer.py",
    faults=DATA | {"early-fin", "no-fin"},
    generated=True,
    services=MESSAGES,
)
def generated(plan: Plan) -> Iterable[Script]:
    operations = ("send", "send", "cut", "burst", "barrier", "barrier", "stall", "pause", "reconnect")
    return plan.talks(Manner(operations, endings=("barrier", "barrier", "fin", "close", "rst", "leave"), most=12), 200)


@FAMILY.check(
    "pro-split",
    MUST,
    "The answer does not depend on where a message is cut: at every byte, or anywhere, with other clients in between.",
    source=STREAM,
    known="parsers that take one recv() for one message",
    specimen="upper_one_recv.py",
    faults=DATA | {"early-fin"},
    premise=CUT,
    services=MESSAGES,
)
def split(plan: Plan) -> Iterable[Script]:
    return plan.talks(Manner(("cut", "cut", "cut", "send", "pause"), counts=(1, 1, 2, 3)), 100)


@FAMILY.check(
    "pro-pipelined",
    MUST,
    "Messages sent without waiting are all answered, in order.",
    source=STREAM,
    known="servers that answer the first message of a read and forget the rest",
    specimen="upper_one_recv.py",
    faults=DATA | {"early-fin"},
    services=MESSAGES,
)
def pipelined(plan: Plan) -> Iterable[Script]:
    return plan.talks(Manner(("burst",), counts=(1, 1, 2, 3), most=6), 100)


@FAMILY.check(
    "pro-half-close",
    MUST,
    "What a client says right before its half-close is answered, then comes FIN.",
    source="RFC 9293 section 3.6: CLOSE means 'I have no more data to send'; the other side may go on sending",
    known="frameworks that drop what is queued when the end of the input is seen (joyent/libuv issue 1500)",
    specimen="upper_eof_drops.py",
    faults=DATA | {"no-fin", "early-fin"},
    premise=("the client ended and read on", lambda transcript: any(op.kind == "read_eof" for op in transcript.script)),
    services=MESSAGES,
)
def half_close(plan: Plan) -> Iterable[Script]:
    return plan.talks(Manner(("send", "send", "burst"), endings=("fin",), counts=(1, 1, 2, 3), most=4), 60)


@FAMILY.check(
    "pro-reconnect",
    MUST,
    "Clients that leave, in good order or not and in the middle of a message, cost the others and their successors nothing.",
    source="RFC 9293 section 3.10.5: ABORT resets one connection, and no other",
    known="half a message of a client that left stood at the beginning of the next one's",
    specimen="upper_shared_buffer.py",
    canary=True,
    services=MESSAGES,
)
def reconnect(plan: Plan) -> Iterable[Script]:
    operations = ("send", "cut", "cut", "burst", "reconnect", "reconnect", "barrier")
    return plan.talks(Manner(operations, endings=("barrier", "close", "rst")), 60)


def _others_asked(transcript: Transcript) -> bool:
    """Whether a client had sent half of a message, and another's answer was waited for."""
    half: set[int] = set()
    for op in transcript.script:
        if op.kind == "barrier" and half - {op.client}:
            return True
        half.discard(op.client)
        if op.hold:
            half.add(op.client)
    return False


@FAMILY.check(
    "pro-partial-holder",
    MUST,
    "A client that has sent half of a message keeps nobody else waiting.",
    source="recv(2): a call for bytes that have not come waits; O_NONBLOCK, threads or processes keep that to its own client",
    known="a select loop with a blocking readline() serves nobody while one client is in the middle of a line",
    specimen="upper_readline.py",
    clients=2,
    premise=("others asked while a client held half a message", _others_asked),
    services=MESSAGES,
)
def partial_holder(plan: Plan) -> Iterable[Script]:
    counts = tuple(min(count, max(2, plan.most_clients)) for count in (2, 2, 3, 4))
    return plan.talks(Manner(("part", "part", "ask", "ask", "ask"), counts=counts, most=6), 60)


@FAMILY.check(
    "pro-stall",
    MUST,
    "A client that does not read its answers keeps nobody else waiting, and gets them all when it reads again.",
    source="send(2): a blocking send waits until the peer reads; O_NONBLOCK, threads or processes keep that to its own client",
    known="a select loop with blocking sendall serves nobody while one client does not read",
    specimen="upper_serial.py",
    clients=2,
    premise=("a client stalled", lambda transcript: any(op.kind == "stall" for op in transcript.script)),
    services=MESSAGES,
)
def stall(plan: Plan) -> Iterable[Script]:
    counts = tuple(min(count, max(2, plan.most_clients)) for count in (2, 2, 3, 4))
    return plan.talks(Manner(("stall", "burst", "burst", "send", "barrier", "pause"), counts=counts), 60)
