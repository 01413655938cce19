"""A program that is not there raises FileNotFoundError.

Run it with an event loop: ``python program_that_is_not_there.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


async def main():
    try:
        await asyncio.create_subprocess_exec("/there/is/no/such/program")
    except Exception as error:
        print(f"{type(error).__name__}, errno {getattr(error, 'errno', None)}")


new_event_loop().run_until_complete(main())
