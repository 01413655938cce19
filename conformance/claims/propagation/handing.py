"""Is there a scope to hand to the code inside, and what does it tell and do there?"""

from __future__ import annotations

import asyncio
import math
from types import ModuleType
from typing import Any

from hypothesis import given

from conformance.claim import (
    Claim,
    antecedent,
    article,
    holds,
    law,
    refuted,
)
from conformance.claims.loop import TASKS
from conformance.toolbox.instants import settle
from conformance.toolbox.scopes import open_group
from conformance.toolbox.spaces import every, sequences, up_to
from conformance.toolbox.waits import ASYNCIO_PENDING, Wait
from conformance.toolbox.words import counted

ENDED_BY = ("the code that it was handed to", "another task")

SCOPE = Claim(
    "NEST-05",
    "There is a CancelScope that can be handed to the code inside, in asyncio asyncio.CancelScope.",
    source=article("§4"),
    instead=("LAW-NEST-05",),
)


async def hand_a_scope_down(library: ModuleType, depth: int) -> None:
    """NEST-05 in the words of ``library``."""
    assert hasattr(library, "CancelScope"), f"{library.__name__}.CancelScope does not exist"

    async def layer(levels: int, scope: Any) -> None:
        if levels:
            return await layer(levels - 1, scope)
        antecedent("the scope was handed down")
        scope.cancel()
        await library.Event().wait()

    with library.CancelScope() as scope:
        await layer(depth, scope)
    assert scope.cancelled_caught, f"cancelled at depth {depth}, the scope did not end"


@SCOPE.states(
    "asyncio",
    # CPython's PR 145345 proposed asyncio.CancelScope and was closed without being merged.
    expect=refuted(
        "no release of asyncio has a CancelScope: it is anyio's and trio's",
        message="asyncio.CancelScope does not exist",
    ),
    antecedents=("the scope was handed down",),
)
@given(depth=up_to(4, least=1))
async def test_asyncio_has_a_cancel_scope_to_hand_down(library: ModuleType, depth: int) -> None:
    await hand_a_scope_down(library, depth)


@SCOPE.states(
    "anyio",
    "trio",
    expect=holds("whoever was handed the scope can cancel it"),
    antecedents=("the scope was handed down",),
)
@given(depth=up_to(4, least=1))
async def test_a_cancel_scope_can_be_handed_down(library: ModuleType, depth: int) -> None:
    await hand_a_scope_down(library, depth)


ENDING = law(
    "LAW-NEST-05",
    "Whoever was handed a block's scope can end the block, and the code after the block runs on:"
    " in anyio and trio by scope.cancel(), in asyncio (3.11+) by reschedule() of asyncio.timeout().",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.Timeout.reschedule",
)


@ENDING.states(
    "asyncio",
    expect=holds("a deadline in the past interrupts the block, which then raises TimeoutError"),
    exists="asyncio.timeout",
    antecedents=("ended while it waits",),
)
@given(ended_by=every(ENDED_BY), depth=up_to(3), wait=every(ASYNCIO_PENDING))
async def test_a_timeout_can_be_ended_from_anywhere(ended_by: str, depth: int, wait: Wait) -> None:
    events = []
    loop = asyncio.get_running_loop()

    async def layer(levels: int, block: asyncio.Timeout) -> None:
        if levels:
            return await layer(levels - 1, block)
        waiting = await wait.new()
        if ended_by == "the code that it was handed to":
            block.reschedule(loop.time())
        try:
            await waiting.wait()
        except asyncio.CancelledError:
            antecedent("ended while it waits")
            events.append("interrupted")
            raise

    async def outermost() -> None:
        try:
            async with asyncio.timeout(None) as block:
                blocks.append(block)
                await layer(depth, block)
        except TimeoutError:
            events.append("ended")
        await asyncio.sleep(0)
        events.append("ran on")

    blocks: list[asyncio.Timeout] = []
    task = asyncio.create_task(outermost())
    await settle()
    if ended_by == "another task":
        blocks[0].reschedule(loop.time())
    await asyncio.wait([task])
    assert events == ["interrupted", "ended", "ran on"], (
        "the block was to be interrupted and ended, and the code after it to run on: what happened is"
        f" {events}"
    )


