"""Does a cancel reach code deep inside by itself?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

from hypothesis import given

from conformance.claim import Claim, antecedent, article, holds, law, refuted
from conformance.claims.loop import TASKS, TIMERS
from conformance.programs.nested import ASYNCIO_NESTED
from conformance.toolbox.instants import (
    BEFORE_FIRST_STEP,
    COMPLETION_THEN_CANCEL,
    NEVER,
    RACES,
    WAITING,
    Instant,
    cancel_at,
    settle,
)
from conformance.toolbox.scopes import cancelled, open_group, run_and_cancel
from conformance.toolbox.spaces import every, flags, sequences, up_to
from conformance.toolbox.waits import (
    ASYNCIO_PENDING,
    SCOPED_PENDING,
    ScopedWait,
    Wait,
    but_for_ever,
)

# A turn after the completion the code may be gone: in how many turns it goes differs between waits.
INSTANTS = (
    WAITING,
    *(race for race in RACES if race.first == "cancel" or race.same_turn),
    BEFORE_FIRST_STEP,
)


async def nested(depth: int, innermost: Callable[[], Awaitable[None]]) -> None:
    """Await ``innermost`` through ``depth`` coroutines."""
    if depth:
        await nested(depth - 1, innermost)
    else:
        await innermost()


NOTICING = Claim(
    "NEST-01",
    "A coroutine awaited deep inside a task cannot notice by itself that the task was cancelled.",
    source=article("§4"),
    instead=("LAW-NEST-01",),
)


NOTICED = (
    "at depth …, the code noticed that its task was cancelled: its await raised CancelledError"
)


@NOTICING.states(
    "asyncio",
    expect=(
        refuted(
            "the CancelledError is raised in the innermost await first, at every depth; the task's"
            " first step is eager, and comes before every cancel",
            on=("asyncio+eager",),
            message=NOTICED,
        ),
        refuted(
            "the CancelledError is raised in the innermost await first, at every depth; before"
            " Python 3.12, wait_for() swallowed one that came together with its result",
            when="python<3.12",
            issue="https://github.com/python/cpython/issues/86296",
            region=lambda wait, instant: (
                instant.started and not (wait.name == "wait_for()" and instant.same_turn)
            ),
            message=NOTICED,
        ),
        refuted(
            "the CancelledError is raised in the innermost await first, at every depth",
            region=lambda instant: instant.started,
            message=NOTICED,
        ),
    ),
    antecedents=("cancelled while the inner code waited",),
)
@given(
    depth=up_to(4, least=1), wait=every(ASYNCIO_PENDING + ASYNCIO_NESTED), instant=every(INSTANTS)
)
async def test_inner_code_in_asyncio_cannot_notice(
    depth: int, wait: Wait, instant: Instant
) -> None:
    noticed = []
    waiting = await wait.new()

    async def innermost() -> None:
        try:
            await waiting.wait()
        except asyncio.CancelledError:
            antecedent("cancelled while the inner code waited")
            noticed.append("its await raised CancelledError")
            raise

    task = asyncio.create_task(nested(depth, innermost))
    await cancel_at(instant, task.cancel, waiting.complete)
    await asyncio.wait([task])
    assert not noticed, (
        f"at depth {depth}, the code noticed that its task was cancelled: {noticed[0]}"
    )


def is_raised_there(wait: ScopedWait, instant: Instant) -> bool:
    """Whether a scope's cancel is raised in the wait: not where what is waited for is there already."""
    return instant != COMPLETION_THEN_CANCEL or wait.name in ("sleep", "sleep_forever")


