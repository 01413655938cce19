"""Runtimes under which cleanup goes wrong."""

from __future__ import annotations

import asyncio
import asyncio.runners
import concurrent.futures
import contextlib
import sys
from collections.abc import Callable, Coroutine, Generator
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import anyio
import trio

from conformance.claim import Library
from tests.wrong.kit import Wrong, with_tasks

Steps = Coroutine[Any, Any, Any]


class Wrapped(Steps):
    """A coroutine whose cancels pass through `cancel`."""

    def __init__(self, coroutine: Steps) -> None:
        self.coroutine = coroutine

    def cancel(self, error: asyncio.CancelledError) -> Any:
        return self.coroutine.throw(error)

    def throw(self, *error: Any) -> Any:
        if isinstance(error[0], asyncio.CancelledError):
            return self.cancel(error[0])
        return self.coroutine.throw(*error)

    def send(self, value: Any) -> Any:
        return self.coroutine.send(value)

    def close(self) -> None:
        self.coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        raise NotImplementedError("only tasks run it")


def tasks_that_run(wrapper: Callable[[Steps], Steps]) -> Any:
    def make(coroutine: Steps, **more: Any) -> asyncio.Task[Any]:
        return asyncio.Task(wrapper(coroutine), **more)

    return with_tasks(make)


class OldCancelledError(Exception):
    """What asyncio.CancelledError was up to Python 3.7."""


class CancelledByAnException(Wrapped):
    """Raises an Exception in the code that is cancelled, as Python 3.7 did."""

    def cancel(self, error: asyncio.CancelledError) -> Any:
        try:
            return self.coroutine.throw(OldCancelledError())
        except OldCancelledError:
            raise error from None


abandoned: list[Steps] = []


class Abandoned(Wrapped):
    """Ends when it is cancelled, as a killed thread would: none of its own code runs any more."""

    def cancel(self, error: asyncio.CancelledError) -> Any:
        abandoned.append(self.coroutine)  # else the garbage collector would run its `finally`
        raise error


class CancelledTwice(asyncio.Task[Any]):
    """Is cancelled again when its code has dealt with a cancel."""

    def cancel(self, msg: object = None) -> bool:
        loop, again = self.get_loop(), super().cancel
        loop.call_soon(lambda: loop.call_soon(lambda: loop.call_soon(again)))
        return again()


class KeepsTheExit(contextlib.AsyncExitStack):
    """Leaves a context manager that was not entered."""

    async def enter_async_context(self, manager: Any) -> Any:
        self.push_async_exit(manager)
        return await manager.__aenter__()


def leave_the_rest(loop: asyncio.AbstractEventLoop) -> None:
    """What asyncio.run() did with the tasks that are left before bpo-32314: nothing."""


_cancel_all_tasks: Any = asyncio.runners._cancel_all_tasks  # type: ignore[attr-defined]  # no public name


def leave_the_rest_at_an_exit(loop: asyncio.AbstractEventLoop) -> None:
    """Where the program ends by SystemExit, nothing is done with the tasks that are left."""
    if not isinstance(sys.exc_info()[1], SystemExit):
        _cancel_all_tasks(loop)


def cancel_until_none_is_left(loop: asyncio.AbstractEventLoop) -> None:
    while tasks := asyncio.all_tasks(loop):
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))


async def wait_for_without_waiting(awaitable: Any, timeout: float) -> Any:
    """asyncio.wait_for() before bpo-32751: the timeout does not wait for the cancelled task."""
    task = asyncio.ensure_future(awaitable)
    done, _ = await asyncio.wait([task], timeout=timeout)
    if not done:
        task.cancel()
        raise asyncio.TimeoutError
    return task.result()


real_wait = asyncio.wait


async def wait_to_the_end(tasks: Any, *, timeout: float | None = None) -> Any:
    """Cancels the tasks at its timeout, and waits for them."""
    _, pending = await real_wait(tasks, timeout=timeout)
    if pending:
        for task in pending:
            task.cancel()
        await real_wait(pending)
    return await real_wait(tasks)


real_scope = {"anyio": anyio.CancelScope, "trio": trio.CancelScope}
real_limit = {"anyio": anyio.move_on_after, "trio": trio.move_on_after}


def limits_without_shields(library: str) -> Callable[[], AbstractContextManager[Any]]:
    def limit(seconds: float, *, shield: bool = False) -> Any:
        return real_limit[library](seconds)

    return lambda: patch(f"{library}.move_on_after", limit)


def limits_without_ends(library: str) -> Callable[[], AbstractContextManager[Any]]:
    """A shield that also keeps its own deadline out."""

    def limit(seconds: float, *, shield: bool = False) -> Any:
        return real_scope[library](shield=shield)

    return lambda: patch(f"{library}.move_on_after", limit)


ASYNCIO_AND_ANYIO: tuple[Library, ...] = ("asyncio", "anyio")

