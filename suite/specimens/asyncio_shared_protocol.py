"""Fault: the protocol factory returns one and the same object, which answers whoever connected last. Named by
con-no-crosstalk and con-n."""

import asyncio
import sys


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def main():
    echo = Echo()
    server = await asyncio.get_running_loop().create_server(lambda: echo, sys.argv[1], int(sys.argv[2]), backlog=512)
    print("listening %s:%d" % server.sockets[0].getsockname()[:2], flush=True)
    await server.serve_forever()


asyncio.run(main())
