"""An event loop is an asyncio.AbstractEventLoop.

Run it with an event loop: ``python abstract_event_loop.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


loop = new_event_loop()
print(isinstance(loop, asyncio.AbstractEventLoop))
