"""Scopes that carry a cancel wrongly: anyio's on asyncio, and trio's."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from types import ModuleType
from typing import Any
from unittest.mock import patch

import anyio
import anyio.lowlevel
import trio
from anyio._backends import _asyncio as anyio_on_asyncio  # its scopes have no public name

from conformance.claim import Library
from tests.wrong.kit import Wrong, with_tasks

LIBRARIES: tuple[tuple[Library, ModuleType, type[Any], type[Any]], ...] = (
    ("anyio", anyio, anyio_on_asyncio.CancelScope, anyio_on_asyncio.Event),
    ("trio", trio, trio.CancelScope, trio.Event),
)
"""The scope and the event of each library, as they are on the backend that is judged."""

Patch = Callable[[], AbstractContextManager[Any]]


def exit_that_catches_everything(scope: type[Any]) -> Patch:
    """A scope catches every cancellation, that of the scopes around it too."""
    right = scope.__exit__

    def leave(self: Any, kind: Any, error: Any, trace: Any) -> bool:
        caught = right(self, kind, error, trace)
        return bool(caught) or isinstance(error, (asyncio.CancelledError, trio.Cancelled))

    return lambda: patch.object(scope, "__exit__", leave)


def wait_that_swallows(event: type[Any]) -> Patch:
    """A wait for an event that is not set yet returns when it is cancelled."""
    right = event.wait

    async def wait(self: Any) -> None:
        if self.is_set():
            await right(self)
            return
        try:
            await right(self)
        except (asyncio.CancelledError, trio.Cancelled):
            pass

    return lambda: patch.object(event, "wait", wait)


def cancel_that_spreads(scope: type[Any]) -> Patch:
    """cancel() cancels the scope around it as well."""
    right = scope.cancel

    def cancel(self: Any, **more: Any) -> None:
        if isinstance(self, trio.CancelScope):
            status = self._cancel_status
            around = status and status._parent and status._parent._scope
        else:
            around = self._parent_scope
        if around:
            right(around)
        right(self, **more)

    return lambda: patch.object(scope, "cancel", cancel)


def deadline_of_clocks_only(library: ModuleType) -> Patch:
    """current_effective_deadline() knows of deadlines, but not of cancel()."""
    right = library.current_effective_deadline

    def deadline() -> float:
        found: float = right()
        return math.inf if found == -math.inf else found

    return lambda: patch.object(library, "current_effective_deadline", deadline)


async def nothing() -> None:
    """A checkpoint that checks nothing."""


def scope_without_a_shield(library: ModuleType) -> Patch:
    """CancelScope() ignores shield=True."""
    right = library.CancelScope

    def scope(*, shield: bool = False, **more: Any) -> Any:
        return right(**more)

    return lambda: patch.object(library, "CancelScope", scope)


def sleep_that_shields_itself(library: ModuleType) -> Patch:
    """sleep() sleeps on in a cancelled scope."""
    right = library.sleep

    async def sleep(delay: float) -> None:
        with library.CancelScope(shield=True):
            await right(delay)

    return lambda: patch.object(library, "sleep", sleep)


class ShieldedTask(asyncio.Task[Any]):
    """Its cancel() respects anyio's shields."""

    def cancel(self, msg: Any = None) -> bool:
        state = anyio_on_asyncio._task_states.get(self)
        shielded = state and state.cancel_scope and state.cancel_scope.shield
        return bool(shielded) or super().cancel(msg)


class StubbornTask(asyncio.Task[Any]):
    """Says that it took a request back, and keeps it."""

    def cancelling(self) -> int:
        return self.requests

    requests = 0

    def cancel(self, msg: Any = None) -> bool:
        self.requests += 1
        return super().cancel(msg)


