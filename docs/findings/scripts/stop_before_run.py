"""run_forever() after stop() runs what was scheduled, then returns.

Run it with an event loop: ``python stop_before_run.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


loop = new_event_loop()
called = []
loop.call_soon(called.append, 1)
loop.stop()
loop.run_forever()
print(f"callbacks that ran: {len(called)} of 1")
