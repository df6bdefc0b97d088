"""Services: discard, chargen, qotd, daytime and time do what their RFCs say (`--service NAME`)."""

from collections.abc import Iterable, Iterator

from suite.conformance.checks._parts import QUIET, opened
from suite.conformance.family import MUST, SHOULD, Family
from suite.conformance.oracle import DATA
from suite.conformance.plan import Plan
from suite.conformance.script import Op, Payload, Script
from suite.conformance.transcript import Transcript
from suite.events import Finding

__all__ = ("FAMILY",)

FAMILY = Family("services")

ENDS = DATA | {"no-fin"}
WIDTH = 72
LINES = 200
FULL = 200 * (WIDTH + 2)
MUCH = 6 << 20
"""Bytes of chargen: more than both kernels hold of a connection, so that a server that does not wait shows it."""


@FAMILY.check(
    "discard-silent",
    MUST,
    "Whatever is sent is taken, nothing is ever answered, and the client's FIN is answered by FIN.",
    source="RFC 863: 'any data received is thrown away. No response is sent'",
    known="an echo server listening on the discard port: one wrong row in a table of services",
    specimen="discard_echoes.py",
    faults=ENDS | {"early-fin", "reset"},
    services=("discard",),
)
def discard_silent(plan: Plan) -> Iterable[Script]:
    for length in (1, 1000, 70_000, 8 << 20):
        send = Op("send", 0, Payload.random(length, plan.number(length)))
        yield (Op("open", 0), send, Op("barrier", 0), Op("pause", count=20), Op("fin", 0), Op("read_eof", 0))
        yield (Op("open", 0), send, Op("fin", 0), Op("read_eof", 0))
    line = Op("send", 0, Payload.of(b"quit\r\n"))
    yield (Op("open", 0), line, Op("pause", count=QUIET), line, Op("fin", 0), Op("read_eof", 0))
    yield (Op("open", 0), Op("fin", 0), Op("read_eof", 0))
    several = range(min(8, plan.most_clients))
    yield (
        *opened(len(several)),
        *(Op("send", client, Payload.random(5000, plan.number(client))) for client in several),
        *(op for client in several for op in (Op("fin", client), Op("read_eof", client))),
    )


def _sip(client: int, count: int) -> Iterator[Op]:
    # Who listens to chargen with both ears is never done: a client takes what it asks for.
    yield from (Op("open", client), Op("stall", client), Op("read", client, count=count))


@FAMILY.check(
    "chargen-flow",
    MUST,
    "Characters flow for as long as they are read, wait for a client that does not read, and end with a rude abort.",
    source="RFC 864: data is sent until the calling user terminates the connection; a server 'must be prepared for rude abort'",
    known="a loop that writes without waiting for its client fills the memory, and serves nobody else meanwhile",
    specimen="chargen_unbounded.py",
    canary=True,
    services=("chargen",),
)
def chargen_flow(plan: Plan) -> Iterable[Script]:
    yield (*_sip(0, FULL), Op("rst", 0))
    yield (*_sip(0, 1), Op("send", 0, Payload.of(b"enough\r\n")), Op("read", 0, count=FULL), Op("close", 0))
    yield (*_sip(0, 1), Op("pause", count=QUIET), Op("read", 0, count=MUCH), Op("rst", 0))
    yield (Op("open", 0), Op("rst", 0))
    if plan.most_clients > 1:
        few = range(min(4, plan.most_clients))
        yield (
            *(op for client in few for op in _sip(client, 1)),
            Op("pause", count=50),
            *(Op("read", client, count=FULL) for client in few[1:]),
            Op("rst", 1),
            *(Op("read", client, count=FULL) for client in few if client != 1),
        )


def _unlike(transcript: Transcript) -> Finding | None:
    for client, talk in transcript.conversations.items():
        # The last line may be cut; one so long has had time to end.
        lines = [bytes(line) for line in talk.received[:FULL].split(b"\r\n")]
        if len(lines[-1]) <= WIDTH:
            del lines[-1]
        for at, line in enumerate(lines):
            if len(line) != WIDTH or not all(0x20 <= byte < 0x7F for byte in line):
                actual = f"line {at + 1} has {len(line)} characters" + (": " + repr(line[:20]) if line else "")
                return Finding(
                    "pattern", client, f"{WIDTH} printable characters and CRLF in every line", actual, hard=True
                )
            if at and line[:-1] != lines[at - 1][1:]:
                actual = f"line {at} is {lines[at - 1][:8]!r}…, line {at + 1} {line[:8]!r}…"
                return Finding("pattern", client, "each line begins one character further on", actual, hard=True)
    return None


@FAMILY.check(
    "chargen-pattern",
    SHOULD,
    "Each line has 72 printable characters and CRLF, and begins one character further on than the one before.",
    source="RFC 864: 'one popular pattern is 72 character lines of the ASCII printing characters', each rotated by one",
    known="Twisted's wire.Chargen repeats one string of 72 characters, without line ends and never rotated",
    specimen="chargen_unrotated.py",
    faults=frozenset(),
    judge=_unlike,
    premise=("lines were read", lambda transcript: transcript.completed and bool(transcript.conversations)),
    services=("chargen",),
)
def chargen_pattern(_: Plan) -> Iterable[Script]:
    yield (*_sip(0, LINES * (WIDTH + 2)), Op("close", 0))


