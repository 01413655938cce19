"""A signal that comes while the loop does not run is handled in the next run.

Run it with an event loop: ``python signal_between_runs.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import importlib
import os
import signal
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


loop = new_event_loop()
handled = []
loop.add_signal_handler(signal.SIGUSR1, handled.append, 1)
loop.call_soon(loop.stop)
loop.run_forever()
os.kill(os.getpid(), signal.SIGUSR1)
loop.call_later(0.1, loop.stop)
loop.run_forever()
print(f"signals that were handled: {len(handled)} of 1")
