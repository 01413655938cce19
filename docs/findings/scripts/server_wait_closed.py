"""Server.wait_closed() waits for the connections that are still open.

Run it with an event loop: ``python server_wait_closed.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


async def main():
    connected = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(
        lambda reader, writer: connected.set_result(writer), "127.0.0.1", 0
    )
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    theirs = await connected
    server.close()
    closed = asyncio.ensure_future(server.wait_closed())
    await asyncio.wait([closed], timeout=0.1)
    print(f"with a connection open, wait_closed() returned: {closed.done()}")
    theirs.close()
    writer.close()


new_event_loop().run_until_complete(main())