@NOTICING.states(
    "anyio",
    "trio",
    expect=(
        refuted(
            "the exception is raised at the innermost checkpoint first, at every depth",
            on=("trio",),
            region=is_raised_there,
            message=(
                "at depth …, the code noticed that its scope was cancelled: its await raised"
                " Cancelled",
                "at depth …, the code noticed that its scope was cancelled: its await raised"
                " BaseExceptionGroup",
            ),
        ),
        refuted(
            "the exception is raised at the innermost checkpoint first, at every depth",
            # anyio's group is interrupted as long as its last child has not quite ended.
            region=lambda wait, instant: (
                is_raised_there(wait, instant) or wait.name == "a group's child"
            ),
            message="at depth …, the code noticed that its scope was cancelled: its await raised"
            " CancelledError",
        ),
    ),
    antecedents=("cancelled while the inner code waited",),
)
@given(depth=up_to(4, least=1), wait=every(SCOPED_PENDING), instant=every(INSTANTS))
async def test_inner_code_in_a_scope_cannot_notice(
    library: ModuleType, depth: int, wait: ScopedWait, instant: Instant
) -> None:
    noticed = []
    waiting = await wait.of(library).new()

    async def innermost() -> None:
        try:
            await waiting.wait()
        except BaseException as error:  # trio's nursery raises its child's Cancelled in a group
            antecedent("cancelled while the inner code waited")
            noticed.append(f"its await raised {type(error).__name__}")
            raise

    async def outermost() -> None:
        await nested(depth, innermost)

    await run_and_cancel(library, outermost, instant, waiting.complete)
    assert not noticed, (
        f"at depth {depth}, the code noticed that its scope was cancelled: {noticed[0]}"
    )


PASSING = Claim(
    "NEST-02",
    "For a cancel to stop code deep inside, something that carries it, such as the task or the"
    " scope, must be passed down to that code.",
    source=article("§4"),
    instead=("LAW-NEST-01", "LAW-NEST-02"),
)


@PASSING.states(
    "asyncio",
    expect=refuted(
        "code that was passed nothing is stopped just the same",
        region=lambda passed: not passed,
        message="passed nothing, the code inside was stopped",
    ),
    antecedents=("nothing was passed", "the task was passed"),
)
@given(passed=flags(), depth=up_to(4, least=1), wait=every(ASYNCIO_PENDING))
async def test_the_task_must_be_passed_down(passed: bool, depth: int, wait: Wait) -> None:
    stopped = False
    waiting = await wait.new()

    async def layer(levels: int, context: asyncio.Task[None] | None) -> None:
        nonlocal stopped
        if levels:
            return await layer(levels - 1, context)
        antecedent("nothing was passed" if context is None else "the task was passed")
        try:
            await waiting.wait()
        except asyncio.CancelledError:
            stopped = True
            raise

    async def outermost() -> None:
        await layer(depth, asyncio.current_task() if passed else None)

    task = asyncio.create_task(outermost())
    await settle()
    task.cancel()
    await asyncio.wait([task])
    if passed:
        assert stopped, "passed the task, the code inside was not stopped"
    else:
        assert not stopped, "passed nothing, the code inside was stopped"


@PASSING.states(
    "anyio",
    "trio",
    expect=refuted(
        "code that was passed nothing is stopped just the same",
        region=lambda passed: not passed,
        message="passed nothing, the code inside was stopped",
    ),
    antecedents=("nothing was passed", "the scope was passed"),
)
@given(passed=flags(), depth=up_to(4, least=1), started=flags())
async def test_the_scope_must_be_passed_down(
    library: ModuleType, passed: bool, depth: int, started: bool
) -> None:
    stopped = False

    async def layer(levels: int, context: Any) -> None:
        nonlocal stopped
        if levels:
            return await layer(levels - 1, context)
        antecedent("nothing was passed" if context is None else "the scope was passed")
        try:
            await library.Event().wait()
        except cancelled(library):
            stopped = True
            raise

    async with open_group(library) as group:
        group.start_soon(layer, depth, group.cancel_scope if passed else None)
        if started:
            await settle(library)
        group.cancel_scope.cancel()
    if passed:
        assert stopped, "passed the scope, the code inside was not stopped"
    else:
        assert not stopped, "passed nothing, the code inside was stopped"


