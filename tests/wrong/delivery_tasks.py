"""asyncio's tasks and what they wait for, delivering a cancel wrongly."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Generator
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from conformance.claim import Library
from tests.wrong.kit import Wrong, with_tasks


class StartsAllTheSame(asyncio.Task[Any]):
    """Takes its first step before it looks whether it was cancelled."""

    def cancel(self, msg: Any = None) -> bool:
        if inspect.getcoroutinestate(self.get_coro()) == inspect.CORO_CREATED:  # type: ignore[arg-type]  # a task's coroutine may be any awaitable to mypy
            self.get_loop().call_soon(super().cancel, msg)
            return True
        return super().cancel(msg)


class OnlyMarked(asyncio.Task[Any]):
    """Takes note of a cancel, and passes it on in the next turn."""

    def cancel(self, msg: Any = None) -> bool:
        if self.done():
            return False
        self.get_loop().call_soon(super().cancel, msg)
        return True


class DeafWhileItRuns(asyncio.Task[Any]):
    """Does not take a cancel while it runs, as eager tasks of other loops have done."""

    def cancel(self, msg: Any = None) -> bool:
        running = inspect.getcoroutinestate(self.get_coro()) == inspect.CORO_RUNNING  # type: ignore[arg-type]  # a task's coroutine may be any awaitable to mypy
        return False if running else super().cancel(msg)


class CancelledAtOnce(asyncio.Task[Any]):
    """Says that it was cancelled as soon as somebody asks it to be."""

    _asked = False

    def cancel(self, msg: Any = None) -> bool:
        self._asked = True
        return super().cancel(msg)

    def cancelled(self) -> bool:
        return self._asked or super().cancelled()


class ShieldedWhenAwaited(asyncio.Task[Any]):
    """Is not reached by the cancel of a task that awaits it."""

    def __await__(self) -> Generator[Any, Any, Any]:
        return asyncio.shield(self).__await__()


class CancelledTwice(asyncio.Task[Any]):
    """Delivers every cancel once more, two turns later."""

    def cancel(self, msg: Any = None) -> bool:
        cancel, loop = super().cancel, self.get_loop()
        loop.call_soon(lambda: loop.call_soon(cancel))
        return cancel(msg)


class NeverTakesBack(asyncio.Task[Any]):
    """Counts the requests to cancel it, and forgets to count down."""

    def uncancel(self) -> int:
        return self.cancelling()


_wait_for: Any = asyncio.wait_for


async def wait_for_that_prefers_the_result(awaitable: Any, timeout: float | None) -> Any:
    """What wait_for() did before Python 3.12."""
    inner = asyncio.ensure_future(awaitable)
    try:
        return await _wait_for(asyncio.shield(inner), timeout)
    except (asyncio.CancelledError, asyncio.TimeoutError):
        if inner.done() and not inner.cancelled():
            return inner.result()
        inner.cancel()
        await asyncio.wait([inner])
        raise


def wait_for_hides_the_timeout() -> AbstractContextManager[Any]:
    right = asyncio.wait_for

    async def wait_for(awaitable: Any, timeout: float | None) -> Any:
        try:
            return await right(awaitable, timeout)
        except asyncio.TimeoutError:
            return None

    return mock.patch.object(asyncio, "wait_for", wait_for)


def get_forgets_the_next() -> AbstractContextManager[Any]:
    """A getter that was woken and then cancelled wakes nobody in its place."""

    async def get(self: Any) -> Any:
        while self.empty():
            getter = asyncio.get_running_loop().create_future()
            self._getters.append(getter)
            await getter
        return self.get_nowait()

    return mock.patch.object(asyncio.Queue, "get", get)


def put_puts_and_raises() -> AbstractContextManager[Any]:
    right = asyncio.Queue.put

    async def put(self: Any, item: Any) -> None:
        try:
            await right(self, item)
        except asyncio.CancelledError:
            self._put(item)
            raise

    return mock.patch.object(asyncio.Queue, "put", put)


def event_is_a_checkpoint() -> AbstractContextManager[Any]:
    right = asyncio.Event.wait

    async def wait(self: Any) -> Any:
        await asyncio.sleep(0)
        return await right(self)

    return mock.patch.object(asyncio.Event, "wait", wait)


def shield_always_suspends() -> AbstractContextManager[Any]:
    def shield(arg: Any) -> Any:
        outer = asyncio.get_running_loop().create_future()
        asyncio.ensure_future(arg).add_done_callback(lambda _: outer.set_result(None))
        return outer

    return mock.patch.object(asyncio, "shield", shield)


def slow_steps_are_not_logged() -> AbstractContextManager[Any]:
    return mock.patch.object(logging.getLogger("asyncio"), "warning")


ASYNCIO_AND_ANYIO: tuple[Library, ...] = ("asyncio", "anyio")

WRONG = (
    Wrong(
        "wait_for() drops a cancel that comes with the result",
        kills=(
            "LAW-DELIVER-01",
            "PROGRAM-02",
        ),
        patch=lambda: mock.patch.object(asyncio, "wait_for", wait_for_that_prefers_the_result),
        when="python>=3.12",
        breaks="timeout",
        issue="https://github.com/python/cpython/issues/86296",
        says={
            "LAW-DELIVER-01": "waiting for wait_for(): cancel() returned True, but the task ended with",
            "PROGRAM-02": "and yet it returned",
        },
    ),
    Wrong(
        "a task that was cancelled before its first step takes it",
        kills=("LAW-DELIVER-03",),
        loop=with_tasks(StartsAllTheSame),
        breaks="task",
        says={"LAW-DELIVER-03": "the body ran, although its task was cancelled before"},
    ),
    Wrong(
        "cancel() is only a mark until the next turn",
        kills=("LAW-DELIVER-05",),
        loop=with_tasks(OnlyMarked),
        breaks="task",
        says={"LAW-DELIVER-05": "after cancel() the future was not cancelled"},
    ),
    Wrong(
        "a cancelled getter does not wake the next one",
        kills=("LAW-DELIVER-06",),
        patch=get_forgets_the_next,
        when="python>=3.13",
        breaks="queue",
    ),
    Wrong(
        "Event.wait() suspends although the event is set",
        kills=("LAW-DELIVER-07",),
        patch=event_is_a_checkpoint,
        breaks="event",
        says={"LAW-DELIVER-07": "and [] did"},
    ),
    Wrong(
        "a task that runs cannot be cancelled",
        kills=("LAW-DELIVER-07", "LAW-DELIVER-09"),
        loop=with_tasks(DeafWhileItRuns),
        breaks="task",
        says={"LAW-DELIVER-09": "it was to end as cancelled"},
    ),
    Wrong(
        "cancelled() is True before the end",
        kills=("LAW-DELIVER-10",),
        loop=with_tasks(CancelledAtOnce),
        breaks="task",
        says={"LAW-DELIVER-10": "cancelled() was True before the task had ended"},
    ),
    Wrong(
        "awaiting a task shields it",
        kills=("LAW-DELIVER-05", "LAW-DELIVER-11"),
        loop=with_tasks(ShieldedWhenAwaited),
        breaks="task",
        says={"LAW-DELIVER-11": "the innermost was not"},
    ),
    Wrong(
        "a cancel is delivered twice",
        kills=(
            "LAW-DELIVER-12",
            "PROGRAM-04",
        ),
        loop=with_tasks(CancelledTwice),
        breaks="task",
        says={
            "LAW-DELIVER-12": "was interrupted once more",
            "PROGRAM-04": "there was one cancel, it was swallowed, and there is another one",
        },
    ),
    Wrong(
        "wait_for() returns None after its timeout",
        kills=("LAW-DELIVER-14",),
        patch=wait_for_hides_the_timeout,
        breaks="timeout",
        says={"LAW-DELIVER-14": "wait_for() was not told"},
    ),
    Wrong(
        "a put() that was cancelled has put its item",
        kills=(
            "LAW-DELIVER-15",
            "PROGRAM-12",
        ),
        patch=put_puts_and_raises,
        breaks="queue",
        says={
            "LAW-DELIVER-15": "put() raised, and the queue holds",
            "PROGRAM-12": "and not 2 left",
        },
    ),
    *(
        Wrong(
            "debug mode is silent",
            kills=("LAW-DELIVER-16",),
            library=library,
            patch=slow_steps_are_not_logged,
            breaks="loop",
            says={"LAW-DELIVER-16": "the loop logged 0 of them"},
        )
        for library in ASYNCIO_AND_ANYIO
    ),
    Wrong(
        "shield() of something done suspends",
        kills=("LAW-DELIVER-17",),
        patch=shield_always_suspends,
        breaks="shield",
        says={"LAW-DELIVER-17": "which was done: awaiting it suspended"},
    ),
)
