"""Instants: the points at which a cancel can arrive.

The races are the default, not an option: the turn of the loop in which the awaited thing completes
is drawn in both orders, with a few turns between the two.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import trio
from trio.testing import MockClock

from conformance.backends.virtual import VirtualLoop

SOON = 0.001
"""Seconds of a timer that is meant to fire (virtual where the loop allows it)."""

NEVER = 3600.0
"""Seconds of a timer that is not meant to fire."""

MANY = 10
"""Turns of the loop after which everything that can run without outside help has run."""


async def turns(count: int) -> None:
    """Let asyncio's loop turn ``count`` times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def settle(library: ModuleType = asyncio) -> None:
    """Wait until every other task waits for something.

    In asyncio that is for :data:`MANY` turns of the loop, or until it has nothing else to run where
    that can be seen.
    """
    if library is asyncio:
        await _settle_asyncio()
    elif not hasattr(library, "wait_all_tasks_blocked"):
        await library.testing.wait_all_tasks_blocked()
    elif trio.lowlevel.in_trio_run():
        await library.wait_all_tasks_blocked()
    else:
        # anyio looks again only after 0.1 s if a task has not come to its wait yet.
        await _settle_asyncio()
        await library.wait_all_tasks_blocked()


async def _settle_asyncio() -> None:
    # The queue of the standard library's loops; what others have to run cannot be seen.
    ready = getattr(asyncio.get_running_loop(), "_ready", None)
    for _ in range(MANY):
        await asyncio.sleep(0)
        if ready is not None and not ready:
            return


def running_task() -> asyncio.Task[Any]:
    """asyncio's task that calls this."""
    task = asyncio.current_task()
    assert task is not None, "called from outside of every task"
    return task


def busy(seconds: float) -> None:
    """Keep the thread busy: that much time passes, and no other task can run."""
    if trio.lowlevel.in_trio_run():
        clock = trio.lowlevel.current_clock()
        if isinstance(clock, MockClock):
            return clock.jump(seconds)
    else:
        loop = asyncio.get_running_loop()
        if isinstance(loop, VirtualLoop):
            return loop.elapse(seconds)
    time.sleep(seconds)


@dataclass(frozen=True)
class Instant:
    """When a cancel arrives at a task that waits for something.

    ``first`` says what happens first, ``"cancel"`` or ``"completion"``, and ``gap`` how many turns of
    the loop lie between the two (0: the same turn); a ``gap`` of ``None`` means that the other never
    happens.  ``started`` is false where the cancel comes before the task's first step.
    """

    name: str
    started: bool = True
    first: str = "cancel"
    gap: int | None = None

    def __repr__(self) -> str:
        return f"<{self.name}>"

    @property
    def same_turn(self) -> bool:
        """Whether cancel and completion fall into one turn of the loop."""
        return self.gap == 0


BEFORE_FIRST_STEP = Instant("before the first step", started=False)
BY_ITSELF = Instant("by itself, while it runs")
WAITING = Instant("while it waits")
CANCEL_THEN_COMPLETION = Instant("just before the completion, in the same turn", gap=0)
COMPLETION_THEN_CANCEL = Instant(
    "just after the completion, in the same turn", first="completion", gap=0
)
ONE_TURN_AFTER = Instant("one turn after the completion", first="completion", gap=1)
RACES = (
    CANCEL_THEN_COMPLETION,
    COMPLETION_THEN_CANCEL,
    Instant("one turn before the completion", gap=1),
    ONE_TURN_AFTER,
    Instant("two turns before the completion", gap=2),
    Instant("two turns after the completion", first="completion", gap=2),
    Instant("three turns after the completion", first="completion", gap=3),
)
WHILE_WAITING = (WAITING, *RACES)
INSTANTS = (BEFORE_FIRST_STEP, *WHILE_WAITING)


async def cancel_at(
    instant: Instant,
    cancel: Callable[[], object],
    complete: Callable[[], object],
    pause: Callable[[], Awaitable[object]] = lambda: asyncio.sleep(0),
    settled: Callable[[], Awaitable[object]] = settle,
) -> None:
    """Call ``cancel`` and ``complete`` in the order, and with the turns between, that ``instant`` says.

    ``pause`` lets the loop turn once, ``settled`` waits until everything else waits.
    """
    if instant.started:
        await settled()
    if instant.gap is None:
        cancel()
        return
    steps = (cancel, complete) if instant.first == "cancel" else (complete, cancel)
    steps[0]()
    for _ in range(instant.gap):
        await pause()
    steps[1]()
