"""asyncio runtimes that carry a cancel wrongly."""

from __future__ import annotations

import asyncio
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, suppress
from typing import Any
from unittest.mock import patch

from tests.wrong.delivery_tasks import NeverTakesBack
from tests.wrong.kit import Wrong, with_tasks

Body = Coroutine[Any, Any, Any]

_timeout: Any = getattr(asyncio, "timeout", None)


@asynccontextmanager
async def timeout_that_leaves_a_request(delay: float | None) -> AsyncIterator[Any]:
    """A timeout that had to wait leaves a request to stop behind."""
    try:
        async with _timeout(delay) as block:
            yield block
    finally:
        task = asyncio.current_task()
        if delay and task is not None and block.expired():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0)


class ForgetfulTask(asyncio.Task[Any]):
    """Forgets at once that it was asked to stop."""

    def cancelling(self) -> int:
        return 0


class SelflessTask(asyncio.Task[Any]):
    """Hears only the others: a cancel() of its own is lost."""

    def cancel(self, msg: Any = None) -> bool:
        return self is asyncio.current_task(self.get_loop()) or super().cancel(msg)


class PossessiveTask(asyncio.Task[Any]):
    """Takes every task that it started with it."""

    def __init__(self, coro: Body, **more: Any) -> None:
        self.started: list[asyncio.Task[Any]] = []
        super().__init__(coro, **more)
        starter = asyncio.current_task(self.get_loop())
        if isinstance(starter, PossessiveTask):
            starter.started.append(self)

    def cancel(self, msg: Any = None) -> bool:
        for task in self.started:
            task.cancel(msg)
        return super().cancel(msg)


class CancelledExceptionError(asyncio.CancelledError, Exception):
    """CancelledError as it was until Python 3.7 (bpo-32528)."""


@types.coroutine
def with_an_exception(coro: Body) -> Generator[Any, Any, Any]:
    """Run ``coro``, and cancel it by an exception that ``except Exception`` catches."""
    try:
        request = coro.send(None)
        while True:
            try:
                yield request
            except asyncio.CancelledError:
                request = coro.throw(CancelledExceptionError())
            else:
                request = coro.send(None)
    except StopIteration as end:
        return end.value


@types.coroutine
def again_and_again(coro: Body) -> Generator[Any, Any, Any]:
    """Run ``coro``, and once it was cancelled raise CancelledError at its every await."""
    cancelled = False
    try:
        request = coro.send(None)
        while True:
            try:
                if cancelled:
                    yield None  # the loop turns: code that tries again and again can be given up
                    raise asyncio.CancelledError
                yield request
            except asyncio.CancelledError:
                cancelled = True
                request = coro.throw(asyncio.CancelledError())
            else:
                request = coro.send(None)
    except StopIteration as end:
        return end.value


def by(how: Callable[[Body], Any]) -> Callable[..., asyncio.Task[Any]]:
    """A kind of task that runs its coroutine by ``how``."""

    def make(coro: Body, **more: Any) -> asyncio.Task[Any]:
        async def body() -> Any:
            return await how(coro)

        return asyncio.Task(body(), **more)

    return make


gather = asyncio.gather
wait = asyncio.wait


def shielded_gather(*awaitables: Any, **more: Any) -> Any:
    """Lets its caller go, and its children go on."""
    return asyncio.shield(gather(*awaitables, **more))


async def trusting_gather(*awaitables: Any, return_exceptions: bool = False) -> list[Any]:
    """Knows of a cancel only what its children raise (bpo-32684)."""
    children = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    return [await child for child in children]


async def possessive_wait(tasks: Any, **more: Any) -> Any:
    """Takes what it waits for with it."""
    try:
        return await wait(tasks, **more)
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        raise


def deaf_to_the_past(block: asyncio.Timeout, when: float | None) -> None:
    """Does not end a block whose new deadline has passed already."""


