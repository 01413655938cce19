"""Server.close() ends serve_forever().

Run it with an event loop: ``python server_close_ends_serve_forever.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


async def main():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    serving = asyncio.ensure_future(server.serve_forever())
    await asyncio.sleep(0.05)
    server.close()
    await asyncio.wait([serving], timeout=0.5)
    print(f"after close(), serve_forever() ended: {serving.done()}")
    serving.cancel()


new_event_loop().run_until_complete(main())
