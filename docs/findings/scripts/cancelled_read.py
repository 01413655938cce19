"""What comes while a read is cancelled is given to the next read.

Run it with an event loop: ``python cancelled_read.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import importlib
import socket
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


async def what_is_read(turns):
    connected = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(
        lambda reader, writer: connected.set_result((reader, writer)), "127.0.0.1", 0
    )
    client = socket.create_connection(server.sockets[0].getsockname())
    reader, writer = await connected

    async def read():
        return await reader.read(100)

    reading = asyncio.create_task(read())
    await asyncio.sleep(0.01)
    client.sendall(b"hello")
    for _ in range(turns):
        await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait([reading])
    received = b"" if reading.cancelled() else reading.result()
    client.close()
    received += await reader.read()
    writer.close()
    server.close()
    return received


async def main():
    lost = [turns for turns in range(8) if await what_is_read(turns) != b"hello"]
    print(f"lost, when cancelled so many turns after the data came: {lost or 'never'}")


new_event_loop().run_until_complete(main())
