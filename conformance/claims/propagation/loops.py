"""Loops: what stops one when its task is cancelled?"""

from __future__ import annotations

import asyncio
import threading
from types import ModuleType
from typing import Any

import trio
from hypothesis import given

from conformance.claim import (
    Claim,
    antecedent,
    article,
    holds,
    law,
    qualified,
    refuted,
)
from conformance.toolbox.scopes import cancelled, on_asyncio, open_group
from conformance.toolbox.spaces import every, flags
from conformance.toolbox.waits import (
    ASYNCIO_PENDING,
    ASYNCIO_READY,
    SCOPED_PENDING,
    SCOPED_READY,
    ScopedWait,
    Wait,
)

ENOUGH = 5
"""Steps after the cancel by which a ``while True`` counts as not responding, and is let go."""

ASYNCIO_BODIES = (
    Wait("nothing", "asyncio", "pass", suspends=False),
    Wait("time.sleep()", "asyncio", "time.sleep(0)", "import time", suspends=False),
    *ASYNCIO_READY,
    *ASYNCIO_PENDING,
)
SCOPED_BODIES = (
    ScopedWait(
        Wait("nothing", "anyio", "pass", suspends=False),
        Wait("nothing", "trio", "pass", suspends=False),
    ),
    ScopedWait(
        Wait("time.sleep()", "anyio", "time.sleep(0)", "import time", suspends=False),
        Wait("time.sleep()", "trio", "time.sleep(0)", "import time", suspends=False),
    ),
    *SCOPED_READY,
    *SCOPED_PENDING,
)

CANCELLERS = ("the loop itself", "another thread", "another task")
SCOPED_CANCELLERS = ("the loop itself", "a deadline", "another thread", "another task")

WHEN_IT_LETS_THEM = ("another thread", "another task")
"""Those who cancel a scope only when the loop in it lets others run.

A scope is no thread's but its event loop's: another thread can do no more than ask that to cancel.
"""


async def asyncio_loop(
    body: Wait, canceller: str, *, check: str = "no check", swallow: bool = False
) -> tuple[int, bool]:
    """Cancel a loop around ``body`` in its first step.

    Gives how many steps it began after the cancel, and whether the exception stopped it.  With
    ``check`` the loop asks its task that at its head; with ``swallow`` it catches what ``body``
    raises.
    """
    requested = False
    further = 0
    stopped = True

    def cancel() -> None:
        nonlocal requested
        requested = task.cancel()
        if requested:
            antecedent("cancelled in the loop")

    async def loop() -> None:
        nonlocal further, stopped
        await asyncio.sleep(0)  # an eager task starts before it has the name `task`
        for step in range(1 + ENOUGH):  # stands for `while True`
            if check == "cancelled()" and task.cancelled():
                raise asyncio.CancelledError()
            if check == "cancelling()" and task.cancelling():
                raise asyncio.CancelledError()
            if requested:
                further += 1
            if swallow and further:
                break  # nothing ends its wait in the next step
            if step == 0 and canceller == "the loop itself":
                cancel()
            if step == 0 and canceller == "another thread":
                thread = threading.Thread(target=cancel)
                thread.start()
                thread.join()
            if step == 0 and canceller == "another task":
                asyncio.get_running_loop().call_soon(cancel)
            waiting = await body.new()
            try:
                await waiting.wait()
            except asyncio.CancelledError:
                if not swallow:
                    raise
        # Not task.cancelled(): a task that returns with a cancel pending ends as cancelled, too.
        stopped = False

    task = asyncio.create_task(loop())
    await asyncio.wait([task])
    return further, stopped