INNERMOST_FIRST = law(
    "LAW-NEST-01",
    "A cancel that nothing shields or swallows needs no help to travel: it is raised at the await"
    " where the innermost code waits, at every depth, and leaves the layers one by one from the inside"
    " to the outside.",
    source="https://docs.python.org/3/library/asyncio-task.html#task-cancellation",
)

ASYNCIO_LINKS = ("await", "a task", "gather()", "wait_for()", "TaskGroup")
ASYNCIO_CANCELLERS = (
    "another task",
    "a callback of the loop",
    "the innermost code, before it waits",
)


async def through(link: str, layer: Any) -> None:
    """Await the coroutine ``layer`` in one of asyncio's ways."""
    if link == "await":
        await layer
    elif link == "a task":
        await asyncio.create_task(layer)
    elif link == "gather()":
        await asyncio.gather(layer)
    elif link == "TaskGroup" and hasattr(asyncio, "TaskGroup"):
        async with asyncio.TaskGroup() as group:
            group.create_task(layer)
    else:
        await asyncio.wait_for(layer, NEVER)


@INNERMOST_FIRST.states(
    "asyncio",
    expect=holds("the cancel is passed on to whatever each task awaits"),
    antecedents=("cancelled",),
)
@given(
    links=sequences(ASYNCIO_LINKS, most=3),
    wait=every(ASYNCIO_PENDING),
    canceller=every(ASYNCIO_CANCELLERS),
)
async def test_a_task_is_left_from_the_inside_out(
    links: tuple[str, ...], wait: Wait, canceller: str
) -> None:
    left: list[int] = []

    async def layer(number: int) -> None:
        try:
            if number < len(links):
                await through(links[number], layer(number + 1))
            else:
                waiting = await wait.new()
                if canceller == "the innermost code, before it waits":
                    task.cancel()
                await waiting.wait()
        except asyncio.CancelledError:
            antecedent("cancelled")
            left.append(number)
            raise

    async def outermost() -> None:
        await asyncio.sleep(0)  # an eager task starts before it has the name `task`
        await layer(0)

    task = asyncio.create_task(outermost())
    await settle()
    if canceller == "another task":
        task.cancel()
    elif canceller == "a callback of the loop":
        asyncio.get_running_loop().call_soon(task.cancel)
    await asyncio.wait([task])
    inside_out = list(range(len(links), -1, -1))
    assert left == inside_out, f"the layers were left in the order {left}, not {inside_out}"


SCOPED_LINKS = ("await", "a group's child", "an inner scope")
SCOPED_CANCELLERS = ("another task", "a deadline", "the innermost code, before it waits")


@INNERMOST_FIRST.states(
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("cancelled",),
    builds_on=(TIMERS, TASKS),
)
@given(
    links=sequences(SCOPED_LINKS, most=3),
    wait=every(but_for_ever(SCOPED_PENDING)),
    canceller=every(SCOPED_CANCELLERS),
)
async def test_a_scope_is_left_from_the_inside_out(
    library: ModuleType, links: tuple[str, ...], wait: ScopedWait, canceller: str
) -> None:
    left: list[int] = []
    scope = library.CancelScope()

    async def layer(number: int) -> None:
        try:
            if number == len(links):
                waiting = await wait.of(library).new()
                if canceller == "the innermost code, before it waits":
                    scope.cancel()
                await waiting.wait()
            elif links[number] == "await":
                await layer(number + 1)
            elif links[number] == "an inner scope":
                with library.CancelScope():
                    await layer(number + 1)
            else:
                async with open_group(library) as group:
                    group.start_soon(layer, number + 1)
                # Whether the end of the group is a checkpoint itself differs between backends.
                await library.lowlevel.checkpoint()
        except BaseException:  # trio's nursery raises its child's Cancelled in an ExceptionGroup
            antecedent("cancelled")
            left.append(number)
            raise

    async def outermost() -> None:
        with scope:
            await layer(0)

    async with open_group(library) as group:
        group.start_soon(outermost)
        await settle(library)
        if canceller == "another task":
            scope.cancel()
        elif canceller == "a deadline":
            scope.deadline = library.current_time()
    inside_out = list(range(len(links), -1, -1))
    assert left == inside_out, f"the layers were left in the order {left}, not {inside_out}"


