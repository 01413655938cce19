"""Event loops for the tests of backends: some with a clock of their own, some that are no use."""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import time
from functools import cache
from typing import Any


class Subclass(asyncio.SelectorEventLoop):
    """Adds nothing."""


class Jumping(asyncio.SelectorEventLoop):
    """An ordinary loop, except that its clock jumps where it would wait."""

    def __init__(self) -> None:
        self._ahead = 0.0
        super().__init__()
        selector: Any = self._selector  # type: ignore[attr-defined]  # no public name
        select = selector.select

        def jump(timeout: float | None = None) -> Any:
            if not timeout:
                return select(timeout)
            events = select(0)
            if not events:
                self._ahead += timeout
            return events

        selector.select = jump

    def time(self) -> float:
        return super().time() + self._ahead


class Timerless(asyncio.SelectorEventLoop):
    """Never runs a timer."""

    def call_at(  # type: ignore[override]  # it takes anything
        self, when: float, callback: Any, *args: Any, context: Any = None
    ) -> Any:
        return asyncio.TimerHandle(when, callback, args, self, context)


class Unthreaded(Jumping):
    """Has a clock of its own, and takes nothing from other threads."""

    def call_soon_threadsafe(  # type: ignore[override]  # it takes anything, to refuse it
        self, callback: Any, *args: Any, context: Any = None
    ) -> Any:
        raise RuntimeError("there are no other threads")


class DiesRunning(asyncio.SelectorEventLoop):
    """Takes the process with it as soon as it is run."""

    def run_forever(self) -> None:
        os._exit(7)


class DiesClosing(asyncio.SelectorEventLoop):
    """Takes the process with it when it is closed."""

    def close(self) -> None:
        os._exit(7)


def raises() -> asyncio.AbstractEventLoop:
    raise ValueError("no loop\ntoday")


def exits() -> asyncio.AbstractEventLoop:
    raise SystemExit(3)


def crashes() -> asyncio.AbstractEventLoop:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still here")


def hangs() -> asyncio.AbstractEventLoop:
    while True:
        time.sleep(1)


def talks() -> asyncio.AbstractEventLoop:
    print("{making a loop}", flush=True)
    return asyncio.new_event_loop()


async def coroutine() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


@cache
def same() -> asyncio.AbstractEventLoop:
    loop = asyncio.SelectorEventLoop()
    atexit.register(loop.close)
    return loop


def closed() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.close()
    return loop


def one_at_a_time(made: list[asyncio.AbstractEventLoop] = []) -> asyncio.AbstractEventLoop:  # noqa: B006  # it remembers
    if made and not made[-1].is_closed():
        raise RuntimeError("there is a loop already")
    made.append(asyncio.SelectorEventLoop())
    return made[-1]


def coloured() -> asyncio.AbstractEventLoop:
    raise ValueError("\x1b[31mred\x1b]0;title\x07 \u202edrawkcab")


def twice_dies(made: list[None] = []) -> asyncio.AbstractEventLoop:  # noqa: B006  # it remembers
    made.append(None)
    if len(made) == 2:
        os._exit(7)
    return asyncio.SelectorEventLoop()


NO_FACTORY = 3
