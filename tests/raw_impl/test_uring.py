"""The ring against this kernel: rings that wrap and fill up, buffers that are short or run out, sends that do not fit."""

import errno
import os
import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import psutil
import pytest

from raw_impl import _uring
from raw_impl._uring import ACCEPT, BUFFER, FD, MORE, RECV, REST, SEND, STOP, Completion, Ring
from suite import registry
from tests.raw_impl.running import unless_available

pytestmark = unless_available(registry.find("raw-uring"))
TINY = partial(Ring, entries=4, completions=8, buffers=2, read=64)
NOTHING = 0.05
"""Seconds in which nothing is expected to complete."""


@pytest.fixture(params=["best", "single", "plain"])
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """As this kernel has it; as one has it whose receives end with the first data; and one that defers nothing."""
    if request.param == "single":
        monkeypatch.setattr(Ring, "_has_limited_receive", lambda _self: False)
    if request.param == "plain":
        monkeypatch.setattr(_uring, "_FLAGS", _uring._FLAGS[-1:])
    name: str = request.param
    return name


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def pairs(stack: ExitStack, count: int) -> list[tuple[socket.socket, socket.socket]]:
    """Return near and far ends; the far ends are non-blocking."""
    made = [socket.socketpair() for _ in range(count)]
    for near, far in made:
        stack.enter_context(near)
        stack.enter_context(far)
        far.setblocking(False)
    return made


def receive_all(ring: Ring, wanted: dict[int, int]) -> dict[int, bytes]:
    """Receive so many bytes of each descriptor, asking again whenever a receive has ended."""
    got = dict.fromkeys(wanted, b"")
    deadline = time.monotonic() + 10
    while any(len(got[fd]) < count for fd, count in wanted.items()):
        assert time.monotonic() < deadline, {fd: len(data) for fd, data in got.items()}
        for tag, result, flags in ring.wait(1.0):
            assert result > 0 or result == -errno.ENOBUFS, result
            if flags & BUFFER:
                got[tag] += ring.take(flags, result)
            if not flags & MORE:
                ring.receive(tag)
    return got


def kinds(found: list[Completion]) -> list[tuple[int, int]]:
    return [(tag & ~FD, result) for tag, result, _flags in found]


# -- rings ------------------------------------------------------------------------------------------------------------


def test_both_rings_wrap_around(mode: str, stack: ExitStack) -> None:
    ring = stack.enter_context(TINY())
    [(near, far)] = pairs(stack, 1)
    ring.receive(near.fileno())
    for number in range(500):
        message = b"%d" % number
        far.send(message)
        assert receive_all(ring, {near.fileno(): len(message)}) == {near.fileno(): message}
        ring.outgoing[near.fileno()] = message
        assert ring.wait(0.0) == []
        ring.submitted.clear()
        assert far.recv(100) == message


def test_more_requests_than_fit_into_the_submission_ring(mode: str, stack: ExitStack) -> None:
    ring = stack.enter_context(TINY())
    ends = pairs(stack, 50)
    for near, far in ends:
        far.send(b"question %d" % near.fileno())
        ring.receive(near.fileno())
        ring.outgoing[near.fileno()] = b"answer %d" % near.fileno()
    wanted = {near.fileno(): b"question %d" % near.fileno() for near, _far in ends}
    assert receive_all(ring, {fd: len(data) for fd, data in wanted.items()}) == wanted
    assert [far.recv(100) for _near, far in ends] == [b"answer %d" % near.fileno() for near, _far in ends]


def test_more_completions_than_fit_into_their_ring_come_all_the_same(mode: str, stack: ExitStack) -> None:
    ring = stack.enter_context(Ring(entries=64, completions=64, buffers=64))
    small = stack.enter_context(Ring(entries=4, completions=8, buffers=64))
    for one in (ring, small):
        ends = pairs(stack, 50)
        for near, _far in ends:
            one.poll(near.fileno(), 1, STOP)
        assert one.wait(0.0) == []
        for _near, far in ends:
            far.send(b"x")
        found: list[Completion] = []
        deadline = time.monotonic() + 10
        while len(found) < 50 and time.monotonic() < deadline:
            found += one.wait(1.0)
        assert sorted(tag & FD for tag, _result, _flags in found) == sorted(near.fileno() for near, _far in ends)


# -- buffers ----------------------------------------------------------------------------------------------------------


def test_what_is_longer_than_a_buffer_comes_in_pieces(mode: str, stack: ExitStack) -> None:
    ring = stack.enter_context(TINY())
    [(near, far)] = pairs(stack, 1)
    message = os.urandom(10_000)
    far.send(message)
    ring.receive(near.fileno())
    assert receive_all(ring, {near.fileno(): len(message)}) == {near.fileno(): message}


def test_without_a_buffer_a_receive_ends_and_loses_nothing(stack: ExitStack) -> None:
    ring = stack.enter_context(TINY())
    ends = pairs(stack, 6)
    for near, far in ends:
        far.send(b"from %d" % near.fileno())
        ring.receive(near.fileno())
    found = ring.wait(0.0)
    assert [result for _tag, result, _flags in found].count(-errno.ENOBUFS) == 4
    got = {tag: ring.take(flags, result) for tag, result, flags in found if flags & BUFFER}
    starved = [tag for tag, result, _flags in found if result < 0]
    for fd in starved:
        ring.receive(fd)
    got |= receive_all(ring, {fd: len(b"from %d" % fd) for fd in starved})
    assert got == {near.fileno(): b"from %d" % near.fileno() for near, _far in ends}


