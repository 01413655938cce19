"""create_task(eager_start=True) takes the first step at once (Python 3.14).

Run it with an event loop: ``python eager_start.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


async def child(steps):
    steps.append("child")


async def main():
    steps = []
    try:
        task = asyncio.create_task(child(steps), eager_start=True)
        steps.append("main")
        await task
        print(steps)
    except TypeError as error:
        print(f"TypeError: {error}")


new_event_loop().run_until_complete(main())
