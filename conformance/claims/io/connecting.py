"""What does a connect or an accept that is cancelled leave behind?"""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

import anyio
import anyio.abc
import trio
from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import CLOSES, SOCKETS
from conformance.toolbox.attempts import CANCELLED, attempt, turn, until
from conformance.toolbox.descriptors import open_descriptors
from conformance.toolbox.error_handler import no_error_reported
from conformance.toolbox.instants import WAITING, WHILE_WAITING, Instant
from conformance.toolbox.left_behind import descriptors_left
from conformance.toolbox.loopback import HOST, close, connect, listening, port_of
from conformance.toolbox.scopes import on_asyncio
from conformance.toolbox.spaces import every, flags, up_to
from conformance.toolbox.words import were

Address = tuple[str, int]

TURNS_OF_A_CLOSE = 10
"""Turns of the loop in which what is closed is closed on every loop."""

CONNECTS_LEAVE_NOTHING = law(
    "LAW-IO-04",
    "A TCP connect that is cancelled, at whatever turn of the loop, leaves no descriptor open: the"
    " other side sees the end of whatever was connected.",
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
            # How a connection that is there is closed is a matter of LAW-LOOP-17.
            await close_it(result)
            return
        antecedent("a connect was cancelled")
        await turn(library, TURNS_OF_A_CLOSE)
        await until(library, lambda: open_descriptors() <= before)
        left = descriptors_left(before)
        peers = waiting_connections(listener)
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
    "asyncio", expect=holds(), antecedents=CONNECT_ANTECEDENTS, io=True, builds_on=(SOCKETS, CLOSES)
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
    "anyio", expect=holds(), antecedents=CONNECT_ANTECEDENTS, io=True, builds_on=(SOCKETS, CLOSES)
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
    "A TCP accept that is cancelled, at whatever turn of the loop, is no error and strands nobody:"
    " who connects is given to an accept that returns, before or later; on asyncio, who had connected by"
    " an earlier turn than that of the cancel may be closed instead.",
    source="https://github.com/python/cpython/issues/153761,"
    " https://trio.readthedocs.io/en/stable/reference-core.html"
    "#cancellation-and-primitive-operations",
)

ACCEPT_ANTECEDENTS = {
    "an accept was cancelled": 0.3,
    "somebody connected at about the time of the cancel": 0.3,
}


async def cancel_some_accepts(
    library: ModuleType,
    accept: Callable[[], Awaitable[object]],
    given: list[Address],
    address: Address,
    turns: int,
    instant: Instant,
    cancels: int,
) -> None:
    """Cancel accepts of a listener at ``address`` while others connect to it.

    ``accept`` notes in ``given`` the address of whoever it was given.
    """
    clients: list[socket.socket] = []
    early: list[socket.socket] = []

    def knock() -> None:
        clients.append(socket.create_connection(address))

    try:
        for _ in range(cancels):
            before = list(clients)
            result = await attempt(library, accept, turns=turns, instant=instant, complete=knock)
            if result is CANCELLED:
                antecedent("an accept was cancelled")
                # The loop had a turn to accept them for the one that was then cancelled.
                early += clients if instant.first == "completion" and instant.gap else before
                if len(clients) > len(before):
                    antecedent("somebody connected at about the time of the cancel")
        knock()
        # Whoever is still to be accepted comes before the one who has just knocked.
        while clients[-1].getsockname() not in given:
            await accept()
        others = [client for client in clients if client.getsockname() not in given]
        await turn(library, TURNS_OF_A_CLOSE)
        if not all(map(is_cut, others)):
            # PyPy closes what nobody holds any more no sooner than that: what a task held, a pass later.
            for _ in range(3):
                gc.collect()
        await until(library, lambda: all(map(is_cut, others)))
        stranded = sum(not is_cut(client) for client in others)
        in_vain = sum(client not in early for client in others)
    finally:
        for client in clients:
            client.close()
    assert not stranded, (
        f"of {len(clients)} who connected {stranded} {were(stranded)} neither given to an accept"
        " nor closed"
    )
    assert not (others and not on_asyncio()), (
        f"of {len(clients)} who connected {len(others)} {were(len(others))} closed, and given to no"
        " accept"
    )
    assert not in_vain, (
        f"of {len(clients)} who connected {in_vain} {were(in_vain)} closed, and given to no accept,"
        " without a turn of the loop between that and a later cancel"
    )


@ACCEPTS_STRAND_NOBODY.states(
    "asyncio", expect=holds(), antecedents=ACCEPT_ANTECEDENTS, io=True, builds_on=(SOCKETS,)
)
@given(cancels=up_to(2, least=1), turns=up_to(3), instant=every(WHILE_WAITING))
async def test_a_cancelled_sock_accept_strands_nobody(
    library: ModuleType, cancels: int, turns: int, instant: Instant
) -> None:
    loop = asyncio.get_running_loop()
    given: list[Address] = []
    with listening() as listener, no_error_reported():
        listener.setblocking(False)

        async def accept() -> None:
            connection, address = await loop.sock_accept(listener)
            given.append(address)
            connection.close()

        await cancel_some_accepts(
            library, accept, given, listener.getsockname(), turns, instant, cancels
        )


OWN_ADDRESS = anyio.abc.SocketAttribute.local_address
THEIR_ADDRESS = anyio.abc.SocketAttribute.remote_address


@ACCEPTS_STRAND_NOBODY.states(
    "anyio", expect=holds(), antecedents=ACCEPT_ANTECEDENTS, io=True, builds_on=(SOCKETS,)
)
@given(cancels=up_to(2, least=1), turns=up_to(3), instant=every(WHILE_WAITING))
async def test_an_accept_cancelled_in_anyio_strands_nobody(
    cancels: int, turns: int, instant: Instant
) -> None:
    given: list[Address] = []
    with no_error_reported():
        listener: Any = (await anyio.create_tcp_listener(local_host=HOST)).listeners[0]

        async def accept() -> None:
            stream = await listener.accept()
            given.append(stream.extra(THEIR_ADDRESS))  # noqa: S610  # a stream's attributes: no SQL
            await anyio.aclose_forcefully(stream)

        async with listener:
            address = listener.extra(OWN_ADDRESS)  # noqa: S610  # a stream's attributes: no SQL
            await cancel_some_accepts(anyio, accept, given, address, turns, instant, cancels)


@ACCEPTS_STRAND_NOBODY.states("trio", expect=holds(), antecedents=ACCEPT_ANTECEDENTS, io=True)
@given(cancels=up_to(2, least=1), turns=up_to(3), instant=every(WHILE_WAITING))
async def test_an_accept_cancelled_in_trio_strands_nobody(
    cancels: int, turns: int, instant: Instant
) -> None:
    given: list[Address] = []
    (listener,) = await trio.open_tcp_listeners(0, host=HOST)

    async def accept() -> None:
        stream = await listener.accept()
        given.append(stream.socket.getpeername())
        stream.socket.close()

    async with listener:
        await cancel_some_accepts(
            trio, accept, given, listener.socket.getsockname(), turns, instant, cancels
        )
