"""Tasks that nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import trio

_kept: set[asyncio.Task[Any]] = set()


def leave_running(work: Callable[..., Coroutine[Any, Any, object]], *args: Any) -> None:
    """Start ``work(*args)`` as a task that outlives its starter.

    On asyncio that is any task that is kept but not awaited.  On trio, where a nursery waits for
    its children, only a system task can be left: trio cancels those when the main task has ended.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        trio.lowlevel.spawn_system_task(work, *args)
    else:
        task = loop.create_task(work(*args))
        _kept.add(task)
        task.add_done_callback(_kept.discard)


def forget(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Let those of ``tasks`` that a closed loop has left pending be thrown away, and nothing be logged."""
    for task in tasks:
        if not task.done():
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001  # no public way to say that it is known to be pending
            task.get_coro().close()  # type: ignore[union-attr]  # asyncio's own coroutine