REACH = law(
    "LAW-NEST-02",
    "A cancel reaches what the task awaits, itself or by gather(), wait_for() or a TaskGroup, or what"
    " runs in a group inside the scope, and nothing else: not a task that was only started from there,"
    " or that asyncio.wait(), as_completed() or shield() waits for, whatever was passed to it.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.Task.cancel",
)

KEPT_BY = ("nothing", "asyncio.wait()", "as_completed()", "shield()")
"""What stands between the cancelled code and a task that it has started and does not await itself."""


@REACH.states(
    "asyncio",
    expect=holds("only what the task awaits itself is asked to stop, and what that hands it on to"),
    antecedents={"it is awaited": 0.1, "it is not awaited": 0.1},
)
@given(
    link=every((*ASYNCIO_LINKS, *KEPT_BY)),
    depth=up_to(3),
    passed=flags(),
    wait=every([wait for wait in ASYNCIO_PENDING if wait.complete]),
)
async def test_only_what_is_awaited_is_reached(
    link: str, depth: int, passed: bool, wait: Wait
) -> None:
    interrupted = []
    kept: list[asyncio.Task[None]] = []
    waiting = await wait.new()

    async def work(context: object) -> None:
        try:
            await waiting.wait()
        except asyncio.CancelledError:
            interrupted.append("work")
            raise

    async def innermost() -> None:
        coro = work(asyncio.current_task() if passed else None)
        if link in ASYNCIO_LINKS:
            antecedent("it is awaited")
            return await through(link, coro)
        job = asyncio.create_task(coro)
        kept.append(job)
        antecedent("it is not awaited")
        if link == "nothing":
            return await asyncio.sleep(NEVER)
        if link == "asyncio.wait()":
            await asyncio.wait([job])
        elif link == "shield()":
            await asyncio.shield(job)
        else:
            for next_done in asyncio.as_completed([job]):
                await next_done

    task = asyncio.create_task(nested(depth, innermost))
    await settle()
    task.cancel()
    await asyncio.wait([task])
    waiting.complete()
    if kept:
        await asyncio.wait(kept)
    assert bool(interrupted) == (link in ASYNCIO_LINKS), (
        f"between the cancelled code and what it had started stood {link}:"
        f" that was {'' if interrupted else 'not '}interrupted"
    )


@REACH.states(
    "anyio",
    "trio",
    expect=holds("a child's scope is where its group stands, not where it was started from"),
    antecedents={"a child inside": 0.25, "a child outside": 0.25},
)
@given(inside=flags(), depth=up_to(3), passed=flags(), started=flags())
async def test_only_what_stands_in_the_scope_is_reached(
    library: ModuleType, inside: bool, depth: int, passed: bool, started: bool
) -> None:
    interrupted = []
    go_on = library.Event()

    async def work(context: object) -> None:
        try:
            await go_on.wait()
        except cancelled(library):
            interrupted.append("work")
            raise

    async with open_group(library) as outer:
        async with open_group(library) as inner:

            async def innermost() -> None:
                group = inner if inside else outer
                group.start_soon(work, inner.cancel_scope if passed else None)
                antecedent("a child inside" if inside else "a child outside")
                if started:
                    await settle(library)
                inner.cancel_scope.cancel()

            inner.start_soon(nested, depth, innermost)
        go_on.set()
    assert bool(interrupted) == inside, (
        f"the cancelled code had started a child {'inside' if inside else 'outside'} its scope,"
        f" which was {'' if interrupted else 'not '}interrupted"
    )
