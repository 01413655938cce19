"""Without an exception handler, what a callback raises is logged by the "asyncio" logger.

Run it with an event loop: ``python default_exception_handler.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import importlib
import logging
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


def fail():
    raise KeyError("a callback failed")


class Keep(logging.Handler):
    def emit(self, record):
        kept.append(record.getMessage().splitlines()[0].split(" ")[0])


kept = []
logging.getLogger("asyncio").addHandler(Keep())
loop = new_event_loop()
loop.call_soon(fail)
loop.call_later(0.05, loop.stop)
loop.run_forever()
print(f"logged: {kept}")
