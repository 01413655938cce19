"""Event loops that hang or crash: nothing that a law could refute from within.

``conformance run --loop tests.wrong.broken:Spins`` shows what becomes of a run with each.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from contextvars import Context
from typing import Any


class NeverRunsTimers(asyncio.SelectorEventLoop):
    """What is to be called later is forgotten."""

    def call_at(  # type: ignore[override]  # the stubs tie the arguments to the callback
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return asyncio.TimerHandle(when, callback, args, self, context)


class CrashesAtTheThirdTask(asyncio.SelectorEventLoop):
    """Memory is corrupt by then, as in an extension that counts references wrongly."""

    made = 0

    def create_task(self, coro: Any, **more: Any) -> asyncio.Task[Any]:
        self.made += 1
        if self.made == 3:
            ctypes.string_at(0)
        return super().create_task(coro, **more)


class EatsCallbacks(asyncio.SelectorEventLoop):
    """Every seventh callback is lost."""

    given = 0

    def _call_soon(self, callback: Any, args: Any, context: Any) -> asyncio.Handle:
        self.given += 1
        # No public place sees every callback: the C task takes this one.
        handle: asyncio.Handle = super()._call_soon(callback, args, context)  # type: ignore[misc]  # not in the stubs
        if self.given % 7 == 0:
            handle.cancel()
        return handle


class Spins(asyncio.SelectorEventLoop):
    """It is busy for ever, and nothing gets a turn."""

    def run_forever(self) -> None:
        while True:
            pass


class HoldsTheLock(asyncio.SelectorEventLoop):
    """It is busy for ever in C, and no other thread gets a turn either."""

    def run_forever(self) -> None:
        # One call that never returns to the interpreter.
        sum(iter(int, 1))


class ForgetsToWake(asyncio.SelectorEventLoop):
    """It waits for ever once there are two tasks: the second one's first step is lost."""

    def create_task(self, coro: Any, **more: Any) -> asyncio.Task[Any]:
        task = super().create_task(coro, **more)
        if len(asyncio.all_tasks(self)) == 2:
            self._ready.pop()  # type: ignore[attr-defined]  # private, where it lies
        return task
