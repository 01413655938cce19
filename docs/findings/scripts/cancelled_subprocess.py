"""A create_subprocess_exec() that is cancelled leaves no process running.

Run it with an event loop: ``python cancelled_subprocess.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import importlib
import os
import pathlib
import signal
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


def children():
    found = pathlib.Path("/proc/self/task").glob("*/children")
    return [int(child) for threads in found for child in threads.read_text().split()]


async def main():
    left = []
    for turns in range(6):
        starting = asyncio.ensure_future(asyncio.create_subprocess_exec("sleep", "60"))
        for _ in range(turns):
            await asyncio.sleep(0)
        starting.cancel()
        await asyncio.wait([starting])
        if not starting.cancelled():
            starting.result().kill()
            await starting.result().wait()
        await asyncio.sleep(0.2)
        left.append(len(children()))
        for child in children():
            os.kill(child, signal.SIGKILL)
        await asyncio.sleep(0.05)
    print(f"a process ran on after the cancel: {any(left)}")


new_event_loop().run_until_complete(main())
