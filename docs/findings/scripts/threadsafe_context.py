"""call_soon_threadsafe() runs the callback in the context of its caller.

Run it with an event loop: ``python threadsafe_context.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import contextvars
import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


variable = contextvars.ContextVar("variable", default="the default")
loop = new_event_loop()
variable.set("set before the call")
seen = []
for schedule in (loop.call_soon, loop.call_soon_threadsafe):
    schedule(lambda: seen.append(variable.get()))
loop.call_later(0.05, loop.stop)
loop.run_forever()
print(f"seen by call_soon() and call_soon_threadsafe(): {seen}")
