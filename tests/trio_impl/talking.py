"""Clients on loopback for the handler over sockets, and what its tasks wait for."""

import socket
import struct
from collections.abc import Callable

import trio
import trio.testing

from suite.launch import Limits
from suite.session import NewSession
from tests.trio_impl.sessions import LIMITS, PEER
from trio_impl.handler_sockets import handle

BOUND = 20  # seconds; only a hanging test ever waits so long
MORE = 16 << 20
"""Bytes that no two kernel buffers hold: who sends so many waits for its reader."""


def connection() -> tuple[trio.SocketStream, socket.socket]:
    """Return a client's stream and the socket that was accepted for it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        return trio.SocketStream(trio.socket.from_stdlib_socket(client)), listener.accept()[0]


def serve(nursery: trio.Nursery, sock: socket.socket, new_session: NewSession, limits: Limits = LIMITS) -> trio.Event:
    """Start a handler; the event tells that it has returned, its socket closed."""
    done = trio.Event()

    async def run() -> None:
        await handle(sock, PEER, new_session, limits, True)
        assert sock.fileno() == -1
        done.set()

    nursery.start_soon(run)
    return done


def waiting() -> tuple[int, int]:
    """Return how many tasks wait to read, Trio's own not counted, and how many to write."""
    epoll = trio.lowlevel.current_statistics().io_statistics
    assert epoll.backend == "epoll"
    return epoll.tasks_waiting_read - 1, epoll.tasks_waiting_write


async def until(condition: Callable[[], object]) -> None:
    with trio.fail_after(BOUND):
        while not condition():  # noqa: ASYNC110 - no event tells what a task waits for
            await trio.sleep(0.001)


async def everything(stream: trio.SocketStream) -> bytes:
    with trio.fail_after(BOUND):
        return b"".join([part async for part in stream])


async def read(stream: trio.SocketStream, size: int) -> bytes:
    data = bytearray()
    with trio.fail_after(BOUND):
        while len(data) < size and (part := await stream.receive_some(size - len(data))):
            data += part
    return bytes(data)


def reset(stream: trio.SocketStream) -> None:
    """Close with RST: socket(7), SO_LINGER with a zero timeout."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()
