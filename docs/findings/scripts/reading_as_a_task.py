"""What is documented as a coroutine can be made a task.

Run it with an event loop: ``python reading_as_a_task.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import importlib
import socket
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


async def main():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    reader, _writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    loop = asyncio.get_running_loop()
    ours, _ = socket.socketpair()
    ours.setblocking(False)
    for name, coroutine in (
        ("StreamReader.read()", reader.read(1)),
        ("Server.serve_forever()", server.serve_forever()),
        ("loop.sock_recv()", loop.sock_recv(ours, 1)),
    ):
        try:
            asyncio.create_task(coroutine).cancel()
            print(f"create_task({name}) is fine")
        except TypeError:
            print(f"create_task({name}) raised TypeError: it is a {type(coroutine).__name__}")


new_event_loop().run_until_complete(main())
