"""SystemExit in a task ends the run of the loop, and so does KeyboardInterrupt.

Run it with an event loop: ``python system_exit.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


async def work(error):
    raise error


for error in (SystemExit(3), KeyboardInterrupt()):
    loop = new_event_loop()
    loop.call_later(0.5, loop.stop)
    task = loop.create_task(work(error))
    try:
        loop.run_forever()
        print(f"{type(error).__name__} did not end the loop")
    except (SystemExit, KeyboardInterrupt) as raised:
        print(f"run_forever() raised {type(raised).__name__}")
