"""anyio's and trio's scopes, groups, channels and locks, wrong in what the laws over programs are about."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import anyio
import anyio.lowlevel
import trio
from anyio._backends import _asyncio as anyio_on_asyncio  # its classes have no public name
from anyio.streams.memory import MemoryObjectReceiveStream

from conformance.claim import Library
from tests.wrong.kit import Part, Wrong

Patch = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Parts:
    """What a library consists of, on the backend on which it is judged here."""

    name: Library
    library: ModuleType
    scope: type[Any]
    event: type[Any]
    lock: type[Any]
    receiver: type[Any]
    group: type[Any]
    opener: str


LIBRARIES = (
    Parts(
        "anyio",
        anyio,
        anyio_on_asyncio.CancelScope,
        anyio_on_asyncio.Event,
        anyio_on_asyncio.Lock,
        MemoryObjectReceiveStream,
        anyio_on_asyncio.TaskGroup,
        "create_task_group",
    ),
    Parts(
        "trio",
        trio,
        trio.CancelScope,
        trio.Event,
        trio.Lock,
        trio.MemoryReceiveChannel,
        trio.Nursery,
        "open_nursery",
    ),
)

CANCELLED = (asyncio.CancelledError, trio.Cancelled)


def in_main(parts: Parts) -> bool:
    """Whether the running task is that of the test's own ``main()``."""
    task = anyio.get_current_task() if parts.name == "anyio" else trio.lowlevel.current_task()
    return str(task.name).endswith("main")


def wait_is_shielded(parts: Parts) -> Patch:
    """An event waits on in a cancelled scope."""
    right = parts.event.wait

    async def wait(self: Any) -> None:
        with parts.library.CancelScope(shield=True):
            await right(self)

    return lambda: patch.object(parts.event, "wait", wait)


def cancel_raises(parts: Parts) -> Patch:
    """cancel() raises at once in the task that calls it, if it stands in the scope."""
    right = parts.scope.cancel

    def cancel(self: Any, *args: Any, **more: Any) -> None:
        right(self, *args, **more)
        if in_main(parts):
            return
        if parts.library.current_effective_deadline() == -float("inf"):
            kind = CANCELLED[parts.name == "trio"]
            raise kind.__new__(kind)  # trio's has no public constructor

    return lambda: patch.object(parts.scope, "cancel", cancel)


def cancel_reaches_siblings(parts: Parts) -> Patch:
    """cancel() cancels the scopes beside it too."""
    right = parts.scope.cancel

    def cancel(self: Any, *args: Any, **more: Any) -> None:
        if parts.name == "trio":
            status = self._cancel_status
            around = status._parent._children if status and status._parent else ()
            siblings = [each._scope for each in around]
        else:
            states = list(anyio_on_asyncio._task_states.items())
            siblings = [
                state.cancel_scope for task, state in states if state.parent_id and not task.done()
            ]
        for each in {self, *siblings}:
            right(each, *args, **more)

    return lambda: patch.object(parts.scope, "cancel", cancel)


def lock_of_ours(parts: Parts, *, wakes: bool) -> Patch:
    """A lock that lets in everybody who waits when it is released, or nobody."""
    library = parts.library

    class Lock:
        def __init__(self) -> None:
            self.holders = 0
            self.released = library.Event()

        def statistics(self) -> Any:
            return SimpleNamespace(locked=bool(self.holders))

        async def acquire(self) -> None:
            await library.lowlevel.checkpoint()
            if self.holders:
                await self.released.wait()
            self.holders += 1

        def release(self) -> None:
            self.holders -= 1
            if wakes:
                self.released.set()
                self.released = library.Event()

        async def __aenter__(self) -> None:
            await self.acquire()

        async def __aexit__(self, *_: object) -> None:
            self.release()

    return lambda: patch.object(library, "Lock", Lock)


def may_fail_when_done(parts: Parts, kind: type[Any], name: str) -> Patch:
    """The method ends with a checkpoint: it may raise when it has done its work."""
    right = getattr(kind, name)

    async def method(self: Any, *args: Any) -> Any:
        result = await right(self, *args)
        await parts.library.lowlevel.checkpoint()
        return result

    return lambda: patch.object(kind, name, method)


