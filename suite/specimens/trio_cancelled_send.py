"""Fault: a send_all that takes longer than a tenth of a second is cancelled, and the connection goes on without what had
not been sent. Named by bp-resume. Needs trio."""

import sys

import trio


async def echo(stream):
    try:
        async for data in stream:
            with trio.move_on_after(0.1):
                await stream.send_all(data)
    except trio.BrokenResourceError:
        pass


async def main():
    (listener,) = await trio.open_tcp_listeners(int(sys.argv[2]), host=sys.argv[1], backlog=512)
    print("listening %s:%d" % listener.socket.getsockname()[:2], flush=True)
    await trio.serve_listeners(echo, [listener])


trio.run(main)