def _says(plan: Plan) -> Iterator[Script]:
    """Let clients listen, say something first, or have nothing to say."""
    yield (Op("open", 0), Op("read_eof", 0))
    yield (Op("open", 0), Op("pause", count=20), Op("read_eof", 0))
    yield (Op("open", 0), Op("fin", 0), Op("read_eof", 0))
    several = range(min(8, plan.most_clients))
    yield (*opened(len(several)), *(Op("read_eof", client) for client in reversed(several)))
    yield (Op("open", 0), Op("rst", 0), Op("open", 1), Op("read_eof", 1))


def _says_though_told(plan: Plan) -> Iterator[Script]:
    yield from _says(plan)
    for length in (2, 1000):
        said = Op("send", 0, Payload.random(length, plan.number(length)))
        yield (Op("open", 0), said, Op("read_eof", 0))
        yield (Op("open", 0), said, Op("fin", 0), Op("read_eof", 0))


@FAMILY.check(
    "qotd-close",
    MUST,
    "One message comes, whatever the client says, and then the connection is closed, without losing the message.",
    source="RFC 865: 'a short message is sent out the connection (and any data received is thrown away). The service closes the connection'",
    known="closing with unread input makes the kernel reset what is still to be sent (RFC 9293 section 3.10.4)",
    specimen="qotd_reset.py",
    faults=ENDS,
    services=("qotd",),
)
def qotd_close(plan: Plan) -> Iterable[Script]:
    yield from _says_though_told(plan)


def _long(transcript: Transcript) -> Finding | None:
    for client, talk in transcript.conversations.items():
        if len(talk.received) >= 512:
            return Finding("long", client, "fewer than 512 characters", f"{len(talk.received)} bytes", hard=True)
    return None


@FAMILY.check(
    "qotd-512",
    SHOULD,
    "The message has fewer than 512 characters.",
    source="RFC 865, Quote Syntax: the quote should be limited to less than 512 characters",
    known="fortune files hold poems",
    specimen="qotd_long.py",
    faults=frozenset(),
    judge=_long,
    services=("qotd",),
)
def qotd_512(_: Plan) -> Iterable[Script]:
    for _turn in range(5):
        yield (Op("open", 0), Op("read_eof", 0))


@FAMILY.check(
    "daytime-line",
    MUST,
    "The date and time come as one line of printable ASCII, whatever the client says, and the connection is closed.",
    source="RFC 867: the time is sent 'as a ascii character string (and any data received is thrown away)', then closed; just one line",
    known="Twisted's wire.Daytime adds text to bytes: it sends nothing and never closes",
    specimen="daytime_stays_open.py",
    faults=ENDS,
    services=("daytime",),
)
def daytime_line(plan: Plan) -> Iterable[Script]:
    yield from _says_though_told(plan)


@FAMILY.check(
    "time-epoch",
    MUST,
    "Four bytes come, the seconds since 1900 as an unsigned number, and the connection is closed.",
    source="RFC 868: the time is 'the number of seconds since 00:00 (midnight) 1 January 1900 GMT', 32 bits, good until 2036",
    known="Twisted's wire.Time sends the seconds since 1970, and as a signed number",
    specimen="time_unix_epoch.py",
    faults=ENDS,
    services=("time",),
)
def time_epoch(plan: Plan) -> Iterable[Script]:
    yield from _says(plan)


@FAMILY.check(
    "services-clean-end",
    SHOULD,
    "The answer is followed by FIN and not by RST, though the client has said something.",
    source="RFC 865 and 867: 'any data received is thrown away'; RFC 9293 section 3.10.4: closing with data unread resets instead",
    known="inetd-like servers that write and close, without having read",
    specimen="daytime_unread_rst.py",
    faults=frozenset({"reset", "lost"}),
    services=("qotd", "daytime"),
)
def clean_end(plan: Plan) -> Iterable[Script]:
    yield from _says_though_told(plan)


@FAMILY.check(
    "services-stayers",
    MUST,
    "Clients that stay connected after their answer and its FIN keep nobody else from being served.",
    source="RFC 865, 867 and 868: the service closes the connection; tcp(7): in FIN_WAIT2 the other end may stay for as long as it likes",
    known="lingering closes without a limit: Apache's children waited in FIN_WAIT_2 for clients that never closed, until none was left",
    specimen="daytime_waits_for_fin.py",
    faults=ENDS,
    clients=2,
    services=("qotd", "daytime", "time"),
)
def stayers(plan: Plan) -> Iterable[Script]:
    stay = range(max(1, min(8, plan.most_clients - 1)))
    # Servers that discard input before they close give it a second or two.
    yield (
        *(Op("open", client) for client in stay),
        Op("pause", count=2500),
        Op("open", 9),
        Op("read_eof", 9),
    )