def children_of_the_outermost(parts: Parts) -> Patch:
    """A group within another one gives its children to that."""
    right = getattr(parts.library, parts.opener)
    outermost: ContextVar[Any] = ContextVar("outermost")

    @asynccontextmanager
    async def open_group() -> AsyncIterator[Any]:
        group = outermost.get(None)
        if group is not None:
            yield group
            return
        async with right() as group:
            outermost.set(group)
            yield group

    return lambda: patch.object(parts.library, parts.opener, open_group)


def group_is_not_told(parts: Parts) -> Patch:
    """A group never learns that a child has failed."""
    right = parts.group.start_soon

    async def quiet(function: Any, *args: Any) -> None:
        try:
            await function(*args)
        except Exception:
            return

    def start_soon(self: Any, function: Any, *args: Any, **more: Any) -> None:
        right(self, quiet, function, *args, **more)

    return lambda: patch.object(parts.group, "start_soon", start_soon)


def limit_takes_every_cancel(parts: Parts) -> Patch:
    """fail_after() takes the cancel of a scope around for its deadline."""
    right = parts.library.fail_after
    error = TimeoutError if parts.name == "anyio" else trio.TooSlowError

    @contextmanager
    def fail_after(seconds: float) -> Iterator[Any]:
        with right(seconds) as scope:
            try:
                yield scope
            except CANCELLED:
                raise error from None

    return lambda: patch.object(parts.library, "fail_after", fail_after)


def limit_is_silent(parts: Parts) -> Patch:
    """fail_after() ends its block when the deadline passes, and says nothing."""
    return partial(patch.object, parts.library, "fail_after", parts.library.move_on_after)


def mistakes(parts: Parts) -> tuple[tuple[str, Part, tuple[str, ...], Patch], ...]:
    """What is wrong, in what part of the library, which laws it refutes, and how it is done."""
    return (
        (
            "an event is waited for in a cancelled scope",
            "event",
            ("PROGRAM-01", "PROGRAM-02"),
            wait_is_shielded(parts),
        ),
        (
            "cancel() raises in the task that calls it",
            "scope",
            ("PROGRAM-03",),
            cancel_raises(parts),
        ),
        (
            "cancel() reaches the scopes beside",
            "scope",
            ("PROGRAM-05",),
            cancel_reaches_siblings(parts),
        ),
        (
            "a lock wakes nobody",
            "lock",
            ("PROGRAM-10", "PROGRAM-15"),
            lock_of_ours(parts, wakes=False),
        ),
        (
            "receive() may raise though it has taken the item",
            "queue",
            ("PROGRAM-11",),
            may_fail_when_done(parts, parts.receiver, "receive"),
        ),
        (
            "acquire() may raise though it has taken the lock",
            "lock",
            ("PROGRAM-13",),
            may_fail_when_done(parts, parts.lock, "acquire"),
        ),
        (
            "a lock lets in everybody who waits",
            "lock",
            ("PROGRAM-14",),
            lock_of_ours(parts, wakes=True),
        ),
        (
            "a group gives its children away",
            "group",
            ("PROGRAM-16",),
            children_of_the_outermost(parts),
        ),
        ("a group is not told of errors", "group", ("PROGRAM-17",), group_is_not_told(parts)),
        (
            "a limit takes every cancel for its deadline",
            "timeout",
            ("PROGRAM-20",),
            limit_takes_every_cancel(parts),
        ),
        (
            "a limit is silent",
            "timeout",
            ("PROGRAM-20", "LAW-DELIVER-14"),
            limit_is_silent(parts),
        ),
    )


WRONG = (
    *(
        Wrong(
            f"in {parts.name} {name}", kills=kills, library=parts.name, patch=mistake, breaks=part
        )
        for parts in LIBRARIES
        for name, part, kills, mistake in mistakes(parts)
    ),
    Wrong(
        "in trio send() may raise though it has sent the item",
        kills=("PROGRAM-12",),
        library="trio",
        patch=may_fail_when_done(LIBRARIES[1], trio.MemorySendChannel, "send"),
        breaks="queue",
    ),
)
