"""Catching the cancellation, and going on as if nothing had been."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given

from conformance.claim import (
    Claim,
    antecedent,
    article,
    exists,
    holds,
    law,
    qualified,
    refuted,
)
from conformance.toolbox.instants import MANY, running_task, settle, turns
from conformance.toolbox.spaces import every, sequences, up_to
from conformance.toolbox.waits import (
    ASYNCIO_PENDING,
    ASYNCIO_READY,
    SCOPED_PENDING,
    SCOPED_READY,
    ScopedWait,
    Wait,
)

LEVEL = "https://trio.readthedocs.io/en/stable/reference-core.html#cancellation-semantics"
EDGE = "https://docs.python.org/3/library/asyncio-task.html#asyncio.Task.cancel"


SWALLOWING = Claim(
    "DELIVER-13",
    "Swallowing the cancellation and going on loses the cancel: nothing later is interrupted by it.",
    source=article("§1"),
    instead=("LAW-DELIVER-12", "LAW-DELIVER-13", "LAW-DELIVER-18"),
)

A_FAILING_GROUP = Wait(
    "a task group that fails",
    "asyncio",
    setup="async def fail():\n    await asyncio.sleep(0)\n    raise KeyError",
    code="""\
try:
    async with asyncio.TaskGroup() as group:
        group.create_task(fail())
except* KeyError:
    pass
