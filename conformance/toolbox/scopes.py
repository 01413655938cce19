"""The few names in which anyio and trio differ, for claims that are stated once for both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from types import ModuleType
from typing import Any

from conformance.toolbox.instants import Instant, cancel_at, settle


def open_group(library: ModuleType) -> Any:
    """anyio's task group or trio's nursery: ``async with``, ``.start_soon()``, ``.cancel_scope``."""
    name = "create_task_group" if library.__name__ == "anyio" else "open_nursery"
    return getattr(library, name)()


def cancelled(library: ModuleType) -> type[BaseException]:
    """The exception by which the running backend interrupts code that uses ``library``."""
    if library is asyncio:
        return asyncio.CancelledError
    if library.__name__ == "anyio":
        found: type[BaseException] = library.get_cancelled_exc_class()
        return found
    exception: type[BaseException] = library.Cancelled
    return exception


async def run_and_cancel(
    library: ModuleType,
    body: Callable[[], Awaitable[object]],
    instant: Instant,
    complete: Callable[[], object],
) -> None:
    """Run ``body`` in a task of its own, cancel that at ``instant`` and wait for its end.

    In asyncio the task is cancelled, in anyio and trio the scope of the group that it is started in.
    """
    if library is asyncio:
        task = asyncio.ensure_future(body())
        await cancel_at(instant, task.cancel, complete)
        await asyncio.wait([task])
        return
    async with open_group(library) as group:
        group.start_soon(body)
        await cancel_at(
            instant,
            group.cancel_scope.cancel,
            complete,
            # The one who cancels stands in the group too, and is to finish what it has begun.
            pause=library.lowlevel.cancel_shielded_checkpoint,
            settled=partial(settle, library),
        )


def on_asyncio() -> bool:
    """Whether the code runs on asyncio, and so in tasks that have a cancel() of their own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