async def scoped_loop(
    library: ModuleType,
    body: ScopedWait,
    canceller: str,
    *,
    check: bool = False,
    swallow: bool = False,
) -> tuple[int, bool]:
    """The same in a scope; the check is ``checkpoint_if_cancelled()``, which raises by itself."""
    further = 0
    stopped = True

    async def cancel() -> None:
        group.cancel_scope.cancel()

    async def loop() -> None:
        nonlocal further, stopped
        for step in range(1 + ENOUGH):  # stands for `while True`
            if check:
                await library.lowlevel.checkpoint_if_cancelled()
            if group.cancel_scope.cancel_called:
                further += 1
            if swallow and further:
                break
            if step == 0 and canceller == "the loop itself":
                group.cancel_scope.cancel()
            if step == 0 and canceller == "a deadline":
                group.cancel_scope.deadline = library.current_time()
            if step == 0 and canceller == "another thread":
                if on_asyncio():
                    soon: Any = asyncio.get_running_loop().call_soon_threadsafe
                else:
                    soon = trio.lowlevel.current_trio_token().run_sync_soon
                thread = threading.Thread(target=soon, args=[group.cancel_scope.cancel])
                thread.start()
                thread.join()
            if step == 0 and canceller == "another task":
                group.start_soon(cancel)
            if group.cancel_scope.cancel_called:
                antecedent("cancelled in the loop")
            waiting = await body.of(library).new()
            try:
                await waiting.wait()
            except cancelled(library):
                antecedent("cancelled in the loop")
                if not swallow:
                    raise
        stopped = False

    async with open_group(library) as group:
        group.start_soon(loop)
    return further, stopped


CHECKING = Claim(
    "NEST-08",
    "A check at the head of a loop that raises the cancellation if the task was cancelled, in"
    " asyncio `if asyncio.current_task().cancelled(): raise asyncio.CancelledError()`, keeps the"
    " loop from beginning another step.",
    source=article("§4"),
    instead=("LAW-NEST-06", "LAW-NEST-07"),
)


@CHECKING.states(
    "asyncio",
    expect=refuted(
        "cancelled() is False while the task runs, so the check never fires: where such a loop"
        " stops, an await in it stopped it",
        # No other task runs in time to cancel a loop that never suspends.
        region=lambda body, swallow, canceller: (
            swallow if body.suspends else canceller != "another task"
        ),
        message="cancelled by …, the loop began another step",
    ),
    antecedents=("cancelled in the loop",),
)
@given(body=every(ASYNCIO_BODIES), swallow=flags(), canceller=every(CANCELLERS))
async def test_a_check_of_cancelled_stops_a_loop(body: Wait, swallow: bool, canceller: str) -> None:
    further, _ = await asyncio_loop(body, canceller, check="cancelled()", swallow=swallow)
    assert further == 0, f"cancelled by {canceller}, the loop began another step"


@CHECKING.states(
    "anyio",
    "trio",
    expect=holds("checkpoint_if_cancelled() is that check, and raises the exception itself"),
    antecedents=("cancelled in the loop",),
)
@given(body=every(SCOPED_BODIES), swallow=flags(), canceller=every(SCOPED_CANCELLERS))
async def test_a_checkpoint_stops_a_loop_in_a_scope(
    library: ModuleType, body: ScopedWait, swallow: bool, canceller: str
) -> None:
    further, _ = await scoped_loop(library, body, canceller, check=True, swallow=swallow)
    assert further == 0, f"cancelled by {canceller}, the loop began another step"


NOT_RESPONDING = Claim(
    "NEST-09",
    "A loop `while True` does not respond to a cancel, nor does time.sleep().",
    source=article("§4"),
    instead=("LAW-NEST-07",),
)


@NOT_RESPONDING.states(
    "asyncio",
    expect=qualified(
        "the cancel is raised at the first await that suspends the task",
        message="the cancel by … stopped the loop",
    ),
    antecedents=("cancelled in the loop",),
    fair=lambda body: not body.suspends,
    qualification="It does not respond if nothing in it suspends the task: a blocking call, or an"
    " await of what is ready.",
)
@given(body=every(ASYNCIO_BODIES), canceller=every(CANCELLERS))
async def test_a_loop_of_asyncio_does_not_respond(body: Wait, canceller: str) -> None:
    _, stopped = await asyncio_loop(body, canceller)
    assert not stopped, f"the cancel by {canceller} stopped the loop"