WRONG = (
    Wrong(
        "a cancel raises an Exception",
        kills=("LAW-CLEANUP-01",),
        loop=tasks_that_run(CancelledByAnException),
        breaks="task",
        issue="https://github.com/python/cpython/pull/13528",
        says={"LAW-CLEANUP-01": "raised OldCancelledError, which is an Exception"},
    ),
    *(
        Wrong(
            "threads and loops have one CancelledError",
            kills=("LAW-CLEANUP-02",),
            library=library,
            patch=lambda: patch.object(
                concurrent.futures._base, "CancelledError", asyncio.CancelledError
            ),
            breaks="thread bridge",
            issue="https://github.com/python/cpython/pull/21474",
            says={"LAW-CLEANUP-02": "which is no concurrent.futures.CancelledError"},
        )
        for library in ASYNCIO_AND_ANYIO
    ),
    Wrong(
        "a cancelled task is abandoned where it stands",
        kills=(
            "LAW-CLEANUP-03",
            "LAW-CLEANUP-04",
            "PROGRAM-06",
            "PROGRAM-07",
        ),
        loop=tasks_that_run(Abandoned),
        breaks="task",
        says={
            "LAW-CLEANUP-03": "was entered 1 time and cleaned up 0 times",
            "LAW-CLEANUP-04": "the resource is still held",
            "PROGRAM-06": "finally 1 never ran",
            "PROGRAM-07": "never closes 1",
        },
    ),
    Wrong(
        "an AsyncExitStack registers the exit before it enters",
        kills=("LAW-CLEANUP-05",),
        patch=lambda: patch("conformance.claims.cleanup.release.AsyncExitStack", KeepsTheExit),
        breaks="exit stack",
        says={"LAW-CLEANUP-05": "__aexit__ was called, though __aenter__ had not returned"},
    ),
    Wrong(
        "each cancel comes twice",
        kills=("LAW-CLEANUP-07",),
        loop=with_tasks(CancelledTwice),
        breaks="task",
        says={"LAW-CLEANUP-07": "but interrupted were [1]"},
    ),
    Wrong(
        "run() leaves the tasks that are left",
        kills=(
            "LAW-CLEANUP-09",
            "LAW-CLEANUP-10",
            "LAW-CLEANUP-11",
            "LAW-NEST-09",
        ),
        patch=lambda: patch.object(asyncio.runners, "_cancel_all_tasks", leave_the_rest),
        breaks="run",
        issue="https://github.com/python/cpython/pull/5262",
        says={
            "LAW-CLEANUP-09": "0 began the finally",
            "LAW-CLEANUP-10": "the await there was not cancelled",
            "LAW-CLEANUP-11": "0 were cancelled and waited for, not 1",
            "LAW-NEST-09": "was neither",
        },
    ),
    Wrong(
        "run() leaves the tasks that are left when the program exits",
        kills=("LAW-CLEANUP-09",),
        patch=lambda: patch.object(asyncio.runners, "_cancel_all_tasks", leave_the_rest_at_an_exit),
        breaks="run",
        says={"LAW-CLEANUP-09": "run() is left by SystemExit"},
    ),
    Wrong(
        "run() also ends the tasks that are created at its end",
        kills=("LAW-CLEANUP-11",),
        patch=lambda: patch.object(asyncio.runners, "_cancel_all_tasks", cancel_until_none_is_left),
        breaks="run",
        says={"LAW-CLEANUP-11": "1 was cancelled and waited for, not 0"},
    ),
    Wrong(
        "wait_for() does not wait for what it cancelled",
        kills=("LAW-CLEANUP-12",),
        patch=lambda: patch.object(asyncio, "wait_for", wait_for_without_waiting),
        when="python>=3.12",
        breaks="timeout",
        issue="https://github.com/python/cpython/pull/7216",
        says={"LAW-CLEANUP-12": "wait_for() was over first"},
    ),
    Wrong(
        "wait() cancels the rest at its timeout and waits for it",
        kills=("LAW-CLEANUP-13",),
        patch=lambda: patch.object(asyncio, "wait", wait_to_the_end),
        breaks="wait",
        says={"LAW-CLEANUP-13": "the cancels that they saw are [1]"},
    ),
    *(
        Wrong(
            f"move_on_after() of {library} does not shield",
            kills=("LAW-CLEANUP-14",),
            library=library,
            patch=limits_without_shields(library),
            breaks="timeout",
            says={"LAW-CLEANUP-14": "was interrupted all the same"},
        )
        for library in ("anyio", "trio")
    ),
    *(
        Wrong(
            f"a shielded move_on_after() of {library} has no end",
            kills=("LAW-CLEANUP-14",),
            library=library,
            patch=limits_without_ends(library),
            breaks="timeout",
            says={"LAW-CLEANUP-14": "the limit caught none by its deadline"},
        )
        for library in ("anyio", "trio")
    ),
)