WRONG = (
    Wrong(
        "gather() does not pass a cancel on to its children",
        kills=("LAW-NEST-01",),
        patch=lambda: patch.object(asyncio, "gather", shielded_gather),
        breaks="gather",
        says={"LAW-NEST-01": "the layers were left in the order [0], not [1, 0]"},
    ),
    Wrong(
        "a task does not hear its own cancel()",
        kills=("LAW-NEST-01", "LAW-NEST-07"),
        loop=with_tasks(SelflessTask),
        breaks="task",
        issue="https://github.com/python/cpython/pull/1097",
        says={"LAW-NEST-07": "this one was not stopped"},
    ),
    Wrong(
        "a task's cancel() reaches every task that it started",
        kills=("LAW-NEST-02",),
        loop=with_tasks(PossessiveTask),
        breaks="task",
    ),
    Wrong(
        "wait() hands its caller's cancel on",
        kills=(
            "LAW-NEST-02",
            "PROGRAM-19",
        ),
        patch=lambda: patch.object(asyncio, "wait", possessive_wait),
        breaks="wait",
        says={
            "LAW-NEST-02": "stood asyncio.wait(): that was interrupted",
            "PROGRAM-19": "nobody cancelled child 1, and it did not go on",
        },
    ),
    Wrong(
        "cancelling() is always 0",
        kills=("LAW-NEST-03", "LAW-NEST-06"),
        loop=with_tasks(ForgetfulTask),
        when="python>=3.11",
        breaks="task",
        says={"LAW-NEST-03": "cancelling() said 0, not 1", "LAW-NEST-06": "began another step"},
    ),
    Wrong(
        "reschedule() to a time in the past does nothing",
        kills=("LAW-NEST-05",),
        patch=lambda: patch.object(asyncio.Timeout, "reschedule", deaf_to_the_past),
        when="python>=3.11",
        breaks="timeout",
        says={"LAW-NEST-05": "every task waits"},
    ),
    Wrong(
        "shield() hands its caller's cancel on",
        kills=(
            "LAW-NEST-08",
            "LAW-CLEANUP-08",
            "PROGRAM-09",
        ),
        patch=lambda: patch.object(asyncio, "shield", asyncio.ensure_future),
        breaks="shield",
        says={
            "LAW-NEST-08": "the work was interrupted",
            "LAW-CLEANUP-08": "the shielded cleanup did not end",
            "PROGRAM-09": "what waits for it within the shield did not go on",
        },
    ),
    Wrong(
        "CancelledError is an Exception",
        kills=("LAW-NEST-12",),
        loop=with_tasks(by(with_an_exception)),
        breaks="task",
        issue="https://github.com/python/cpython/pull/13528",
        says={"LAW-NEST-12": "the helper waited out its interval"},
    ),
    Wrong(
        "a cancelled task is interrupted at every await",
        kills=("LAW-NEST-13", "LAW-NEST-14"),
        loop=with_tasks(by(again_and_again)),
        breaks="task",
        says={
            "LAW-NEST-13": "the helper was left at once",
            "LAW-NEST-14": "swallowed ",
        },
    ),
    Wrong(
        "gather() is cancelled only if its children let it be",
        kills=("LAW-NEST-15",),
        patch=lambda: patch.object(asyncio, "gather", trusting_gather),
        breaks="gather",
        issue="https://github.com/python/cpython/issues/76865",
        says={"LAW-NEST-15": "gather() raised nothing in the parent"},
    ),
    Wrong(
        "uncancel() takes nothing back",
        kills=(
            "LAW-NEST-16",
            "PROGRAM-21",
        ),
        loop=with_tasks(NeverTakesBack),
        when="python>=3.11.3",
        breaks="task",
        says={
            "LAW-NEST-16": "was to end with ('TimeoutError', 0)",
            "PROGRAM-21": "still 1 request is counted",
        },
    ),
    Wrong(
        "a timeout() that had to wait leaves a request behind",
        kills=("LAW-NEST-16",),
        patch=lambda: patch.object(asyncio, "timeout", timeout_that_leaves_a_request),
        when="python>=3.11.3",
        breaks="timeout",
        says={"LAW-NEST-16": "and ended with ('TimeoutError', 1)"},
    ),
    Wrong(
        "uncancel() takes nothing back from a group",
        kills=(
            "LAW-NEST-17",
            "LAW-DELIVER-18",
        ),
        loop=with_tasks(NeverTakesBack),
        when="python>=3.13",
        breaks="task",
        says={
            "LAW-NEST-17": "cancelling() said 2, not 0",
            "LAW-DELIVER-18": "swallowed and taken back",
        },
    ),
)
