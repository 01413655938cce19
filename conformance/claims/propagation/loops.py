"""Loops: what stops one when its task is cancelled?"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import ModuleType

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
from conformance.programs.instants import NEVER, settle
from conformance.programs.scopes import cancelled, on_asyncio, open_group
from conformance.programs.space import every, flags
from conformance.programs.waits import (
    ANYIO_PENDING,
    ANYIO_READY,
    ASYNCIO_PENDING,
    ASYNCIO_READY,
    TRIO_PENDING,
    TRIO_READY,
    Wait,
    Waiting,
)

ENOUGH = 5
"""Steps after the cancel by which a ``while True`` counts as not responding, and is let go."""


def blocking(library: str) -> tuple[Wait, ...]:
    """What a loop may do without awaiting anything."""
    return (
        Wait("nothing", library, "pass", suspends=False),
        Wait("time.sleep()", library, "time.sleep(0)", "import time", suspends=False),
    )


ASYNCIO_BODIES = (*blocking("asyncio"), *ASYNCIO_READY, *ASYNCIO_PENDING)
ANYIO_BODIES = (*blocking("anyio"), *ANYIO_READY, *ANYIO_PENDING)
TRIO_BODIES = (*blocking("trio"), *TRIO_READY, *TRIO_PENDING)

CANCELLERS = ("the loop itself", "another thread", "another task")
SCOPED_CANCELLERS = ("the loop itself", "a deadline", "another thread", "another task")

WHEN_IT_LETS_THEM = ("another thread", "another task")
"""Those who cancel a scope only when the loop in it lets others run.

