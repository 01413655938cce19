"""asyncio's futures, semaphores, conditions, events and barriers, wrong in a few lines each."""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any
from unittest.mock import patch

from tests.wrong.kit import Wrong, with_futures
from tests.wrong.programs_tasks import may_fail_when_done


class CancelledAlways(asyncio.Future[Any]):
    """Says to whoever cancels it that this is done, although it has its result already."""

    def cancel(self, msg: Any = None) -> bool:
        super().cancel(msg)
        return True


class QuietWhenCancelled(asyncio.Future[Any]):
    """Calls nobody back when it is cancelled."""

    def cancel(self, msg: Any = None) -> bool:
        for callback, _ in list(self._callbacks or ()):
            self.remove_done_callback(callback)
        return super().cancel(msg)


class CannotBeCancelled(asyncio.Future[Any]):
    """Refuses to be cancelled once somebody waits for it."""

    def cancel(self, msg: Any = None) -> bool:
        return False


class SemaphoreThatForgets:
    """When it is released it wakes the first in line, and nobody if that one was cancelled."""

    def __init__(self, value: int = 1) -> None:
        self.value = value
        self.line: collections.deque[asyncio.Future[None]] = collections.deque()

    def locked(self) -> bool:
        return self.value == 0

    async def acquire(self) -> bool:
        while not self.value:
            self.line.append(asyncio.get_running_loop().create_future())
            await self.line[-1]
        self.value -= 1
        return True

    def release(self) -> None:
        self.value += 1
        if self.line:
            first = self.line.popleft()
            if not first.done():
                first.set_result(None)

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()


async def until_notified(condition: Any) -> None:
    """The first half of ``Condition.wait()``: give the lock away, and wait for a notification."""
    condition.release()
    notified = asyncio.get_running_loop().create_future()
    condition._waiters.append(notified)
    try:
        await notified
    finally:
        condition._waiters.remove(notified)


async def wait_that_can_be_hurried(condition: Any) -> bool:
    """``Condition.wait()`` that a second cancel interrupts as it takes the lock again."""
    try:
        await until_notified(condition)
    finally:
        await condition.acquire()
    return True


async def wait_without_the_lock(condition: Any) -> bool:
    """``Condition.wait()`` that does not take the lock again when it is cancelled."""
    await until_notified(condition)
    await condition.acquire()
    return True


def wait_that_swallows() -> AbstractContextManager[Any]:
    """``Condition.wait()`` that drops a cancel which comes when it was notified."""
    right = asyncio.Condition.wait

    async def wait(condition: Any) -> bool:
        try:
            return await right(condition)
        except asyncio.CancelledError:
            return True

    return patch.object(asyncio.Condition, "wait", wait)


def set_one(event: Any) -> None:
    """``Event.set()`` that wakes the first who waits, and nobody else."""
    event._value = True
    for waiter in event._waiters:
        if not waiter.done():
            waiter.set_result(True)
            return


def barrier_that_swallows() -> AbstractContextManager[Any]:
    """``Barrier.wait()`` that takes a cancel for the arrival of the others."""
    right = asyncio.Barrier.wait

    async def wait(barrier: Any) -> int:
        try:
            return await right(barrier)
        except asyncio.CancelledError:
            return 0

    return patch.object(asyncio.Barrier, "wait", wait)


Patch = Callable[[], AbstractContextManager[Any]]

WRONG = (
    Wrong(
        "a future that has its result says that it was cancelled",
        kills=("LAW-DELIVER-01",),
        when="python>=3.12",
        loop=with_futures(CancelledAlways),
        breaks="future",
    ),
    Wrong(
        "a cancelled future calls nobody back",
        kills=("LAW-DELIVER-01",),
        when="python>=3.12",
        loop=with_futures(QuietWhenCancelled),
        breaks="future",
    ),
    Wrong(
        "a future cannot be cancelled",
        kills=("LAW-DELIVER-05",),
        loop=with_futures(CannotBeCancelled),
        breaks="future",
    ),
    Wrong(
        "a semaphore wakes nobody if the first in line was cancelled",
        kills=("LAW-DELIVER-06",),
        when="python>=3.13",
        patch=partial(patch.object, asyncio, "Semaphore", SemaphoreThatForgets),
        breaks="semaphore",
        issue="https://github.com/python/asyncio/issues/270",
    ),
    Wrong(
        "Semaphore.acquire() may raise though it has taken the permit",
        kills=("PROGRAM-13",),
        patch=may_fail_when_done(asyncio.Semaphore, "acquire"),
        breaks="semaphore",
    ),
    Wrong(
        "a cancelled Condition.wait() does not take the lock again",
        kills=("LAW-DELIVER-01", "LAW-DELIVER-20"),
        when="python>=3.12",
        patch=partial(patch.object, asyncio.Condition, "wait", wait_without_the_lock),
        breaks="condition",
        issue="https://github.com/python/asyncio/pull/346",
        says={"LAW-DELIVER-20": "the cancel was raised without the lock"},
    ),
    Wrong(
        "Condition.wait() that is cancelled twice does not take the lock again",
        kills=("LAW-DELIVER-20",),
        patch=partial(patch.object, asyncio.Condition, "wait", wait_that_can_be_hurried),
        breaks="condition",
        issue="https://github.com/python/asyncio/pull/346",
        says={"LAW-DELIVER-20": "then once more: the cancel was raised without the lock"},
    ),
    Wrong(
        "Condition.wait() swallows a cancel",
        kills=("LAW-DELIVER-01",),
        when="python>=3.12",
        patch=wait_that_swallows,
        breaks="condition",
        issue="https://github.com/python/cpython/issues/77022",
    ),
    Wrong(
        "Event.set() wakes one waiter alone",
        kills=("PROGRAM-10",),
        when="python>=3.11",  # programs that wait for one event twice have a group
        patch=partial(patch.object, asyncio.Event, "set", set_one),
        breaks="event",
    ),
    Wrong(
        "Barrier.wait() takes a cancel for an arrival",
        kills=("LAW-DELIVER-01",),
        when="python>=3.12",
        patch=barrier_that_swallows,
        breaks="barrier",
    ),
)
