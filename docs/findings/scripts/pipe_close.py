"""Closing the transport of a pipe closes the pipe.

Run it with an event loop: ``python pipe_close.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import importlib
import os
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


async def main():
    loop = asyncio.get_running_loop()
    reading, writing = os.pipe()
    transport, _ = await loop.connect_write_pipe(asyncio.Protocol, os.fdopen(writing, "wb"))
    transport.write(b"content")
    transport.close()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb")
    )
    try:
        print(await asyncio.wait_for(reader.read(), 1))
    except asyncio.TimeoutError:
        print("no end of file in a second")


new_event_loop().run_until_complete(main())
