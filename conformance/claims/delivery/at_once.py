"""What the call does before the task runs again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import trio
from hypothesis import given

from conformance.claim import Claim, antecedent, article, holds, law, refuted
from conformance.toolbox.instants import running_task, settle
from conformance.toolbox.scopes import open_group
from conformance.toolbox.spaces import every, sequences, up_to
from conformance.toolbox.suspension import Watched
from conformance.toolbox.waits import ASYNCIO_PENDING, SCOPED_PENDING, ScopedWait, Wait

TASK = "https://docs.python.org/3/library/asyncio-task.html#asyncio.Task"


ONLY_A_MARK = Claim(
    "DELIVER-03",
    "The call only sets a mark on the task: nothing else changes until the task runs again.",
    source=article("summary, §1"),
    instead=("LAW-DELIVER-05", "LAW-DELIVER-06"),
)

WAITING = "waiting"
JUST_COMPLETED = "waiting for what has just completed"
RUNNING = "running"
NOT_STARTED = "not started"
STATES = (WAITING, JUST_COMPLETED, RUNNING, NOT_STARTED)


def is_done(waits: Watched) -> bool:
    """Whether the future that is waited for is done, in asyncio."""
    return bool(waits.requests) and waits.requests[-1].done()


def what_is_ready(waits: Watched) -> str:
    """What is ready to run now: in trio that is counted, in asyncio the future says it."""
    if trio.lowlevel.in_trio_run():
        return f"tasks ready to run: {trio.lowlevel.current_statistics().tasks_runnable}"
    return f"the future that is waited for is done: {is_done(waits)}"


HANDS_IT_ON = ("another task", "gather()")
"""What hands a cancel on, and is done only when those that it was handed to have run."""

IS_DONE = "the future that is waited for is done"
CANCELLED_WITHIN = (
    f"cancelled while it was waiting (…): {IS_DONE}: False before the call, True after it"
)


@ONLY_A_MARK.states(
    "asyncio",
    expect=(
        refuted(
            "the future that the task waits for is cancelled within the call, and an eager task"
            " waits as soon as it is created",
            on=("asyncio+eager",),
            region=lambda state, wait: (
                state in (WAITING, NOT_STARTED) and wait.name not in HANDS_IT_ON
            ),
            message=CANCELLED_WITHIN.replace("waiting", "…"),
        ),
        refuted(
            "the future that the task waits for is cancelled within the call",
            region=lambda state, wait: state == WAITING and wait.name not in HANDS_IT_ON,
            message=CANCELLED_WITHIN,
        ),
    ),
    antecedents={"cancelled while waiting": 0.2, "cancelled in another state": 0.2},
)
@given(state=every(STATES), wait=every(ASYNCIO_PENDING))
async def test_cancelling_a_task_changes_nothing_at_once(state: str, wait: Wait) -> None:
    if state == JUST_COMPLETED and not wait.complete:
        return  # only the clock could complete it
    waiting = await wait.new()
    waits = Watched(waiting.wait())
    before = after = False

    def cancel(task: asyncio.Task[None]) -> None:
        nonlocal before, after
        antecedent("cancelled while waiting" if state == WAITING else "cancelled in another state")
        before = is_done(waits)
        task.cancel()
        after = is_done(waits)

    async def body() -> None:
        if state == RUNNING:
            cancel(running_task())
        await waits

    task = asyncio.ensure_future(body())
    if state != NOT_STARTED:
        await settle()
    if state == JUST_COMPLETED:
        waiting.complete()
        while not is_done(waits):
            await asyncio.sleep(0)
    if state != RUNNING:
        cancel(task)
    await asyncio.wait([task])
    assert before == after, (
        f"cancelled while it was {state} ({wait.name}): the future that is waited for is done:"
        f" {before} before the call, {after} after it"
    )


@ONLY_A_MARK.states(
    "anyio",
    "trio",
    expect=refuted(
        "what waits in the scope is made ready to run within the call",
        region=lambda state: state == WAITING,
        message=(
            f"cancelled while it was waiting (…): before the call, {IS_DONE}: False; after it, {IS_DONE}:"
            " True",
            "cancelled while it was waiting (…): before the call, tasks ready to run: 0; after it, tasks"
            " ready to run: 1",
        ),
    ),
    antecedents={"cancelled while waiting": 0.2, "cancelled in another state": 0.2},
)
@given(state=every(STATES), wait=every(SCOPED_PENDING))
async def test_cancelling_a_scope_changes_nothing_at_once(
    library: Any, state: str, wait: ScopedWait
) -> None:
    if state == JUST_COMPLETED and not wait.of(library).complete:
        return  # only the clock could complete it
    waiting = await wait.of(library).new()
    waits = Watched(waiting.wait())
    scope = library.CancelScope()
    before = after = ""

    def cancel() -> None:
        nonlocal before, after
        antecedent("cancelled while waiting" if state == WAITING else "cancelled in another state")
        before = what_is_ready(waits)
        scope.cancel()
        after = what_is_ready(waits)

    async def body() -> None:
        with scope:
            if state == RUNNING:
                cancel()
            await waits

    async with open_group(library) as group:
        group.start_soon(body)
        if state != NOT_STARTED:
            await settle(library)
        if state == JUST_COMPLETED:
            waiting.complete()
            while not (trio.lowlevel.in_trio_run() or is_done(waits)):
                await library.lowlevel.checkpoint()
        if state != RUNNING:
            cancel()
    assert before == after, (
        f"cancelled while it was {state} ({wait.name}): before the call, {before}; after it, {after}"
    )


CANCELS_THE_FUTURE = law(
    "LAW-DELIVER-05",
    "Task.cancel() cancels, before it returns, the future that the task waits for, however many"
    " coroutines, tasks and gather() lie between them, and so everybody else who awaits that future"
    " is cancelled with it.",
    source=TASK,
)


@CANCELS_THE_FUTURE.states(
    "asyncio",
    expect=holds(),
    antecedents=("cancelled while waiting", "others wait for it too"),
)
@given(
    between=sequences(("a coroutine", "a task", "gather()"), most=3),
    others=up_to(2),
)
async def test_cancelling_a_task_cancels_the_future_at_once(
    between: tuple[str, ...], others: int
) -> None:
    future = asyncio.get_running_loop().create_future()

    async def wait(inner: Awaitable[object]) -> None:
        await inner

    inner: Awaitable[object] = future
    for each in reversed(between):
        if each == "a coroutine":
            inner = wait(inner)
        elif each == "a task":
            inner = asyncio.ensure_future(wait(inner))
        else:
            inner = asyncio.gather(inner)
    task = asyncio.ensure_future(wait(inner))
    bystanders = [asyncio.ensure_future(wait(future)) for _ in range(others)]
    await settle()
    antecedent("cancelled while waiting")
    task.cancel()
    at_once = future.cancelled()
    if not at_once:
        future.set_result(None)
    await asyncio.wait([task, *bystanders])
    assert at_once, (
        f"through {', '.join(between) or 'nothing'}: after cancel() the future was not cancelled"
    )
    if others:
        antecedent("others wait for it too")
    assert all(bystander.cancelled() for bystander in bystanders), (
        "the future was cancelled, but somebody else who waited for it was not"
    )


CANCELS_THE_FUTURE.not_applicable(
    "anyio",
    "trio",
    because="a scope is cancelled there, and what its tasks wait for cannot be",
    missing=("anyio.Event.cancel", "trio.Event.cancel"),
)