@NOT_RESPONDING.states(
    "anyio",
    "trio",
    expect=qualified(
        "the cancel is raised at the first checkpoint, be what it waits for ready",
        message="the cancel by … stopped the loop",
    ),
    antecedents=("cancelled in the loop",),
    fair=lambda body: not body.suspends,
    qualification="It does not respond if there is no checkpoint in it.",
)
@given(body=every(SCOPED_BODIES), canceller=every(SCOPED_CANCELLERS))
async def test_a_loop_in_a_scope_does_not_respond(
    library: ModuleType, body: ScopedWait, canceller: str
) -> None:
    _, stopped = await scoped_loop(library, body, canceller)
    assert not stopped, f"the cancel by {canceller} stopped the loop"


SLEEP_AND_CHECK = Claim(
    "NEST-10",
    "A loop that is to respond to a cancel needs sleep() together with a check of whether it was"
    " cancelled.",
    source=article("§4"),
    instead=("LAW-NEST-07",),
)

BOTH = "With both the loop does respond; sleep() alone does it as well, so the check adds nothing."
RESPONDED = "with sleep(…) and no check, the loop responded"

# A thread may be held up for as long as a shorter sleep takes, and that is over then.
ASYNCIO_SLEEPS = (
    Wait("sleep(0)", "asyncio", "await asyncio.sleep(0)"),
    Wait("sleep(60)", "asyncio", "await asyncio.sleep(60)"),
    Wait("sleep(3600)", "asyncio", "await asyncio.sleep(3600)"),
    Wait("sleep(-1)", "asyncio", "await asyncio.sleep(-1)"),
)
SCOPED_SLEEPS = (
    ScopedWait(
        Wait("sleep(0)", "anyio", "await anyio.sleep(0)"),
        Wait("sleep(0)", "trio", "await trio.sleep(0)"),
    ),
    ScopedWait(
        Wait("sleep(60)", "anyio", "await anyio.sleep(60)"),
        Wait("sleep(60)", "trio", "await trio.sleep(60)"),
    ),
    ScopedWait(
        Wait("sleep(3600)", "anyio", "await anyio.sleep(3600)"),
        Wait("sleep(3600)", "trio", "await trio.sleep(3600)"),
    ),
)


@SLEEP_AND_CHECK.states(
    "asyncio",
    expect=qualified(
        "asyncio.sleep() raises the cancel by itself, the check never fires", message=RESPONDED
    ),
    antecedents=("cancelled in the loop",),
    fair=lambda check: check,
    qualification=BOTH,
)
@given(check=flags(), body=every(ASYNCIO_SLEEPS), canceller=every(CANCELLERS))
async def test_asyncio_needs_a_sleep_and_a_check(check: bool, body: Wait, canceller: str) -> None:
    further, stopped = await asyncio_loop(
        body, canceller, check="cancelled()" if check else "no check"
    )
    responded = stopped and further == 0
    if check:
        assert responded, f"with {body.name} and a check, the loop did not respond"
    else:
        assert not responded, f"with {body.name} and no check, the loop responded"


@SLEEP_AND_CHECK.states(
    "anyio",
    "trio",
    expect=qualified(
        "sleep() is a checkpoint, which raises the cancel by itself", message=RESPONDED
    ),
    antecedents=("cancelled in the loop",),
    fair=lambda check: check,
    qualification=BOTH,
)
@given(check=flags(), body=every(SCOPED_SLEEPS), canceller=every(SCOPED_CANCELLERS))
async def test_a_scope_needs_a_sleep_and_a_check(
    library: ModuleType, check: bool, body: ScopedWait, canceller: str
) -> None:
    further, stopped = await scoped_loop(library, body, canceller, check=check)
    responded = stopped and further == 0
    if check:
        assert responded, f"with {body.name} and a check, the loop did not respond"
    else:
        assert not responded, f"with {body.name} and no check, the loop responded"


