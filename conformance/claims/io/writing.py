"""What happens to the bytes when a write is cancelled?"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from types import ModuleType

from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import SOCKETS
from conformance.toolbox.attempts import CANCELLED, attempt
from conformance.toolbox.instants import WHILE_WAITING, Instant
from conformance.toolbox.loopback import connected, connected_sockets, read_to_the_end
from conformance.toolbox.spaces import every, flags, up_to

PAYLOAD = b"".join(number.to_bytes(4, "big") for number in range(60_000))
"""240 kB of which no piece is like another: more than a connection with small buffers takes."""

WRITES_ARE_CUT = law(
    "LAW-IO-03",
    "After a cancelled write, the peer of a TCP connection has received a prefix of what was written:"
    " nothing is sent twice, out of order, or left out from between.",
    source="https://trio.readthedocs.io/en/stable/reference-io.html#trio.abc.SendStream.send_all",
)


def take_some(peer: socket.socket) -> bytes:
    """What ``peer`` has got by now, so that the other side can go on writing."""
    taken = bytearray()
    while len(taken) < len(PAYLOAD) // 8:
        try:
            taken += peer.recv(16384)
        except BlockingIOError:
            break
    return bytes(taken)


async def cancel_a_write(
    library: ModuleType,
    peer: socket.socket,
    write: Callable[[], Awaitable[object]],
    end: Callable[[], Awaitable[object]],
    turns: int,
    instant: Instant,
) -> bytes:
    """Cancel a write while the peer takes some of it, and ``end`` it: all that the peer got."""
    received = b""

    def take() -> None:
        nonlocal received
        received += take_some(peer)

    peer.setblocking(False)
    result = await attempt(library, write, turns=turns, instant=instant, complete=take)
    if result is CANCELLED:
        antecedent("a write was cancelled")
        if received:
            antecedent("a write was cancelled while the other side took some of it")
    await end()
    return received + await read_to_the_end(library, peer)


def differences(received: bytes, written: bytes) -> str:
    pairs = enumerate(zip(received, written, strict=False))  # what was cut is shorter
    differing = [place for place, (one, other) in pairs if one != other]
    same = differing[0] if differing else min(len(received), len(written))
    return (
        f"{len(written)} bytes were to be written; the other side got {len(received)}, of which"
        f" only the first {same} are how that begins"
    )


ANTECEDENTS = {
    "a write was cancelled": 0.5,
    "a write was cancelled while the other side took some of it": 0.2,
}


async def write_and_drain(writer: asyncio.StreamWriter) -> None:
    writer.write(PAYLOAD)
    await writer.drain()


@WRITES_ARE_CUT.states(
    "asyncio", expect=holds(), antecedents=ANTECEDENTS, io=True, builds_on=(SOCKETS,)
)
@given(through_a_writer=flags(), turns=up_to(4), instant=every(WHILE_WAITING))
async def test_a_cancelled_write_is_cut(
    library: ModuleType, through_a_writer: bool, turns: int, instant: Instant
) -> None:
    near, peer = connected_sockets(small_buffers=True)
    with near, peer:
        if not through_a_writer:
            loop = asyncio.get_running_loop()

            async def close_socket() -> None:
                near.close()

            received = await cancel_a_write(
                library,
                peer,
                lambda: loop.sock_sendall(near, PAYLOAD),
                close_socket,
                turns,
                instant,
            )
        else:
            _, writer = await asyncio.open_connection(sock=near)

            async def end() -> None:
                # What close() does is a matter of LAW-LOOP-17.
                writer.write_eof()

            received = await cancel_a_write(
                library, peer, lambda: write_and_drain(writer), end, turns, instant
            )
            writer.close()
            # write() has taken it all, if it was called: cancelling drain() takes nothing back.
            assert received in (b"", PAYLOAD), differences(received, PAYLOAD)
    assert PAYLOAD.startswith(received), differences(received, PAYLOAD)


async def cancel_a_send(library: ModuleType, turns: int, instant: Instant) -> None:
    async with connected(library, small_buffers=True) as (stream, peer):
        send = stream.send if library.__name__ == "anyio" else stream.send_all
        received = await cancel_a_write(
            library, peer, lambda: send(PAYLOAD), stream.send_eof, turns, instant
        )
    assert PAYLOAD.startswith(received), differences(received, PAYLOAD)


@WRITES_ARE_CUT.states(
    "anyio", expect=holds(), antecedents=ANTECEDENTS, io=True, builds_on=(SOCKETS,)
)
@given(turns=up_to(4), instant=every(WHILE_WAITING))
async def test_a_cancelled_send_is_cut(library: ModuleType, turns: int, instant: Instant) -> None:
    await cancel_a_send(library, turns, instant)


@WRITES_ARE_CUT.states("trio", expect=holds(), antecedents=ANTECEDENTS, io=True)
@given(turns=up_to(4), instant=every(WHILE_WAITING))
async def test_a_cancelled_send_all_is_cut(
    library: ModuleType, turns: int, instant: Instant
) -> None:
    await cancel_a_send(library, turns, instant)
