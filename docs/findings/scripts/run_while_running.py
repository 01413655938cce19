"""run_forever() and run_until_complete() on a running or closed loop raise RuntimeError.

Run it with an event loop: ``python run_while_running.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


def what_it_raises(loop):
    try:
        loop.run_forever()
    except Exception as error:
        return type(error).__name__
    return "nothing"


loop = new_event_loop()
raised = []
loop.call_soon(lambda: raised.append(what_it_raises(loop)))
loop.call_soon(loop.stop)
loop.run_forever()
loop.close()
print(f"on a running loop: {raised}, on a closed loop: {what_it_raises(loop)}")
