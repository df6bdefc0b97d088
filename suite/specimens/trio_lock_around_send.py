"""Fault: one lock for all clients is held while an answer is sent: a client that does not read keeps the others waiting.
Named by con-stalled-reader. Needs trio."""

import sys

import trio

lock = trio.Lock()


async def echo(stream):
    try:
        async for data in stream:
            async with lock:
                await stream.send_all(data)
    except trio.BrokenResourceError:
        pass


async def main():
    (listener,) = await trio.open_tcp_listeners(int(sys.argv[2]), host=sys.argv[1], backlog=512)
    print("listening %s:%d" % listener.socket.getsockname()[:2], flush=True)
    await trio.serve_listeners(echo, [listener])


trio.run(main)
