"""Fault: all connections share one task group, so the exception of one client's reset ends the connections of all.
Named by rst-other-clients.
"""

import asyncio
import sys


async def echo(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


async def main():
    arrivals = asyncio.Queue()

    def arrived(reader, writer):
        arrivals.put_nowait((reader, writer))

    server = await asyncio.start_server(arrived, sys.argv[1], int(sys.argv[2]), backlog=4096)
    print("listening %s:%d" % server.sockets[0].getsockname()[:2], flush=True)
    while True:
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    group.create_task(echo(*await arrivals.get()))
        except* OSError:
            pass


asyncio.run(main())
