"""Ten runtimes with mistakes that runtimes have made, or could make.

Each is the real library but for a few lines: nothing is wrong in it but what its name says.
``python -m tests.programs.counterexamples`` shows what is found in each.
"""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

import trio

from tests.wrong.cleanup import Abandoned
from tests.wrong.delivery_tasks import wait_for_that_prefers_the_result
from tests.wrong.kit import Wrong

KILLS = ("PROGRAM-01",)

_put_nowait: Any = asyncio.Queue.put_nowait
_gather: Any = asyncio.gather
_cancel_scope: Any = trio.CancelScope.cancel
_Task = asyncio.Task


def hand_over(queue: Any, item: Any) -> None:
    """``put_nowait()`` that gives an item to the getter, who may be cancelled before it has it."""
    while queue._getters:
        getter = queue._getters.popleft()
        if not getter.done():
            getter.set_result(item)
            return
    _put_nowait(queue, item)


async def take_over(queue: Any) -> Any:
    """``get()`` that waits to be given an item."""
    if not queue.empty():
        return queue.get_nowait()
    getter = asyncio.get_running_loop().create_future()
    queue._getters.append(getter)
    return await getter


@contextmanager
def queue_that_hands_over() -> Iterator[None]:
    with (
        patch.object(asyncio.Queue, "put_nowait", hand_over),
        patch.object(asyncio.Queue, "get", take_over),
    ):
        yield


async def acquire_for_oneself(lock: Any) -> bool:
    """``Lock.acquire()`` that wakes nobody else if it was woken, or was next, and is cancelled."""
    if lock._locked or lock._waiters:
        lock._waiters = lock._waiters or collections.deque()
        woken = asyncio.get_running_loop().create_future()
        lock._waiters.append(woken)
        try:
            await woken
        finally:
            lock._waiters.remove(woken)
    lock._locked = True
    return True


def only_count(group: Any, task: Any) -> None:
    """What ``TaskGroup`` does when a child ends: nobody looks how it ended."""
    group._tasks.discard(task)
    everyone = group._on_completed_fut
    if everyone is not None and not group._tasks and not everyone.done():
        everyone.set_result(True)


class ToldOnce(asyncio.Task[Any]):
    """Takes each request once, however often the scope that makes it repeats it."""

    told: Any = None

    def cancel(self, msg: Any = None) -> bool:
        if msg is not None and msg == self.told:
            return False
        self.told = msg
        return super().cancel(msg)


def cancel_shielded(scope: Any, *args: Any, **more: Any) -> None:
    """``CancelScope.cancel()`` that takes down the shields that stand in it."""
    inside = scope._cancel_status._children if scope._cancel_status else ()
    for status in inside:
        status._scope.shield = False
    _cancel_scope(scope, *args, **more)


def timeout_that_asks_for_no_more() -> AbstractContextManager[Any]:
    leave_rightly: Any = asyncio.Timeout.__aexit__

    async def leave(timeout: Any, kind: Any, error: Any, trace: Any) -> None:
        """Takes every cancel for a deadline."""
        await leave_rightly(timeout, kind, error, trace)
        if isinstance(error, asyncio.CancelledError):
            raise TimeoutError from error

    return patch.object(asyncio.Timeout, "__aexit__", leave)


def gather_as_they_come(*awaitables: Any, **more: Any) -> Any:
    """``gather()`` that sorts its results by when the children ended."""
    ended: list[Any] = []
    children = [asyncio.ensure_future(each) for each in awaitables]
    for child in children:
        child.add_done_callback(ended.append)

    def sort(outer: Any) -> None:
        if not outer.cancelled() and not outer.exception():
            results = outer.result()
            results[:] = [results[children.index(child)] for child in ended]

    outer = _gather(*children, **more)
    outer.add_done_callback(sort)
    return outer


def abandoned_when_cancelled(coroutine: Any, **more: Any) -> asyncio.Task[Any]:
    """A task that is dropped where it stands, as a thread that is killed."""
    return _Task(Abandoned(coroutine), **more)


class CountsUp(asyncio.Task[Any]):
    """Takes a request back, and keeps it in its count."""

    count = 0

    def cancel(self, msg: Any = None) -> bool:
        accepted = super().cancel(msg)
        self.count += accepted
        return accepted

    def cancelling(self) -> int:
        return self.count


def tasks(kind: Callable[..., asyncio.Task[Any]]) -> Callable[[], AbstractContextManager[Any]]:
    """A patch by which event loops make their tasks of this kind."""
    return lambda: patch.object(asyncio.tasks, "Task", kind)


WRONG = (
    Wrong(
        "wait_for() loses a cancel that comes with the result",
        KILLS,
        patch=lambda: patch.object(asyncio, "wait_for", wait_for_that_prefers_the_result),
        when="python>=3.12",
        breaks="timeout",
        issue="https://github.com/python/cpython/issues/86296",
    ),
    Wrong(
        "a queue drops the item of a cancelled getter",
        KILLS,
        patch=queue_that_hands_over,
        breaks="queue",
        issue="https://github.com/python/asyncio/pull/256",
        says={"PROGRAM-01": "queue: 0 left"},
    ),
    Wrong(
        "a lock is not handed on by a waiter that is cancelled",
        KILLS,
        patch=lambda: patch.object(asyncio.Lock, "acquire", acquire_for_oneself),
        breaks="lock",
        issue="https://github.com/python/cpython/pull/1031",
        says={"PROGRAM-01": "rival: still running"},
    ),
    Wrong(
        "a group forgets the exceptions of its children",
        KILLS,
        patch=lambda: patch.object(asyncio.TaskGroup, "_on_task_done", only_count),
        when="python>=3.11",
        breaks="group",
    ),
    Wrong(
        "a scope delivers once only",
        KILLS,
        library="anyio",
        patch=tasks(ToldOnce),
        breaks="scope",
    ),
    Wrong(
        "a shield leaks",
        KILLS,
        library="trio",
        patch=lambda: patch.object(trio.CancelScope, "cancel", cancel_shielded),
        breaks="shield",
    ),
    Wrong(
        "a timeout takes somebody else's cancel for its own",
        KILLS,
        patch=timeout_that_asks_for_no_more,
        when="python>=3.11",
        breaks="timeout",
        issue="https://github.com/aio-libs/aiohttp/issues/5979",
        says={"PROGRAM-01": "worker: raised TimeoutError"},
    ),
    Wrong(
        "gather() answers in the order of completion",
        KILLS,
        patch=lambda: patch.object(asyncio, "gather", gather_as_they_come),
        breaks="gather",
    ),
    Wrong(
        "a finally is skipped",
        KILLS,
        patch=tasks(abandoned_when_cancelled),
        breaks="task",
    ),
    Wrong(
        "a count stays",
        KILLS,
        patch=tasks(CountsUp),
        when="python>=3.11",
        breaks="task",
    ),
)
