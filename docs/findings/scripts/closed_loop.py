"""A closed loop refuses work.

Run it with an event loop: ``python closed_loop.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


loop = new_event_loop()
loop.close()
for schedule in (loop.call_soon, loop.call_soon_threadsafe):
    try:
        schedule(print)
        print("accepted")
    except RuntimeError:
        print("refused with RuntimeError")
