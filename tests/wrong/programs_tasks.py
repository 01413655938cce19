"""asyncio's tasks, groups, queues and locks, wrong in what the laws over programs are about."""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from functools import partial
from typing import Any
from unittest.mock import patch

from tests.wrong.kit import Wrong, with_tasks

Patch = Callable[[], AbstractContextManager[Any]]


class RaisesAtOnce(asyncio.Task[Any]):
    """Raises where it is cancelled, if that is in its own code."""

    def cancel(self, msg: Any = None) -> bool:
        if asyncio.current_task() is self:
            raise asyncio.CancelledError
        return super().cancel(msg)


class CancelsItsNeighbours(asyncio.Task[Any]):
    """Has all tasks cancelled with it, but for the main one."""

    def cancel(self, msg: Any = None) -> bool:
        for task in asyncio.all_tasks() - {self}:
            if task.get_coro().__name__ != "main":  # type: ignore[union-attr]  # coroutines have one
                super(CancelsItsNeighbours, task).cancel()  # type: ignore[misc]  # all are of this class
        return super().cancel(msg)


class LockThatForgets:
    """When it is released it wakes the first in line, and nobody if that one was cancelled."""

    def __init__(self) -> None:
        self.taken = False
        self.line: collections.deque[asyncio.Future[None]] = collections.deque()

    def locked(self) -> bool:
        return self.taken

    async def acquire(self) -> None:
        while self.taken:
            self.line.append(asyncio.get_running_loop().create_future())
            await self.line[-1]
        self.taken = True

    def release(self) -> None:
        self.taken = False
        if self.line:
            first = self.line.popleft()
            if not first.done():
                first.set_result(None)

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()


class LockForMany(LockThatForgets):
    """When it is released it lets in everybody who waits."""

    async def acquire(self) -> None:
        if self.taken:
            self.line.append(asyncio.get_running_loop().create_future())
            await self.line[-1]
        self.taken = True

    def release(self) -> None:
        for _ in range(len(self.line) or 1):
            super().release()


def may_fail_when_done(kind: type[Any], name: str) -> Patch:
    """The method suspends once more after it has done its work, and can be cancelled there."""
    right = getattr(kind, name)

    async def method(self: Any, *args: Any) -> Any:
        result = await right(self, *args)
        await asyncio.sleep(0)
        return result

    return lambda: patch.object(kind, name, method)


async def gather_the_first(*coroutines: Any, **more: Any) -> list[Any]:
    """``gather()`` that answers when the first child has ended."""
    tasks = [asyncio.ensure_future(each) for each in coroutines]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return [task.result() if task in done else None for task in tasks]


async def gather_as_they_come(*coroutines: Any, return_exceptions: bool = False) -> list[Any]:
    """``gather()`` that answers in the order in which its children end."""
    results: list[Any] = []
    for each in asyncio.as_completed(coroutines):
        try:
            results.append(await each)
        except Exception as error:
            if not return_exceptions:
                raise
            results.append(error)
    return results


def gather_raises() -> AbstractContextManager[Any]:
    """``gather()`` that does not know return_exceptions."""
    right = asyncio.gather
    return patch.object(asyncio, "gather", lambda *args, **more: right(*args))


def group_does_not_wait() -> AbstractContextManager[Any]:
    """A group whose end does not wait for its children."""

    async def leave(group: Any, *_: object) -> None:
        return None

    return patch.object(asyncio.TaskGroup, "__aexit__", leave)


