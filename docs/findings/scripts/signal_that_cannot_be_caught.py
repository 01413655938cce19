"""add_signal_handler() refuses what is no signal or cannot be caught.

Run it with an event loop: ``python signal_that_cannot_be_caught.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import importlib
import signal
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


loop = new_event_loop()
for number in (signal.SIGKILL, 1000):
    try:
        loop.add_signal_handler(number, print)
        print("refused: nothing")
    except (RuntimeError, ValueError) as error:
        print(f"refused: {type(error).__name__}")
