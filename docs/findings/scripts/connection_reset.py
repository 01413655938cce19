"""A connection that the peer resets is told from one that it closes.

Run it with an event loop: ``python connection_reset.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import importlib
import socket
import struct
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


async def main():
    outcome = asyncio.get_running_loop().create_future()

    async def serve(reader, writer):
        try:
            outcome.set_result(f"read() returned {await reader.read()}")
        except Exception as error:
            outcome.set_result(f"read() raised {type(error).__name__}")

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = socket.create_connection(server.sockets[0].getsockname())
    await asyncio.sleep(0.05)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()  # with this option, a reset
    try:
        print(await asyncio.wait_for(outcome, 1))
    except asyncio.TimeoutError:
        print("read() waits on, a second after the reset")


new_event_loop().run_until_complete(main())