@ENDING.states(
    "anyio",
    "trio",
    expect=holds("the scope that was cancelled catches the exception"),
    antecedents=("ended while it waits",),
    builds_on=(TASKS,),
)
@given(ended_by=every(ENDED_BY), depth=up_to(3), inner_scopes=up_to(2))
async def test_a_scope_can_be_ended_from_anywhere(
    library: ModuleType, ended_by: str, depth: int, inner_scopes: int
) -> None:
    events = []
    block = library.CancelScope()

    async def layer(levels: int, scopes: int, scope: Any) -> None:
        if scopes:
            with library.CancelScope():
                return await layer(levels, scopes - 1, scope)
        if levels:
            return await layer(levels - 1, scopes, scope)
        if ended_by == "the code that it was handed to":
            scope.cancel()
        try:
            await library.Event().wait()
        finally:
            antecedent("ended while it waits")
            events.append("interrupted")

    async def outermost() -> None:
        with block:
            await layer(depth, inner_scopes, block)
        if block.cancelled_caught:
            events.append("ended")
        await library.lowlevel.checkpoint()
        events.append("ran on")

    async with open_group(library) as group:
        group.start_soon(outermost)
        await settle(library)
        if ended_by == "another task":
            block.cancel()
    assert events == ["interrupted", "ended", "ran on"], (
        "the block was to be interrupted and ended, and the code after it to run on: what happened is"
        f" {events}"
    )


DEADLINE = law(
    "LAW-NEST-04",
    "From the call of scope.cancel() on, current_effective_deadline() is -inf for code inside the"
    " scope, through any number of inner scopes, unless one of them shields it.",
    source="https://trio.readthedocs.io/en/stable/reference-core.html#trio.current_effective_deadline",
)


@DEADLINE.states(
    "anyio",
    "trio",
    expect=holds("code inherits the strictest deadline of the scopes around it, up to a shield"),
    antecedents={"asked after the cancel": 0.25, "asked before the cancel": 0.25},
)
@given(
    scopes=sequences(("a scope", "a shield"), most=4),
    place=every(("before the cancel", "right after the cancel", "in the handler")),
    by=every(("the innermost code", "another task")),
)
async def test_the_effective_deadline_tells(
    library: ModuleType, scopes: tuple[str, ...], place: str, by: str
) -> None:
    answers: list[float] = []
    outermost = library.CancelScope()
    cancelled_now = library.Event()

    def ask(here: str) -> None:
        if here == place:
            was = "before" if here == "before the cancel" else "after"
            antecedent(f"asked {was} the cancel")
            answers.append(library.current_effective_deadline())

    async def innermost() -> None:
        ask("before the cancel")
        if by == "the innermost code":
            outermost.cancel()
        else:
            with library.CancelScope(shield=True):
                await cancelled_now.wait()
        ask("right after the cancel")
        try:
            await library.lowlevel.checkpoint()
        finally:
            ask("in the handler")

    async def through(levels: tuple[str, ...]) -> None:
        if not levels:
            return await innermost()
        with library.CancelScope(shield=levels[0] == "a shield"):
            await through(levels[1:])

    async def host() -> None:
        with outermost:
            await through(scopes)

    async with open_group(library) as group:
        group.start_soon(host)
        if by == "another task":
            await settle(library)
            outermost.cancel()
            cancelled_now.set()
    reached = place != "before the cancel" and "a shield" not in scopes
    assert answers == [-math.inf if reached else math.inf], (
        f"asked {place}, within {counted(len(scopes), 'inner scope')} {scopes}:"
        f" current_effective_deadline() said {answers[0]}, not {-math.inf if reached else math.inf}"
    )


DEADLINE.not_applicable(
    "asyncio",
    because="asyncio has no scopes: LAW-NEST-03 says what tells of a cancel there",
    missing=("asyncio.CancelScope", "asyncio.current_effective_deadline"),
)
