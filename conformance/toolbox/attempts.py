"""One operation in a task of its own, cancelled at a chosen turn of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import ModuleType

from conformance.toolbox.instants import SOON, Instant, cancel_at
from conformance.toolbox.scopes import open_group


class _Cancelled:
    def __repr__(self) -> str:
        return "CANCELLED"


CANCELLED = _Cancelled()
"""What :func:`attempt` gives for an operation that ended by being cancelled."""


async def turn(library: ModuleType, count: int = 1) -> None:
    """Let the loop turn ``count`` times."""
    for _ in range(count):
        if library is asyncio:
            await asyncio.sleep(0)
        else:
            await library.lowlevel.checkpoint()


PATIENCE = 200
"""How many times a millisecond something is given that another thread may do."""


async def until(library: ModuleType, done: Callable[[], bool], times: int = PATIENCE) -> None:
    """Wait until ``done`` says yes, but no more than so many times a millisecond."""
    for _ in range(times):
        if done():
            return
        await library.sleep(SOON)


async def attempt(
    library: ModuleType,
    operation: Callable[[], Awaitable[object]],
    *,
    turns: int,
    instant: Instant,
    complete: Callable[[], object] = lambda: None,
    ready: Callable[[], bool] = lambda: True,
    twice: bool = False,
) -> object:
    """Start ``operation``, let the loop turn ``turns`` times, and cancel it at ``instant``.

    The loop turns on until ``ready`` says yes.  ``complete`` is what brings about that for which the
    operation waits.  ``twice`` cancels it once more in the same turn.  Gives what the operation returned, or :data:`CANCELLED`; raises what it
    raised.
    """

    async def wait() -> None:
        await turn(library, turns)
        while not ready():
            await turn(library)

    async def pause() -> None:
        await turn(library)

    if library is asyncio:
        task = asyncio.ensure_future(operation())

        def cancel_task() -> None:
            for _ in range(1 + twice):
                task.cancel()

        await cancel_at(instant, cancel_task, complete, pause, wait)
        await asyncio.wait([task])
        return CANCELLED if task.cancelled() else task.result()

    result: object = CANCELLED
    failures: list[Exception] = []
    scope = library.CancelScope()

    async def child() -> None:
        nonlocal result
        with scope:
            try:
                result = await operation()
            except Exception as failure:  # raised below: a group would wrap it
                failures.append(failure)

    def cancel_scope() -> None:
        for _ in range(1 + twice):
            scope.cancel()

    async with open_group(library) as group:
        group.start_soon(child)
        await cancel_at(instant, cancel_scope, complete, pause, wait)
    for failure in failures:
        raise failure
    return result
