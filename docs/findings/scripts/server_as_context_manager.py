"""A server is an asynchronous context manager.

Run it with an event loop: ``python server_as_context_manager.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


async def main():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    try:
        async with server:
            pass
        print(f"it is serving after the block: {server.is_serving()}")
    except TypeError as error:
        print(f"TypeError: {error}")


new_event_loop().run_until_complete(main())
