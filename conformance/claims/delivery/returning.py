"""Catching the cancellation, and returning."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given

from conformance.claim import Claim, antecedent, article, exists, holds, law, refuted
from conformance.claims.loop import TASKS, TIMERS
from conformance.toolbox.instants import MANY, SOON, settle, turns
from conformance.toolbox.scopes import open_group
from conformance.toolbox.spaces import every
from conformance.toolbox.waits import (
    ASYNCIO_PENDING,
    SCOPED_PENDING,
    ScopedWait,
    Wait,
    Waiting,
    but_for_ever,
)

RETURNING = Claim(
    "DELIVER-12",
    "Having caught the cancellation, simply to return is fine: whoever cancelled is told all the"
    " same.",
    source=article("§1"),
    instead=("LAW-DELIVER-14",),
)

WAIT_FOR = "wait_for()"
TIMEOUT = "timeout()"
CALLER = "a caller that cancels the task and awaits it"
FAILING_GROUP = "a task group whose other child failed"
CANCELLED_GROUP = "a task group that was cancelled itself"
GATHER = "gather()"
FROM_3_11 = (TIMEOUT, FAILING_GROUP, CANCELLED_GROUP) if exists("asyncio.TaskGroup") else ()
CANCELLERS = (WAIT_FOR, CALLER, GATHER, *FROM_3_11)


async def fail() -> None:
    raise KeyError


async def whoever_cancelled_is_told(who: str, waiting: Waiting, returns: bool) -> bool:
    """Whether ``who``, who cancels a body that waits, sees that it was cancelled."""

    async def body() -> str:
        try:
            await waiting.wait()
        except asyncio.CancelledError:
            antecedent("the cancellation was caught")
            if not returns:
                raise
        return "half a result"

    async def task_group() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(body())
            await settle()
            if who == FAILING_GROUP:
                group.create_task(fail())

    async def gather() -> None:
        await asyncio.gather(body())

    told = False
    if who == WAIT_FOR:
        try:
            await asyncio.wait_for(body(), SOON)
        except asyncio.TimeoutError:
            told = True
    elif who == TIMEOUT:
        try:
            async with asyncio.timeout(SOON):
                await body()
        except asyncio.TimeoutError:
            told = True
    else:
        task: asyncio.Future[Any]
        if who == GATHER:
            task = asyncio.ensure_future(gather())
        elif who == CALLER:
            task = asyncio.ensure_future(body())
        else:
            task = asyncio.ensure_future(task_group())
        await turns(2 * MANY)
        if who != FAILING_GROUP:
            task.cancel()
        await asyncio.wait([task])
        told = task.cancelled() or task.exception() is not None
    return told


@RETURNING.states(
    "asyncio",
    expect=refuted(
        "wait_for() then returns what the body returned: there was no timeout",
        region=lambda who: who in (WAIT_FOR, TIMEOUT, CALLER),
        message="cancelled by …, the coroutine caught it and returned: … was not told",
    ),
    antecedents=("the cancellation was caught",),
    builds_on=(TIMERS, TASKS),
)
@given(who=every(CANCELLERS), wait=every(ASYNCIO_PENDING))
async def test_to_return_after_a_cancel_is_fine(who: str, wait: Wait) -> None:
    assert await whoever_cancelled_is_told(who, await wait.new(), returns=True), (
        f"cancelled by {who}, the coroutine caught it and returned: {who} was not told"
    )


A_SCOPE = "a scope"
FAIL_AFTER = "fail_after()"
MOVE_ON_AFTER = "move_on_after()"
SCOPED_CANCELLERS = (FAIL_AFTER, MOVE_ON_AFTER, A_SCOPE, FAILING_GROUP)


async def whoever_cancelled_the_scope_is_told(
    library: Any, who: str, waiting: Waiting, returns: bool
) -> bool:
    """Whether ``who``, who cancels a body that waits, sees that it was cancelled.

    The body catches all exceptions: in trio a nursery raises Cancelled in a group.
    """

    async def body() -> None:
        try:
            await waiting.wait()
        except BaseException:
            antecedent("the cancellation was caught")
            if not returns:
                raise

    async def in_a_scope() -> None:
        with scope:
            await body()

    told = False
    if who == FAIL_AFTER:
        try:
            with library.fail_after(SOON):
                await body()
        except getattr(library, "TooSlowError", TimeoutError):
            told = True
    elif who == MOVE_ON_AFTER:
        with library.move_on_after(SOON) as scope:
            await body()
        told = scope.cancelled_caught
    elif who == FAILING_GROUP:
        try:
            async with open_group(library) as group:
                group.start_soon(body)
                await settle(library)
                group.start_soon(fail)
        except Exception:
            told = True
    else:
        scope = library.CancelScope()
        async with open_group(library) as group:
            group.start_soon(in_a_scope)
            await settle(library)
            scope.cancel()
        told = scope.cancelled_caught
    return told


@RETURNING.states(
    "anyio",
    "trio",
    expect=refuted(
        "fail_after() then raises nothing: as far as it knows there was no timeout",
        region=lambda who: who != FAILING_GROUP,
        message="cancelled by …, the coroutine caught it and returned: … was not told",
    ),
    antecedents=("the cancellation was caught",),
    builds_on=(TIMERS, TASKS),
)
@given(who=every(SCOPED_CANCELLERS), wait=every(SCOPED_PENDING))
async def test_to_return_after_a_scope_was_cancelled_is_fine(
    library: Any, who: str, wait: ScopedWait
) -> None:
    waiting = await wait.of(library).new()
    assert await whoever_cancelled_the_scope_is_told(library, who, waiting, returns=True), (
        f"cancelled by {who}, the coroutine caught it and returned: {who} was not told"
    )


RAISING_AGAIN = law(
    "LAW-DELIVER-14",
    "A coroutine that catches the cancellation and raises it again is seen to be cancelled by"
    " whoever cancelled it: a caller, a timeout, a group, a scope, gather().",
    source="https://docs.python.org/3/library/asyncio-task.html#task-cancellation",
)


@RAISING_AGAIN.states(
    "asyncio",
    expect=holds(),
    antecedents=("the cancellation was caught",),
    builds_on=(TIMERS, TASKS),
)
@given(who=every(CANCELLERS), wait=every(ASYNCIO_PENDING))
async def test_whoever_cancelled_is_told_if_it_is_raised_again(who: str, wait: Wait) -> None:
    assert await whoever_cancelled_is_told(who, await wait.new(), returns=False), (
        f"cancelled by {who}, the coroutine raised it again: {who} was not told"
    )


@RAISING_AGAIN.states(
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("the cancellation was caught",),
    builds_on=(TIMERS, TASKS),
)
@given(who=every(SCOPED_CANCELLERS), wait=every(but_for_ever(SCOPED_PENDING)))
async def test_whoever_cancelled_the_scope_is_told_if_it_is_raised_again(
    library: Any, who: str, wait: ScopedWait
) -> None:
    waiting = await wait.of(library).new()
    assert await whoever_cancelled_the_scope_is_told(library, who, waiting, returns=False), (
        f"cancelled by {who}, the coroutine raised it again: {who} was not told"
    )
