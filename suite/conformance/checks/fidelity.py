"""Fidelity: what comes back is what was sent, all of it and nothing else (RFC 862)."""

from collections.abc import Iterable
from math import isqrt

from suite.conformance.checks._parts import QUIET, exchange, opened
from suite.conformance.family import MUST, Family
from suite.conformance.plan import Plan
from suite.conformance.script import Op, Payload, Script
from suite.conformance.shape import LENGTHS, Shape

__all__ = ("FAMILY",)

FAMILY = Family("fidelity")

ECHO = "RFC 862: 'any data received is sent back'"
ROUND = (1600, 1800, 2000, 2500, 3000, 4000, 5000, 6000, 8000, 10_000, 12_000, 15_000, 20_000, 30_000, 50_000, 100_000)
"""Lengths past the sweep that people choose for their buffers; powers of two are in seg-boundaries."""


@FAMILY.check(
    "fid-one-byte",
    MUST,
    "One byte comes back, the first that the server ever receives and those after it.",
    source=ECHO,
    known="text-mode servers wait for a newline before they answer",
    specimen="line_buffered.py",
)
def one_byte(_: Plan) -> Iterable[Script]:
    # The server's first client ever, and its second.
    yield (Op("open", 0), Op("send", 0, Payload.of(b"\0")), Op("read", 0, count=1))
    second = [op for byte in b"\xff\n\0a" for op in (Op("send", 0, Payload.of(bytes([byte]))), Op("read", 0, count=1))]
    yield (Op("open", 0), *second, Op("barrier", 0))


@FAMILY.check(
    "fid-all-bytes",
    MUST,
    "Every value of a byte comes back unchanged, in order.",
    source=ECHO,
    known="servers built on text or telnet streams drop NUL and CR, and double or drop 0xff",
    specimen="strips_cr.py",
)
def all_bytes(_: Plan) -> Iterable[Script]:
    every = [Payload.of(bytes([value])) for value in range(256)]
    yield (Op("open", 0), *(Op("send", 0, payload) for payload in every), Op("read", 0, count=256), Op("barrier", 0))
    yield (
        Op("open", 0),
        Op("send", 0, Payload.of(bytes(range(255, -1, -1)))),
        Op("read", 0, count=256),
        Op("barrier", 0),
    )


TEXTS = (
    b"\xc3\x28\xff",  # no UTF-8 at all
    b"\xe2\x82",  # UTF-8 cut short
    b"\xed\xa0\x80\xc0\x80",  # a surrogate, an overlong NUL
    b"\xef\xbb\xbfx",  # a byte order mark
    b"e\xcc\x81\xe2\x84\xab",  # what normalisation would change
    b" \t\r\r\n\n \r\n",  # what strip() and universal newlines would change
    b"a\0\0\0\0\0\0\0",  # what looks like padding
    b".\r\n..\r\n\r\n.\r\n",  # where a mail ends, and what is doubled in it (RFC 5321 section 4.5.2)
    b"quit\r\n\x04\x03\x1a",  # what a line discipline would obey
    b"\xff\xf4\xff\xfd\x06",  # telnet: interrupt process, do timing mark (RFC 854)
)


@FAMILY.check(
    "fid-no-decode",
    MUST,
    "Bytes that are no text, or text with a meaning, come back like any others.",
    source=ECHO,
    known="a .decode() in the handler raises on the first invalid byte and takes the connection, or the server, along",
    specimen="text_decode.py",
)
def no_decode(_: Plan) -> Iterable[Script]:
    for text in TEXTS:
        yield (Op("open", 0), Op("send", 0, Payload.of(text)), Op("read", 0, count=len(text)), Op("barrier", 0))


