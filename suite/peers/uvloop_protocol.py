"""The asyncio Protocol of every tutorial, run by uvloop: HOST PORT.

Expected fault: as on asyncio's own loop, write() never waits, so a client that sends and does not read grows the
server's memory without bound.
"""
# mypy: ignore-errors
# Textbook code stays as the textbooks write it, without annotations.

import asyncio
import sys

import uvloop


class EchoServerProtocol(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(EchoServerProtocol, sys.argv[1], int(sys.argv[2]))
    host, port = server.sockets[0].getsockname()[:2]
    print(f"listening {host}:{port}", flush=True)
    async with server:
        await server.serve_forever()


uvloop.run(main())
