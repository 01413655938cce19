"""Code that refuses to be cancelled, or is cancelled before it could."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given

from conformance.claim import (
    Claim,
    NotApplicable,
    antecedent,
    article,
    holds,
    law,
    not_applicable,
    qualified,
)
from conformance.toolbox.instants import INSTANTS, Instant, cancel_at, settle
from conformance.toolbox.scopes import open_group
from conformance.toolbox.spaces import every, flags, up_to
from conformance.toolbox.waits import (
    ASYNCIO_PENDING,
    ASYNCIO_READY,
    SCOPED_PENDING,
    SCOPED_READY,
    ScopedWait,
    Wait,
)

NEVER_STARTED = not_applicable(
    "an eager task takes its first step as it is created", on=("asyncio+eager",)
)


BY_FORCE = Claim(
    "DELIVER-02",
    "Cancelling never ends a coroutine by force: it ends only if the coroutine lets it.",
    source=article("summary, §1"),
    instead=("LAW-DELIVER-03", "LAW-DELIVER-12"),
)


@BY_FORCE.states(
    "asyncio",
    expect=(
        holds(
            "an eager task has taken its first step before anybody can cancel it",
            on=("asyncio+eager",),
        ),
        qualified(
            "a task that is cancelled before its first step is ended without being asked",
            message="cancelled before the first step: the coroutine would have refused, and did not"
            " get to its end",
        ),
    ),
    antecedents=("it was cancelled and refused",),
    fair=lambda instant: instant.started,
    qualification="It holds from the task's first step on.",
)
@given(
    instant=every(INSTANTS),
    wait=every((*ASYNCIO_PENDING, *ASYNCIO_READY)),
    refusals=up_to(7, least=1),
)
async def test_a_task_that_refuses_runs_to_its_own_end(
    instant: Instant, wait: Wait, refusals: int
) -> None:
    """Refuses as often as it is cancelled, waits anew each time, and then ends by itself."""
    waiting = [await wait.new() for _ in range(refusals)]
    refused = 0
    ended_by_itself = False

    async def body() -> None:
        nonlocal refused, ended_by_itself
        for each in waiting:
            try:
                await each.wait()
            except asyncio.CancelledError:
                refused += 1
        ended_by_itself = True

    task = asyncio.ensure_future(body())
    await cancel_at(instant, task.cancel, waiting[0].complete)
    for _ in range(refusals):
        await settle()
        task.cancel()
    await asyncio.wait([task])
    if refused:
        antecedent("it was cancelled and refused")
    assert ended_by_itself and not task.cancelled(), (
        f"cancelled {instant.name}: the coroutine would have refused, and did not get to its end"
    )


@BY_FORCE.states("anyio", "trio", expect=holds(), antecedents=("it was cancelled and refused",))
@given(
    instant=every(INSTANTS),
    wait=every((*SCOPED_READY, *SCOPED_PENDING)),
    refusals=up_to(7, least=1),
)
async def test_a_scope_that_refuses_runs_to_its_own_end(
    library: Any, instant: Instant, wait: ScopedWait, refusals: int
) -> None:
    """All exceptions are caught: in trio a nursery raises Cancelled in a group."""
    waiting = [await wait.of(library).new() for _ in range(refusals)]
    scope = library.CancelScope()
    refused = 0
    ended_by_itself = False

    async def body() -> None:
        nonlocal refused, ended_by_itself
        with scope:
            for each in waiting:
                try:
                    await each.wait()
                except BaseException:
                    refused += 1
            ended_by_itself = True

    async with open_group(library) as group:
        group.start_soon(body)
        await cancel_at(
            instant,
            scope.cancel,
            waiting[0].complete,
            pause=library.lowlevel.checkpoint,
            settled=lambda: settle(library),
        )
    if refused:
        antecedent("it was cancelled and refused")
    assert ended_by_itself and not scope.cancelled_caught, (
        f"cancelled {instant.name}: the coroutine would have refused, and did not get to its end"
    )


NEVER_RUNS = law(
    "LAW-DELIVER-03",
    "A task that is cancelled before its first step never runs its body: no handler in it is asked,"
    " and the task ends as cancelled.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.Task.cancel",
)


@NEVER_RUNS.states(
    "asyncio",
    expect=(NEVER_STARTED, holds()),
    antecedents=("cancelled before its first step",),
)
@given(
    wait=every((None, *ASYNCIO_READY, *ASYNCIO_PENDING)),
    cancels=up_to(3, least=1),
)
async def test_a_task_cancelled_before_its_first_step_never_runs(
    wait: Wait | None, cancels: int
) -> None:
    waiting = None if wait is None else await wait.new()
    ran = False

    async def body() -> None:
        nonlocal ran
        ran = True
        try:
            if waiting is not None:
                await waiting.wait()
        except asyncio.CancelledError:
            pass

    task = asyncio.ensure_future(body())
    if ran:
        raise NotApplicable("an eager task takes its first step as it is created")
    antecedent("cancelled before its first step")
    accepted = [task.cancel() for _ in range(cancels)]
    await asyncio.wait([task])
    assert all(accepted), "cancel() refused a task that had not started"
    assert not ran, "the body ran, although its task was cancelled before the first step"
    assert task.cancelled(), "the task did not end as cancelled"


NEVER_RUNS.not_applicable(
    "anyio",
    "trio",
    because="it is scopes that are cancelled there, not tasks: LAW-DELIVER-04 says what happens",
    missing=("anyio.TaskInfo.cancel", "trio.lowlevel.Task.cancel"),
)


STARTS_ALL_THE_SAME = law(
    "LAW-DELIVER-04",
    "A task that is started in a cancelled scope runs up to its first checkpoint, and to its end if"
    " it has none.",
    source="https://anyio.readthedocs.io/en/stable/cancellation.html",
)


@STARTS_ALL_THE_SAME.states(
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("the scope was cancelled before the first step",),
)
@given(
    wait=every((None, *SCOPED_READY, *SCOPED_PENDING)),
    already_cancelled=flags(),
    siblings=up_to(2),
)
async def test_a_child_of_a_cancelled_scope_runs_to_its_first_checkpoint(
    library: Any, wait: ScopedWait | None, already_cancelled: bool, siblings: int
) -> None:
    """``already_cancelled``: the scope was cancelled before the child was created."""
    waiting = None if wait is None else await wait.of(library).new()
    started = got_through = 0

    async def body() -> None:
        nonlocal started, got_through
        started += 1
        if waiting is not None:
            await waiting.wait()
        got_through += 1

    async with open_group(library) as group:
        if already_cancelled:
            group.cancel_scope.cancel()
        for _ in range(siblings + 1):
            group.start_soon(body)
        if started:
            raise NotApplicable("an eager child takes its first step as it is created")
        antecedent("the scope was cancelled before the first step")
        if not already_cancelled:
            group.cancel_scope.cancel()
    has_a_checkpoint = wait is not None and wait.suspends
    assert started == siblings + 1, (
        f"children that were started in a cancelled scope: {siblings + 1}; that took a first step:"
        f" {started}"
    )
    assert got_through == (0 if has_a_checkpoint else siblings + 1), (
        f"children that await {wait.name if wait else 'nothing'}: {siblings + 1}; that got past it:"
        f" {got_through}"
    )


STARTS_ALL_THE_SAME.not_applicable(
    "asyncio",
    because="asyncio has no cancel scopes: LAW-DELIVER-03 says what happens to its tasks",
    missing=("asyncio.CancelScope",),
)
