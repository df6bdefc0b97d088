"""asyncio streams as their documentation shows them, read, write, drain: HOST PORT.

Expected faults: a client's reset is an unhandled exception, logged with its traceback; when descriptors run out the
log is flooded (python/cpython#151615, in Pythons before mid 2026). Memory is bounded: the drain() that many copies of
this idiom leave out is here.
"""
# mypy: ignore-errors
# Textbook code stays as the textbooks write it, without annotations.

import asyncio
import sys


async def echo(reader, writer):
    while data := await reader.read(1024):
        writer.write(data)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def main():
    server = await asyncio.start_server(echo, sys.argv[1], int(sys.argv[2]))
    host, port = server.sockets[0].getsockname()[:2]
    print(f"listening {host}:{port}", flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
