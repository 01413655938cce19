"""A cancelled open_connection() leaves no file descriptor open.

Run it with an event loop: ``python cancelled_connection.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import gc
import importlib
import os
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


async def keep(reader, writer):
    await reader.read()
    writer.close()


def open_descriptors():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


async def main():
    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    before = open_descriptors()
    for _ in range(10):
        connecting = asyncio.ensure_future(asyncio.open_connection(*address))
        await asyncio.sleep(0)
        connecting.cancel()
        await asyncio.wait([connecting])
    del connecting
    await asyncio.sleep(0.5)
    print(f"10 connections were cancelled: {open_descriptors() - before} more descriptors are open")


new_event_loop().run_until_complete(main())
