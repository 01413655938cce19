"""What happens to the bytes when a read is cancelled?"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any, cast

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream
from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import SOCKETS
from conformance.toolbox.attempts import CANCELLED, attempt
from conformance.toolbox.instants import WHILE_WAITING, Instant
from conformance.toolbox.loopback import connected
from conformance.toolbox.spaces import every, flags, up_to

CANCELLED_READS = 3

READS_TAKE_NOTHING = law(
    "LAW-IO-01",
    "A read of a TCP stream that is cancelled takes nothing: what the other side wrote is given, whole"
    " and in order, to the reads that return, at whatever turn others before them were cancelled.",
    source="https://trio.readthedocs.io/en/stable/reference-core.html#cancellation-and-primitive-operations",
)


async def cancel_some_reads(
    library: ModuleType,
    read: Callable[[], Awaitable[bytes]],
    read_the_rest: Callable[[], Awaitable[bytes]],
    peer: socket.socket,
    turns: int,
    instant: Instant,
    twice: bool,
) -> tuple[bytes, bytes]:
    """Cancel reads one after the other while the peer writes: what was written, what was read."""
    written = received = b""

    def write() -> None:
        nonlocal written
        line = b"line %d\n" % len(written)
        peer.sendall(line)
        written += line

    for _ in range(CANCELLED_READS):
        before = len(written)
        result = await attempt(
            library, read, turns=turns, instant=instant, complete=write, twice=twice
        )
        if result is not CANCELLED:
            received += cast("bytes", result)
        else:
            antecedent("a read was cancelled")
            if len(written) > before:
                antecedent("something was written at about the time of the cancel")
    peer.shutdown(socket.SHUT_WR)
    received += await read_the_rest()
    return written, received


ANTECEDENTS = {
    "a read was cancelled": 0.3,
    "something was written at about the time of the cancel": 0.1,
}


def check_what_was_read(written: bytes, received: bytes) -> None:
    assert received == written, (
        f"{written!r} was written, but after the cancelled reads {received!r} was read"
    )


ASYNCIO_READS: dict[str, Callable[[asyncio.StreamReader], Awaitable[bytes]]] = {
    "read": lambda reader: reader.read(100),
    "readline": lambda reader: reader.readline(),
    "readexactly": lambda reader: reader.readexactly(7),
    "readuntil": lambda reader: reader.readuntil(b"e"),
}


@READS_TAKE_NOTHING.states(
    "asyncio", expect=holds(), antecedents=ANTECEDENTS, io=True, builds_on=(SOCKETS,)
)
@given(
    how=every(ASYNCIO_READS),
    turns=up_to(3),
    instant=every(WHILE_WAITING),
    twice=flags(),
)
async def test_a_cancelled_read_of_a_reader_takes_nothing(
    library: ModuleType, how: str, turns: int, instant: Instant, twice: bool
) -> None:
    async with connected(library) as ((reader, _), peer):
        written, received = await cancel_some_reads(
            library,
            lambda: ASYNCIO_READS[how](reader),
            lambda: reader.read(),
            peer,
            turns,
            instant,
            twice,
        )
    check_what_was_read(written, received)


async def receive_through(buffered: BufferedByteReceiveStream, delimiter: bytes) -> bytes:
    # receive_until() leaves the delimiter out of what it gives.
    return await buffered.receive_until(delimiter, 100) + delimiter


ANYIO_READS: dict[str, Callable[[Any, BufferedByteReceiveStream], Awaitable[bytes]]] = {
    "receive": lambda stream, buffered: stream.receive(),
    "receive a little": lambda stream, buffered: stream.receive(3),
    "receive_exactly": lambda stream, buffered: buffered.receive_exactly(7),
    "receive_until": lambda stream, buffered: receive_through(buffered, b"e"),
}


@READS_TAKE_NOTHING.states(
    "anyio", expect=holds(), antecedents=ANTECEDENTS, io=True, builds_on=(SOCKETS,)
)
@given(
    how=every(ANYIO_READS),
    turns=up_to(3),
    instant=every(WHILE_WAITING),
)
async def test_a_cancelled_receive_takes_nothing(
    library: ModuleType, how: str, turns: int, instant: Instant
) -> None:
    async with connected(library) as (stream, peer):
        # What it has taken from the stream and not given yet, it keeps for the next read.
        buffered = BufferedByteReceiveStream(stream)

        async def read_the_rest() -> bytes:
            rest = b""
            while True:
                try:
                    rest += await buffered.receive()
                except anyio.EndOfStream:
                    return rest

        written, received = await cancel_some_reads(
            library,
            lambda: ANYIO_READS[how](stream, buffered),
            read_the_rest,
            peer,
            turns,
            instant,
            twice=False,
        )
    check_what_was_read(written, received)


TRIO_READS: dict[str, Callable[[Any], Awaitable[bytes]]] = {
    "receive_some": lambda stream: stream.receive_some(),
    "receive a little": lambda stream: stream.receive_some(3),
    "recv": lambda stream: stream.socket.recv(100),
}


@READS_TAKE_NOTHING.states("trio", expect=holds(), antecedents=ANTECEDENTS, io=True)
@given(
    how=every(TRIO_READS),
    turns=up_to(3),
    instant=every(WHILE_WAITING),
)
async def test_a_cancelled_receive_some_takes_nothing(
    library: ModuleType, how: str, turns: int, instant: Instant
) -> None:
    async with connected(library) as (stream, peer):

        async def read_the_rest() -> bytes:
            return b"".join([chunk async for chunk in stream])

        written, received = await cancel_some_reads(
            library,
            lambda: TRIO_READS[how](stream),
            read_the_rest,
            peer,
            turns,
            instant,
            twice=False,
        )
    check_what_was_read(written, received)
