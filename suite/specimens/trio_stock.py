"""Fault: Trio's textbook echo catches nothing, so the exception of one client's reset ends the nursery and the server.
Named by rst-idle. Needs trio.
"""

import sys

import trio


async def echo(stream):
    async for data in stream:
        await stream.send_all(data)


async def main():
    listeners = await trio.open_tcp_listeners(int(sys.argv[2]), host=sys.argv[1], backlog=4096)
    print("listening %s:%d" % listeners[0].socket.getsockname()[:2], flush=True)
    await trio.serve_listeners(echo, listeners)


trio.run(main)
