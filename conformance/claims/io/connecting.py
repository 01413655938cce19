"""What does a connect or an accept that is cancelled leave behind?"""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any, cast

import anyio
import anyio.abc
import trio
from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import SOCKETS
from conformance.programs.attempts import CANCELLED, attempt, turn
from conformance.programs.descriptors import open_descriptors
from conformance.programs.instants import WAITING, WHILE_WAITING, Instant
from conformance.programs.left_behind import descriptors_left
from conformance.programs.loopback import HOST, close, connect, listening, port_of
from conformance.programs.reports import no_error_reported
from conformance.programs.space import every, flags, up_to

Address = tuple[str, int]

TURNS_OF_A_CLOSE = 10
"""Turns of the loop in which what is closed is closed on every loop."""

CONNECTS_LEAVE_NOTHING = law(
    "LAW-IO-04",
    "A connect that is cancelled, at whatever turn of the loop, leaves no descriptor open: the other"
    " side sees the end of whatever was connected.",
    source="https://github.com/python/asyncio/issues/218",
)


def waiting_connections(listener: socket.socket) -> list[socket.socket]:
    """The connections that ``listener`` has, and that nobody has accepted."""
    listener.setblocking(False)
    found: list[socket.socket] = []
    while True:
        try:
            found.append(listener.accept()[0])
        except BlockingIOError:
            return found


def is_cut(connection: socket.socket) -> bool:
    """Whether the other side of ``connection`` is closed."""
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


async def cancel_a_connect(
    library: ModuleType,
    connect_to: Callable[[int], Awaitable[object]],
    close_it: Callable[[Any], Awaitable[object]],
    turns: int,
    twice: bool,
) -> None:
    with listening() as listener:
        # A loop may open something of its own for its first connection: that is not counted.
        await close_it(await connect_to(port_of(listener)))
        listener.accept()[0].close()
        await turn(library, TURNS_OF_A_CLOSE)
        before = open_descriptors()
        result = await attempt(
            library,
            lambda: connect_to(port_of(listener)),
            turns=turns,
            instant=WAITING,
            twice=twice,
        )
        if result is not CANCELLED:
            await close_it(result)
        await turn(library, TURNS_OF_A_CLOSE)
        left = descriptors_left(before)
        peers = waiting_connections(listener)
        if result is CANCELLED:
            antecedent("a connect was cancelled")
            if peers:
                antecedent("a connect was cancelled when the other side was connected already")
        still_open = [peer for peer in peers if not is_cut(peer)]
        for peer in peers:
            peer.close()
    assert not left, f"after the cancelled connect {' and '.join(left)} is still open"
    assert not still_open, "after the cancelled connect the other side is still connected"


CONNECT_ANTECEDENTS = {
    "a connect was cancelled": 0.1,
    "a connect was cancelled when the other side was connected already": 0.05,
}


ASYNCIO_CONNECTS = ("open_connection", "open_connection with a socket", "sock_connect")


@CONNECTS_LEAVE_NOTHING.states(
    "asyncio", expect=holds(), antecedents=CONNECT_ANTECEDENTS, io=True, builds_on=(SOCKETS,)
)
@given(how=every(ASYNCIO_CONNECTS), turns=up_to(8), twice=flags())
async def test_a_cancelled_open_connection_leaves_nothing(
    library: ModuleType, how: str, turns: int, twice: bool
) -> None:
    handed_over: list[socket.socket] = []

    async def connect_to(port: int) -> object:
        if how == "open_connection":
            return await connect(library, port)
        if how == "open_connection with a socket":
            handed_over.append(socket.create_connection((HOST, port)))
            return await asyncio.open_connection(sock=handed_over[-1])
        with socket.socket() as own:
            own.setblocking(False)
            await asyncio.get_running_loop().sock_connect(own, (HOST, port))
            return None

    async def close_it(connection: Any) -> None:
        if connection is not None:
            await close(library, connection)

    await cancel_a_connect(library, connect_to, close_it, turns, twice)
    for own in handed_over:
        try:
            own.close()
        except OSError as error:
            # By now its number may be that of a descriptor that others have opened.
            raise AssertionError(f"its descriptor was closed behind its back: {error}") from error


async def cancel_a_stream(library: ModuleType, turns: int, twice: bool) -> None:
    async def connect_to(port: int) -> object:
        return await connect(library, port)

    async def close_it(stream: Any) -> None:
        await close(library, stream)

    await cancel_a_connect(library, connect_to, close_it, turns, twice)


@CONNECTS_LEAVE_NOTHING.states(
    "anyio", expect=holds(), antecedents=CONNECT_ANTECEDENTS, io=True, builds_on=(SOCKETS,)
)
@given(turns=up_to(12), twice=flags())
async def test_a_cancelled_connect_tcp_leaves_nothing(
    library: ModuleType, turns: int, twice: bool
) -> None:
    await cancel_a_stream(library, turns, twice)


