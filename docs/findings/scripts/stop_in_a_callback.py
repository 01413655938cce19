"""What is scheduled in the turn of stop() waits for the next run.

Run it with an event loop: ``python stop_in_a_callback.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


loop = new_event_loop()
called = []


def stop_and_schedule():
    loop.stop()
    loop.call_soon(called.append, "scheduled after stop()")


loop.call_soon(stop_and_schedule)
loop.run_forever()
print(f"called in the run that was stopped: {called}")
