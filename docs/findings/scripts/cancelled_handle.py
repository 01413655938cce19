"""A callback whose handle was cancelled is not called.

Run it with an event loop: ``python cancelled_handle.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


loop = new_event_loop()
called = []
for arguments in ((), (1,), (1, 2)):
    handle = loop.call_soon(lambda *given: called.append(len(given)), *arguments)
    handle.cancel()
loop.call_later(0.05, loop.stop)
loop.run_forever()
print(f"cancelled callbacks that were called, by their number of arguments: {called}")
print(f"a handle has cancelled(): {hasattr(handle, 'cancelled')}")
