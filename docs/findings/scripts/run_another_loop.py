"""A loop that is run inside a running loop refuses.

Run it with an event loop: ``python run_another_loop.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


def run_another():
    other = new_event_loop()
    other.call_later(0.05, other.stop)
    try:
        other.run_forever()
        print("another loop was run")
    except RuntimeError:
        print("refused with RuntimeError")
    except UnboundLocalError:
        print("refused with UnboundLocalError")


loop = new_event_loop()
loop.call_soon(run_another)
loop.call_later(0.1, loop.stop)
loop.run_forever()
