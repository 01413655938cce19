"""A protocol is called in the context in which its server was made.

Run it with an event loop: ``python protocol_context.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import contextvars
import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


variable = contextvars.ContextVar("variable", default="the default")
seen = []


class Protocol(asyncio.Protocol):
    def connection_made(self, transport):
        seen.append(variable.get())


async def main():
    variable.set("set before create_server()")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Protocol, "127.0.0.1", 0)
    await asyncio.open_connection(*server.sockets[0].getsockname())
    await asyncio.sleep(0.05)
    print(seen)


new_event_loop().run_until_complete(main())
