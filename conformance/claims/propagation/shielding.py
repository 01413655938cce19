"""What does a shield protect, and from what?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

from hypothesis import given

from conformance.claim import (
    Claim,
    antecedent,
    article,
    holds,
    law,
    qualified,
)
from conformance.claims.loop import TASKS
from conformance.toolbox.instants import (
    BEFORE_FIRST_STEP,
    RACES,
    WAITING,
    Instant,
    cancel_at,
    settle,
    turns,
)
from conformance.toolbox.scopes import on_asyncio, open_group
from conformance.toolbox.spaces import every, up_to
from conformance.toolbox.waits import ASYNCIO_PENDING, SCOPED_PENDING, ScopedWait, Wait

ONE_TURN_AFTER = Instant("one turn after the completion", first="completion", gap=1)
INSTANTS = (WAITING, *RACES[:4], BEFORE_FIRST_STEP)

# What can be let go from outside, so that what is shielded can run to its end.
ASYNCIO_WAITS = [wait for wait in ASYNCIO_PENDING if wait.complete]
SCOPED_WAITS = [wait for wait in SCOPED_PENDING if wait.anyio.complete]


PROTECTING = Claim(
    "NEST-07",
    "A shield, in asyncio asyncio.shield(), protects a section of code from being cancelled.",
    source=article("§4"),
    instead=("LAW-NEST-08", "LAW-NEST-09", "LAW-NEST-10", "LAW-NEST-11"),
)

SECTIONS = ("what is shielded", "the code that awaits the shield")
AFTERWARDS = ("the program goes on", "asyncio.run() ends")


CALLER_INTERRUPTED = "cancelled …, then …: the code that awaits the shield began and did not end"
WORK_CANCELLED = "cancelled …, then asyncio.run() ends: what is shielded began and did not end"


@PROTECTING.states(
    "asyncio",
    expect=(
        qualified(
            "shield() keeps the request from what it was given; the caller, whose first step is"
            " eager, is interrupted at once, and asyncio.run() cancels every task that is left",
            on=("asyncio+eager",),
            region=lambda section, instant: (
                section == "the code that awaits the shield"
                or instant in (WAITING, BEFORE_FIRST_STEP)
            ),
            message=(CALLER_INTERRUPTED, WORK_CANCELLED),
        ),
        qualified(
            "shield() keeps the request from what it was given; the caller is interrupted at once,"
            " and asyncio.run() cancels every task that is left",
            region=lambda section, instant: (
                # In the other races what is shielded is completed, and ends before the run does.
                instant.started
                if section == "the code that awaits the shield"
                else instant == WAITING
            ),
            message=(CALLER_INTERRUPTED, WORK_CANCELLED),
        ),
    ),
    antecedents=("cancelled while it waits for the shield",),
    fair=lambda section, afterwards: (
        section == "what is shielded" and afterwards == "the program goes on"
    ),
    qualification="What is shielded runs to its end as long as the program goes on; the code that"
    " awaits the shield is interrupted, and the end of asyncio.run() cancels both.",
    builds_on=(TASKS,),
)
@given(
    section=every(SECTIONS),
    afterwards=every(AFTERWARDS),
    instant=every(INSTANTS),
    wait=every(ASYNCIO_WAITS),
)
def test_shield_protects_a_section(
    run: Callable[..., Any], section: str, afterwards: str, instant: Instant, wait: Wait
) -> None:
    called = False
    begun = False
    ended = False

    async def main() -> None:
        waiting = await wait.new()

        async def work() -> None:
            nonlocal begun, ended
            if section == "what is shielded":
                begun = True
            await waiting.wait()
            if section == "what is shielded":
                ended = True

        async def caller() -> None:
            nonlocal called, begun, ended
            called = True
            if section == "the code that awaits the shield":
                begun = True
            await asyncio.shield(work())
            if section == "the code that awaits the shield":
                ended = True

        def cancel() -> None:
            if task.cancel() and called:
                antecedent("cancelled while it waits for the shield")

        task = asyncio.create_task(caller())
        await cancel_at(instant, cancel, waiting.complete)
        await asyncio.wait([task])
        if afterwards == "the program goes on":
            waiting.complete()
            await settle()

    run(main())
    assert ended == begun, (
        f"cancelled {instant.name}, then {afterwards}: {section} began and did not end"
    )


BY_TASK_CANCEL = "asyncio's Task.cancel()"


@PROTECTING.states(
    "anyio",
    expect=(
        holds("trio's only way to cancel is a scope, and the shield stops those", on=("trio",)),
        qualified(
            "Task.cancel() of asyncio knows nothing of scopes and their shields; the first step of"
            " the task is eager, and comes before every cancel",
            on=("asyncio+eager",),
            region=lambda wait, instant: (
                instant != ONE_TURN_AFTER or wait.name == "a group's child"
            ),
            message="cancelled by asyncio's Task.cancel(), …: the block began and did not end",
        ),
        qualified(
            "Task.cancel() of asyncio knows nothing of scopes and their shields",
            # A turn after the completion only the group is still waiting, for its child's end.
            region=lambda wait, instant: (
                instant.started and (instant != ONE_TURN_AFTER or wait.name == "a group's child")
            ),
            message="cancelled by asyncio's Task.cancel(), …: the block began and did not end",
        ),
    ),
    antecedents=("cancelled in the shield",),
    fair=lambda by: by == "the scope around it",
    qualification="CancelScope(shield=True) protects from scopes, not from asyncio's own"
    " Task.cancel(), which Ctrl-C and the end of asyncio.run() use.",
)
@given(
    by=every(("the scope around it", BY_TASK_CANCEL)),
    instant=every(INSTANTS),
    wait=every(SCOPED_WAITS),
)
async def test_anyios_shield_protects_a_section(
    library: ModuleType, by: str, instant: Instant, wait: ScopedWait
) -> None:
    if by == "the scope around it":
        begun, ended = await cancel_the_scope_around(library, instant, wait)
    elif on_asyncio():
        begun, ended = await cancel_the_task(library, instant, wait)
    else:
        return
    assert begun == ended, f"cancelled by {by}, {instant.name}: the block began and did not end"


@PROTECTING.states(
    "trio",
    expect=holds("whatever scope is cancelled around it, the shielded block is not told"),
    antecedents=("cancelled in the shield",),
)
@given(instant=every(INSTANTS), wait=every(SCOPED_WAITS))
async def test_trios_shield_protects_a_section(
    library: ModuleType, instant: Instant, wait: ScopedWait
) -> None:
    begun, ended = await cancel_the_scope_around(library, instant, wait)
    assert begun == ended, f"cancelled {instant.name}, the block began and did not end"


async def cancel_the_scope_around(
    library: ModuleType, instant: Instant, wait: ScopedWait
) -> tuple[bool, bool]:
    """Cancel the scope around a shielded block: whether that has begun, and ended."""
    begun = False
    ended = False
    waiting = await wait.of(library).new()

    async def host() -> None:
        nonlocal begun, ended
        with library.CancelScope(shield=True):
            begun = True
            await waiting.wait()
            ended = True

    async with open_group(library) as group:

        def cancel() -> None:
            if begun and not ended:
                antecedent("cancelled in the shield")
            group.cancel_scope.cancel()

        group.start_soon(host)
        await cancel_at(
            instant,
            cancel,
            waiting.complete,
            pause=library.lowlevel.cancel_shielded_checkpoint,
            settled=lambda: settle(library),
        )
        waiting.complete()
    return begun, ended


async def cancel_the_task(
    library: ModuleType, instant: Instant, wait: ScopedWait
) -> tuple[bool, bool]:
    """Cancel the task that runs a shielded block: whether that has begun, and ended."""
    begun = False
    ended = False
    waiting = await wait.of(library).new()

    async def host() -> None:
        nonlocal begun, ended
        with library.CancelScope(shield=True):
            begun = True
            await waiting.wait()
            ended = True

    def cancel() -> None:
        if task.cancel() and begun:
            antecedent("cancelled in the shield")

    task = asyncio.create_task(host())
    await cancel_at(instant, cancel, waiting.complete)
    await asyncio.wait([task])
    return begun, ended


SHIELDED_TASK = law(
    "LAW-NEST-08",
    "When a task that waits for asyncio.shield(x) is cancelled, the await raises CancelledError"
    " without waiting for x, which is not told and, while the loop runs, goes on to its end.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.shield",
)


@SHIELDED_TASK.states(
    "asyncio",
    expect=holds("the outer future is cancelled, the inner task is not"),
    antecedents=("cancelled while it waits for the shield",),
)
@given(
    shields=up_to(2, least=1),
    given_as=every(("a coroutine", "a task")),
    cancels=up_to(2, least=1),
    wait=every(ASYNCIO_WAITS),
)
async def test_shield_lets_the_caller_go_and_the_work_go_on(
    shields: int, given_as: str, cancels: int, wait: Wait
) -> None:
    events = []
    waiting = await wait.new()

    async def work() -> None:
        try:
            await waiting.wait()
            events.append("the work ended")
        except asyncio.CancelledError:
            events.append("the work was interrupted")
            raise

    async def caller() -> None:
        awaitable: Any = work() if given_as == "a coroutine" else asyncio.create_task(work())
        for _ in range(shields):
            awaitable = asyncio.shield(awaitable)
        try:
            await awaitable
        except asyncio.CancelledError:
            antecedent("cancelled while it waits for the shield")
            events.append("the caller was interrupted")
            raise

    task = asyncio.create_task(caller())
    await settle()
    for _ in range(cancels):
        task.cancel()
    await asyncio.wait([task])
    waiting.complete()
    await settle()
    assert events == ["the caller was interrupted", "the work ended"], (
        "the caller was to be interrupted first, and the work to end then: what happened is"
        f" {events}"
    )


SHIELDED_TASK.not_applicable(
    "anyio",
    "trio",
    because="a shield there is a scope around the code itself: see LAW-NEST-10",
    missing=("anyio.shield", "trio.shield"),
)


SHIELD_AND_RUN = law(
    "LAW-NEST-09",
    "When its main coroutine returns or raises, asyncio.run() cancels what is still shielded, and"
    " waits until that has cleaned up.",
    source="https://docs.python.org/3/library/asyncio-runner.html#asyncio.run",
)


@SHIELD_AND_RUN.states(
    "asyncio",
    expect=holds("it cancels every task that is left; a shield hides no task from it"),
    antecedents=("still shielded at the end",),
    builds_on=(TASKS,),
)
@given(
    ending=every(("main() returns", "main() raises")),
    caller_cancelled=every((True, False)),
    cleanup_steps=up_to(1),
    wait=every(ASYNCIO_PENDING),
)
def test_run_cancels_what_is_shielded(
    run: Callable[..., Any], ending: str, caller_cancelled: bool, cleanup_steps: int, wait: Wait
) -> None:
    events = []

    async def main() -> None:
        waiting = await wait.new()

        async def work() -> None:
            try:
                antecedent("still shielded at the end")
                await waiting.wait()
            except asyncio.CancelledError:
                events.append("interrupted")
                raise
            finally:
                await turns(cleanup_steps)
                events.append("cleaned up")

        async def caller() -> None:
            await asyncio.shield(work())

        task = asyncio.create_task(caller())
        await settle()
        if caller_cancelled:
            task.cancel()
            await asyncio.wait([task])
        if ending == "main() raises":
            raise LookupError("main() raises")

    try:
        run(main())
    except LookupError:
        pass
    assert events == ["interrupted", "cleaned up"], (
        f"{ending}: what was still shielded was to be interrupted and cleaned up, and was"
        f" {' and '.join(events) or 'neither'}"
    )


SHIELD_AND_RUN.not_applicable(
    "anyio",
    "trio",
    because="no task outlives its group there: when run() ends, nothing is left to be cancelled",
    missing=("anyio.create_task", "trio.create_task"),
)
