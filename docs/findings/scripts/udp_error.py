"""A datagram that is refused is reported to error_received().

Run it with an event loop: ``python udp_error.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import importlib
import socket
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


class Sender(asyncio.DatagramProtocol):
    def __init__(self):
        self.told = []

    def error_received(self, error):
        self.told.append(type(error).__name__)


async def main():
    with socket.socket(type=socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = nobody.getsockname()
    loop = asyncio.get_running_loop()
    transport, sender = await loop.create_datagram_endpoint(Sender, remote_addr=address)
    transport.sendto(b"hello")
    await asyncio.sleep(0.1)
    print(f"error_received() was called with: {sender.told}")


new_event_loop().run_until_complete(main())
