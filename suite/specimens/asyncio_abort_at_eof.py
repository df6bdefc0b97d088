"""Fault: at the client's FIN it calls transport.abort(), which drops what is still to be written.
Named by hc-late-reader and hc-generated."""

import asyncio
import sys


async def echo(reader, writer):
    writer.transport.set_write_buffer_limits(high=4 << 20)
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.transport.abort()


async def main():
    server = await asyncio.start_server(echo, sys.argv[1], int(sys.argv[2]), backlog=512)
    print("listening %s:%d" % server.sockets[0].getsockname()[:2], flush=True)
    await server.serve_forever()


asyncio.run(main())
