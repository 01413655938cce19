"""Gives a loop up whose example does not end: one thread with a real clock for the whole process.

A timer of the loop's own would not do.  A clock that jumps would make it fire at once, and a loop
that runs no timers would never fire it.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from conformance.backends.deadlock import GIVEN_UP, GUARD_SECONDS, Deadlock


class Guard:
    """Stops ``loop`` when ``seconds`` of real time have passed, and again a little later if need be.

    Again, because what is cancelled at the end of a run may refuse to end as well.
    """

    __slots__ = ("due", "given_up", "loop", "seconds")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self.loop = loop
        self.seconds = seconds
        self.due = time.monotonic() + seconds
        self.given_up = False

    def give_up(self) -> None:
        """Ask the loop to stop; one that does not answer is for whoever watches the process."""
        self.given_up = True
        self.due = time.monotonic() + self.seconds / 4
        try:
            self.loop.call_soon_threadsafe(self.loop.stop)
        except Exception:
            # It may be closed by now; or it takes nothing from other threads, and spins.
            with suppress(Exception):
                if not self.loop.is_closed():
                    self.loop.stop()


class _Watchdog:
    """The thread, and the guards that are set.

    Setting a guard and lifting it takes no lock: guards are due in the order in which they are set,
    so that a thread which waits for one need not hear of the next.
    """

    def __init__(self) -> None:
        self.guards: set[Guard] = set()
        self.looks_at = math.inf
        self.condition = threading.Condition()
        self.thread: threading.Thread | None = None

    def set(self, guard: Guard) -> None:
        self.guards.add(guard)
        if guard.due < self.looks_at:
            with self.condition:
                if self.thread is None:
                    self.thread = threading.Thread(
                        target=self._watch, daemon=True, name="conformance guard"
                    )
                    self.thread.start()
                self.condition.notify()

    def lift(self, guard: Guard) -> None:
        self.guards.discard(guard)

    def _watch(self) -> None:
        with self.condition:
            while True:
                # Whoever sets a guard from here on will notify.
                self.looks_at = math.inf
                guards = list(self.guards)
                now = time.monotonic()
                for guard in guards:
                    if guard.due <= now:
                        guard.give_up()
                if guards:
                    self.looks_at = min(guard.due for guard in guards)
                    self.condition.wait(max(0, self.looks_at - now))
                else:
                    self.condition.wait()


_watchdog = _Watchdog()


@contextmanager
def guarding(loop: asyncio.AbstractEventLoop, seconds: float) -> Iterator[Guard]:
    """While this lasts, ``loop`` is stopped if it takes more than ``seconds`` of real time."""
    guard = Guard(loop, seconds)
    _watchdog.set(guard)
    try:
        yield guard
    finally:
        _watchdog.lift(guard)


@contextmanager
def guarded(options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The backend options of one run with a guard on the loop that is made for it.

    What then comes out of the run is a :class:`Deadlock` if the loop had to be given up.
    """
    guards: list[Guard] = []

    def factory() -> asyncio.AbstractEventLoop:
        loop: asyncio.AbstractEventLoop = options["loop_factory"]()
        guards.append(Guard(loop, GUARD_SECONDS))
        _watchdog.set(guards[0])
        return loop

    try:
        yield {**options, "loop_factory": factory}
    except BaseException:
        if guards and guards[0].given_up:
            raise Deadlock(GIVEN_UP) from None
        raise
    finally:
        for guard in guards:
            _watchdog.lift(guard)
