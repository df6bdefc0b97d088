"""How many clients each mechanism holds at once: each has a private token echoed at the start and again at the end."""

import errno
import os
import resource
import select
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pytest

from suite import registry
from suite.registry import Variant
from tests.conftest import Start, eventually, rows
from tests.wire import PATIENCE, Address, connect, read_to_end, settled, usage

TOKEN = 64
AT_ONCE = 64
SPARE = 200
"""Descriptors that a server or a test process needs beside its connections."""

HOLDS = {
    "raw-epoll": 10_000,
    "raw-uring": 10_000,
    "raw-poll": 10_000,
    "twisted-epoll": 10_000,
    "trio": 10_000,
    "trio-streams": 10_000,
    "raw-select": 1_000,
    "raw-thread": 2_000,
    "raw-fork": 500,
}


@pytest.fixture
def descriptors() -> Iterator[int]:
    """Raise this process's descriptor limit to the hard one, for the test; return it."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def begin(address: Address) -> socket.socket:
    """Start to connect; once the ports of one source address have run out, from the next: all of 127/8 is ours."""
    for last in range(1, 255):
        sock = socket.socket()
        sock.setblocking(False)
        try:
            if last > 1:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
                sock.bind((f"127.0.0.{last}", 0))
            error = sock.connect_ex(address)
        except OSError as failed:
            error = failed.errno or 0
        if error in (0, errno.EINPROGRESS):
            return sock
        sock.close()
        if error not in (errno.EADDRNOTAVAIL, errno.EADDRINUSE):
            raise OSError(error, os.strerror(error))
    raise OSError(errno.EADDRNOTAVAIL, "no source port left")


def hold(stack: ExitStack, address: Address, count: int) -> list[socket.socket]:
    """Connect `count` clients, at most AT_ONCE of them at a time."""
    held: list[socket.socket] = []
    while len(held) < count:
        batch = [stack.enter_context(begin(address)) for _ in range(min(AT_ONCE, count - len(held)))]
        for sock in batch:
            poll = select.poll()
            poll.register(sock, select.POLLOUT)
            assert poll.poll(PATIENCE * 1000), f"client {len(held)} is not connected"
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        held += batch
    return held


def strays(clients: Sequence[socket.socket], when: str) -> list[tuple[int, bytes]]:
    """Send each client's own token; return who (by number) received what else instead, before, or after it."""
    wrong = []
    for first in range(0, len(clients), 1000):  # so many at once, for poll(2) pays for all clients at each wake-up
        batch = [(first + at, sock) for at, sock in enumerate(clients[first : first + 1000])]
        for number, sock in batch:
            sock.settimeout(PATIENCE)
            sock.sendall(token(when, number))
        for number, sock in batch:
            echoed = sock.recv(TOKEN, socket.MSG_WAITALL)
            sock.setblocking(False)
            try:
                echoed += sock.recv(TOKEN)
            except BlockingIOError:
                pass
            if echoed != token(when, number):
                wrong.append((number, echoed))
    return wrong


def token(when: str, number: int) -> bytes:
    return f"{when} {number}".encode().ljust(TOKEN, b"*")


@pytest.mark.slow
@pytest.mark.timeout(110)
@pytest.mark.parametrize("variant", rows(*map(registry.find, HOLDS)), indirect=True)
def test_clients_held_at_once(start: Start, variant: Variant, descriptors: int) -> None:
    count = HOLDS[variant.name]
    if descriptors < count + SPARE:
        pytest.skip(f"{descriptors} descriptors are too few for {count} clients: raise the hard limit (ulimit -Hn)")
    server = start(variant, nofile=descriptors)
    base = settled(server)
    with ExitStack() as stack:
        clients = hold(stack, server.address, count)
        assert not strays(clients, "start")
        assert not strays(clients, "end")
    assert eventually(lambda: usage(server) == base, 5.0), (usage(server), base)


@pytest.mark.parametrize("variant", rows(*map(registry.find, ("raw-select", "twisted-select"))), indirect=True)
def test_select_beyond_descriptor_1023(start: Start, variant: Variant, descriptors: int) -> None:
    """The excess is turned away with FIN, whether it had spoken or not; who is held notices nothing."""
    server = start(variant, nofile=descriptors)
    base = settled(server)
    with ExitStack() as stack:
        held = hold(stack, server.address, 1000)
        assert not strays(held, "start")
        # A few of the excess still fit below descriptor 1024; each of the rest reads the end, not an error.
        excess = [stack.enter_context(connect(server.address)) for _ in range(100)]
        for sock in excess[1::2]:
            sock.sendall(b"is anybody there?")
        refused = 0
        for number, sock in enumerate(excess):
            sock.settimeout(0.2 if number < 24 else PATIENCE)
            try:
                refused += read_to_end(sock) == b""
            except TimeoutError:
                assert number < 24
        assert refused >= 76
        assert not strays(held, "end")
    assert eventually(lambda: usage(server) == base, 5.0), (usage(server), base)
