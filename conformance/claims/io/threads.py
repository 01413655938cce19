"""What happens to a function in a thread when the wait for it is cancelled?"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import ModuleType

from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import TASKS, THREADS
from conformance.toolbox.attempts import CANCELLED, attempt, turn
from conformance.toolbox.error_handler import no_error_reported
from conformance.toolbox.instants import (
    CANCEL_THEN_COMPLETION,
    RACES,
    SOON,
    WAITING,
    WHILE_WAITING,
    Instant,
)
from conformance.toolbox.loop_driver import patiently
from conformance.toolbox.spaces import every, flags, up_to
from conformance.toolbox.words import counted

GUARD = 8.0
"""Real seconds after which something that waits is taken to wait for ever."""

TURNS_OF_A_RESULT = 5
"""Turns of the loop in which a result that has come from a thread is given on."""


class LateError(Exception):
    """What the function in the thread raises, if it is to fail."""


class Work:
    """A function for a thread, which lasts until it is released, and then gives "late" or fails."""

    def __init__(self, *, fails: bool) -> None:
        self.fails = fails
        self.outcome = "LateError" if fails else "late"
        self.started = threading.Event()
        self.released = threading.Event()
        self.ended = threading.Event()

    def __call__(self) -> str:
        self.started.set()
        try:
            patiently(self.released.wait, GUARD)
            if self.fails:
                raise LateError
            return "late"
        finally:
            self.ended.set()

    def end(self) -> None:
        """Let the function end, and wait until it has (if it had begun)."""
        self.released.set()
        if self.started.is_set():
            patiently(self.ended.wait, GUARD)


CANCELLED_CALLS = law(
    "LAW-IO-08",
    "Cancelling the wait for a function that runs in a thread ends the wait at once if the function"
    " may be abandoned, and otherwise changes nothing: the wait gives what the function gives; and"
    " what an abandoned function gives or raises later surfaces nowhere.",
    source="https://trio.readthedocs.io/en/stable/reference-core.html#trio.to_thread.run_sync",
)

ANTECEDENTS = {
    "the call was cancelled while the function ran": 0.2,
    "the function ended at about the time of the cancel": 0.2,
}


async def cancel_a_call(
    library: ModuleType,
    call: Callable[[], Awaitable[str]],
    work: Work,
    *,
    abandons: bool,
    turns: int,
    running: bool,
    instant: Instant,
) -> None:
    """Cancel a ``call`` of ``work``, and check what it gives.

    With ``running`` the function runs by then, without it is not known whether it does.
    """
    ran_on: bool | None = None

    async def watched_call() -> str:
        nonlocal ran_on
        try:
            return await call()
        except LateError:
            return "LateError"
        finally:
            ran_on = work.started.is_set() and not work.ended.is_set()

    result = await attempt(
        library,
        watched_call,
        turns=turns,
        instant=instant,
        complete=work.end,
        ready=work.started.is_set if running else lambda: True,
    )
    if running:
        antecedent("the call was cancelled while the function ran")
        if instant.gap is not None:
            antecedent("the function ended at about the time of the cancel")
    if abandons:
        assert result in (CANCELLED, work.outcome), f"the cancelled call gave {result!r}"
        if running and instant.first == "cancel":
            assert result is CANCELLED, (
                f"the call was to abandon the function, but gave {result!r} when that ended"
            )
        if running and instant.gap is None:
            assert ran_on, "the call was to abandon the function, but waited for its end"
    elif work.started.is_set():
        assert not ran_on, "the call was not to abandon the function, but ended before it"
        assert result == work.outcome, (
            f"the function gave {work.outcome!r}, but the cancelled call gave {result!r}"
        )
    work.end()


ASYNCIO_CALLS = ("asyncio.to_thread", "loop.run_in_executor")


@CANCELLED_CALLS.states(
    "asyncio",
    expect=holds(),
    antecedents=ANTECEDENTS,
    io=True,
    builds_on=(
        THREADS,
        TASKS,
    ),
)
@given(
    how=every(ASYNCIO_CALLS),
    turns=every((0, 2)),
    running=flags(),
    fails=flags(),
    instant=every(WHILE_WAITING),
)
async def test_a_cancelled_call_in_asyncio_abandons_the_function(
    library: ModuleType, how: str, turns: int, running: bool, fails: bool, instant: Instant
) -> None:
    work = Work(fails=fails)
    loop = asyncio.get_running_loop()
    # One thread: what is called next is called when the function has ended.
    executor = ThreadPoolExecutor(1)
    loop.set_default_executor(executor)

    async def call() -> str:
        if how == "asyncio.to_thread":
            return await asyncio.to_thread(work)
        return await loop.run_in_executor(executor, work)

    with no_error_reported():
        await cancel_a_call(
            library,
            call,
            work,
            abandons=True,
            turns=turns,
            running=running,
            instant=instant,
        )
        assert await asyncio.to_thread(lambda: "next") == "next", (
            "the next call gave another result"
        )
        await turn(library, TURNS_OF_A_RESULT)


async def cancel_a_run_sync(
    library: ModuleType,
    *,
    abandons: bool,
    turns: int,
    running: bool,
    fails: bool,
    instant: Instant,
) -> None:
    work = Work(fails=fails)
    limiter = library.CapacityLimiter(1)

    async def call() -> str:
        return str(
            await library.to_thread.run_sync(work, abandon_on_cancel=abandons, limiter=limiter)
        )

    # What is not abandoned ends only if somebody ends it.
    if not abandons and instant is WAITING:
        instant = CANCEL_THEN_COMPLETION
    with no_error_reported():
        await cancel_a_call(
            library,
            call,
            work,
            abandons=abandons,
            turns=turns,
            running=running,
            instant=instant,
        )
        with library.move_on_after(GUARD):
            await library.to_thread.run_sync(lambda: None, limiter=limiter)
        await turn(library, TURNS_OF_A_RESULT)


@CANCELLED_CALLS.states(
    "anyio",
    expect=holds(),
    antecedents=ANTECEDENTS,
    io=True,
    builds_on=(
        THREADS,
        TASKS,
    ),
)
@given(
    abandons=flags(),
    turns=every((0, 2)),
    running=flags(),
    fails=flags(),
    instant=every(WHILE_WAITING),
)
async def test_a_call_cancelled_in_anyio_does_as_it_was_told(
    library: ModuleType, abandons: bool, turns: int, running: bool, fails: bool, instant: Instant
) -> None:
    await cancel_a_run_sync(
        library, abandons=abandons, turns=turns, running=running, fails=fails, instant=instant
    )


@CANCELLED_CALLS.states("trio", expect=holds(), antecedents=ANTECEDENTS, io=True)
@given(
    abandons=flags(),
    turns=every((0, 2)),
    running=flags(),
    fails=flags(),
    instant=every(WHILE_WAITING),
)
async def test_a_call_cancelled_in_trio_does_as_it_was_told(
    library: ModuleType, abandons: bool, turns: int, running: bool, fails: bool, instant: Instant
) -> None:
    await cancel_a_run_sync(
        library, abandons=abandons, turns=turns, running=running, fails=fails, instant=instant
    )


PLACES_COME_BACK = law(
    "LAW-IO-09",
    "The place that a function in a thread takes in its limiter is free again when the function has"
    " ended, at whatever point its call was cancelled.",
    source="https://trio.readthedocs.io/en/stable/reference-core.html#trio.to_thread.run_sync",
)


PATIENCE = 1_000
"""How many times a millisecond a function that was abandoned is given to end."""


async def cancel_and_count_places(
    library: ModuleType, abandons: bool, turns: int, running: bool, instant: Instant
) -> None:
    limiter = library.CapacityLimiter(1)
    work = Work(fails=False)
    await attempt(
        library,
        partial(library.to_thread.run_sync, work, abandon_on_cancel=abandons, limiter=limiter),
        turns=turns,
        instant=instant,
        complete=work.end,
        ready=work.started.is_set if running else lambda: True,
    )
    work.end()
    if running:
        antecedent("the call was cancelled while the function ran")
    for _ in range(PATIENCE):
        if not limiter.borrowed_tokens:
            break
        await library.sleep(SOON)
    assert limiter.borrowed_tokens == 0, (
        "the function whose call was cancelled has ended, but its place in the limiter is taken"
    )


@PLACES_COME_BACK.states(
    "anyio",
    expect=holds(),
    antecedents=("the call was cancelled while the function ran",),
    io=True,
    builds_on=(
        THREADS,
        TASKS,
    ),
)
@given(abandons=flags(), turns=up_to(3), running=flags(), instant=every(RACES))
async def test_the_place_in_anyios_limiter_comes_back(
    library: ModuleType, abandons: bool, turns: int, running: bool, instant: Instant
) -> None:
    await cancel_and_count_places(library, abandons, turns, running, instant)


@PLACES_COME_BACK.states(
    "trio",
    expect=holds(),
    antecedents=("the call was cancelled while the function ran",),
    io=True,
)
@given(abandons=flags(), turns=up_to(3), running=flags(), instant=every(RACES))
async def test_the_place_in_trios_limiter_comes_back(
    library: ModuleType, abandons: bool, turns: int, running: bool, instant: Instant
) -> None:
    await cancel_and_count_places(library, abandons, turns, running, instant)


PLACES_COME_BACK.not_applicable(
    "asyncio",
    because="asyncio's calls into threads take no place in a limiter: the executor has as many"
    " threads as it has",
    missing=("asyncio.CapacityLimiter",),
)


THREADS_CAN_ASK = law(
    "LAW-IO-10",
    "A function in a thread that calls from_thread.check_cancelled() is interrupted if the wait for"
    " it has been cancelled by then, and not otherwise.",
    source="https://anyio.readthedocs.io/en/stable/threads.html"
    "#reacting-to-cancellation-in-worker-threads",
)


async def ask_in_a_thread(library: ModuleType, abandons: bool, asks: int, cancelled: bool) -> None:
    """Let a function ask ``asks`` times before the cancel, if there is one, and once after it."""
    started, released, ended = threading.Event(), threading.Event(), threading.Event()
    answers: list[bool] = []

    def ask() -> None:
        try:
            library.from_thread.check_cancelled()
        except BaseException:
            answers.append(True)
            raise
        answers.append(False)

    def work() -> None:
        try:
            for _ in range(asks):
                ask()
            started.set()
            patiently(released.wait, GUARD)
            ask()
        finally:
            ended.set()

    async def call() -> str:
        await library.to_thread.run_sync(work, abandon_on_cancel=abandons)
        return "returned"

    def end() -> None:
        released.set()
        patiently(ended.wait, GUARD)

    if not cancelled:
        released.set()
        await call()
    else:
        result = await attempt(
            library,
            call,
            turns=0,
            instant=CANCEL_THEN_COMPLETION,
            complete=end,
            ready=started.is_set,
        )
        antecedent("the function asked after the cancel")
        assert result is CANCELLED, (
            f"the function was interrupted, but the cancelled wait for it {result}"
        )
    assert answers == [False] * asks + [cancelled], (
        f"asked {counted(asks, 'time')} before the cancel and once after it (cancelled:"
        f" {cancelled}), the function was told {answers}"
    )


@THREADS_CAN_ASK.states(
    "anyio",
    expect=holds(),
    antecedents=("the function asked after the cancel",),
    io=True,
    builds_on=(
        THREADS,
        TASKS,
    ),
)
@given(abandons=flags(), asks=up_to(2), cancelled=flags())
async def test_a_thread_of_anyio_is_told(
    library: ModuleType, abandons: bool, asks: int, cancelled: bool
) -> None:
    await ask_in_a_thread(library, abandons, asks, cancelled)


@THREADS_CAN_ASK.states(
    "trio",
    expect=holds(),
    antecedents=("the function asked after the cancel",),
    io=True,
)
@given(abandons=flags(), asks=up_to(2), cancelled=flags())
async def test_a_thread_of_trio_is_told(
    library: ModuleType, abandons: bool, asks: int, cancelled: bool
) -> None:
    await ask_in_a_thread(library, abandons, asks, cancelled)


THREADS_CAN_ASK.not_applicable(
    "asyncio",
    because="a function in a thread cannot ask asyncio whether it is still waited for",
    missing=("asyncio.from_thread", "asyncio.check_cancelled"),
)
