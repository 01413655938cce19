"""Closing a transport closes the connection.

Run it with an event loop: ``python transport_close.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


async def serve(reader, writer):
    writer.write(b"all there is")
    writer.close()
    await writer.wait_closed()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reader, _writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        print(await asyncio.wait_for(reader.read(), 1))
    except asyncio.TimeoutError:
        print("the server closed the connection, and the client saw no end in a second")


new_event_loop().run_until_complete(main())
