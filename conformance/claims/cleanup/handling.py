"""Must a cancel be handled by name for anything to be cleaned up?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack
from types import ModuleType

from hypothesis import given

from conformance.claim import Claim, antecedent, article, holds, law, refuted
from conformance.programs.nested import ASYNCIO_NESTED, SCOPED_NESTED
from conformance.toolbox.instants import INSTANTS, WAITING, Instant
from conformance.toolbox.scopes import run_and_cancel
from conformance.toolbox.spaces import every, flags
from conformance.toolbox.waits import (
    ASYNCIO_PENDING,
    SCOPED_PENDING,
    ScopedWait,
    Wait,
    but_for_ever,
)
from conformance.toolbox.words import counted

Work = Callable[[], Awaitable[object]]
CleanUp = Callable[[], None]


async def nothing(work: Work, clean_up: CleanUp) -> None:
    await work()
    clean_up()


async def by_finally(work: Work, clean_up: CleanUp) -> None:
    try:
        await work()
    finally:
        clean_up()


async def by_with(work: Work, clean_up: CleanUp) -> None:
    with Cleaning(clean_up):
        await work()


async def by_async_with(work: Work, clean_up: CleanUp) -> None:
    async with Cleaning(clean_up):
        await work()


async def by_exit_stack(work: Work, clean_up: CleanUp) -> None:
    with ExitStack() as stack:
        stack.callback(clean_up)
        await work()


async def by_async_exit_stack(work: Work, clean_up: CleanUp) -> None:
    async with AsyncExitStack() as stack:
        stack.callback(clean_up)
        await work()


async def by_done_callback(work: Work, clean_up: CleanUp) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.add_done_callback(lambda _: clean_up())
    await work()


class Cleaning:
    """A context manager, of both kinds, whose leaving cleans up."""

    def __init__(self, clean_up: CleanUp) -> None:
        self.clean_up = clean_up

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        self.clean_up()

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_: object) -> None:
        self.clean_up()


SCOPED_WAYS = {
    "nothing": nothing,
    "finally": by_finally,
    "with": by_with,
    "async with": by_async_with,
    "ExitStack": by_exit_stack,
    "AsyncExitStack": by_async_exit_stack,
}
WAYS = {**SCOPED_WAYS, "add_done_callback": by_done_callback}

EXPLICIT = Claim(
    "CLEANUP-03",
    "A cancelled task cleans nothing up unless its code handles the cancel's exception explicitly.",
    source=article("§2"),
    instead=("LAW-CLEANUP-03",),
)


async def check_that_nothing_is_cleaned(library: ModuleType, way: str, wait: Wait) -> None:
    cleaned: list[str] = []
    waiting = await wait.new()

    async def work() -> None:
        try:
            await waiting.wait()
        except BaseException:
            antecedent("cancelled while it waited")
            raise

    async def body() -> None:
        await WAYS[way](work, lambda: cleaned.append(way))

    await run_and_cancel(library, body, WAITING, waiting.complete)
    if way == "add_done_callback":
        await library.sleep(0)  # it is called one turn after the end
    assert not cleaned, f"cleaned up by {way}, and no handler names the exception"


@EXPLICIT.states(
    "asyncio",
    expect=refuted(
        "finally, context managers, exit stacks and done callbacks need no handler",
        region=lambda way: way != "nothing",
        message="cleaned up by …, and no handler names the exception",
    ),
    antecedents=("cancelled while it waited",),
)
@given(way=every(WAYS), wait=every(ASYNCIO_PENDING + ASYNCIO_NESTED))
async def test_only_a_handler_cleans_up(way: str, wait: Wait) -> None:
    await check_that_nothing_is_cleaned(asyncio, way, wait)


@EXPLICIT.states(
    "anyio",
    "trio",
    expect=refuted(
        "finally, context managers and exit stacks need no handler",
        region=lambda way: way != "nothing",
        message="cleaned up by …, and no handler names the exception",
    ),
    antecedents=("cancelled while it waited",),
)
@given(way=every(SCOPED_WAYS), wait=every(but_for_ever(SCOPED_PENDING + SCOPED_NESTED)))
async def test_only_a_handler_cleans_up_in_scopes(
    library: ModuleType, way: str, wait: ScopedWait
) -> None:
    await check_that_nothing_is_cleaned(library, way, wait.of(library))


ANY_WAY_OUT = law(
    "LAW-CLEANUP-03",
    "What `finally`, a context manager or an exit stack cleans up is cleaned up exactly once"
    " whichever way its block is left: at its end, by an exception, or by a cancel that no handler"
    " names.",
    source="https://docs.python.org/3/library/asyncio-task.html#task-cancellation",
)
BLOCKS = [way for way in SCOPED_WAYS if way != "nothing"]
# Before the first step, while it waits, in the turn of its completion, well after that.
MOMENTS = [instant for instant in INSTANTS if instant.gap in (None, 0, 3)]


async def check_every_way_out(
    library: ModuleType, way: str, wait: Wait, instant: Instant, fails: bool
) -> None:
    entered: list[str] = []
    cleaned: list[str] = []
    waiting = await wait.new()

    async def work() -> None:
        entered.append(way)
        try:
            await waiting.wait()
        except BaseException:
            antecedent("left by a cancel")
            raise
        antecedent("left otherwise")
        if fails:
            raise LookupError

    async def body() -> None:
        try:
            await WAYS[way](work, lambda: cleaned.append(way))
        except LookupError:
            pass

    await run_and_cancel(library, body, instant, waiting.complete)
    assert cleaned == entered, (
        f"cancelled {instant.name}, the block with {way} was entered"
        f" {counted(len(entered), 'time')} and cleaned up {counted(len(cleaned), 'time')}"
    )


@ANY_WAY_OUT.states("asyncio", expect=holds(), antecedents=("left by a cancel", "left otherwise"))
@given(
    way=every(BLOCKS),
    wait=every(ASYNCIO_PENDING + ASYNCIO_NESTED),
    instant=every(MOMENTS),
    fails=flags(),
)
async def test_every_way_out_cleans_up(way: str, wait: Wait, instant: Instant, fails: bool) -> None:
    await check_every_way_out(asyncio, way, wait, instant, fails)


@ANY_WAY_OUT.states(
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("left by a cancel", "left otherwise"),
)
@given(
    way=every(BLOCKS),
    wait=every(SCOPED_PENDING + SCOPED_NESTED),
    instant=every(MOMENTS),
    fails=flags(),
)
async def test_every_way_out_cleans_up_in_scopes(
    library: ModuleType, way: str, wait: ScopedWait, instant: Instant, fails: bool
) -> None:
    await check_every_way_out(library, way, wait.of(library), instant, fails)
