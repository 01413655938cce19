"""What anyio and trio would do wrong if they dropped tasks, ran them again, or forgot their shape."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import anyio
import anyio.lowlevel
import trio
from anyio._backends import _asyncio as anyio_on_asyncio  # its classes have no public name

from conformance.claim import Library
from tests.wrong.cleanup import KeepsTheExit, OldCancelledError, abandoned
from tests.wrong.kit import Wrong
from tests.wrong.testing import WrongPlugin, one_loop_for_all_examples

Steps = Coroutine[Any, Any, Any]
Patch = Callable[[], AbstractContextManager[Any]]


CANCELLED = (asyncio.CancelledError, trio.Cancelled)

Cancel = Callable[[Steps, BaseException], Any]


@types.coroutine
def intercepted(steps: Steps, cancel: Cancel) -> Generator[Any, Any, Any]:
    """Run ``steps``, and let ``cancel`` do what the library does to cancel them.

    asyncio throws its exception into a task; trio sends it, for what waits to raise.
    """
    try:
        request = steps.send(None)
        while True:
            error: Any = None
            value: Any = None
            try:
                value = yield request
                error = getattr(value, "error", None)
            except asyncio.CancelledError as thrown:
                error = thrown
            stopped = isinstance(error, CANCELLED)
            request = cancel(steps, error) if stopped else steps.send(value)
    except StopIteration as end:
        return end.value


def by_an_exception(steps: Steps, error: BaseException) -> Any:
    """Raise an Exception where the library would raise what is none."""
    try:
        return steps.throw(OldCancelledError())
    except OldCancelledError:
        raise error from None


def current_scope() -> Any:
    """The innermost scope that the running task stands in."""
    try:
        task: Any = asyncio.current_task()
    except RuntimeError:
        status: Any = trio.lowlevel.current_task()
        return status._cancel_status._scope
    return anyio_on_asyncio._task_states[task].cancel_scope


def dropped(steps: Steps, around: Any) -> None:
    """Leave the scopes in which ``steps`` stand, and run none of their code any more."""
    abandoned.append(steps)  # else the garbage collector would run its `finally`
    while (scope := current_scope()) is not around:
        scope.__exit__(None, None, None)


def children_that_are(group: Any, how: Callable[[Steps], Any]) -> Patch:
    """The children of a group are run by ``how``."""
    start_rightly: Any = group.start_soon

    def start_soon(self: Any, function: Any, *args: Any, name: object = None) -> None:
        async def child() -> None:
            await how(function(*args))

        start_rightly(self, child, name=name or function)

    return lambda: patch.object(group, "start_soon", start_soon)


async def cancelled_by_an_exception(steps: Steps) -> Any:
    return await intercepted(steps, by_an_exception)


async def dropped_when_cancelled(steps: Steps) -> Any:
    """A child that ends where it is cancelled, as a thread that is killed."""
    around = current_scope()

    def drop(steps: Steps, error: BaseException) -> Any:
        dropped(steps, around)
        raise Dropped

    try:
        return await intercepted(steps, drop)
    except Dropped:
        return None


class Dropped(BaseException):
    """Ends a child without a word."""


def children_run_twice(group: Any, scope: type[Any]) -> Patch:
    """A group runs its children once more when they have ended."""
    start_rightly: Any = group.start_soon

    def start_soon(self: Any, function: Any, *args: Any, name: object = None) -> None:
        async def child() -> None:
            await function(*args)
            await function(*(scope() if isinstance(each, scope) else each for each in args))

        start_rightly(self, child, name=name)

    return lambda: patch.object(group, "start_soon", start_soon)


class HastyGroup:
    """A task group that, when it is cancelled, cancels its children and does not wait for them."""

    def __init__(self) -> None:
        self.children: list[asyncio.Task[Any]] = []

    async def __aenter__(self) -> Any:
        return self

    def start_soon(self, function: Callable[..., Any], *args: Any) -> None:
        self.children.append(asyncio.ensure_future(function(*args)))

    async def __aexit__(self, *_: object) -> None:
        try:
            if self.children:
                await asyncio.wait(self.children)
        except asyncio.CancelledError:
            for child in self.children:
                child.cancel()
            raise


_create_task_group: Any = anyio.create_task_group


class LeakingGroup:
    """A task group that, when a child fails, cancels the scope that it stands in too."""

    async def __aenter__(self) -> Any:
        self.manager = _create_task_group()
        return await self.manager.__aenter__()

    async def __aexit__(self, *exc_info: object) -> Any:
        try:
            return await self.manager.__aexit__(*exc_info)
        except BaseException:
            task: Any = asyncio.current_task()
            anyio_on_asyncio._task_states[task].cancel_scope.cancel()  # type: ignore[union-attr]  # there is one around it
            raise


class UncheckedGroup:
    """A task group whose end does not tell its parent of a cancel that its children swallowed."""

    async def __aenter__(self) -> Any:
        self.manager = _create_task_group()
        return await self.manager.__aenter__()

    async def __aexit__(self, *exc_info: object) -> Any:
        try:
            return await self.manager.__aexit__(*exc_info)
        except asyncio.CancelledError:
            return True


@contextmanager
def nothing_after_a_group_checks() -> Any:
    """Neither the end of a task group nor checkpoint() looks for a cancel."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(anyio, "create_task_group", UncheckedGroup))
        unchecked = anyio.lowlevel.cancel_shielded_checkpoint
        stack.enter_context(patch.object(anyio.lowlevel, "checkpoint", unchecked))
        yield


