"""No verdict hangs on the clock: however long the thread is held up, the verdict is the one on record."""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from collections.abc import Iterator

import pytest

from conformance.backends.backend import Backend
from conformance.book import all_claims
from conformance.claim import Statement
from conformance.expectations.lookup import expectation
from conformance.judging.effort import Effort
from conformance.judging.judge import judge

HELD_UP = (0, 0, 0.002, 0.006, 0.3, 5)
"""Seconds for which the thread is held up in a turn of the loop, each as likely as the others."""

BETWEEN_TWO_LINES = (0.0005, 0.002, 0.006)
"""The same between two readings of the clock, of which every third is late."""


class HeldUp(asyncio.SelectorEventLoop):
    """A loop on a busy machine: its thread is held up again and again, and due timers come first.

    So it is with libuv, where timers run before the callbacks that are ready.  Nothing really waits:
    the clock is moved on.
    """

    _late = 0.0

    def __init__(self) -> None:
        self._random = random.Random(0)  # noqa: S311  # the same on every run, and no secret
        super().__init__()

    def time(self) -> float:
        if self._random.random() < 1 / 3:
            self._late += self._random.choice(BETWEEN_TWO_LINES)
        return time.monotonic() + self._late

    def _run_once(self) -> None:
        # Private names of the loop: no public one says in which order it calls what is due.
        self._late += self._random.choice(HELD_UP)
        now = self.time()
        due: list[asyncio.TimerHandle] = []
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]  # see above
        while scheduled and scheduled[0].when() <= now:
            timer = heapq.heappop(scheduled)
            timer._scheduled = False  # type: ignore[attr-defined]  # see above
            if timer.cancelled():
                self._timer_cancelled_count -= 1  # type: ignore[attr-defined]  # see above
            else:
                due.append(timer)
        self._ready.extendleft(reversed(due))  # type: ignore[attr-defined]  # see above
        super()._run_once()  # type: ignore[misc]  # see above


BACKEND = Backend("asyncio", loop=HeldUp, io_loop=HeldUp, virtual=False, foreign=True)


def statements() -> Iterator[Statement]:
    """Those that are judged on asyncio; programs, whose timers are far off on a real clock, are many."""
    for claim in all_claims():
        if claim.chapter != "programs":
            for library, statement in claim.statements.items():
                expected = expectation(statement, "asyncio")
                if library != "trio" and expected and expected.verdict != "not-applicable":
                    yield statement


@pytest.mark.parametrize(
    "statement", list(statements()), ids=lambda each: f"{each.claim.id}-{each.library}"
)
def test_the_verdict_is_the_same_on_a_busy_machine(statement: Statement) -> None:
    verdict = judge(statement, BACKEND, Effort(examples=25))
    assert verdict.as_expected, f"{verdict.verdict}: {verdict.counterexample or verdict.reason}"