def test_a_receive_goes_on_but_not_for_ever(stack: ExitStack) -> None:
    """Who sends without end is not read from without end: some 16 KiB, and what the last read takes."""
    ring = stack.enter_context(Ring())
    if not ring.multishot:
        pytest.skip("receives of this kernel end with the first data")
    [(near, far)] = pairs(stack, 1)
    ring.receive(near.fileno())
    taken, flags = 0, MORE
    while flags & MORE:
        far.send(bytes(1000))
        for tag, result, flags in ring.wait(1.0):
            assert tag & ~FD == RECV
            taken += len(ring.take(flags, result))
    assert _uring.BURST <= taken < 2 * _uring.BURST
    far.send(b"more")
    assert ring.wait(NOTHING) == []


def test_the_end_and_an_error_are_told(mode: str, stack: ExitStack) -> None:
    ring = stack.enter_context(TINY())
    [(near, far)] = pairs(stack, 1)
    ring.receive(near.fileno())
    far.close()
    assert kinds(ring.wait(1.0)) == [(RECV, 0)]
    ring.outgoing[near.fileno()] = b"too late"
    assert kinds(ring.wait(0.0)) == [(SEND, -errno.EPIPE)]


# -- sends ------------------------------------------------------------------------------------------------------------


def test_a_send_tells_only_what_it_could_not_get_rid_of_and_the_rest_waits_for_room(
    mode: str, stack: ExitStack
) -> None:
    ring = stack.enter_context(TINY())
    [(near, far)] = pairs(stack, 1)
    message = os.urandom(2_000_000)
    ring.outgoing[near.fileno()] = message
    [(tag, sent, _flags)] = ring.wait(0.0)
    assert tag == SEND | near.fileno()
    assert 0 < sent < len(message)
    ring.submitted.clear()
    ring.outgoing[near.fileno()] = message[sent:]
    assert kinds(ring.wait(0.0)) == [(SEND, -errno.EAGAIN)]
    rest = message[sent:]
    ring.send(near.fileno(), rest)
    assert ring.wait(NOTHING) == []
    got, found = bytearray(), []
    while len(got) < len(message):
        try:
            got += far.recv(1 << 20)
        except BlockingIOError:
            found += ring.wait(0.01)  # more of it is sent in here; nothing completes before the end
    assert got == message
    assert kinds(found or ring.wait(1.0)) == [(REST, len(rest))]


def test_a_flush_lets_go_of_what_was_taken_and_keeps_the_order_of_what_was_not(mode: str, stack: ExitStack) -> None:
    ring = stack.enter_context(TINY())
    (near, far), (full, late) = pairs(stack, 2)
    message = os.urandom(2_000_000)
    ring.outgoing |= {near.fileno(): b"taken", full.fileno(): message}
    [(tag, _sent, _flags)] = ring.flush()
    assert tag == SEND | full.fileno()
    assert ring.submitted == {full.fileno(): message}
    assert far.recv(100) == b"taken"
    assert len(late.recv(1 << 20)) > 0  # there is room again, but not for what comes behind the rest
    ring.outgoing |= {near.fileno(): b"again", full.fileno(): b"behind"}
    assert ring.flush() == []
    assert (ring.outgoing, ring.submitted) == ({full.fileno(): b"behind"}, {full.fileno(): message})
    assert far.recv(100) == b"again"


# -- waiting, accepting, cancelling, closing ---------------------------------------------------------------------------


def test_a_wait_ends_with_its_time_or_with_a_signal(mode: str, stack: ExitStack) -> None:
    ring = stack.enter_context(TINY())
    began = time.monotonic()
    assert ring.wait(0.2) == []
    assert time.monotonic() - began >= 0.19
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    stack.callback(signal.signal, signal.SIGALRM, before)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    assert ring.wait(None) == []


def test_one_request_accepts_until_it_fails(mode: str, stack: ExitStack) -> None:
    ring = stack.enter_context(TINY())
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    ring.accept(listener.fileno())
    for _ in range(3):
        client = stack.enter_context(socket.create_connection(listener.getsockname()))
        [(tag, fd, flags)] = ring.wait(1.0)
        accepted = stack.enter_context(socket.socket(fileno=fd))
        assert (tag, flags & MORE, accepted.getpeername()) == (ACCEPT | listener.fileno(), MORE, client.getsockname())
        assert not accepted.get_inheritable()
    ring.cancel(listener.fileno(), ACCEPT)
    assert kinds(ring.wait(1.0)) == [(ACCEPT, -errno.ECANCELED)]
    # Out of descriptors for real: the limit is as many as are open.
    client = stack.enter_context(socket.create_connection(listener.getsockname()))
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limit)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, limit[1]))
    ring.accept(listener.fileno())
    assert kinds(ring.wait(1.0)) == [(ACCEPT, -errno.EMFILE)]


def test_a_cancelled_receive_says_so_and_the_cancelling_nothing(mode: str, stack: ExitStack) -> None:
    ring = stack.enter_context(TINY())
    [(near, _far)] = pairs(stack, 1)
    ring.receive(near.fileno())
    assert ring.wait(0.0) == []
    ring.cancel(near.fileno(), RECV)
    assert kinds(ring.wait(1.0)) == [(RECV, -errno.ECANCELED)]


def test_once_it_is_closed_nothing_keeps_a_connection_open(mode: str, stack: ExitStack) -> None:
    [(near, far)] = pairs(stack, 1)
    before = psutil.Process().num_fds()
    with TINY() as ring:
        ring.receive(near.fileno())
        rest = bytes(2_000_000)
        ring.send(near.fileno(), rest)
        assert ring.wait(0.0) == []
    assert psutil.Process().num_fds() == before
    near.close()
    got = 0
    while data := far.recv(1 << 20):  # and then the end, at once: BlockingIOError would mean that it is still open
        got += len(data)
    assert 0 < got < len(rest)
    ring.close()
