"""Whether a loop has a clock of its own, on which an hour may pass at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property

from conformance.backends.guard import guarding

_STEP = 0.03
_STEPS = 3
_PATIENCE = 2.0


class ClockOfItsOwn:
    """True if time passes at no cost on the loops that ``factory`` makes.

    It is found out when first asked, by running a loop: one that crashes or hangs at that is then
    already being judged.
    """

    def __init__(self, factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self.factory = factory

    def __bool__(self) -> bool:
        return self._jumps

    @cached_property
    def _jumps(self) -> bool:
        return jumps(self.factory)


def jumps(factory: Callable[[], asyncio.AbstractEventLoop]) -> bool:
    """Whether a fresh loop's clock jumps to its next timer when nothing else is to be done.

    Some timers are set one after the other.  On a real clock none of them can come early; on a
    clock that jumps they take next to no time, and one of them will do so on the busiest machine.
    A loop on which they do not come at all has no clock of its own that would be of use.
    """
    loop = factory()
    spans: list[float] = []
    since = 0.0

    def begin() -> None:
        nonlocal since
        since = time.monotonic()
        loop.call_later(_STEP, tick)

    def tick() -> None:
        spans.append(time.monotonic() - since)
        if len(spans) < _STEPS:
            begin()
        else:
            loop.stop()

    try:
        # What is wrong with it is judged.
        with suppress(Exception, SystemExit), guarding(loop, _PATIENCE):
            loop.call_soon(begin)
            loop.run_forever()
    finally:
        with suppress(Exception, SystemExit):
            loop.close()
    return len(spans) == _STEPS and min(spans) < _STEP / 2
