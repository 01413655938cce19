"""Who connects while an accept is cancelled is accepted by the next, or closed.

Run it with an event loop: ``python cancelled_accept_in_anyio.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import gc
import importlib
import socket
import sys

import anyio

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


async def is_stranded(turns):
    listener = (await anyio.create_tcp_listener(local_host="127.0.0.1")).listeners[0]
    address = listener.extra(anyio.abc.SocketAttribute.local_address)  # noqa: S610  # no SQL
    accepted = []

    async def accept(scope):
        with scope:
            async with await listener.accept():
                accepted.append(turns)

    scope = anyio.CancelScope()
    async with anyio.create_task_group() as group:
        group.start_soon(accept, scope)
        await anyio.sleep(0.01)
        client = socket.create_connection(address)
        for _ in range(turns):
            await asyncio.sleep(0)
        scope.cancel()
    await accept(anyio.move_on_after(0.1))
    await listener.aclose()
    gc.collect()
    client.settimeout(0.1)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    return False


async def main():
    stranded = [await is_stranded(turns) for turns in range(6)]
    print(f"somebody was left with a connection that nobody has: {any(stranded)}")


new_event_loop().run_until_complete(main())
