"""Runtimes that are wrong about cancelling I/O."""

from __future__ import annotations

import asyncio
import os
import signal
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


def with_children(owner: Any, name: str, wrong: Callable[[Any], Any]) -> Patch:
    """The same, for a patch that leaves children: they are killed and reaped in the end."""

    @contextmanager
    def patched() -> Iterator[None]:
        with patch.object(owner, name, wrong(getattr(owner, name))):
            try:
                yield
            finally:
                for pid in kept:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                    with suppress(ChildProcessError):
                        os.waitpid(pid, 0)
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


def forgets_the_status(right: Any) -> Any:
    async def _wait(self: Any) -> Any:
        try:
            return await right(self)
        except asyncio.CancelledError:
            self._returncode = 255
            raise

    return _wait


def gives_another_status(right: Any) -> Any:
    async def wait(self: Any) -> int:
        try:
            status = await right(self)
        except trio.Cancelled:
            kept.append(self)
            raise
        return 255 if self in kept else int(status)

    return wait


def starts_all_the_same(right: Any) -> Any:
    async def create_subprocess_exec(*arguments: Any, **options: Any) -> Any:
        async def start() -> Any:
            process = await right(*arguments, **options)
            kept.append(process.pid)
            return process

        starting = asyncio.ensure_future(start())
        return await asyncio.shield(starting)

    return create_subprocess_exec


def leaves_the_process_running(library: Any) -> Callable[[Any], Any]:
    """As anyio did, whose run_process() did not wait for the end of what it had killed."""

    def wrong(right: Any) -> Any:
        async def run_process(command: Any, *, stdin: int, **_: Any) -> None:
            start = library.open_process if library is anyio else trio.lowlevel.open_process
            process = await start(command, stdin=stdin)
            kept.append(process.pid)
            await process.wait()

        return run_process

    return wrong


def reports_what_comes_late(right: Any) -> Any:
    async def to_thread(function: Callable[[], Any]) -> Any:
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(None, function)

        def report(done: asyncio.Future[Any]) -> None:
            if done.exception() is not None:
                loop.call_exception_handler(
                    {"message": "in a thread", "exception": done.exception()}
                )

        future.add_done_callback(report)
        return await asyncio.shield(future)

    return to_thread


def always_abandons(right: Any) -> Any:
    async def run_sync(function: Any, *, limiter: Any, **_: Any) -> Any:
        return await right(function, abandon_on_cancel=True, limiter=limiter)

    return run_sync


def keeps_its_place(cancelled: Callable[[], type[BaseException]]) -> Callable[[Any], Any]:
    def wrong(right: Any) -> Any:
        async def run_sync(function: Any, *, abandon_on_cancel: bool, limiter: Any) -> Any:
            try:
                return await right(function, abandon_on_cancel=abandon_on_cancel)
            except cancelled():
                limiter.acquire_on_behalf_of_nowait(object())
                raise

        return run_sync

    return wrong


def tells_nothing(right: Any) -> Any:
    return lambda: None


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
        "a cancelled wait for a process forgets its status",
        kills=("LAW-IO-06",),
        breaks="io",
        patch=with_method(
            asyncio.base_subprocess.BaseSubprocessTransport,  # type: ignore[attr-defined]  # not in the stubs
            "_wait",
            forgets_the_status,
        ),
    ),
    Wrong(
        "wait() of trio's gives another status after a cancelled one",
        kills=("LAW-IO-06",),
        breaks="io",
        library="trio",
        patch=with_method(trio.Process, "wait", gives_another_status),
    ),
    Wrong(
        "create_subprocess_exec() starts its process though it is cancelled",
        kills=("LAW-IO-07",),
        breaks="io",
        patch=with_children(asyncio, "create_subprocess_exec", starts_all_the_same),
    ),
    Wrong(
        "run_process() of anyio's leaves its process running",
        kills=("LAW-IO-07",),
        breaks="io",
        library="anyio",
        patch=with_children(anyio, "run_process", leaves_the_process_running(anyio)),
        issue="https://github.com/agronholm/anyio/pull/672",
    ),
    Wrong(
        "run_process() of trio's leaves its process running",
        kills=("LAW-IO-07",),
        breaks="io",
        library="trio",
        patch=with_children(trio, "run_process", leaves_the_process_running(trio)),
    ),
    Wrong(
        "to_thread() reports what an abandoned function raises",
        kills=("LAW-IO-08",),
        breaks="thread bridge",
        patch=with_method(asyncio, "to_thread", reports_what_comes_late),
    ),
    Wrong(
        "run_sync() of anyio's abandons every function",
        kills=("LAW-IO-08",),
        breaks="thread bridge",
        library="anyio",
        patch=with_method(anyio.to_thread, "run_sync", always_abandons),
    ),
    Wrong(
        "run_sync() of trio's abandons every function",
        kills=("LAW-IO-08",),
        breaks="thread bridge",
        library="trio",
        patch=with_method(trio.to_thread, "run_sync", always_abandons),
    ),
    Wrong(
        "a cancelled run_sync() of anyio's keeps its place",
        kills=("LAW-IO-09",),
        breaks="thread bridge",
        library="anyio",
        patch=with_method(anyio.to_thread, "run_sync", keeps_its_place(asyncios)),
    ),
    Wrong(
        "a cancelled run_sync() of trio's keeps its place",
        kills=("LAW-IO-09",),
        breaks="thread bridge",
        library="trio",
        patch=with_method(trio.to_thread, "run_sync", keeps_its_place(trios)),
    ),
    Wrong(
        "anyio tells no thread of a cancel",
        kills=("LAW-IO-10",),
        breaks="thread bridge",
        library="anyio",
        patch=with_method(anyio.from_thread, "check_cancelled", tells_nothing),
    ),
    Wrong(
        "trio tells no thread of a cancel",
        kills=("LAW-IO-10",),
        breaks="thread bridge",
        library="trio",
        patch=with_method(trio.from_thread, "check_cancelled", tells_nothing),
    ),
)
