"""call_later(0, ...) runs the callback in the context that it was given.

Run it with an event loop: ``python empty_context.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import contextvars
import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


variable = contextvars.ContextVar("variable", default="the default")
variable.set("set outside")
loop = new_event_loop()
seen = []
empty = contextvars.Context()
for schedule in (loop.call_soon, lambda *a, **k: loop.call_later(0, *a, **k)):
    schedule(lambda: seen.append(variable.get()), context=empty)
loop.call_later(0.05, loop.stop)
loop.run_forever()
print(f"in an empty context the variable is: {seen}")
