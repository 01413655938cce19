"""remove_signal_handler() removes the handler, whether the loop runs or not.

Run it with an event loop: ``python remove_signal_handler.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import importlib
import signal
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


loop = new_event_loop()
loop.add_signal_handler(signal.SIGUSR1, lambda: None)
try:
    print(f"remove_signal_handler() returned {loop.remove_signal_handler(signal.SIGUSR1)}")
    print(f"the signal's default is back: {signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL}")
except AttributeError as error:
    print(f"AttributeError: {error}")
