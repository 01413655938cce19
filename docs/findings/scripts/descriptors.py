"""A loop that was run and closed leaves no file descriptor open.

Run it with an event loop: ``python descriptors.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import gc
import importlib
import os
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


def open_descriptors():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def run_and_close():
    loop = new_event_loop()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


run_and_close()  # the first may open what is shared by all
before = open_descriptors()
for _ in range(20):
    run_and_close()
print(f"20 loops were run and closed: {open_descriptors() - before} more descriptors are open")
