"""The control: the shortest idiomatic Trio echo that is correct, on Trio's own accept loop, without a Session.

Against the textbook's two lines it catches what one client's reset raises, which would otherwise end every client.
"""

import signal
import socket

import trio

from suite.launch import Limits
from suite.session import NewSession

__all__ = ("serve",)


async def _echo(stream: trio.SocketStream) -> None:
    try:
        async for data in stream:
            await stream.send_all(data)
    except trio.BrokenResourceError:
        pass


async def _serve(listener: socket.socket) -> None:
    listeners = [trio.SocketListener(trio.socket.from_stdlib_socket(listener))]
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, _echo, listeners)
            await anext(signals)
            nursery.cancel_scope.cancel()


def serve(_new_session: NewSession, listener: socket.socket, _limits: Limits) -> None:
    """Echo until SIGTERM or SIGINT; the session and the limits of the driver contract are ignored."""
    trio.run(_serve, listener)
