"""Fault: a character generator (RFC 864) that writes without waiting for its client, until its memory is full. Named by chargen-flow."""

import asyncio
import os
import resource
import sys

RING = bytes(range(0x20, 0x7F))
PATTERN = b"".join((RING * 2)[at : at + 72] + b"\r\n" for at in range(95)) * 20
resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))  # so that it harms nobody else


async def serve(_, writer):
    try:
        while not writer.transport.is_closing():
            writer.write(PATTERN)
            await asyncio.sleep(0)
    except MemoryError:
        os._exit(1)


async def main():
    server = await asyncio.start_server(serve, sys.argv[1], int(sys.argv[2]), backlog=512)
    print("listening %s:%d" % server.sockets[0].getsockname()[:2], flush=True)
    await server.serve_forever()


asyncio.run(main())
