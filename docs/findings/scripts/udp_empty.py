"""sendto() sends a datagram without content (from Python 3.13 on).

Run it with an event loop: ``python udp_empty.py [MODULE:FACTORY]``; without one it is asyncio's own.
"""

import asyncio
import importlib
import sys

module, _, name = (sys.argv[1] if len(sys.argv) > 1 else "asyncio:new_event_loop").partition(":")
new_event_loop = getattr(importlib.import_module(module), name)


class Receiver(asyncio.DatagramProtocol):
    def __init__(self):
        self.received = []

    def datagram_received(self, data, address):
        self.received.append(data)


async def main():
    loop = asyncio.get_running_loop()
    transport, receiver = await loop.create_datagram_endpoint(Receiver, local_addr=("127.0.0.1", 0))
    address = transport.get_extra_info("sockname")
    sending, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=address)
    for data in (b"first", b"", b"last"):
        sending.sendto(data)
    await asyncio.sleep(0.1)
    print(f"received: {receiver.received}")


new_event_loop().run_until_complete(main())