await asyncio.sleep(0)""",
    needs="asyncio.TaskGroup",
)
LATER = (
    *((A_FAILING_GROUP,) if exists("asyncio.TaskGroup") else ()),
    *ASYNCIO_READY,
    *ASYNCIO_PENDING,
)


async def interrupted_later(later: Wait, swallows: int, *, uncancel: bool) -> bool:
    """Whether a task that swallows this many cancels, and then awaits ``later`` twice, is interrupted."""
    waiting = [await later.new(), await later.new()]

    async def body() -> None:
        for _ in range(swallows):
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                antecedent("swallowed")
                if uncancel:
                    running_task().uncancel()
        for each in waiting:
            await each.wait()

    task = asyncio.ensure_future(body())
    await settle()
    for _ in range(swallows):
        task.cancel()
        await settle()
    for each in waiting:
        each.complete()
        await turns(2 * MANY)
    interrupted = task.cancelled()
    task.cancel()
    await asyncio.wait([task])
    return interrupted


@SWALLOWING.states(
    "asyncio",
    expect=(
        qualified(
            "since 3.13, a task group that fails cancels its task anew, if a cancel was swallowed"
            " and not taken back by uncancel()",
            when="python>=3.13",
            issue="https://github.com/python/cpython/issues/116720",
            message="cancels that were swallowed: …; then a task group that fails raised"
            " CancelledError",
        ),
        holds(),
    ),
    antecedents=("swallowed",),
    fair=lambda later: later is not A_FAILING_GROUP,
    qualification="It holds as long as no task group of the task fails later.",
)
@given(later=every(LATER), swallows=up_to(3, least=1))
async def test_a_swallowed_cancel_is_lost(later: Wait, swallows: int) -> None:
    assert not await interrupted_later(later, swallows, uncancel=False), (
        f"cancels that were swallowed: {swallows}; then {later.name} raised CancelledError"
    )


@SWALLOWING.states(
    "anyio",
    "trio",
    expect=refuted(
        "it is raised again at every checkpoint until the scope is left",
        region=lambda later: later.suspends,
        message="cancels that were swallowed: …; then … was cancelled again",
    ),
    antecedents=("swallowed",),
)
@given(later=every((*SCOPED_READY, *SCOPED_PENDING)), swallows=up_to(3, least=1))
async def test_a_swallowed_cancel_of_a_scope_is_lost(
    library: Any, later: ScopedWait, swallows: int
) -> None:
    """All exceptions are caught: in trio a nursery raises Cancelled in a group."""
    waiting = await later.of(library).new()
    interrupted = False
    with library.CancelScope() as scope:
        scope.cancel()
        for _ in range(swallows):
            try:
                await library.lowlevel.checkpoint()
            except BaseException:
                antecedent("swallowed")
        try:
            await waiting.wait()
        except BaseException:
            interrupted = True
    assert not interrupted, (
        f"cancels that were swallowed: {swallows}; then {later.name} was cancelled again"
    )


EDGE_TRIGGERED = law(
    "LAW-DELIVER-12",
    "Every cancel() of a waiting task raises CancelledError once, unless it waits for a task that"
    " refuses its own: not again however often it is swallowed, and once only for the calls made"
    " before the task runs.",
    source=EDGE,
)


@EDGE_TRIGGERED.states(
    "asyncio",
    expect=holds(),
    antecedents=("cancelled twice before it ran", "cancelled again"),
)
@given(wait=every(ASYNCIO_PENDING), rounds=sequences((1, 2), least=1, most=3))
async def test_every_cancel_raises_once(wait: Wait, rounds: tuple[int, ...]) -> None:
    """``rounds``: how often it is cancelled each time that it waits."""
    raised = 0
    last = await wait.new()

    async def body() -> None:
        nonlocal raised
        for _ in rounds:
            waiting = await wait.new()
            try:
                await waiting.wait()
            except asyncio.CancelledError:
                raised += 1
        await last.wait()

    task = asyncio.ensure_future(body())
    for cancels in rounds:
        await settle()
        for _ in range(cancels):
            task.cancel()
    await settle()
    if 2 in rounds:
        antecedent("cancelled twice before it ran")
    if len(rounds) > 1:
        antecedent("cancelled again")
    interrupted = task.done()
    task.cancel()
    await asyncio.wait([task])
    assert raised == len(rounds), (
        f"times that it was cancelled at each wait: {rounds}; CancelledErrors raised: {raised}"
    )
    assert not interrupted, (
        f"all errors were swallowed, {raised} in all, and {wait.name} was interrupted once more"
    )


EDGE_TRIGGERED.not_applicable(
    "anyio",
    "trio",
    because="it is scopes that are cancelled there, not tasks: LAW-DELIVER-13 says how often",
    missing=("anyio.TaskInfo.cancel", "trio.lowlevel.Task.cancel"),
)


LEVEL_TRIGGERED = law(
    "LAW-DELIVER-13",
    "A cancelled scope raises at every checkpoint within it that no inner scope shields, however"
    " often that is swallowed, and at none once it was left.",
    source=LEVEL,
)


@LEVEL_TRIGGERED.states("anyio", "trio", expect=holds(), antecedents=("swallowed",))
@given(
    first=every((*SCOPED_READY, *SCOPED_PENDING)),
    swallows=up_to(4),
    cancels=up_to(2, least=1),
)
async def test_a_cancelled_scope_raises_until_it_is_left(
    library: Any, first: ScopedWait, swallows: int, cancels: int
) -> None:
    """All exceptions are caught: in trio a nursery raises Cancelled in a group."""
    raised = 0
    checkpoints = [await first.of(library).new() for _ in range(swallows)]
    with library.CancelScope() as scope:
        for _ in range(cancels):
            scope.cancel()
        for waiting in checkpoints:
            try:
                await waiting.wait()
            except BaseException:
                antecedent("swallowed")
                raised += 1
    left = True
    try:
        await library.lowlevel.checkpoint()
    except BaseException:
        left = False
    assert raised == (swallows if first.suspends else 0), (
        f"awaits of {first.name} in a cancelled scope: {swallows}; of these raised: {raised}"
    )
    assert left, "the scope was left, and the next checkpoint raised its cancellation"


LEVEL_TRIGGERED.not_applicable(
    "asyncio",
    because="asyncio has no cancel scopes: LAW-DELIVER-12 says how often a task is told",
    missing=("asyncio.CancelScope",),
)


TAKEN_BACK = law(
    "LAW-DELIVER-18",
    "A cancel that is swallowed and taken back by uncancel() never interrupts the task again.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.Task.uncancel",
)


@TAKEN_BACK.states(
    "asyncio",
    expect=holds(),
    exists="asyncio.Task.uncancel",
    antecedents=("swallowed",),
)
@given(later=every(LATER), swallows=up_to(3, least=1))
async def test_a_cancel_that_was_taken_back_is_over(later: Wait, swallows: int) -> None:
    assert not await interrupted_later(later, swallows, uncancel=True), (
        f"cancels that were swallowed and taken back: {swallows}; then {later.name} raised"
        " CancelledError"
    )


TAKEN_BACK.not_applicable(
    "anyio",
    "trio",
    because="a cancelled scope cannot be taken back",
    missing=(
        "anyio.CancelScope.uncancel",
        "anyio.TaskInfo.uncancel",
        "trio.CancelScope.uncancel",
        "trio.lowlevel.Task.uncancel",
    ),
)
