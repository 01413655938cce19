"""A server that is closed accepts no more connections.

Run it with an event loop: ``python server_close.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


async def main():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    server.close()
    await asyncio.sleep(0.05)
    try:
        await asyncio.open_connection(*address)
        print("a closed server accepted a connection")
    except ConnectionRefusedError:
        print("a closed server refused the connection")


new_event_loop().run_until_complete(main())
