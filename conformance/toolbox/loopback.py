"""Connections on loopback of which the suite holds the other end, as an ordinary socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from types import ModuleType
from typing import Any

from conformance.toolbox.attempts import turn

HOST = "127.0.0.1"

SMALL = 16384
"""The bytes to which a small buffer is bounded: far less than that makes the system slow."""


def _bound(connection: Any) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)


@contextmanager
def listening(*, small_buffers: bool = False) -> Iterator[socket.socket]:
    """A listening socket at a port of the system's choice, closed in the end.

    With ``small_buffers`` its connections hold little of what is written to them.
    """
    with socket.socket() as listener:
        if small_buffers:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        listener.bind((HOST, 0))
        listener.listen()
        yield listener


def port_of(listener: socket.socket) -> int:
    """The port that ``listener`` listens at."""
    return int(listener.getsockname()[1])


async def connect(library: ModuleType, port: int) -> Any:
    """A connection by ``library``'s own function: asyncio's (reader, writer), or a stream."""
    if library is asyncio:
        return await asyncio.open_connection(HOST, port)
    if library.__name__ == "anyio":
        return await library.connect_tcp(HOST, port)
    return await library.open_tcp_stream(HOST, port)


async def close(library: ModuleType, connection: Any) -> None:
    """Close what :func:`connect` gave, and wait until it is closed."""
    if library is not asyncio:
        await connection.aclose()
        return
    _, writer = connection
    writer.close()
    with suppress(ConnectionError):  # the other side was faster
        await writer.wait_closed()


def connected_sockets(*, small_buffers: bool = False) -> tuple[socket.socket, socket.socket]:
    """A connection as two sockets, of which the first does not block."""
    with listening(small_buffers=small_buffers) as listener:
        near = socket.create_connection(listener.getsockname())
        if small_buffers:
            _bound(near)
        near.setblocking(False)
        return near, listener.accept()[0]


@asynccontextmanager
async def connected(
    library: ModuleType, *, small_buffers: bool = False
) -> AsyncIterator[tuple[Any, socket.socket]]:
    """A connection of ``library``, and the other end of it."""
    with listening(small_buffers=small_buffers) as listener:
        connection = await connect(library, port_of(listener))
        if small_buffers:
            _bound(_socket_of(library, connection))
        with listener.accept()[0] as peer:
            try:
                yield connection, peer
            finally:
                await close(library, connection)


def _socket_of(library: ModuleType, connection: Any) -> Any:
    if library is asyncio:
        return connection[1].get_extra_info("socket")
    if library.__name__ == "anyio":
        raw_socket = library.abc.SocketAttribute.raw_socket
        return connection.extra(raw_socket)  # noqa: S610  # a stream's attributes: no SQL
    return connection.socket


async def read_to_the_end(library: ModuleType, peer: socket.socket) -> bytes:
    """Everything that ``peer`` gets until the other side closes; the loop turns while it waits."""
    received = bytearray()
    peer.setblocking(False)
    while True:
        try:
            chunk = peer.recv(65536)
        except BlockingIOError:
            await turn(library)
            continue
        except ConnectionError:
            return bytes(received)  # closed without ceremony
        if not chunk:
            return bytes(received)
        received += chunk
