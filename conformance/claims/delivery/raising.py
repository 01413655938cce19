"""Where the cancellation is raised."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any

from hypothesis import given

from conformance.claim import Claim, antecedent, article, holds, law, qualified, refuted
from conformance.programs.nested import ASYNCIO_NESTED, SCOPED_NESTED
from conformance.toolbox.instants import (
    BEFORE_FIRST_STEP,
    BY_ITSELF,
    CANCEL_THEN_COMPLETION,
    COMPLETION_THEN_CANCEL,
    INSTANTS,
    ONE_TURN_AFTER,
    Instant,
    cancel_at,
    running_task,
    settle,
)
from conformance.toolbox.scopes import open_group
from conformance.toolbox.spaces import every, flags, sequences, up_to
from conformance.toolbox.waits import (
    ASYNCIO_PENDING,
    ASYNCIO_READY,
    SCOPED_PENDING,
    SCOPED_READY,
    ScopedWait,
    Wait,
)

TASK_CANCEL = "https://docs.python.org/3/library/asyncio-task.html#asyncio.Task.cancel"
CHECKPOINTS = "https://trio.readthedocs.io/en/stable/reference-core.html#checkpoints"


THE_NEXT_AWAIT = Claim(
    "DELIVER-04",
    "A cancelled task gets the cancellation exception at its next await.",
    source=article("summary, §1"),
    instead=("LAW-DELIVER-03", "LAW-DELIVER-07", "LAW-DELIVER-08"),
)

GOES_THROUGH = (
    "cancelled by itself, while it runs, the next await went through: …",
    "cancelled before the first step: no await raised, and the body saw nothing",
)
AS_IT_IS_DONE = (CANCEL_THEN_COMPLETION, COMPLETION_THEN_CANCEL, ONE_TURN_AFTER)
"""From the turn in which what wait_for() waits for completes to that in which its task runs."""


@THE_NEXT_AWAIT.states(
    "asyncio",
    expect=(
        refuted(
            "before 3.12, wait_for() also drops a cancel that comes in the turn in which it is done",
            when="python<3.12",
            issue="https://github.com/python/cpython/issues/86296",
            region=lambda instant, wait: (
                not instant.started
                or (instant is BY_ITSELF and not wait.suspends)
                or (instant in AS_IT_IS_DONE and wait.name == "wait_for()")
            ),
            message=(*GOES_THROUGH, "cancelled …, the next await went through: wait_for()"),
        ),
        qualified(
            "an await that does not suspend goes through, cancelled or not",
            on=("asyncio+eager",),
            region=lambda instant, wait: instant is BY_ITSELF and not wait.suspends,
            message=GOES_THROUGH[0],
        ),
        qualified(
            "an await that does not suspend goes through, cancelled or not",
            region=lambda instant, wait: (
                not instant.started or (instant is BY_ITSELF and not wait.suspends)
            ),
            message=GOES_THROUGH,
        ),
    ),
    antecedents={"cancelled while it runs": 0.05, "cancelled while it waits": 0.2},
    fair=lambda instant, wait: wait.suspends and instant.started,
    qualification="It is raised at the next await that suspends, once the task has started.",
)
@given(
    instant=every((BY_ITSELF, *INSTANTS)),
    wait=every((*ASYNCIO_READY, *ASYNCIO_PENDING, *ASYNCIO_NESTED)),
)
async def test_a_cancelled_task_gets_the_error_at_its_next_await(
    instant: Instant, wait: Wait
) -> None:
    """Two awaits of the same kind: none that begins after the cancel may go through."""
    waiting = [await wait.new(), await wait.new()]
    cancelled = raised = False
    went_through = False

    def cancel() -> None:
        nonlocal cancelled
        cancelled = task.cancel()

    async def body() -> None:
        nonlocal cancelled, raised, went_through
        if instant is BY_ITSELF:
            cancelled = running_task().cancel()
            antecedent("cancelled while it runs")
        try:
            for each in waiting:
                begun_after = cancelled
                await each.wait()
                went_through = went_through or begun_after
        except asyncio.CancelledError:
            raised = True
            raise

    task = asyncio.ensure_future(body())
    if instant is not BY_ITSELF:
        await cancel_at(instant, cancel, waiting[0].complete)
        if cancelled:
            antecedent("cancelled while it waits")
    await settle()
    for each in waiting:
        each.complete()  # lets a task go that the cancel did not reach
    await asyncio.wait([task])
    assert not went_through, f"cancelled {instant.name}, the next await went through: {wait.name}"
    assert raised or not cancelled, (
        f"cancelled {instant.name}: no await raised, and the body saw nothing"
    )


@THE_NEXT_AWAIT.states(
    "anyio",
    "trio",
    expect=qualified(
        "an await that is no checkpoint goes through, cancelled or not",
        region=lambda instant: instant in (BY_ITSELF, BEFORE_FIRST_STEP),
        message="cancelled …, the next await went through: a coroutine that only returns",
    ),
    antecedents={"cancelled while it runs": 0.05, "cancelled while it waits": 0.2},
    fair=lambda wait: wait.suspends,
    qualification="It is raised at the next await that is a checkpoint.",
)
@given(
    instant=every((BY_ITSELF, *INSTANTS)),
    wait=every((*SCOPED_READY, *SCOPED_PENDING, *SCOPED_NESTED)),
)
async def test_a_cancelled_scope_raises_at_the_next_await(
    library: Any, instant: Instant, wait: ScopedWait
) -> None:
    waiting = [await wait.of(library).new(), await wait.of(library).new()]
    scope = library.CancelScope()
    went_through = False

    async def body() -> None:
        nonlocal went_through
        with scope:
            if instant is BY_ITSELF:
                scope.cancel()
                antecedent("cancelled while it runs")
            for each in waiting:
                begun_after = scope.cancel_called
                await each.wait()
                went_through = went_through or begun_after

    async with open_group(library) as group:
        group.start_soon(body)
        if instant is not BY_ITSELF:
            await cancel_at(
                instant,
                scope.cancel,
                waiting[0].complete,
                pause=library.lowlevel.checkpoint,
                settled=lambda: settle(library),
            )
    if scope.cancelled_caught and instant is not BY_ITSELF:
        antecedent("cancelled while it waits")
    assert not went_through, f"cancelled {instant.name}, the next await went through: {wait.name}"


NO_SUSPENSION_NO_ERROR = law(
    "LAW-DELIVER-07",
    "A task that is cancelled while it runs goes on through every await that does not suspend, and"
    " the CancelledError is raised at the first await that does.",
    source=TASK_CANCEL,
)


@NO_SUSPENSION_NO_ERROR.states(
    "asyncio",
    expect=holds(),
    antecedents=("awaits that do not suspend came first",),
)
@given(
    first=sequences([wait for wait in ASYNCIO_READY if not wait.suspends], most=2),
    then=every((*(wait for wait in ASYNCIO_READY if wait.suspends), *ASYNCIO_PENDING)),
)
async def test_the_error_comes_at_the_first_suspension(first: tuple[Wait, ...], then: Wait) -> None:
    went_through: list[str] = []

    async def body() -> None:
        waiting = [await wait.new() for wait in (*first, then)]
        running_task().cancel()
        for wait, each in zip((*first, then), waiting, strict=True):
            await each.wait()
            went_through.append(wait.name)

    task = asyncio.ensure_future(body())
    await settle()
    hangs = not task.done()
    task.cancel()
    await asyncio.wait([task])
    if first:
        antecedent("awaits that do not suspend came first")
    assert not hangs, f"the task was cancelled and waits on for {then.name}"
    assert went_through == [wait.name for wait in first], (
        f"cancelled while it ran, the task awaited {[wait.name for wait in (*first, then)]}: to go"
        f" through were {[wait.name for wait in first]}, and {went_through} did"
    )


NO_SUSPENSION_NO_ERROR.not_applicable(
    "anyio",
    "trio",
    because="it is scopes that are cancelled there, not tasks",
    missing=("anyio.TaskInfo.cancel", "trio.lowlevel.Task.cancel"),
)


EVERY_CHECKPOINT = law(
    "LAW-DELIVER-08",
    "In a cancelled scope every checkpoint that no inner scope shields raises, also one that has"
    " nothing to wait for; an await that is no checkpoint goes through.",
    source=CHECKPOINTS,
)


@EVERY_CHECKPOINT.states(
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("a checkpoint with nothing to wait for", "an await that is no checkpoint"),
)
@given(wait=every((*SCOPED_READY, *SCOPED_PENDING)), depth=up_to(2), before=flags())
async def test_a_cancelled_scope_raises_at_every_checkpoint(
    library: Any, wait: ScopedWait, depth: int, before: bool
) -> None:
    waiting = await wait.of(library).new()
    went_through = False
    scope = library.CancelScope()

    if before:
        scope.cancel()
    with scope, ExitStack() as inner:
        for _ in range(depth):
            inner.enter_context(library.CancelScope())
        if not before:
            scope.cancel()
        await waiting.wait()
        went_through = True
    if wait in SCOPED_READY:
        antecedent(
            "a checkpoint with nothing to wait for"
            if wait.suspends
            else "an await that is no checkpoint"
        )
    assert went_through is not wait.suspends, (
        f"in a cancelled scope {wait.name} {'went through' if went_through else 'raised'}"
    )
    assert scope.cancelled_caught is wait.suspends, "the scope caught something else"


EVERY_CHECKPOINT.not_applicable(
    "asyncio",
    because="asyncio has no cancel scopes, and its awaits need not be checkpoints",
    missing=("asyncio.CancelScope",),
)
