"""start_server() takes a sequence of hosts.

Run it with an event loop: ``python server_on_several_hosts.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


async def main():
    try:
        server = await asyncio.start_server(print, ["127.0.0.1", "127.0.0.2"], 0)
        print(f"it listens on {len(server.sockets)} addresses")
    except TypeError as error:
        print(f"TypeError: {error}")


new_event_loop().run_until_complete(main())
