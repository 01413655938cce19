"""What a long computation can do to respond to a cancel."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from functools import partial
from typing import Any

from hypothesis import given

from conformance.claim import Claim, antecedent, article, holds, law, refuted
from conformance.claims.delivery.computing import in_a_thread
from conformance.toolbox.instants import running_task, settle, turns
from conformance.toolbox.scopes import open_group
from conformance.toolbox.spaces import every, flags, up_to
from conformance.toolbox.waits import (
    ASYNCIO_PENDING,
    SCOPED_PENDING,
    SCOPED_READY,
    ScopedWait,
    Wait,
)
from conformance.toolbox.words import counted

COOPERATING = Claim(
    "DELIVER-05",
    "A coroutine that runs a loop reacts to a cancel if it awaits, or if it asks whether it was"
    " cancelled, cancelled().",
    source=article("summary"),
    instead=("LAW-DELIVER-10", "LAW-DELIVER-07"),
)

ASKS, AWAITS = "asks", "awaits"
BETWEEN_STEPS = "a callback between two steps"


@COOPERATING.states(
    "asyncio",
    expect=refuted(
        "cancelled() says how a task ended: to code that still runs it says False",
        region=lambda way, who: way == ASKS and who != BETWEEN_STEPS,
        message="a loop that asks took steps after cancel(): …",
    ),
    antecedents=("cancelled within the loop",),
)
@given(
    way=every((ASKS, AWAITS)),
    length=up_to(4, least=1),
    at_step=up_to(3),
    who=every(("its own step", "another thread", BETWEEN_STEPS)),
)
async def test_a_loop_reacts_if_it_awaits_or_asks(
    way: str, length: int, at_step: int, who: str
) -> None:
    """``who`` cancels it; for a callback there is only room in a loop that awaits."""
    steps_after_the_cancel = 0
    cancelled = False

    async def loop() -> None:
        nonlocal cancelled, steps_after_the_cancel
        task = running_task()
        for step in range(length + 1):
            if way == ASKS and task.cancelled():
                return
            if way == AWAITS:
                await asyncio.sleep(0)
            steps_after_the_cancel += cancelled
            if step == at_step % length:
                if who == "its own step":
                    cancel(task)
                elif who == "another thread":
                    in_a_thread(partial(cancel, task))
                else:
                    asyncio.get_running_loop().call_soon(cancel, task)

    def cancel(task: asyncio.Task[None]) -> None:
        nonlocal cancelled
        cancelled = task.cancel()
        if cancelled:
            antecedent("cancelled within the loop")

    await asyncio.wait([asyncio.ensure_future(loop())])
    assert not steps_after_the_cancel, (
        f"a loop that {way} took steps after cancel(): {steps_after_the_cancel}"
    )


@COOPERATING.states("anyio", "trio", expect=holds(), antecedents=("cancelled within the loop",))
@given(way=every((ASKS, AWAITS)), length=up_to(4, least=1), at_step=up_to(3))
async def test_a_loop_in_a_scope_reacts_if_it_awaits_or_asks(
    library: Any, way: str, length: int, at_step: int
) -> None:
    """What is asked is the scope that was cancelled: cancel_called."""
    steps_after_the_cancel = 0
    with library.CancelScope() as scope:
        for step in range(length + 1):
            if way == ASKS and scope.cancel_called:
                break
            if way == AWAITS:
                await library.sleep(0)
            steps_after_the_cancel += scope.cancel_called
            if step == at_step % length:
                antecedent("cancelled within the loop")
                scope.cancel()
    assert not steps_after_the_cancel, (
        f"a loop that {way} took steps after cancel(): {steps_after_the_cancel}"
    )


SAID_AT_THE_END = law(
    "LAW-DELIVER-10",
    "Of a task that was cancelled while it waited, and of a scope, it is said at the end that it was"
    " cancelled: until then Task.cancelled(), or the scope's cancelled_caught, is False, and"
    " afterwards it is True exactly if the cancellation exception came out.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.Task.cancelled",
)


@SAID_AT_THE_END.states(
    "asyncio",
    expect=holds(),
    antecedents=("asked after the cancel, before the end", "ended as cancelled"),
)
@given(
    wait=every(ASYNCIO_PENDING),
    swallows=flags(),
    cancels=up_to(2),
    cleanup=flags(),
)
async def test_cancelled_is_said_at_the_end(
    wait: Wait, swallows: bool, cancels: int, cleanup: bool
) -> None:
    waiting = await wait.new()
    said_before_the_end: list[bool] = []

    def ask() -> None:
        said_before_the_end.append(running_task().cancelled())

    async def body() -> None:
        ask()
        try:
            await waiting.wait()
        except asyncio.CancelledError:
            ask()
            if not swallows:
                raise
        finally:
            if cleanup:
                await asyncio.sleep(0)
                ask()

    task = asyncio.ensure_future(body())
    await settle()
    for _ in range(cancels):
        task.cancel()
        antecedent("asked after the cancel, before the end")
        said_before_the_end.append(task.cancelled())
    came_out = bool(cancels) and not swallows
    if not cancels:
        waiting.complete()
        await settle()
        if not task.done():
            task.cancel()  # only the clock could end this wait
            came_out = not swallows
    await asyncio.wait([task])
    if came_out:
        antecedent("ended as cancelled")
    assert not any(said_before_the_end), "cancelled() was True before the task had ended"
    assert task.cancelled() is came_out, (
        f"the CancelledError {'came out' if came_out else 'did not come out'}, and cancelled() is"
        f" {task.cancelled()}"
    )


@SAID_AT_THE_END.states(
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("asked after the cancel, before the end", "ended as cancelled"),
)
@given(
    wait=every((*SCOPED_READY, *SCOPED_PENDING)),
    swallows=flags(),
    cancelled=flags(),
    depth=up_to(1),
)
async def test_cancelled_caught_is_said_at_the_end(
    library: Any, wait: ScopedWait, swallows: bool, cancelled: bool, depth: int
) -> None:
    """All exceptions are caught: in trio a nursery raises Cancelled in a group."""
    waiting = await wait.of(library).new()
    said_before_the_end: list[bool] = []

    with library.CancelScope() as scope, ExitStack() as inner:
        for _ in range(depth):
            inner.enter_context(library.CancelScope())
        if cancelled:
            scope.cancel()
            antecedent("asked after the cancel, before the end")
        elif wait.name in ("sleep", "sleep_forever"):
            # Nothing else ends these.
            scope.cancel()
        elif wait in SCOPED_PENDING:
            waiting.complete()
        said_before_the_end.append(scope.cancelled_caught)
        try:
            await waiting.wait()
        except BaseException:
            said_before_the_end.append(scope.cancelled_caught)
            if not swallows:
                raise
        finally:
            said_before_the_end.append(scope.cancelled_caught)
    came_out = wait.suspends and not swallows and scope.cancel_called
    if came_out:
        antecedent("ended as cancelled")
    assert not any(said_before_the_end), "cancelled_caught was True before the scope was left"
    assert scope.cancelled_caught is came_out, (
        f"the exception {'came out' if came_out else 'did not come out'}, and cancelled_caught is"
        f" {scope.cancelled_caught}"
    )


# --- await sleep(0) -----------------------------------------------------------------------------


SLEEP_ZERO = Claim(
    "DELIVER-10",
    "A long computation that awaits sleep(0) now and then responds to a cancel there.",
    source=article("§1"),
)

BY_ITSELF = "by itself"
BY_ANOTHER = "by another task"


@SLEEP_ZERO.states(
    "asyncio",
    expect=holds(),
    antecedents=("cancelled by itself", "cancelled by another task"),
)
@given(
    who=every((BY_ITSELF, BY_ANOTHER)),
    every_nth=up_to(3, least=1),
    at_the_head=flags(),
    when=up_to(6),
)
async def test_sleep_zero_makes_a_task_respond(
    who: str, every_nth: int, at_the_head: bool, when: int
) -> None:
    """Nine steps, sleep(0) at every ``every_nth``; cancelled at step ``when``, or after as many turns."""
    steps = 0
    steps_before_the_cancel: int | None = None

    def cancel(task: asyncio.Task[Any] | None) -> None:
        nonlocal steps_before_the_cancel
        if task is not None and task.cancel():
            antecedent(f"cancelled {who}")
            steps_before_the_cancel = steps

    async def compute() -> None:
        nonlocal steps
        for step in range(9):
            if at_the_head and step % every_nth == 0:
                await asyncio.sleep(0)
            if who == BY_ITSELF and step == when:
                cancel(asyncio.current_task())
            steps += 1
            if not at_the_head and step % every_nth == every_nth - 1:
                await asyncio.sleep(0)

    task = asyncio.ensure_future(compute())
    if who == BY_ANOTHER:
        await turns(when)
        cancel(task)
    await asyncio.wait([task])
    if steps_before_the_cancel is not None:
        further = steps - steps_before_the_cancel
        assert task.cancelled() and further <= every_nth, (
            f"cancelled {who} after {counted(steps_before_the_cancel, 'step')}: it took {further}"
            f" more, with a sleep(0) at every {counted(every_nth, 'step')}"
        )


@SLEEP_ZERO.states(
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("cancelled by itself", "cancelled by another task"),
)
@given(
    who=every((BY_ITSELF, BY_ANOTHER)),
    every_nth=up_to(3, least=1),
    at_the_head=flags(),
    when=up_to(6),
)
async def test_sleep_zero_makes_a_scope_respond(
    library: Any, who: str, every_nth: int, at_the_head: bool, when: int
) -> None:
    steps = 0
    steps_before_the_cancel: int | None = None
    scope = library.CancelScope()

    def cancel() -> None:
        nonlocal steps_before_the_cancel
        if steps < 9:
            antecedent(f"cancelled {who}")
            steps_before_the_cancel = steps
        scope.cancel()

    async def compute() -> None:
        nonlocal steps
        with scope:
            for step in range(9):
                if at_the_head and step % every_nth == 0:
                    await library.sleep(0)
                if who == BY_ITSELF and step == when:
                    cancel()
                steps += 1
                if not at_the_head and step % every_nth == every_nth - 1:
                    await library.sleep(0)

    async with open_group(library) as group:
        group.start_soon(compute)
        if who == BY_ANOTHER:
            for _ in range(when):
                await library.lowlevel.checkpoint()
            cancel()
    if steps_before_the_cancel is not None:
        further = steps - steps_before_the_cancel
        assert further <= every_nth, (
            f"cancelled {who} after {counted(steps_before_the_cancel, 'step')}: it took {further}"
            f" more, with a sleep(0) at every {counted(every_nth, 'step')}"
        )
