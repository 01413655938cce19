"""Runtimes that are wrong about cancelling the waits for processes and for functions in threads."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import anyio
import trio

from tests.wrong.io import Patch, asyncios, kept, trios, with_method
from tests.wrong.kit import Wrong


def with_children(owner: Any, name: str, wrong: Callable[[Any], Any]) -> Patch:
    """As ``with_method()``, for what leaves children: they are killed and reaped in the end."""
    without_their_end = with_method(owner, name, wrong)

    @contextmanager
    def patched() -> Iterator[None]:
        with without_their_end():
            try:
                yield
            finally:
                for pid in kept:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                    with suppress(ChildProcessError):
                        os.waitpid(pid, 0)

    return patched


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


WRONG = (
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
