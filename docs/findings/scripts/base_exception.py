"""A CancelledError or other BaseException in a callback goes to the exception handler.

Run it with an event loop: ``python base_exception.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


def fail():
    raise asyncio.CancelledError


loop = new_event_loop()
told = []
loop.set_exception_handler(lambda loop, context: told.append(type(context["exception"]).__name__))
loop.call_soon(fail)
loop.call_later(0.05, loop.stop)
try:
    loop.run_forever()
    print(f"the loop ran on, and the handler was told of: {told}")
except asyncio.CancelledError:
    print(f"CancelledError ended the loop, and the handler was told of: {told}")
