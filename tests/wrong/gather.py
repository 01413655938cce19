"""Runtimes whose gather() or asyncio.TaskGroup is wrong."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from tests.wrong.kit import Wrong

_gather: Any = asyncio.gather
_gathering: Any = asyncio.tasks._GatheringFuture  # type: ignore[attr-defined]  # no public name, and none in the stubs


def with_gather(gather: Any) -> Any:
    """A patch that puts ``gather`` in the place of asyncio's."""
    return lambda: patch.object(asyncio, "gather", gather)


def with_cancel(cancel: Any) -> Any:
    """A patch that puts ``cancel`` in the place of what cancelling ``gather()`` calls."""
    return lambda: patch.object(_gathering, "cancel", cancel)


def patient(*awaitables: Any, return_exceptions: bool = False) -> Any:
    """Waits for every child, and then raises the last failure."""

    async def wait() -> Any:
        results = await _gather(*awaitables, return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures and not return_exceptions:
            raise failures[-1]
        return results

    return asyncio.ensure_future(wait())


def ruthless(*awaitables: Any, return_exceptions: bool = False) -> Any:
    """Cancels the siblings of a child that failed, as PR 8820 of CPython would have had it."""
    children = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    outer = _gather(*children, return_exceptions=return_exceptions)
    outer.add_done_callback(lambda _: [child.cancel() for child in children])
    return outer


def in_order_of_completion(*awaitables: Any, return_exceptions: bool = False) -> Any:
    """Gives the results in the order in which they come."""

    async def collect() -> list[Any]:
        return [await done for done in asyncio.as_completed(awaitables)]

    return asyncio.ensure_future(collect())


def all_embracing(*awaitables: Any, return_exceptions: bool = False) -> Any:
    """Makes an ordinary failure of SystemExit and KeyboardInterrupt."""

    async def tamed(awaitable: Any) -> Any:
        try:
            return await awaitable
        except (SystemExit, KeyboardInterrupt) as error:
            raise RuntimeError from error

    return _gather(*map(tamed, awaitables), return_exceptions=return_exceptions)


def cancel_the_first(self: Any, msg: Any = None) -> bool:
    """Cancels the first child alone, as MicroPython did (its PR 8459)."""
    return bool(self._children[0].cancel(msg))


def forget_the_cancel(self: Any, msg: Any = None) -> bool:
    """Cancels the children, and gathers their exceptions: CPython issue 76865."""
    cancelled = [child.cancel(msg) for child in self._children]
    return any(cancelled)


def cancel_at_once(self: Any, msg: Any = None) -> bool:
    """Cancels the children, and itself before they have ended."""
    for child in self._children:
        child.cancel(msg)
    return asyncio.Future.cancel(self, msg)


def ended_by_a_second_cancel(self: Any, msg: Any = None) -> bool:
    """Waits for its children when it is cancelled, but not when it is cancelled once more."""
    if self._cancel_requested:
        return asyncio.Future.cancel(self, msg)
    return bool(_cancel(self, msg))


_cancel: Any = _gathering.cancel


class GroupByGather:
    """A task group that is nothing but a gather(): raises the first failure, and leaves the rest."""

    async def __aenter__(self) -> Any:
        self.tasks: list[Any] = []
        return self

    def create_task(self, coro: Any) -> Any:
        self.tasks.append(asyncio.ensure_future(coro))
        return self.tasks[-1]

    async def __aexit__(self, *_: object) -> None:
        await _gather(*self.tasks)


def group_by_gather() -> AbstractContextManager[Any]:
    return patch.object(asyncio, "TaskGroup", GroupByGather)


def slow_group() -> AbstractContextManager[Any]:
    """Task groups that hear of a child's end a turn later."""
    hear: Any = asyncio.TaskGroup._on_task_done  # no public name

    def hear_later(self: Any, task: asyncio.Task[Any]) -> None:
        asyncio.get_running_loop().call_soon(hear, self, task)

    return patch.object(asyncio.TaskGroup, "_on_task_done", hear_later)


def leaking_group() -> AbstractContextManager[Any]:
    """Task groups that cancel their parent once more on the way out: CPython issue 128588."""
    exit_rightly: Any = asyncio.TaskGroup.__aexit__

    async def leak(self: Any, *exc_info: Any) -> Any:
        try:
            return await exit_rightly(self, *exc_info)
        except BaseException:
            parent: Any = asyncio.current_task()
            parent.cancel()
            raise

    return patch.object(asyncio.TaskGroup, "__aexit__", leak)


WRONG = (
    Wrong(
        "gather() waits for all and raises the last failure",
        kills=("LAW-GATHER-01",),
        patch=with_gather(patient),
        breaks="gather",
        says={"LAW-GATHER-01": "KeyError was not raised while 1 child still ran"},
    ),
    Wrong(
        "gather() cancels the siblings of a child that fails",
        kills=("LAW-GATHER-02", "LAW-GATHER-10"),
        patch=with_gather(ruthless),
        breaks="gather",
        says={
            "LAW-GATHER-02": "a sibling that returns ends with CancelledError",
            "LAW-GATHER-10": "did not come to an end",
        },
    ),
    Wrong(
        "TaskGroup is nothing but a gather()",
        kills=("LAW-GATHER-03", "LAW-GATHER-04"),
        patch=group_by_gather,
        when="python>=3.11",
        breaks="group",
        says={
            "LAW-GATHER-03": "were not cancelled",
            "LAW-GATHER-04": "the group raised CancelledError",
        },
    ),
    Wrong(
        "a TaskGroup hears of a failure a turn late",
        kills=("LAW-GATHER-03",),
        patch=slow_group,
        when="python>=3.11",
        breaks="group",
        says={"LAW-GATHER-03": "began 2 more steps before it was cancelled"},
    ),
    Wrong(
        "a gather() that is cancelled again waits no more",
        kills=("LAW-GATHER-06",),
        patch=with_cancel(ended_by_a_second_cancel),
        breaks="gather",
        says={"LAW-GATHER-06": "while one cleaned up the parent has left gather()"},
    ),
    Wrong(
        "cancelling gather() cancels the first child alone",
        kills=("LAW-GATHER-05",),
        patch=with_cancel(cancel_the_first),
        breaks="gather",
        issue="https://github.com/micropython/micropython/pull/8459",
        says={"LAW-GATHER-05": "['cancelled', 'waits'], not ['cancelled', 'cancelled']"},
    ),
    Wrong(
        "gather(return_exceptions=True) swallows the cancel",
        kills=("LAW-GATHER-06",),
        patch=with_cancel(forget_the_cancel),
        breaks="gather",
        issue="https://github.com/python/cpython/issues/76865",
        says={"LAW-GATHER-06": "the parent ran on"},
    ),
    Wrong(
        "a cancelled gather() waits for no child",
        kills=("LAW-GATHER-06", "LAW-GATHER-07"),
        patch=with_cancel(cancel_at_once),
        breaks="gather",
        says={
            "LAW-GATHER-06": "while one cleaned up the parent has left gather()",
            "LAW-GATHER-07": "KeyError was to be raised",
        },
    ),
    Wrong(
        "gather() gives results in the order of completion",
        kills=("LAW-GATHER-08",),
        patch=with_gather(in_order_of_completion),
        breaks="gather",
        says={"LAW-GATHER-08": "gave [0], not [0, 0]"},
    ),
    Wrong(
        "gather() takes SystemExit for an ordinary failure",
        kills=("LAW-GATHER-09",),
        patch=with_gather(all_embracing),
        breaks="gather",
        says={"LAW-GATHER-09": "asyncio.run() raised nothing"},
    ),
    Wrong(
        "TaskGroup leaves a cancel behind",
        kills=("LAW-GATHER-11",),
        patch=leaking_group,
        when="python>=3.13",
        breaks="group",
        issue="https://github.com/python/cpython/issues/95289",
        says={"LAW-GATHER-11": "the cancel of its body was not over"},
    ),
)
