"""Virtual time for trio, and the end of a run in which nothing can ever happen again.

Without threads or sockets, a trio that is idle with no deadline set will stay so, and would wait
for ever.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import trio
from trio.testing import MockClock

from conformance.backends.deadlock import QUIET, SPINNING, TURN_LIMIT, Deadlock


class QuietWatch(trio.abc.Instrument):
    """Ends the run when it has gone quiet or spins without end, and keeps the ``reason``."""

    def __init__(self, clock: MockClock) -> None:
        self.clock = clock
        self.turns = 0
        self.idle = 0
        self.reason: str | None = None

    def task_scheduled(self, task: trio.lowlevel.Task) -> None:
        self.idle = 0

    def before_io_wait(self, timeout: float) -> None:
        self.turns += 1
        self.idle += 1
        if self.turns > TURN_LIMIT:
            self._end(SPINNING)
        # The first idle turn may wake wait_all_tasks_blocked(), the second may jump the clock.
        elif self.idle > 2:
            now = trio.lowlevel.current_statistics()
            if now.tasks_runnable == 0 and now.seconds_to_next_deadline == math.inf:
                self._end(QUIET)

    def _end(self, reason: str) -> None:
        if self.reason is None:
            # A callback that raises cancels every task; an instrument that raises is only taken off.
            self.reason = reason
            self.turns = 0
            trio.lowlevel.current_trio_token().run_sync_soon(self._raise)
        else:
            # Something is shielded or swallows: a clock that raises ends the run as it stands.
            self.clock.deadline_to_sleep_time = self._raise  # type: ignore[method-assign,assignment]  # no other way out

    def _raise(self, *_: object) -> float:
        raise Deadlock(self.reason)


def virtual_trio() -> dict[str, Any]:
    """Options of ``trio.run`` for one run in virtual time: a clock and a watch of its own."""
    clock = MockClock(autojump_threshold=0)
    return {"clock": clock, "instruments": [QuietWatch(clock)]}


@contextmanager
def told_if_quiet(options: Mapping[str, Any]) -> Iterator[None]:
    """Around a run with ``options``: raise :class:`Deadlock` if it was ended for having gone quiet.

    trio itself reports an internal error then.
    """
    try:
        yield
    except BaseException:
        for watch in options.get("instruments", ()):
            if isinstance(watch, QuietWatch) and watch.reason is not None:
                raise Deadlock(watch.reason) from None
        raise