@CONNECTS_LEAVE_NOTHING.states("trio", expect=holds(), antecedents=CONNECT_ANTECEDENTS, io=True)
@given(turns=up_to(12), twice=flags())
async def test_a_cancelled_open_tcp_stream_leaves_nothing(
    library: ModuleType, turns: int, twice: bool
) -> None:
    await cancel_a_stream(library, turns, twice)


ACCEPTS_STRAND_NOBODY = law(
    "LAW-IO-05",
    "An accept that is cancelled, at whatever turn of the loop, is no error and strands nobody: the"
    " listener goes on accepting, and every connection is given to an accept that returns or is"
    " closed.",
    source="https://github.com/python/cpython/issues/153761",
)

CANCELLED_ACCEPTS = 3

ACCEPT_ANTECEDENTS = {
    "an accept was cancelled": 0.3,
    "somebody connected at about the time of the cancel": 0.3,
}


async def cancel_some_accepts(
    library: ModuleType,
    accept: Callable[[], Awaitable[Address]],
    address: Address,
    turns: int,
    instant: Instant,
) -> None:
    """Cancel accepts of a listener at ``address`` while others connect to it.

    ``accept`` gives the address of whoever was accepted.
    """
    clients: list[socket.socket] = []
    accepted: list[object] = []

    def knock() -> None:
        clients.append(socket.create_connection(address))

    try:
        for _ in range(CANCELLED_ACCEPTS):
            before = len(clients)
            result = await attempt(library, accept, turns=turns, instant=instant, complete=knock)
            accepted.append(result)
            if result is CANCELLED:
                antecedent("an accept was cancelled")
                if len(clients) > before:
                    antecedent("somebody connected at about the time of the cancel")
        knock()
        # Whoever is still to be accepted comes before the one who has just knocked.
        while clients[-1].getsockname() not in accepted:
            accepted.append(await accept())
        await turn(library, TURNS_OF_A_CLOSE)
        others = [client for client in clients if client.getsockname() not in accepted]
        if not all(map(is_cut, others)):
            gc.collect()  # PyPy closes what nobody holds any more no sooner than that
        stranded = sum(not is_cut(client) for client in others)
    finally:
        for client in clients:
            client.close()
    assert not stranded, (
        f"{stranded} of {len(clients)} who connected were neither given to an accept nor closed"
    )


@ACCEPTS_STRAND_NOBODY.states(
    "asyncio", expect=holds(), antecedents=ACCEPT_ANTECEDENTS, io=True, builds_on=(SOCKETS,)
)
@given(turns=up_to(3), instant=every(WHILE_WAITING))
async def test_a_cancelled_sock_accept_strands_nobody(
    library: ModuleType, turns: int, instant: Instant
) -> None:
    loop = asyncio.get_running_loop()
    with listening() as listener, no_error_reported():
        listener.setblocking(False)

        async def accept() -> Address:
            connection, address = await loop.sock_accept(listener)
            connection.close()
            return cast("Address", address)

        await cancel_some_accepts(library, accept, listener.getsockname(), turns, instant)


OWN_ADDRESS = anyio.abc.SocketAttribute.local_address
THEIR_ADDRESS = anyio.abc.SocketAttribute.remote_address


@ACCEPTS_STRAND_NOBODY.states(
    "anyio", expect=holds(), antecedents=ACCEPT_ANTECEDENTS, io=True, builds_on=(SOCKETS,)
)
@given(turns=up_to(3), instant=every(WHILE_WAITING))
async def test_an_accept_cancelled_in_anyio_strands_nobody(turns: int, instant: Instant) -> None:
    with no_error_reported():
        listener: Any = (await anyio.create_tcp_listener(local_host=HOST)).listeners[0]

        async def accept() -> Address:
            async with await listener.accept() as stream:
                return cast("Address", stream.extra(THEIR_ADDRESS))  # noqa: S610  # no SQL

        async with listener:
            address = listener.extra(OWN_ADDRESS)  # noqa: S610  # no SQL
            await cancel_some_accepts(anyio, accept, address, turns, instant)


@ACCEPTS_STRAND_NOBODY.states("trio", expect=holds(), antecedents=ACCEPT_ANTECEDENTS, io=True)
@given(turns=up_to(3), instant=every(WHILE_WAITING))
async def test_an_accept_cancelled_in_trio_strands_nobody(turns: int, instant: Instant) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host=HOST)

    async def accept() -> Address:
        async with await listener.accept() as stream:
            return cast("Address", stream.socket.getpeername())

    async with listener:
        await cancel_some_accepts(trio, accept, listener.socket.getsockname(), turns, instant)