A scope is no thread's but its event loop's: another thread can do no more than ask that to cancel.
"""


async def asyncio_loop(
    body: Wait,
    canceller: str,
    *,
    check: Callable[[asyncio.Task[None]], object] = lambda task: False,
    swallow: bool = False,
) -> tuple[int, bool]:
    """Cancel a loop around ``body`` in its first step.

    Gives how many steps it began after the cancel, and whether the exception stopped it.  At its
    head the loop raises CancelledError if ``check`` says so; with ``swallow`` it catches what
    ``body`` raises.
    """
    requested = False
    further = 0
    ended: list[str] = []
    waiting: Waiting | None = None

    def cancel() -> None:
        nonlocal requested
        requested = task.cancel()
        if requested:
            antecedent("cancelled in the loop")

    async def loop() -> None:
        nonlocal further, waiting
        await asyncio.sleep(0)  # an eager task starts before it has the name `task`
        for step in range(1 + ENOUGH):  # stands for `while True`
            if check(task):
                raise asyncio.CancelledError()
            further += requested
            if step == 0 and canceller == "the loop itself":
                cancel()
            elif step == 0 and canceller == "another thread":
                thread = threading.Thread(target=cancel)
                thread.start()
                thread.join()
            elif step == 0:
                asyncio.get_running_loop().call_soon(cancel)
            waiting = await body.new()
            try:
                await waiting.wait()
            except asyncio.CancelledError:
                if not swallow:
                    raise
        # Not task.cancelled(): a task that returns with a cancel pending ends as cancelled, too.
        ended.append("by itself")

    task = asyncio.create_task(loop())
    while swallow and not task.done():
        await settle()
        if waiting is not None:  # having swallowed the cancel it waits again: let it go on
            waiting.complete() if body.complete else task.cancel()
    await asyncio.wait([task])
    return further, not ended


def ask_from_a_thread(call: Callable[[], object]) -> None:
    """Have another thread ask the event loop to make ``call`` soon."""
    soon: Callable[..., object] = (
        asyncio.get_running_loop().call_soon_threadsafe
        if on_asyncio()
        else trio.lowlevel.current_trio_token().run_sync_soon
    )
    thread = threading.Thread(target=soon, args=(call,))
    thread.start()
    thread.join()


async def scoped_loop(
    library: ModuleType, body: Wait, canceller: str, *, check: bool = False, swallow: bool = False
) -> tuple[int, bool]:
    """The same in a scope; the check is ``checkpoint_if_cancelled()``, which raises by itself."""
    further = 0
    ended: list[str] = []

    async def cancel() -> None:
        group.cancel_scope.cancel()

    async def loop() -> None:
        nonlocal further
        for step in range(1 + ENOUGH):  # stands for `while True`
            if check:
                await library.lowlevel.checkpoint_if_cancelled()
            further += group.cancel_scope.cancel_called
            if step == 0 and canceller == "the loop itself":
                group.cancel_scope.cancel()
            elif step == 0 and canceller == "a deadline":
                group.cancel_scope.deadline = library.current_time()
            elif step == 0 and canceller == "another thread":
                ask_from_a_thread(group.cancel_scope.cancel)
            elif step == 0:
                group.start_soon(cancel)
            if group.cancel_scope.cancel_called:
                antecedent("cancelled in the loop")
            try:
                await (await body.new()).wait()
            except cancelled(library):
                antecedent("cancelled in the loop")
                if not swallow:
                    raise
        ended.append("by itself")

    async with open_group(library) as group:
        group.start_soon(loop)
    return further, not ended


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
        " stops, an await in it stopped it"
    ),
    antecedents=("cancelled in the loop",),
)
@given(body=every(ASYNCIO_BODIES), swallow=flags(), canceller=every(CANCELLERS))
async def test_a_check_of_cancelled_stops_a_loop(body: Wait, swallow: bool, canceller: str) -> None:
    further, _ = await asyncio_loop(
        body, canceller, check=lambda task: task.cancelled(), swallow=swallow
    )
    assert further == 0, f"cancelled by {canceller}, the loop began {further} more steps"


async def a_checkpoint_stops_a_loop(
    library: ModuleType, body: Wait, swallow: bool, canceller: str
) -> None:
    """NEST-08 and LAW-NEST-06 in terms of scopes."""
    further, _ = await scoped_loop(library, body, canceller, check=True, swallow=swallow)
    assert further == 0, f"cancelled by {canceller}, the loop began {further} more steps"


@CHECKING.states(
    "anyio",
    expect=holds("checkpoint_if_cancelled() is that check, and raises the exception itself"),
    antecedents=("cancelled in the loop",),
)
@given(body=every(ANYIO_BODIES), swallow=flags(), canceller=every(SCOPED_CANCELLERS))
async def test_a_checkpoint_stops_a_loop_in_anyio(
    library: ModuleType, body: Wait, swallow: bool, canceller: str
) -> None:
    await a_checkpoint_stops_a_loop(library, body, swallow, canceller)


@CHECKING.states(
    "trio",
    expect=holds("checkpoint_if_cancelled() is that check, and raises the exception itself"),
    antecedents=("cancelled in the loop",),
)
@given(body=every(TRIO_BODIES), swallow=flags(), canceller=every(SCOPED_CANCELLERS))
async def test_a_checkpoint_stops_a_loop_in_trio(
    library: ModuleType, body: Wait, swallow: bool, canceller: str
) -> None:
    await a_checkpoint_stops_a_loop(library, body, swallow, canceller)


NOT_RESPONDING = Claim(
    "NEST-09",
    "A loop `while True` does not respond to a cancel, nor does time.sleep().",
    source=article("§4"),
    instead=("LAW-NEST-07",),
)


@NOT_RESPONDING.states(
    "asyncio",
    expect=qualified("the cancel is raised at the first await that suspends the task"),
    antecedents=("cancelled in the loop",),
    fair=lambda body, **_: not body.suspends,
    qualification="It does not respond if nothing in it suspends the task: a blocking call, or an"
    " await of what is ready.",
)
@given(body=every(ASYNCIO_BODIES), canceller=every(CANCELLERS))
async def test_a_loop_of_asyncio_does_not_respond(body: Wait, canceller: str) -> None:
    _, stopped = await asyncio_loop(body, canceller)
    assert not stopped, f"the cancel by {canceller} stopped the loop"


AT_A_CHECKPOINT = "It does not respond if there is no checkpoint in it."


async def a_scoped_loop_does_not_respond(library: ModuleType, body: Wait, canceller: str) -> None:
    """NEST-09 in terms of scopes."""
    _, stopped = await scoped_loop(library, body, canceller)
    assert not stopped, f"the cancel by {canceller} stopped the loop"


@NOT_RESPONDING.states(
    "anyio",
    expect=qualified("the cancel is raised at the first checkpoint, be what it waits for ready"),
    antecedents=("cancelled in the loop",),
    fair=lambda body, **_: not body.suspends,
    qualification=AT_A_CHECKPOINT,
)
@given(body=every(ANYIO_BODIES), canceller=every(SCOPED_CANCELLERS))
async def test_a_loop_of_anyio_does_not_respond(
    library: ModuleType, body: Wait, canceller: str
) -> None:
    await a_scoped_loop_does_not_respond(library, body, canceller)


@NOT_RESPONDING.states(
    "trio",
    expect=qualified("the cancel is raised at the first checkpoint, be what it waits for ready"),
    antecedents=("cancelled in the loop",),
    fair=lambda body, **_: not body.suspends,
    qualification=AT_A_CHECKPOINT,
)
@given(body=every(TRIO_BODIES), canceller=every(SCOPED_CANCELLERS))
async def test_a_loop_of_trio_does_not_respond(
    library: ModuleType, body: Wait, canceller: str
) -> None:
    await a_scoped_loop_does_not_respond(library, body, canceller)


SLEEP_AND_CHECK = Claim(
    "NEST-10",
    "A loop that is to respond to a cancel needs sleep() together with a check of whether it was"
    " cancelled.",
    source=article("§4"),
    instead=("LAW-NEST-07",),
)

BOTH = "With both the loop does respond; sleep() alone does it as well, so the check adds nothing."
DELAYS = (0, 60, NEVER)
"""Seconds: a thread may be held up for as long as a shorter sleep takes, and that is over then."""


@SLEEP_AND_CHECK.states(
    "asyncio",
    expect=qualified("asyncio.sleep() raises the cancel by itself, the check never fires"),
    antecedents=("cancelled in the loop",),
    fair=lambda check, **_: bool(check),
    qualification=BOTH,
)
@given(check=flags(), delay=every((*DELAYS, -1)), canceller=every(CANCELLERS))
async def test_asyncio_needs_a_sleep_and_a_check(check: bool, delay: float, canceller: str) -> None:
    body = Wait("asyncio.sleep()", "asyncio", f"await asyncio.sleep({delay})")
    further, stopped = await asyncio_loop(
        body, canceller, check=lambda task: check and task.cancelled()
    )
    responded = stopped and further == 0
    assert responded == check, (
        f"with sleep({delay}) and {'a' if check else 'no'} check, the loop responded: {responded}"
    )


@SLEEP_AND_CHECK.states(
    "anyio",
    "trio",
    expect=qualified("sleep() is a checkpoint, which raises the cancel by itself"),
    antecedents=("cancelled in the loop",),
    fair=lambda check, **_: bool(check),
    qualification=BOTH,
)
@given(check=flags(), delay=every(DELAYS), canceller=every(SCOPED_CANCELLERS))
async def test_a_scope_needs_a_sleep_and_a_check(
    library: ModuleType, check: bool, delay: float, canceller: str
) -> None:
    name = library.__name__
    body = Wait(f"{name}.sleep()", name, f"await {name}.sleep({delay})")
    further, stopped = await scoped_loop(library, body, canceller, check=check)
    responded = stopped and further == 0
    assert responded == check, (
        f"with sleep({delay}) and {'a' if check else 'no'} check, the loop responded: {responded}"
    )


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
    further, _ = await asyncio_loop(
        body, canceller, check=lambda task: task.cancelling(), swallow=swallow
    )
    assert further == 0, f"cancelled by {canceller}, the loop began {further} more steps"


@HEAD_CHECK.states(
    "anyio",
    expect=holds("it raises in a cancelled scope, and does not yield elsewhere"),
    antecedents=("cancelled in the loop",),
)
@given(body=every(ANYIO_BODIES), swallow=flags(), canceller=every(SCOPED_CANCELLERS))
async def test_anyios_checkpoint_if_cancelled_stops_a_loop(
    library: ModuleType, body: Wait, swallow: bool, canceller: str
) -> None:
    await a_checkpoint_stops_a_loop(library, body, swallow, canceller)


@HEAD_CHECK.states(
    "trio",
    expect=holds("it raises in a cancelled scope, and does not yield elsewhere"),
    antecedents=("cancelled in the loop",),
)
@given(body=every(TRIO_BODIES), swallow=flags(), canceller=every(SCOPED_CANCELLERS))
async def test_trios_checkpoint_if_cancelled_stops_a_loop(
    library: ModuleType, body: Wait, swallow: bool, canceller: str
) -> None:
    await a_checkpoint_stops_a_loop(library, body, swallow, canceller)


RESPONDING = law(
    "LAW-NEST-07",
    "A cancelled loop is stopped by the first await in it that suspends the task (asyncio) or is a"
    " checkpoint (anyio, trio), and runs on as long as there is none.",
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
        f" {'' if stopped else 'not '}stopped, and took {further} more steps"
    )


async def a_scope_stops_at_a_checkpoint(library: ModuleType, body: Wait, canceller: str) -> None:
    """LAW-NEST-07 in terms of scopes."""
    further, stopped = await scoped_loop(library, body, canceller)
    if canceller in WHEN_IT_LETS_THEM and not body.suspends:
        return  # a loop without a checkpoint lets nobody else run
    # The await that is under way when the others cancel may still complete.
    in_time = further <= (canceller in WHEN_IT_LETS_THEM)
    assert (stopped and in_time) == body.suspends, (
        f"{body.name} {'stops' if body.suspends else 'does not stop'} a cancelled loop: this one was"
        f" {'' if stopped else 'not '}stopped, and took {further} more steps"
    )


@RESPONDING.states("anyio", expect=holds(), antecedents=("cancelled in the loop",))
@given(body=every(ANYIO_BODIES), canceller=every(SCOPED_CANCELLERS))
async def test_anyio_stops_a_loop_at_a_checkpoint(
    library: ModuleType, body: Wait, canceller: str
) -> None:
    await a_scope_stops_at_a_checkpoint(library, body, canceller)


@RESPONDING.states("trio", expect=holds(), antecedents=("cancelled in the loop",))
@given(body=every(TRIO_BODIES), canceller=every(SCOPED_CANCELLERS))
async def test_trio_stops_a_loop_at_a_checkpoint(
    library: ModuleType, body: Wait, canceller: str
) -> None:
    await a_scope_stops_at_a_checkpoint(library, body, canceller)
