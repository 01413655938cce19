"""A sleep without an end does not end.

Run it with an event loop: ``python sleep_for_ever.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


async def main():
    sleeper = asyncio.ensure_future(asyncio.sleep(float("inf")))
    await asyncio.wait([sleeper], timeout=0.1)
    print("sleep(inf) returned" if sleeper.done() else "sleep(inf) sleeps")
    sleeper.cancel()


new_event_loop().run_until_complete(main())
