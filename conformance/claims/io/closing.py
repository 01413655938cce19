"""What happens to a read when its own side closes the connection?"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from types import ModuleType

from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import SOCKETS
from conformance.toolbox.attempts import turn
from conformance.toolbox.loopback import connected
from conformance.toolbox.scopes import open_group
from conformance.toolbox.spaces import every, flags, up_to

WAITING_ENDS = law(
    "LAW-IO-02",
    "A read that waits on a TCP connection is woken when its own side closes that: in asyncio it"
    " gives the end of the stream, in anyio and trio, also if the close is itself cancelled, it raises"
    " ClosedResourceError, unless there is something to read by then.",
    source="https://trio.readthedocs.io/en/stable/reference-io.html#trio.abc.ReceiveStream.receive_some",
)

LINE = b"something to read\n"
ARRIVALS = ("nothing arrives", "something arrives before the close", "something arrives after it")


async def arrive_and_close(
    library: ModuleType,
    peer: socket.socket,
    close: Callable[[], Awaitable[object]],
    turns: int,
    arrival: str,
) -> None:
    """Let a read wait for ``turns`` turns of the loop, then ``close`` its connection."""
    await turn(library, turns)
    if arrival == "something arrives before the close":
        peer.sendall(LINE)
    await close()
    if arrival == "something arrives after it":
        try:
            peer.sendall(LINE)
        except ConnectionError:
            pass  # the close was faster
    antecedent("a read was under way when its connection was closed")


async def outcome(read: Callable[[], Awaitable[bytes]]) -> object:
    """What ``read`` gave, or the name of what it raised."""
    try:
        return await read()
    except Exception as error:  # which one is what the law is about
        return type(error).__name__


def check(seen: object, closed: object, arrival: str) -> None:
    """``seen`` is the outcome of the read, ``closed`` the one that it is to have for the close."""
    expected = [closed] if arrival == "nothing arrives" else [closed, LINE]
    assert seen in expected, (
        f"{arrival}: the read that waited on what was closed ended with {seen!r}, not {closed!r}"
    )


@WAITING_ENDS.states(
    "asyncio",
    expect=holds(),
    antecedents=("a read was under way when its connection was closed",),
    io=True,
    builds_on=(SOCKETS,),
)
@given(turns=up_to(4), arrival=every(ARRIVALS), aborts=flags())
async def test_a_reader_whose_writer_is_closed_gives_the_end_of_the_stream(
    library: ModuleType, turns: int, arrival: str, aborts: bool
) -> None:
    async with connected(library) as ((reader, writer), peer):

        async def close() -> None:
            if aborts:
                writer.transport.abort()
            else:
                writer.close()

        task = asyncio.ensure_future(outcome(lambda: reader.read(100)))
        await arrive_and_close(library, peer, close, turns, arrival)
        check(await task, b"", arrival)


async def read_a_stream_that_is_closed(
    library: ModuleType, turns: int, arrival: str, cancelled: bool
) -> None:
    seen: object = None

    async with connected(library) as (stream, peer):
        receive = stream.receive if library.__name__ == "anyio" else stream.receive_some

        async def read() -> None:
            nonlocal seen
            seen = await outcome(receive)

        async def close() -> None:
            if cancelled:
                await library.aclose_forcefully(stream)
            else:
                await stream.aclose()

        async with open_group(library) as group:
            group.start_soon(read)
            await arrive_and_close(library, peer, close, turns, arrival)
    check(seen, "ClosedResourceError", arrival)


@WAITING_ENDS.states(
    "anyio",
    expect=holds(),
    antecedents=("a read was under way when its connection was closed",),
    io=True,
    builds_on=(SOCKETS,),
)
@given(turns=up_to(4), arrival=every(ARRIVALS), cancelled=flags())
async def test_a_receive_whose_stream_is_closed_is_told(
    library: ModuleType, turns: int, arrival: str, cancelled: bool
) -> None:
    await read_a_stream_that_is_closed(library, turns, arrival, cancelled)


@WAITING_ENDS.states(
    "trio",
    expect=holds(),
    antecedents=("a read was under way when its connection was closed",),
    io=True,
)
@given(turns=up_to(4), arrival=every(ARRIVALS), cancelled=flags())
async def test_a_receive_some_whose_stream_is_closed_is_told(
    library: ModuleType, turns: int, arrival: str, cancelled: bool
) -> None:
    await read_a_stream_that_is_closed(library, turns, arrival, cancelled)
