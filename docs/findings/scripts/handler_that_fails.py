"""An exception handler that fails does not end the loop.

Run it with an event loop: ``python handler_that_fails.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import importlib
import logging
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


def fail(*given):
    raise KeyError("failed")


logging.disable(logging.CRITICAL)
loop = new_event_loop()
loop.set_exception_handler(fail)
loop.call_soon(fail)
loop.call_later(0.05, loop.stop)
try:
    loop.run_forever()
    print("the loop ran on")
except KeyError:
    print("the loop ended with the handler's KeyError")
