"""The server inside a Trio program: `nursery.start(serve_async, …)`, real sockets on loopback."""

import signal
import socket
import struct
from functools import partial
from typing import Protocol

import pytest
import trio
import trio.testing

from suite.launch import Limits, open_listener
from suite.services.chargen import Chargen
from suite.services.echo import Echo
from suite.session import NewSession, Session
from trio_impl import over_streams, serve_async

BOUND = 20  # seconds; only a hanging test ever waits so long


class Clumsy(Echo):
    def receive_data(self, data: bytes, /) -> bytes:
        if data == b"stumble":
            raise ZeroDivisionError
        return data


class Start(Protocol):
    async def __call__(
        self, nursery: trio.Nursery, new_session: NewSession = Echo, limits: Limits | None = None
    ) -> trio.SocketListener: ...


@pytest.fixture(params=[serve_async, partial(serve_async, handle=over_streams)], ids=["sockets", "streams"])
def start(request: pytest.FixtureRequest) -> Start:
    """Start servers that converse in each of the two ways."""

    async def start(
        nursery: trio.Nursery, new_session: NewSession = Echo, limits: Limits | None = None
    ) -> trio.SocketListener:
        listener: trio.SocketListener = await nursery.start(
            request.param, new_session, open_listener("127.0.0.1", 0), limits or Limits()
        )
        return listener

    return start


async def connect(listener: trio.SocketListener) -> trio.SocketStream:
    return await trio.testing.open_stream_to_socket_listener(listener)


async def read(stream: trio.SocketStream, count: int) -> bytes:
    """Read exactly `count` bytes, or fewer when the server ends first."""
    data = b""
    while len(data) < count and (part := await stream.receive_some(count - len(data))):
        data += part
    return data


async def ask(stream: trio.SocketStream, text: bytes) -> bytes:
    await stream.send_all(text)
    return await read(stream, len(text))


def reset(stream: trio.SocketStream) -> None:
    """Close with RST: socket(7), SO_LINGER with a zero timeout."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


async def until_logged(caplog: pytest.LogCaptureFixture, text: str) -> None:
    with trio.fail_after(BOUND):
        while not any(text in message for message in caplog.messages):  # noqa: ASYNC110 - a log record sets no event
            await trio.sleep(0.005)


async def test_reports_its_listener_serves_many_at_once_and_leaves_signals_alone(
    start: Start, nursery: trio.Nursery
) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    listener = await start(nursery)
    assert {number: signal.getsignal(number) for number in before} == before
    with trio.fail_after(BOUND):
        streams = [await connect(listener) for _ in range(50)]
        for turn in range(3):
            for index, stream in enumerate(reversed(streams)):
                token = b"%d of %d" % (turn, index)
                assert await ask(stream, token) == token
        for stream in streams:
            await stream.send_eof()
            assert await stream.receive_some() == b""
            await stream.aclose()
    nursery.cancel_scope.cancel()


async def test_a_mebibyte_sent_before_anything_is_read_comes_back_whole(start: Start, nursery: trio.Nursery) -> None:
    payload = bytes(range(256)) * 4096
    listener = await start(nursery)

    async def send() -> None:
        await stream.send_all(payload)
        await stream.send_eof()

    with trio.fail_after(BOUND):
        stream = await connect(listener)
        nursery.start_soon(send)
        assert await read(stream, len(payload) + 1) == payload
        await stream.aclose()
    nursery.cancel_scope.cancel()


async def test_cancelled_by_its_caller_it_closes_the_listener_and_every_connection(start: Start) -> None:
    with trio.fail_after(BOUND):
        async with trio.open_nursery() as nursery:
            listener = await start(nursery)
            address = listener.socket.getsockname()
            stream = await connect(listener)
            assert await ask(stream, b"held") == b"held"
            nursery.cancel_scope.cancel()
        assert listener.socket.fileno() == -1
        assert await stream.receive_some() == b""
        await stream.aclose()
        with pytest.raises(OSError, match="connect"):
            await trio.open_tcp_stream(*address)


async def test_closing_the_reported_listener_drains(start: Start) -> None:
    with trio.fail_after(BOUND):
        async with trio.open_nursery() as nursery:
            listener = await start(nursery, limits=Limits(drain_grace=BOUND))
            stream = await connect(listener)
            assert await ask(stream, b"before") == b"before"
            await listener.aclose()
            await trio.testing.wait_all_tasks_blocked()
            assert await ask(stream, b"after") == b"after"
            await stream.aclose()


async def test_the_drain_ends_with_its_grace(start: Start) -> None:
    async with trio.open_nursery() as nursery:
        listener = await start(nursery, limits=Limits(drain_grace=0.2))
        stream = await connect(listener)
        assert await ask(stream, b"idle from here on") == b"idle from here on"
        begun = trio.current_time()
        await listener.aclose()
        with trio.fail_after(BOUND):
            assert await stream.receive_some() == b""
        assert 0.2 <= trio.current_time() - begun < 4  # the default grace is 5 s
        await stream.aclose()


@pytest.mark.parametrize("new_session", [Echo, Chargen])
async def test_a_reset_ends_a_client_that_is_not_reading_and_no_other(
    start: Start, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture, new_session: type[Session]
) -> None:
    caplog.set_level("INFO")
    listener = await start(nursery, new_session)
    with trio.fail_after(BOUND):
        stuck, bystander = await connect(listener), await connect(listener)
        with trio.move_on_after(0.3):  # long past the point where every buffer is full
            while True:
                await stuck.send_all(b"x" * 65536)
        host, port = stuck.socket.getsockname()
        reset(stuck)
        await until_logged(caplog, f"closed {host}:{port} (RST)")
        await bystander.send_all(b"and I?")
        assert await read(bystander, 6) == (b"and I?" if new_session is Echo else b' !"#$%')
        await bystander.aclose()
    nursery.cancel_scope.cancel()


async def test_a_raising_session_is_one_clients_fault(
    start: Start, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    listener = await start(nursery, Clumsy)
    with trio.fail_after(BOUND):
        bystander = await connect(listener)
        for _ in range(20):
            stream = await connect(listener)
            await stream.send_all(b"stumble")
            assert await stream.receive_some() == b""
            await stream.aclose()
        assert await ask(bystander, b"unharmed") == b"unharmed"
        await bystander.aclose()
    assert 1 <= sum("ZeroDivisionError" in message for message in caplog.messages) <= 2  # at most one line a second
    nursery.cancel_scope.cancel()