@FAMILY.check(
    "fid-length",
    MUST,
    "A message of n bytes is answered by exactly n bytes, for every n.",
    source=ECHO,
    known="a libuv tutorial's echo answered with the allocated length, not the received one (nikhilm/uvbook issue 32)",
    specimen="sends_allocated_length.py",
)
def length(plan: Plan) -> Iterable[Script]:
    # As many as a target answers in some seconds, by their number and by their bytes.
    first_top = min(plan.rounds(1500, 3.0), isqrt(2 * plan.bulk(1 << 22, 3.0)))
    for lengths in (range(1, first_top + 1), ROUND):
        yield (
            Op("open", 0),
            *(op for number in lengths for op in exchange(0, number, plan.number(number))),
            Op("barrier", 0),
        )
    # Longer ones over several clients at once, which takes half the time.
    clients = list(range(min(8, plan.most_clients)))
    ops = opened(len(clients))
    top = 1500 + min(plan.rounds(14_900 if plan.profile == "thorough" else 2700, 3.0), plan.bulk(1 << 28, 3.0) // 3000)
    for first in range(1501, top + 1, len(clients)):
        ops += [Op("send", client, Payload.random(first + client, plan.number(first))) for client in clients]
        ops += [Op("read", client, count=first + client) for client in clients]
    yield (*ops, *(Op("barrier", client) for client in clients))


@FAMILY.check(
    "fid-no-stale",
    MUST,
    "A short message after a long one is not followed by what the long one left in a buffer.",
    source=ECHO,
    known="a reused libuv buffer leaked what an earlier message had left in it (libuv/libuv issue 453)",
    specimen="stale_buffer.py",
)
def no_stale(plan: Plan) -> Iterable[Script]:
    def long(client: int) -> list[Op]:
        return exchange(client, 4096, plan.number())

    def short(client: int) -> list[Op]:
        return exchange(client, 5, plan.number(1))

    yield (Op("open", 0), *long(0), *short(0), Op("barrier", 0))
    yield (Op("open", 0), *long(0), Op("close", 0), Op("open", 1), *short(1), Op("barrier", 1))
    if plan.most_clients > 1:
        both = (*long(0), *short(1), *short(0), *long(1), *short(0))
        yield (*opened(2), *both, Op("barrier", 0), Op("barrier", 1))


@FAMILY.check(
    "fid-large",
    MUST,
    "Megabytes come back exactly while the client keeps reading.",
    source=ECHO,
    known="a select loop that ignores the count send() returns lost 90 % of 32 MiB and then closed with a clean FIN",
    specimen="past_one_mebibyte.py",
)
def large(plan: Plan) -> Iterable[Script]:
    most = plan.bulk(8 << 20)
    yield (
        Op("open", 0),
        Op("send", 0, Payload.random(most, plan.number())),
        Op("read", 0, count=most),
        Op("barrier", 0),
    )


@FAMILY.check(
    "fid-empty",
    MUST,
    "A client that sends nothing receives nothing.",
    source=ECHO,
    known="greeting banners, common in servers grown from chat or mail examples",
    specimen="greeting_banner.py",
)
def empty(plan: Plan) -> Iterable[Script]:
    # An answer to somebody else proves that the server has come past the accept.
    others = [Op("barrier")] if plan.most_clients > 1 else []
    yield (Op("open", 0), *others, Op("pause", count=5), Op("fin", 0), Op("read_eof", 0))
    yield (Op("open", 0), *others, Op("pause", count=5), Op("barrier", 0))


@FAMILY.check(
    "fid-unsolicited",
    MUST,
    "No byte comes that is not an answer, however long the client is silent.",
    source=ECHO,
    known="keep-alive and idle-warning bytes that a protocol without framing cannot tell from data",
    specimen="keepalive_byte.py",
    overlap=True,
)
def unsolicited(plan: Plan) -> Iterable[Script]:
    yield (Op("open", 0), Op("pause", count=QUIET), Op("barrier", 0))
    said = Payload.random(100, plan.number())
    yield (Op("open", 0), Op("send", 0, said), Op("read", 0, count=100), Op("pause", count=QUIET), Op("barrier", 0))


@FAMILY.check(
    "fid-generated",
    MUST,
    "Whatever clients send in turn or at once, each gets its own bytes back and nothing else.",
    source=ECHO,
    known="an io_uring echo example answered with bytes beyond those it had received (frevib/io_uring-echo-server pull 2)",
    specimen="exactly_three_clients.py",
    generated=True,
)
def generated(plan: Plan) -> Iterable[Script]:
    shape = Shape(
        ("send", "send", "send", "read", "read", "reconnect"),
        endings=("barrier", "barrier", "close", "leave"),
        lengths=(*LENGTHS, *LENGTHS, *LENGTHS, (300_000,)),  # sums past any buffer, now and then
    )
    return plan.draw(shape, 200)
