"""The asyncio Protocol of every tutorial, data_received writes: HOST PORT.

Expected faults: write() never waits, so a client that sends and does not read grows the server's memory without bound
(pause_writing and resume_writing are left out, as they usually are); when descriptors run out the log is flooded
(python/cpython#151615).
"""
# mypy: ignore-errors
# Textbook code stays as the textbooks write it, without annotations.

import asyncio
import sys


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


asyncio.run(main())
