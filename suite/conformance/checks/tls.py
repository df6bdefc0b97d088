"""TLS: how connections end under it, and clients that do not speak it (RFC 8446)."""

from collections.abc import Iterable

from suite.conformance.checks._parts import QUIET, exchange
from suite.conformance.family import MUST, SHOULD, Family
from suite.conformance.oracle import DATA
from suite.conformance.plan import Plan
from suite.conformance.script import Op, Payload, Script
from suite.conformance.transcript import ENDED, Ending, Transcript
from suite.events import Finding

__all__ = ("FAMILY",)

FAMILY = Family("tls")

CLOSURE = "RFC 8446 section 6.1: whoever ends its direction sends close_notify before, so that nobody else can end it unnoticed"
HELLO = bytes.fromhex("16030100c8010000c40303")
"""How a client's handshake begins: a record of 200 bytes, of which no more comes."""


def _ended(transcript: Transcript) -> bool:
    return any(talk.ending in ENDED for talk in transcript.conversations.values())


def _left(transcript: Transcript) -> bool:
    gone = (talk for talk in transcript.conversations.values() if talk.gone and not talk.raw)
    return transcript.completed and any(not talk.fin and talk.ending is Ending.OPEN for talk in gone)


def _turned_away(transcript: Transcript) -> Finding | None:
    """Find a client that does not speak TLS and was not sent away."""
    for client, talk in transcript.conversations.items():
        if talk.raw and bytes(talk.sent) and talk.received.startswith(talk.sent):
            return Finding("served", client, "an alert, then FIN", "its plaintext came back", hard=True)
    for wait in transcript.waits:
        if wait.client >= 0 and transcript.conversations[wait.client].raw:
            actual = f"the connection is still open after {wait.seconds:.1f} s"
            return Finding("kept", wait.client, "an alert, then FIN", actual, hard=False)
    return None


@FAMILY.check(
    "tls-close-notify",
    SHOULD,
    "The server ends its side with close_notify, and not with a bare FIN.",
    source=CLOSURE,
    known="Python's ssl.SSLSocket.close() sends none, so every `with sock:` ends in what looks like a truncation attack",
    specimen="tls_no_close_notify.py",
    faults=frozenset({"unnotified"}),
    premise=("the server ended the connection", _ended),
    needs="tls",
)
def close_notify(plan: Plan) -> Iterable[Script]:
    for turn, length in enumerate((1, 1000, 65_536)):
        yield (Op("open", 0), *exchange(0, length, plan.number(turn)), Op("fin", 0), Op("read_eof", 0))
    yield (Op("open", 0), Op("fin", 0), Op("read_eof", 0))


@FAMILY.check(
    "tls-truncation",
    MUST,
    "A client that ends with a bare FIN, without close_notify, takes nobody with it.",
    source=CLOSURE,
    known="OpenSSL 3 made of such an end an error (SSL_R_UNEXPECTED_EOF_WHILE_READING) that programs had not met before",
    specimen="tls_dies_of_truncation.py",
    premise=("a client left without close_notify", _left),
    canary=True,
    needs="tls",
)
def truncation(plan: Plan) -> Iterable[Script]:
    for turn in range(4):
        # What has come is read, session tickets too: closing with unread bytes would reset.
        talk = [*exchange(0, 100, plan.number(turn)), *([Op("barrier", 0)] * (turn % 2)), Op("pause", count=2)]
        yield (Op("open", 0), *talk, Op("close", 0), Op("open", 1), *exchange(1, 100, plan.number(turn + 4)))


@FAMILY.check(
    "tls-plaintext",
    MUST,
    "A client that does not speak TLS is sent away, and whoever comes after it is served.",
    source="RFC 8446 section 5: a record of an unexpected type must end the connection with an alert",
    known="a listener wrapped by Python's ssl raises from accept() what went wrong in a handshake, and ends its loop (tkuester/taky issue 1)",
    specimen="tls_accept_raises.py",
    faults=DATA,
    judge=_turned_away,
    premise=(
        "a client spoke no TLS",
        lambda transcript: any(talk.raw and talk.sent for talk in transcript.conversations.values()),
    ),
    canary=True,
    minimal=True,
    needs="tls",
)
def plaintext(_: Plan) -> Iterable[Script]:
    for line in (b"GET / HTTP/1.0\r\n\r\n", b"the quick brown fox jumps over the lazy dog\n", bytes(64)):
        yield (
            Op("open", 0, raw=True),
            Op("send", 0, Payload.of(line)),
            Op("read_eof", 0),
            Op("close", 0),
            Op("barrier"),
        )


@FAMILY.check(
    "tls-stalled-handshake",
    MUST,
    "A client that connects and never begins, or never ends, its handshake holds up nobody.",
    source="RFC 862: once a connection is established its data is sent back; that of another client is no reason to wait",
    known="a listener wrapped by Python's ssl does each handshake in accept(), one after another (web2py/web2py issue 2400, nesquena/hermes-webui pull request 4727)",
    specimen="tls_handshake_in_accept.py",
    faults=DATA,
    clients=2,
    canary=True,
    minimal=True,
    needs="tls",
)
def stalled_handshake(plan: Plan) -> Iterable[Script]:
    for some in ([], [Op("send", 0, Payload.of(HELLO))]):
        yield (
            Op("open", 0, raw=True),
            *some,
            Op("pause", count=QUIET // 10),
            Op("open", 1, hasty=True),
            *exchange(1, 100, plan.number()),
        )