def group_is_not_told() -> AbstractContextManager[Any]:
    """A group that never learns that a child has failed."""
    right: Any = asyncio.TaskGroup.create_task

    async def quiet(coroutine: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await coroutine
        except Exception:
            return None

    def create_task(group: Any, coroutine: Any, **more: Any) -> Any:
        return right(group, quiet(coroutine), **more)

    return patch.object(asyncio.TaskGroup, "create_task", create_task)


def timeout_takes_every_cancel() -> AbstractContextManager[Any]:
    """A timeout that takes somebody else's cancel for its deadline."""
    right: Any = asyncio.Timeout.__aexit__

    async def leave(timeout: Any, kind: Any, error: Any, trace: Any) -> Any:
        await right(timeout, kind, error, trace)
        if kind is asyncio.CancelledError:
            raise TimeoutError from error

    return patch.object(asyncio.Timeout, "__aexit__", leave)


def timeout_is_silent() -> AbstractContextManager[Any]:
    """A timeout that ends its block when the deadline passes, and says nothing."""
    right: Any = asyncio.Timeout.__aexit__

    async def leave(timeout: Any, kind: Any, error: Any, trace: Any) -> Any:
        try:
            return await right(timeout, kind, error, trace)
        except TimeoutError:
            return True

    return patch.object(asyncio.Timeout, "__aexit__", leave)


WRONG = (
    Wrong(
        "a task that cancels itself raises at once",
        kills=("PROGRAM-03",),
        loop=with_tasks(RaisesAtOnce),
        breaks="task",
        says={"PROGRAM-03": "there is neither a suspension nor a checkpoint"},
    ),
    Wrong(
        "a cancel reaches the tasks beside",
        kills=("PROGRAM-05",),
        loop=with_tasks(CancelsItsNeighbours),
        breaks="task",
        says={"PROGRAM-05": "and yet it was cancelled"},
    ),
    Wrong(
        "gather() answers when the first child has ended",
        kills=("PROGRAM-08",),
        patch=partial(patch.object, asyncio, "gather", gather_the_first),
        breaks="gather",
        says={"PROGRAM-08": "and after that came 'event 2 came'"},
    ),
    Wrong(
        "a lock wakes nobody if the first in line was cancelled",
        kills=("PROGRAM-10", "PROGRAM-15"),
        patch=partial(patch.object, asyncio, "Lock", LockThatForgets),
        breaks="lock",
        issue="https://github.com/python/asyncio/pull/393",
        says={
            "PROGRAM-10": "the rival waits still",
            "PROGRAM-15": "the lock is there for the taking",
        },
    ),
    Wrong(
        "get() may raise though it has taken the item",
        kills=("PROGRAM-11",),
        patch=may_fail_when_done(asyncio.Queue, "get"),
        breaks="queue",
        says={"PROGRAM-11": "0 received: 1 left was to be seen, and not 0 left"},
    ),
    Wrong(
        "acquire() may raise though it has taken the lock",
        kills=("PROGRAM-13",),
        patch=may_fail_when_done(asyncio.Lock, "acquire"),
        breaks="lock",
        says={"PROGRAM-13": "the lock was released, everybody has ended, and it is taken"},
    ),
    Wrong(
        "a lock lets in everybody who waits",
        kills=("PROGRAM-14",),
        patch=partial(patch.object, asyncio, "Lock", LockForMany),
        breaks="lock",
        issue="https://github.com/python/cpython/issues/76915",
        says={"PROGRAM-14": "the rival got the lock while the worker held it"},
    ),
    Wrong(
        "a TaskGroup does not wait",
        kills=("PROGRAM-16",),
        patch=group_does_not_wait,
        when="python>=3.11",
        breaks="group",
        says={"PROGRAM-16": "the group was left"},
    ),
    Wrong(
        "a TaskGroup is not told of errors",
        kills=("PROGRAM-17",),
        patch=group_is_not_told,
        when="python>=3.11",
        breaks="group",
        says={"PROGRAM-17": "child 1 of the group raised Oops, and the worker returned None"},
    ),
    Wrong(
        "gather() answers in the order of the ends",
        kills=("PROGRAM-18",),
        patch=partial(patch.object, asyncio, "gather", gather_as_they_come),
        breaks="gather",
        says={"PROGRAM-18": "in the place of child 1 there is 'child 2'"},
    ),
    Wrong(
        "gather() ignores return_exceptions",
        kills=("PROGRAM-18",),
        patch=gather_raises,
        breaks="gather",
        issue="https://github.com/micropython/micropython/issues/7807",
    ),
    Wrong(
        "a timeout takes somebody else's cancel for its own deadline",
        kills=("PROGRAM-20",),
        patch=timeout_takes_every_cancel,
        when="python>=3.11",
        breaks="timeout",
        issue="https://github.com/aio-libs/aiohttp/issues/5979",
        says={"PROGRAM-20": "no deadline had passed, and there is a timeout"},
    ),
    Wrong(
        "a timeout is silent",
        kills=("PROGRAM-20",),
        patch=timeout_is_silent,
        when="python>=3.11",
        breaks="timeout",
        says={"PROGRAM-20": "the deadline passed, and there was no timeout"},
    ),
)
