"""An asyncio event loop without I/O whose clock jumps to the next timer.

The same program runs in the same order every time, and a loop with nothing left to do says so at
once.  It leans on a few private names of ``asyncio.base_events`` and ``selector_events`` that are
the same from CPython 3.10 to 3.15 and in PyPy; ``tests/backends`` watches them.
"""

from __future__ import annotations

import asyncio
from asyncio import selector_events
from typing import TYPE_CHECKING, Any

from conformance.backends.deadlock import QUIET, SPINNING, TURN_LIMIT, Deadlock

if TYPE_CHECKING:
    _Base = asyncio.SelectorEventLoop
else:
    _Base = selector_events.BaseSelectorEventLoop


class _NoIO:
    """Stands where the selector would: never waits, and moves the clock instead."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.turns = 0

    def select(self, timeout: float | None = None) -> tuple[()]:
        self.turns += 1
        if timeout is None:
            raise Deadlock(QUIET)
        if self.turns > TURN_LIMIT:
            raise Deadlock(SPINNING)
        if timeout > 0:
            self.loop.advance()
        return ()

    def get_map(self) -> dict[int, Any]:
        return {}

    def close(self) -> None:
        pass


class VirtualLoop(_Base):
    """An event loop in virtual time: no sockets, no threads, no waiting."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_NoIO(self))  # type: ignore[arg-type]  # all that the loop asks of a selector
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """The virtual time, in seconds since the loop was made."""
        return self._now

    def elapse(self, seconds: float) -> None:
        """Let time pass without a turn of the loop, as in a thread that is busy."""
        self._now += seconds

    def advance(self) -> None:
        """Move the clock to the next timer."""
        self._now = max(self._now, self._scheduled[0]._when)  # type: ignore[attr-defined]  # noqa: SLF001  # no public name

    def _make_self_pipe(self) -> None:
        pass

    def _close_self_pipe(self) -> None:
        pass

    def _process_events(self, event_list: object) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def run_in_executor(  # type: ignore[override]  # it takes anything, to refuse it
        self, executor: Any, func: Any, *args: Any
    ) -> Any:
        """Refused: a thread's work takes real time, which this loop does not have."""
        raise RuntimeError("no threads on a virtual loop: state the claim with io=True instead")


class EagerVirtualLoop(VirtualLoop):
    """The same loop with eager tasks (Python 3.12 and later)."""

    def __init__(self) -> None:
        super().__init__()
        self.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined,unused-ignore]  # it came with 3.12


def eager_loop() -> asyncio.AbstractEventLoop:
    """An ordinary event loop with eager tasks (Python 3.12 and later)."""
    loop = asyncio.new_event_loop()
    loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined,unused-ignore]  # it came with 3.12
    return loop
