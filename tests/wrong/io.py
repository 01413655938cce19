"""Runtimes that are wrong about cancelling I/O."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any
from unittest.mock import patch

import anyio
import anyio.abc
import trio
from anyio._backends import _asyncio as anyio_asyncio

from tests.wrong.kit import Wrong

Patch = Callable[[], AbstractContextManager[Any]]

kept: list[Any] = []
"""What a wrong runtime keeps for itself: nobody else can close it."""


def with_method(owner: Any, name: str, wrong: Callable[[Any], Any]) -> Patch:
    """A patch that puts ``wrong(right)`` in the place of ``owner.name``, and forgets what was kept."""

    @contextmanager
    def patched() -> Iterator[None]:
        try:
            with patch.object(owner, name, wrong(getattr(owner, name))):
                yield
        finally:
            kept.clear()

    return patched


def drops_what_has_arrived(right: Any) -> Any:
    async def _wait_for_data(self: Any, func_name: str) -> None:
        try:
            await right(self, func_name)
        except asyncio.CancelledError:
            self._buffer.clear()
            raise

    return _wait_for_data


def drops_what_has_arrived_in_anyio(right: Any) -> Any:
    async def receive(self: Any, max_bytes: int = 65536) -> bytes:
        try:
            return bytes(await right(self, max_bytes))
        except asyncio.CancelledError:
            self._protocol.read_queue.clear()
            raise

    return receive


def receives_in_spite_of_the_cancel(right: Any) -> Any:
    async def receive_some(self: Any, max_bytes: int | None = None) -> bytes:
        try:
            return bytes(await right(self, max_bytes))
        except trio.Cancelled:
            with suppress(BlockingIOError):
                self.socket._sock.recv(100)
            raise

    return receive_some


def gives_bytes_that_nobody_wrote(right: Any) -> Any:
    def connection_lost(self: Any, exc: Exception | None) -> None:
        self._stream_reader.feed_data(b"\0")
        right(self, exc)

    return connection_lost


def takes_a_close_for_the_end(right: Any) -> Any:
    async def receive(self: Any, max_bytes: int = 65536) -> bytes:
        try:
            return bytes(await right(self, max_bytes))
        except anyio.ClosedResourceError:
            raise anyio.EndOfStream from None

    return receive


def takes_a_close_for_a_break(right: Any) -> Any:
    async def receive_some(self: Any, max_bytes: int | None = None) -> bytes:
        try:
            return bytes(await right(self, max_bytes))
        except trio.ClosedResourceError as error:
            raise trio.BrokenResourceError from error

    return receive_some


def writes_again(right: Any) -> Any:
    async def drain(self: Any) -> None:
        try:
            await right(self)
        except asyncio.CancelledError:
            self.write(b"once more")
            raise

    return drain


def writes_the_end_first(right: Any) -> Any:
    async def send(self: Any, item: bytes) -> None:
        self._transport.write(item[-4:])
        await right(self, item)

    return send


def sends_the_end_first(right: Any) -> Any:
    async def send_all(self: Any, data: bytes) -> None:
        with suppress(BlockingIOError):
            self.socket._sock.send(data[-4:])
        await right(self, data)

    return send_all


def goes_on_connecting(right: Any) -> Any:
    """The connect runs on in a task of its own when the wait for it is cancelled."""

    async def open_connection(*arguments: Any, **options: Any) -> Any:
        kept.append(asyncio.ensure_future(right(*arguments, **options)))
        return await asyncio.shield(kept[-1])

    return open_connection


def forgets_its_stream(library: Any) -> Callable[[Any], Any]:
    """Cancelled after the connect, as anyio's was, it forgets to close what it has."""

    def wrong(right: Any) -> Any:
        async def connect(*arguments: Any) -> Any:
            with library.CancelScope(shield=True):
                kept.append(await right(*arguments))
            await library.lowlevel.checkpoint()
            return kept[-1]

        return connect

    return wrong


class AcceptsAllTheSame(asyncio.SelectorEventLoop):
    """A cancelled sock_accept() goes on, and nobody gets what it accepts."""

    async def sock_accept(self, sock: socket.socket) -> Any:
        accepting = asyncio.ensure_future(super().sock_accept(sock))
        accepting.add_done_callback(lambda done: kept.append(done.result()))
        return await asyncio.shield(accepting)


def keeps_a_connection(cancelled: Callable[[], type[BaseException]]) -> Callable[[Any], Any]:
    def wrong(right: Any) -> Any:
        async def accept(self: Any) -> Any:
            try:
                return await right(self)
            except cancelled():
                own = self._raw_socket if hasattr(self, "_raw_socket") else self.socket._sock
                with suppress(BlockingIOError):
                    kept.append(own.accept())
                raise

        return accept

    return wrong


class AcceptsAndCloses(asyncio.SelectorEventLoop):
    """A cancelled sock_accept() accepts who is there, and closes the connection."""

    async def sock_accept(self, sock: socket.socket) -> Any:
        try:
            return await super().sock_accept(sock)
        except asyncio.CancelledError:
            with suppress(BlockingIOError):
                sock.accept()[0].close()
            raise