GROUPS: tuple[tuple[Library, Any], ...] = (
    ("anyio", anyio_on_asyncio.TaskGroup),
    ("trio", trio.Nursery),
)

WRONG = (
    *(
        wrong
        for library, group in GROUPS
        for wrong in (
            Wrong(
                f"a child in {library} is cancelled by an Exception",
                kills=("LAW-CLEANUP-01",),
                library=library,
                patch=children_that_are(group, cancelled_by_an_exception),
                breaks="task",
            ),
            Wrong(
                f"a cancelled child in {library} is dropped where it stands",
                kills=("LAW-CLEANUP-03", "LAW-CLEANUP-04", "PROGRAM-06", "PROGRAM-07"),
                library=library,
                patch=children_that_are(group, dropped_when_cancelled),
                breaks="task",
            ),
        )
    ),
    *(
        Wrong(
            f"an AsyncExitStack registers the exit before it enters, in {library}",
            kills=("LAW-CLEANUP-05",),
            library=library,
            patch=partial(patch, "conformance.claims.cleanup.release.AsyncExitStack", KeepsTheExit),
            breaks="exit stack",
        )
        for library, _ in GROUPS
    ),
    Wrong(
        "a nursery runs its children twice",
        kills=("PROGRAM-08",),
        library="trio",
        patch=children_run_twice(trio.Nursery, trio.CancelScope),
        breaks="group",
    ),
    Wrong(
        "a task group runs its children twice",
        kills=("PROGRAM-08",),
        library="anyio",
        patch=children_run_twice(anyio_on_asyncio.TaskGroup, anyio_on_asyncio.CancelScope),
        breaks="group",
        says={"PROGRAM-08": "the worker had ended (returned None), and after that came"},
    ),
    Wrong(
        "a cancelled task group does not wait for its children",
        kills=("LAW-GATHER-06",),
        library="anyio",
        patch=partial(patch.object, anyio, "create_task_group", HastyGroup),
        breaks="group",
        says={"LAW-GATHER-06": "while one cleaned up the parent has left the group"},
    ),
    Wrong(
        "a failed task group cancels the scope around it",
        kills=("LAW-GATHER-11",),
        library="anyio",
        patch=partial(patch.object, anyio, "create_task_group", LeakingGroup),
        breaks="group",
    ),
    Wrong(
        "nothing tells a parent of the cancel that its children swallowed",
        kills=("LAW-NEST-15",),
        library="anyio",
        patch=nothing_after_a_group_checks,
        breaks="group",
    ),
    WrongPlugin(
        "the driver runs all examples of anyio in one loop",
        library="anyio",
        kills=("LAW-TESTING-10",),
        patch=one_loop_for_all_examples,
        breaks="driver",
    ),
)
