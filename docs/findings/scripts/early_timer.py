"""A timer is not called before its time has come.

Run it with an event loop: ``python early_timer.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import importlib
import sys
import time

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


loop = new_event_loop()
early = []


def check(due):
    early.append(time.monotonic() < due - 0.0002)  # allow for the clock's own resolution


for number in range(200):
    delay = 0.0004 + number * 0.0013
    loop.call_later(delay, check, time.monotonic() + delay)
loop.call_later(0.4, loop.stop)
loop.run_forever()
print(f"timers that were called more than 0.2 ms early: {'some' if any(early) else 'none'}")
