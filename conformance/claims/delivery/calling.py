"""The call that cancels, and what it promises."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given

from conformance.claim import Claim, antecedent, article, holds, law, refuted
from conformance.programs.nested import ASYNCIO_NESTED, SCOPED_NESTED
from conformance.toolbox.instants import INSTANTS, Instant, cancel_at, settle
from conformance.toolbox.scopes import open_group
from conformance.toolbox.spaces import every, flags
from conformance.toolbox.waits import (
    ASYNCIO_PENDING,
    SCOPED_PENDING,
    SCOPED_READY,
    ScopedWait,
    Wait,
)

TASK_CANCEL = "https://docs.python.org/3/library/asyncio-task.html#asyncio.Task.cancel"
SCOPE_CANCEL = "https://trio.readthedocs.io/en/stable/reference-core.html#trio.CancelScope.cancel"


THE_CALL = Claim(
    "DELIVER-01",
    "The call that cancels is a function of the library itself, asyncio.cancel().",
    source=article("summary"),
    instead=("LAW-DELIVER-01", "LAW-DELIVER-02"),
)


@THE_CALL.states(
    "asyncio",
    expect=refuted(
        "there is no asyncio.cancel(): tasks, futures and handles have the method",
        message="the module asyncio has no function called cancel",
    ),
    antecedents=("the function was looked for",),
)
@given(with_the_task=flags())
async def test_asyncio_cancel_cancels(with_the_task: bool) -> None:
    antecedent("the function was looked for")
    cancel = getattr(asyncio, "cancel", None)
    assert cancel is not None, "the module asyncio has no function called cancel"

    async def body() -> None:
        if not with_the_task:
            cancel()
        await asyncio.sleep(3600)

    task = asyncio.create_task(body())
    await settle()
    if with_the_task:
        cancel(task)
    await asyncio.wait([task], timeout=1)
    assert task.cancelled(), "asyncio.cancel() did not cancel the task"


@THE_CALL.states(
    "anyio",
    "trio",
    expect=refuted(
        "there is no such function: cancel() is a method of the scope",
        message=(
            "the module anyio has no function called cancel",
            "the module trio has no function called cancel",
        ),
    ),
    antecedents=("the function was looked for",),
)
@given(with_the_scope=flags())
async def test_the_library_has_a_function_that_cancels(library: Any, with_the_scope: bool) -> None:
    antecedent("the function was looked for")
    cancel = getattr(library, "cancel", None)
    assert cancel is not None, f"the module {library.__name__} has no function called cancel"
    with library.CancelScope() as scope:
        if with_the_scope:
            cancel(scope)
        else:
            cancel()
        await library.sleep(1)
    assert scope.cancelled_caught, f"{library.__name__}.cancel() did not cancel the scope"


CANCEL_ENDS_A_TASK = law(
    "LAW-DELIVER-01",
    "If Task.cancel() returns True, and neither the coroutine nor a task that it awaits catches the"
    " CancelledError or raises anything else, the task ends as cancelled, whatever it waits for and"
    " whatever completes in the same turn.",
    source=TASK_CANCEL,
)


@CANCEL_ENDS_A_TASK.states(
    "asyncio",
    expect=holds(),
    antecedents=("cancel() returned True",),
)
@given(wait=every(ASYNCIO_PENDING + ASYNCIO_NESTED), instant=every(INSTANTS))
async def test_a_task_whose_cancel_was_accepted_ends_cancelled(
    wait: Wait, instant: Instant
) -> None:
    waiting = await wait.new()
    accepted = False

    async def body() -> None:
        await waiting.wait()

    def cancel() -> None:
        nonlocal accepted
        accepted = task.cancel()

    task = asyncio.create_task(body())
    await cancel_at(instant, cancel, waiting.complete)
    await asyncio.wait([task])
    if accepted:
        antecedent("cancel() returned True")
    assert not accepted or task.cancelled(), (
        f"cancelled {instant.name}, waiting for {wait.name}: cancel() returned True, but the task"
        f" ended with {task.exception() or task.result()!r}"
    )


CANCEL_ENDS_A_TASK.not_applicable(
    "anyio",
    "trio",
    because="it is scopes that are cancelled there, not tasks",
    missing=("anyio.TaskInfo.cancel", "trio.lowlevel.Task.cancel"),
)


SCOPE_ENDS_A_WAIT = law(
    "LAW-DELIVER-02",
    "Once CancelScope.cancel() was called, what the scope's task waits for, or else its next"
    " checkpoint, raises, unless an inner scope shields it, and the scope catches what was raised.",
    source=SCOPE_CANCEL,
)


@SCOPE_ENDS_A_WAIT.states(
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("cancelled before the scope was left",),
)
@given(wait=every(SCOPED_PENDING + SCOPED_READY + SCOPED_NESTED), instant=every(INSTANTS))
async def test_a_cancelled_scope_ends_the_wait(
    library: Any, wait: ScopedWait, instant: Instant
) -> None:
    waiting = await wait.of(library).new()
    scope = library.CancelScope()
    in_time = went_through = False

    async def body() -> None:
        nonlocal went_through
        with scope:
            await waiting.wait()
            await library.lowlevel.checkpoint()
            went_through = True

    def cancel() -> None:
        nonlocal in_time
        in_time = not went_through
        scope.cancel()

    async with open_group(library) as group:
        group.start_soon(body)
        await cancel_at(
            instant,
            cancel,
            waiting.complete,
            pause=library.lowlevel.checkpoint,
            settled=lambda: settle(library),
        )
    if in_time:
        antecedent("cancelled before the scope was left")
    assert not (in_time and went_through), (
        f"cancelled {instant.name}: both {wait.name} and the checkpoint after it went through"
    )
    assert not in_time or scope.cancelled_caught, (
        f"cancelled {instant.name}, waiting for {wait.name}: the scope caught nothing"
    )


SCOPE_ENDS_A_WAIT.not_applicable(
    "asyncio",
    because="asyncio cancels tasks: it has no cancel scopes",
    missing=("asyncio.CancelScope",),
)
