"""set_exception_handler() takes a function of the loop and the context.

Run it with an event loop: ``python exception_handler.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


def fail():
    raise KeyError("a callback failed")


loop = new_event_loop()
told = []
loop.set_exception_handler(lambda loop, context: told.append(type(context["exception"]).__name__))
loop.call_soon(fail)
loop.call_later(0.05, loop.stop)
loop.run_forever()
print(f"the handler was told of: {told}")
