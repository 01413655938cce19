"""call_later() and call_at() return a handle that has when().

Run it with an event loop: ``python timer_handle.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


loop = new_event_loop()
for delay in (1, 0, -1):
    handle = loop.call_later(delay, print)
    print(f"call_later({delay}) returned a handle with when(): {hasattr(handle, 'when')}")
