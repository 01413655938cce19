"""add_reader() takes a socket, as in the example of its documentation.

Run it with an event loop: ``python add_reader_of_a_socket.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import importlib
import socket
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


ours, theirs = socket.socketpair()
loop = new_event_loop()
try:
    loop.add_reader(ours, lambda: None)
    print("add_reader(socket) is fine")
    print(f"remove_reader() of what was watched returns {loop.remove_reader(ours)}")
except TypeError as error:
    print(f"add_reader(socket) raised TypeError: {error}")
