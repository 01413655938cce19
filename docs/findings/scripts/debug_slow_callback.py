"""In debug mode a callback that takes long is logged.

Run it with an event loop: ``python debug_slow_callback.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import importlib
import logging
import sys
import time

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


class Keep(logging.Handler):
    def emit(self, record):
        kept.append(record.getMessage().split(" ")[0])


kept = []
logging.getLogger("asyncio").addHandler(Keep())
logging.getLogger("asyncio").propagate = False
loop = new_event_loop()
loop.set_debug(True)
loop.slow_callback_duration = 0.01
loop.call_soon(time.sleep, 0.05)
loop.call_later(0.1, loop.stop)
loop.run_forever()
print(f"logged: {kept}")