WRONG = (
    *(
        wrong
        for name, library, scope, event in LIBRARIES
        for wrong in (
            Wrong(
                f"a scope of {name} catches the cancellation of the scopes around it",
                kills=("LAW-NEST-01", "LAW-NEST-05"),
                library=name,
                patch=exit_that_catches_everything(scope),
                breaks="scope",
            ),
            Wrong(
                f"cancel() of {name} reaches the scope around it",
                kills=("LAW-NEST-02",),
                library=name,
                patch=cancel_that_spreads(scope),
                breaks="scope",
                says={"LAW-NEST-02": "a child outside its scope, which was interrupted"},
            ),
            Wrong(
                f"current_effective_deadline() of {name} does not know of cancel()",
                kills=("LAW-NEST-04",),
                library=name,
                patch=deadline_of_clocks_only(library),
                breaks="scope",
                says={"LAW-NEST-04": "said inf, not -inf"},
            ),
            Wrong(
                f"checkpoint_if_cancelled() of {name} checks nothing",
                kills=("LAW-NEST-06",),
                library=name,
                patch=partial(patch.object, library.lowlevel, "checkpoint_if_cancelled", nothing),
                breaks="checkpoint",
                says={"LAW-NEST-06": "began another step"},
            ),
            Wrong(
                f"checkpoint() of {name} checks nothing",
                # anyio's groups on asyncio are checkpoints themselves (agronholm/anyio#1069).
                kills=(
                    "LAW-NEST-07",
                    "LAW-NEST-14",
                    "LAW-DELIVER-02",
                    "LAW-DELIVER-08",
                    "LAW-DELIVER-13",
                )
                + (("LAW-NEST-15",) if name == "trio" else ()),
                library=name,
                patch=partial(
                    patch.object,
                    library.lowlevel,
                    "checkpoint",
                    library.lowlevel.cancel_shielded_checkpoint,
                ),
                breaks="checkpoint",
                says={
                    "LAW-NEST-14": "were to raise: [] did",
                    "LAW-DELIVER-02": "the checkpoint after it went through",
                    "LAW-DELIVER-08": "in a cancelled scope checkpoint() went through",
                    "LAW-DELIVER-13": "of these raised: 0",
                },
            ),
            Wrong(
                f"CancelScope() of {name} ignores shield=True",
                kills=(
                    "LAW-NEST-10",
                    "LAW-DELIVER-17",
                    "LAW-CLEANUP-06",
                    "LAW-CLEANUP-08",
                    "LAW-CLEANUP-09",
                    "PROGRAM-01",
                    "PROGRAM-09",
                ),
                library=name,
                patch=scope_without_a_shield(library),
                breaks="shield",
                says={
                    "LAW-NEST-10": "what happened is ['interrupted']",
                    "LAW-CLEANUP-06": "in a cleanup that was shielded",
                    "LAW-DELIVER-17": "the cancel came through",
                },
            ),
            Wrong(
                f"Event.wait() of {name} swallows a cancel",
                kills=("LAW-CLEANUP-06",),
                library=name,
                patch=wait_that_swallows(event),
                breaks="event",
                says={"LAW-CLEANUP-06": "in a cleanup that was not shielded"},
            ),
            Wrong(
                f"sleep() of {name} cannot be interrupted",
                kills=("LAW-NEST-12", "LAW-NEST-13"),
                library=name,
                patch=sleep_that_shields_itself(library),
                breaks="checkpoint",
            ),
        )
    ),
    Wrong(
        "Task.cancel() respects anyio's shields",
        kills=("LAW-NEST-11",),
        library="anyio",
        loop=with_tasks(ShieldedTask),
        breaks="task",
        says={"LAW-NEST-11": "it did not, and the task had not ended"},
    ),
    Wrong(
        "cancelling() counts what was taken back",
        kills=("LAW-NEST-16", "LAW-NEST-17"),
        library="anyio",
        loop=with_tasks(StubbornTask),
        when="python>=3.11",
        breaks="task",
        says={"LAW-NEST-17": "cancelling() said 1, not 0"},
    ),
)
