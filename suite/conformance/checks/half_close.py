"""Half-close: a FIN says "no more to send", not "stop" (RFC 9293 section 3.6)."""

from collections.abc import Iterable

from suite.conformance.checks._parts import QUIET, STALLED, exchange
from suite.conformance.family import MUST, SHOULD, Family
from suite.conformance.oracle import DATA
from suite.conformance.plan import Plan
from suite.conformance.script import Op, Payload, Script
from suite.conformance.shape import LENGTHS, Shape

__all__ = ("FAMILY",)

FAMILY = Family("half-close")

CLOSE = "RFC 9293 section 3.6: CLOSE means 'I have no more data to send'; the other side may go on sending"
WITH_DATA = ("FIN rode with data", lambda transcript: transcript.facts["fin-with-data"] > 0)


@FAMILY.check(
    "hc-immediate",
    MUST,
    "What a client sends right before its half-close comes back, then FIN.",
    source=CLOSE,
    known="Twisted's own twisted.protocols.wire.Echo answers 0 of 1000 bytes when the FIN follows at once",
    specimen="eof_drops_reply.py",
    premise=WITH_DATA,
    needs="half-close",
)
def immediate(plan: Plan) -> Iterable[Script]:
    for delay in (0, 0, 0, 0, 1, 2, 10):
        pause = [Op("pause", count=delay)] if delay else []
        for length in (1, 1000, 65_536):
            yield (
                Op("open", 0),
                Op("send", 0, Payload.random(length, plan.number(length))),
                *pause,
                Op("fin", 0),
                Op("read_eof", 0),
            )
    # The last write alone rides with the FIN; what came before it has been answered.
    early, late = Payload.random(3000, plan.number()), Payload.random(5, plan.number(1))
    yield (
        Op("open", 0),
        Op("send", 0, early),
        Op("read", 0, count=3000),
        Op("send", 0, late),
        Op("fin", 0),
        Op("read_eof", 0),
    )


@FAMILY.check(
    "hc-late-reader",
    MUST,
    "What was accepted before the half-close comes back even when the client begins to read later.",
    source=CLOSE,
    known="Twisted's wire.Echo: of 33.5 MB sent, 2.4 MB came back, then a clean FIN; a libuv example likewise (joyent/libuv issue 1500)",
    specimen="eof_drops_backlog.py",
    premise=STALLED,
    overlap=True,
    needs="half-close",
)
def late_reader(plan: Plan) -> Iterable[Script]:
    for narrow, length in ((True, max(1 << 18, plan.bulk(1 << 20))), (False, plan.bulk(16 << 20))):
        send = Op("send", 0, Payload.random(length, plan.number()))
        yield (
            Op("open", 0, narrow=narrow),
            Op("stall", 0),
            send,
            Op("pause", count=50),
            Op("fin", 0),
            Op("pause", count=QUIET),  # socat waits 0.5 s, then drops what is left
            Op("read_eof", 0),
        )


@FAMILY.check(
    "hc-idle",
    MUST,
    "A half-close without data is answered by FIN.",
    source=CLOSE,
    known="servers that ignore the end of the stream keep the connection in CLOSE-WAIT for ever (nodejs/node issue 11307)",
    specimen="ignores_eof.py",
    faults=DATA | {"no-fin"},
)
def idle(_: Plan) -> Iterable[Script]:
    yield (Op("open", 0), Op("fin", 0), Op("read_eof", 0))
    yield (Op("open", 0), Op("send", 0, Payload.of(b"\0")), Op("read", 0, count=1), Op("fin", 0), Op("read_eof", 0))
    yield (Op("open", 0), Op("barrier", 0), Op("pause", count=20), Op("fin", 0), Op("read_eof", 0))


@FAMILY.check(
    "hc-no-early-fin",
    MUST,
    "The server does not end a connection that its client has not ended.",
    source="RFC 862: data is sent back 'until the calling user terminates the connection'",
    known="one-shot servers that answer once and close",
    specimen="one_shot.py",
    faults=frozenset({"early-fin", "reset", "truncated", "lost"}),
    overlap=True,
)
def no_early_fin(plan: Plan) -> Iterable[Script]:
    said = Op("send", 0, Payload.random(100, plan.number()))
    yield (Op("open", 0), Op("pause", count=QUIET), Op("barrier", 0), Op("pause", count=5), Op("barrier", 0))
    yield (
        Op("open", 0),
        said,
        Op("read", 0, count=100),
        Op("pause", count=QUIET),
        said,
        Op("read", 0, count=100),
        Op("barrier", 0),
    )


@FAMILY.check(
    "hc-clean-end",
    SHOULD,
    "The connection of an orderly client ends with FIN, not with RST.",
    source="RFC 9293 section 3.6; section 3.10.4 and RFC 1122 section 4.2.2.13: closing with unread data resets, and destroys what is under way",
    known="servers that set SO_LINGER to 0 to be rid of TIME_WAIT",
    specimen="linger_zero.py",
    faults=frozenset({"reset"}),
)
def clean_end(plan: Plan) -> Iterable[Script]:
    for length in (1, 1000, 65_536, plan.bulk(1 << 20)):
        send = Op("send", 0, Payload.random(length, plan.number(length)))
        yield (Op("open", 0), send, Op("read", 0, count=length), Op("fin", 0), Op("read_eof", 0))
        yield (Op("open", 0), send, Op("fin", 0), Op("read_eof", 0))
    yield (Op("open", 0), Op("fin", 0), Op("read_eof", 0))
    # The FIN comes by itself, when the server has long been waiting for it.
    yield (Op("open", 0), *exchange(0, 100, plan.number()), Op("pause", count=100), Op("fin", 0), Op("read_eof", 0))


@FAMILY.check(
    "hc-no-write-after-eof",
    MUST,
    "After the last byte of the echo comes the end, and nothing between.",
    source=CLOSE,
    known="buffers flushed a second time, and farewells written, when the stream ends",
    specimen="repeats_at_eof.py",
    faults=frozenset({"extra", "wrong", "foreign"}),
    needs="half-close",
)
def no_write_after_eof(plan: Plan) -> Iterable[Script]:
    for length in (1, 20, 1000, 70_000):
        send = Op("send", 0, Payload.random(length, plan.number(length)))
        yield (Op("open", 0), send, Op("read", 0, count=length), Op("fin", 0), Op("read_eof", 0))
        yield (Op("open", 0), send, Op("fin", 0), Op("read_eof", 0))


@FAMILY.check(
    "hc-generated",
    MUST,
    "Whatever clients do around their half-close, each gets all its bytes back and then FIN.",
    source=CLOSE,
    known="a libuv echo example lost what was queued when the FIN came (joyent/libuv issue 1500)",
    specimen="eof_drops_backlog.py",
    faults=DATA | {"no-fin", "early-fin"},
    premise=WITH_DATA,
    generated=True,
    needs="half-close",
)
def generated(plan: Plan) -> Iterable[Script]:
    operations = ("send", "send", "send", "burst", "burst", "read", "read", "pause", "stall", "reconnect")
    return plan.draw(Shape(operations, endings=("fin",), lengths=(*LENGTHS, (150_000,)), pauses=(1,), narrow=True), 200)
