"""Every service on every own variant, judged from its RFC's text alone."""

import re
import socket
import time
from contextlib import ExitStack

import pytest

from suite.process import Server
from suite.registry import Variant
from tests.conftest import Start, eventually
from tests.wire import connect, cpu, read_to_end, reset, settled, unique_bytes, usage

MIB = 1 << 20
EPOCH_1900 = 2_208_988_800
"""Seconds from 1900 to 1970: RFC 868 gives the example."""


def is_quotation(reply: bytes) -> bool:
    """RFC 865: a short message, limited to printable ASCII, CR and LF, less than 512 characters."""
    return 0 < len(reply) < 512 and re.fullmatch(rb"[\x20-\x7e\r\n]+", reply) is not None


def is_date(reply: bytes) -> bool:
    """RFC 867: the date and time as one line of ASCII text; no syntax is set, but it names the year and the time."""
    year = time.strftime("%Y", time.gmtime(time.time() - 2)).encode()
    return re.fullmatch(rb"[\x20-\x7e]*\d\d:\d\d:\d\d[\x20-\x7e]*\r\n", reply) is not None and year in reply


def is_time(reply: bytes) -> bool:
    """RFC 868: 32 bits, seconds since 1900."""
    return len(reply) == 4 and abs(int.from_bytes(reply, "big") - time.time() - EPOCH_1900) < 5


REPLIES = {"qotd": is_quotation, "daytime": is_date, "time": is_time}


@pytest.mark.parametrize("service", REPLIES)
def test_one_shot_reply_is_whole_and_ends_with_fin_whatever_the_client_sends(
    start: Start, variant: Variant, service: str
) -> None:
    server = start(variant, service)
    for length in (0, 1, 1000, 100_000, 1_000_000):
        with connect(server.address) as client:
            client.sendall(bytes(length))
            assert REPLIES[service](read_to_end(client))  # an RST would raise


def test_a_client_that_never_closes_is_waited_for_no_longer_than_the_linger(start: Start, variant: Variant) -> None:
    """One second; DESIGN section 3, `finished`."""
    server = start(variant, "daytime")
    base = settled(server)
    with ExitStack() as stack:
        held = [
            stack.enter_context(connect(server.address))
            for _ in range(3 if variant.capabilities.max_clients != 1 else 1)
        ]
        for client in held:
            assert is_date(read_to_end(client))
        assert eventually(lambda: usage(server) == base, 3.0)


def test_discard_takes_all_and_says_nothing(start: Start, variant: Variant) -> None:
    server = start(variant, "discard")
    for length in (0, 1, 4 * MIB):
        with connect(server.address) as client:
            client.sendall(bytes(length))
            client.shutdown(socket.SHUT_WR)
            assert read_to_end(client) == b""
    reset(connect(server.address))
    with connect(server.address) as client:
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == b""


def generated(length: int) -> bytes:
    """RFC 864: lines of 72 of the 95 printable characters and CR LF, each starting one character later."""
    ring = bytes(range(32, 127)) * 2
    lines = (ring[number % 95 :][:72] + b"\r\n" for number in range(length // 74 + 1))
    return b"".join(lines)[:length]


def receive(server_client: socket.socket, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        data = server_client.recv(min(65536, length - len(parts)))
        assert data
        parts += data
    return bytes(parts)


def test_chargen_stops_for_a_stalled_reader_and_survives_its_abort(start: Start, variant: Variant) -> None:
    server = start(variant, "chargen")
    with connect(server.address) as client:
        assert receive(client, MIB) == generated(MIB)
        before = unique_bytes(server)
        assert variant.capabilities.polls or eventually(lambda: is_quiet(server))
        assert unique_bytes(server) - before < MIB * (1 + len(server.tree()))  # a young process unshares pages too
        client.settimeout(10)
        assert receive(client, 9 * MIB) == generated(10 * MIB)[MIB:]
        reset(client)
    with connect(server.address) as client:
        client.sendall(b"thrown away")
        assert receive(client, MIB) == generated(MIB)


def is_quiet(server: Server, seconds: float = 0.2) -> bool:
    """Say whether the server uses less than a tenth of a core for a while."""
    before = cpu(server)
    time.sleep(seconds)
    return cpu(server) - before < seconds / 10