HEAD_CHECK = law(
    "LAW-NEST-06",
    "A check at the head of a loop keeps it from beginning another step after the cancel: in asyncio"
    " `if task.cancelling(): raise CancelledError()` (3.11+), in anyio and trio"
    " `await checkpoint_if_cancelled()`.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.Task.cancelling",
)


@HEAD_CHECK.states(
    "asyncio",
    expect=holds("cancelling() counts from the call of cancel() on, delivered or not"),
    exists="asyncio.Task.cancelling",
    antecedents=("cancelled in the loop",),
)
@given(body=every(ASYNCIO_BODIES), swallow=flags(), canceller=every(CANCELLERS))
async def test_a_check_of_cancelling_stops_a_loop(
    body: Wait, swallow: bool, canceller: str
) -> None:
    further, _ = await asyncio_loop(body, canceller, check="cancelling()", swallow=swallow)
    assert further == 0, f"cancelled by {canceller}, the loop began another step"


@HEAD_CHECK.states(
    "anyio",
    "trio",
    expect=holds("it raises in a cancelled scope, and does not yield elsewhere"),
    antecedents=("cancelled in the loop",),
)
@given(body=every(SCOPED_BODIES), swallow=flags(), canceller=every(SCOPED_CANCELLERS))
async def test_checkpoint_if_cancelled_stops_a_loop(
    library: ModuleType, body: ScopedWait, swallow: bool, canceller: str
) -> None:
    further, _ = await scoped_loop(library, body, canceller, check=True, swallow=swallow)
    assert further == 0, f"cancelled by {canceller}, the loop began another step"


RESPONDING = law(
    "LAW-NEST-07",
    "A cancelled loop that catches nothing is stopped by the first await in it that suspends the task"
    " (asyncio) or is a checkpoint (anyio, trio), and runs on as long as there is none.",
    source="https://trio.readthedocs.io/en/stable/reference-core.html#checkpoints",
)


@RESPONDING.states(
    "asyncio",
    expect=holds("an await that does not suspend never gets to the task's next step"),
    antecedents=("cancelled in the loop",),
)
@given(body=every(ASYNCIO_BODIES), canceller=every(CANCELLERS))
async def test_asyncio_stops_a_loop_that_suspends(body: Wait, canceller: str) -> None:
    further, stopped = await asyncio_loop(body, canceller)
    if canceller == "another task" and not body.suspends:
        return  # a loop that never suspends lets no other task run
    assert (stopped and further == 0) == body.suspends, (
        f"{body.name} {'stops' if body.suspends else 'does not stop'} a cancelled loop: this one was"
        f" {'stopped' if stopped else 'not stopped'}, and began {further} more"
        f" {'step' if further == 1 else 'steps'}"
    )


@RESPONDING.states("anyio", "trio", expect=holds(), antecedents=("cancelled in the loop",))
@given(body=every(SCOPED_BODIES), canceller=every(SCOPED_CANCELLERS))
async def test_a_scope_stops_a_loop_at_a_checkpoint(
    library: ModuleType, body: ScopedWait, canceller: str
) -> None:
    further, stopped = await scoped_loop(library, body, canceller)
    if canceller in WHEN_IT_LETS_THEM and not body.suspends:
        return  # a loop without a checkpoint lets nobody else run
    # The await that is under way when the others cancel may still complete.
    in_time = further <= (1 if canceller in WHEN_IT_LETS_THEM else 0)
    assert (stopped and in_time) == body.suspends, (
        f"{body.name} {'stops' if body.suspends else 'does not stop'} a cancelled loop: this one was"
        f" {'stopped' if stopped else 'not stopped'}, and began {further} more"
        f" {'step' if further == 1 else 'steps'}"
    )
