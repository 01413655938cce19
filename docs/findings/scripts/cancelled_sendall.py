"""After a cancelled sock_sendall(), remove_writer() says that nothing is watched.

Run it with an event loop: ``python cancelled_sendall.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import importlib
import socket
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


async def main():
    ours, _theirs = socket.socketpair()
    ours.setblocking(False)
    loop = asyncio.get_running_loop()
    sending = asyncio.ensure_future(loop.sock_sendall(ours, bytes(10_000_000)))
    await asyncio.sleep(0.05)
    sending.cancel()
    await asyncio.wait([sending])
    left = bool(loop.remove_writer(ours.fileno()))
    print(f"cancelled: {sending.cancelled()}, a writer was left: {left}")


new_event_loop().run_until_complete(main())