def closes_a_connection(cancelled: Callable[[], type[BaseException]]) -> Callable[[Any], Any]:
    def wrong(right: Any) -> Any:
        async def accept(self: Any) -> Any:
            try:
                return await right(self)
            except cancelled():
                own = self._raw_socket if hasattr(self, "_raw_socket") else self.socket._sock
                with suppress(BlockingIOError):
                    own.accept()[0].close()
                raise

        return accept

    return wrong


STREAM: Any = trio.SocketStream
ANYIO_STREAM: Any = anyio_asyncio.SocketStream


def asyncios() -> type[BaseException]:
    return asyncio.CancelledError


def trios() -> type[BaseException]:
    return trio.Cancelled


WRONG = (
    Wrong(
        "a cancelled read drops what has arrived",
        kills=("LAW-IO-01",),
        breaks="io",
        patch=with_method(asyncio.StreamReader, "_wait_for_data", drops_what_has_arrived),
    ),
    Wrong(
        "a cancelled receive() drops what has arrived",
        kills=("LAW-IO-01",),
        breaks="io",
        library="anyio",
        patch=with_method(ANYIO_STREAM, "receive", drops_what_has_arrived_in_anyio),
    ),
    Wrong(
        "a cancelled receive_some() takes what has arrived",
        kills=("LAW-IO-01",),
        breaks="io",
        library="trio",
        patch=with_method(STREAM, "receive_some", receives_in_spite_of_the_cancel),
    ),
    Wrong(
        "a reader gives a byte that nobody wrote when its connection is closed",
        kills=("LAW-IO-02",),
        breaks="io",
        patch=with_method(
            asyncio.StreamReaderProtocol, "connection_lost", gives_bytes_that_nobody_wrote
        ),
    ),
    Wrong(
        "receive() takes the close of its own side for the end of the stream",
        kills=("LAW-IO-02",),
        breaks="io",
        library="anyio",
        patch=with_method(ANYIO_STREAM, "receive", takes_a_close_for_the_end),
    ),
    Wrong(
        "receive_some() takes the close of its own side for a broken connection",
        kills=("LAW-IO-02",),
        breaks="io",
        library="trio",
        patch=with_method(STREAM, "receive_some", takes_a_close_for_a_break),
    ),
    Wrong(
        "a cancelled drain() writes once more",
        kills=("LAW-IO-03",),
        breaks="io",
        patch=with_method(asyncio.StreamWriter, "drain", writes_again),
    ),
    Wrong(
        "send() sends the end first",
        kills=("LAW-IO-03",),
        breaks="io",
        library="anyio",
        patch=with_method(ANYIO_STREAM, "send", writes_the_end_first),
    ),
    Wrong(
        "send_all() sends the end first",
        kills=("LAW-IO-03",),
        breaks="io",
        library="trio",
        patch=with_method(STREAM, "send_all", sends_the_end_first),
    ),
    Wrong(
        "open_connection() goes on connecting when it is cancelled",
        kills=("LAW-IO-04",),
        breaks="io",
        patch=with_method(asyncio, "open_connection", goes_on_connecting),
    ),
    Wrong(
        "connect_tcp() forgets a connection when it is cancelled",
        kills=("LAW-IO-04",),
        breaks="io",
        library="anyio",
        patch=with_method(anyio, "connect_tcp", forgets_its_stream(anyio)),
    ),
    Wrong(
        "open_tcp_stream() forgets a connection when it is cancelled",
        kills=("LAW-IO-04",),
        breaks="io",
        library="trio",
        patch=with_method(trio, "open_tcp_stream", forgets_its_stream(trio)),
    ),
    Wrong(
        "a cancelled sock_accept() goes on accepting",
        kills=("LAW-IO-05",),
        breaks="io",
        loop=AcceptsAllTheSame,
        issue="https://github.com/python/cpython/issues/153761",
        when="python>=3.14.7",
    ),
    Wrong(
        "an accept() of anyio's that is cancelled keeps a connection",
        kills=("LAW-IO-05",),
        breaks="io",
        library="anyio",
        patch=with_method(anyio_asyncio.TCPSocketListener, "accept", keeps_a_connection(asyncios)),
        when="python>=3.14.7",
    ),
    Wrong(
        "an accept() of trio's that is cancelled keeps a connection",
        kills=("LAW-IO-05",),
        breaks="io",
        library="trio",
        patch=with_method(trio.SocketListener, "accept", keeps_a_connection(trios)),
    ),
    Wrong(
        "a cancelled sock_accept() accepts and closes",
        kills=("LAW-IO-05",),
        breaks="io",
        loop=AcceptsAndCloses,
        when="python>=3.14.7",
        says={"LAW-IO-05": "without a turn of the loop between"},
    ),
    Wrong(
        "an accept() of anyio's that is cancelled accepts and closes",
        kills=("LAW-IO-05",),
        breaks="io",
        library="anyio",
        patch=with_method(anyio_asyncio.TCPSocketListener, "accept", closes_a_connection(asyncios)),
        when="python>=3.14.7",
        says={"LAW-IO-05": "without a turn of the loop between"},
    ),
    Wrong(
        "an accept() of trio's that is cancelled accepts and closes",
        kills=("LAW-IO-05",),
        breaks="io",
        library="trio",
        patch=with_method(trio.SocketListener, "accept", closes_a_connection(trios)),
        says={"LAW-IO-05": "was closed, and given to no accept"},
    ),
)
