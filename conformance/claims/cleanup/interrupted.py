"""What a cancel does to a cleanup that is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from types import ModuleType

from hypothesis import given

from conformance.claim import Claim, antecedent, article, holds, law, qualified, refuted
from conformance.toolbox.instants import (
    CANCEL_THEN_COMPLETION,
    COMPLETION_THEN_CANCEL,
    NEVER,
    WAITING,
    Instant,
    cancel_at,
    settle,
)
from conformance.toolbox.scopes import open_group, run_and_cancel
from conformance.toolbox.spaces import every, flags, sequences, up_to
from conformance.toolbox.waits import (
    A_SHIELDED_EVENT,
    A_TASK_THAT_REFUSES,
    ASYNCIO_PENDING,
    SCOPED_PENDING,
    SCOPED_READY,
    ScopedWait,
    Wait,
    Waiting,
)
from conformance.toolbox.words import counted

CAN_BE_CANCELLED = Claim(
    "CLEANUP-08",
    "A cancel can interrupt the cleanup too, whatever the cleanup is waiting for.",
    source=article("§2"),
    instead=("LAW-CLEANUP-07", "LAW-CLEANUP-08", "LAW-DELIVER-11"),
)


@CAN_BE_CANCELLED.states(
    "asyncio",
    expect=(
        qualified(
            "up to 3.11, wait_for() returns the result and drops a cancel of the same turn",
            when="python<3.12",
            issue="https://github.com/python/cpython/issues/86296",
            region=lambda wait, instant: (
                wait is A_TASK_THAT_REFUSES or (wait.name == "wait_for()" and instant.same_turn)
            ),
            message=(
                "the cleanup waits for a task that refuses to be cancelled: cancelled again …, it was"
                " not interrupted",
                "the cleanup waits for wait_for(): cancelled again just … the completion, in the same"
                " turn, it was not interrupted",
            ),
        ),
        qualified(
            "a task that the cleanup waits for gets the cancel, and may refuse it",
            region=lambda wait: wait is A_TASK_THAT_REFUSES,
            message="the cleanup waits for a task that refuses to be cancelled: cancelled again …, it"
            " was not interrupted",
        ),
    ),
    antecedents=("cancelled again in the cleanup",),
    fair=lambda wait, instant: (
        wait is not A_TASK_THAT_REFUSES and not (wait.name == "wait_for()" and instant.same_turn)
    ),
    qualification="what the cleanup waits for does not refuse the cancel, and is not, before 3.12,"
    " a wait_for() that completes in the same turn",
)
@given(
    wait=every((*ASYNCIO_PENDING, A_TASK_THAT_REFUSES)),
    instant=every((WAITING, CANCEL_THEN_COMPLETION, COMPLETION_THEN_CANCEL)),
)
async def test_a_second_cancel_interrupts_the_cleanup(wait: Wait, instant: Instant) -> None:
    interrupted: list[bool] = []
    waiting = await wait.new()

    async def body() -> None:
        try:
            await asyncio.sleep(NEVER)
        finally:
            antecedent("cancelled again in the cleanup")
            try:
                await waiting.wait()
            except asyncio.CancelledError:
                interrupted.append(True)
                raise

    task = asyncio.create_task(body())
    await settle()
    task.cancel()
    await cancel_at(instant, task.cancel, waiting.complete)
    if instant == WAITING:
        await settle()
        waiting.complete()  # lets the cleanup end if the cancel did not
    await asyncio.wait([task])
    assert interrupted, (
        f"the cleanup waits for {wait.name}: cancelled again {instant.name}, it was not interrupted"
    )


@CAN_BE_CANCELLED.states(
    "anyio",
    "trio",
    expect=qualified(
        "a shield around what the cleanup waits for keeps the cancel out",
        message="the cleanup waits for a shielded Event.wait(): it was not interrupted",
    ),
    antecedents=("in the cleanup",),
    fair=lambda wait, again: wait is not A_SHIELDED_EVENT,
    qualification="what the cleanup waits for is in no shield of its own",
)
@given(wait=every((*SCOPED_PENDING, A_SHIELDED_EVENT)), again=flags())
async def test_the_first_cancel_interrupts_the_cleanup(
    library: ModuleType, wait: ScopedWait, again: bool
) -> None:
    interrupted: list[bool] = []
    waiting = await wait.of(library).new()

    async with open_group(library) as group:

        async def body() -> None:
            try:
                await library.sleep(NEVER)
            finally:
                antecedent("in the cleanup")
                if again:
                    group.cancel_scope.cancel()
                try:
                    await waiting.wait()
                except BaseException:
                    interrupted.append(True)
                    raise

        group.start_soon(body)
        await settle(library)
        group.cancel_scope.cancel()
        if wait is A_SHIELDED_EVENT:
            with library.CancelScope(shield=True):
                await settle(library)
            waiting.complete()  # lets the cleanup end
    assert interrupted, f"the cleanup waits for {wait.name}: it was not interrupted"


ANSWER = Claim(
    "CLEANUP-10",
    "A cleanup that may be cancelled is carried out if a time limit is put around it:"
    " `await asyncio.wait_for(cleanup(), timeout)`.",
    source=article("§2"),
    instead=("LAW-CLEANUP-08", "LAW-CLEANUP-14"),
)


@ANSWER.states(
    "asyncio",
    expect=(
        refuted(
            "wait_for() passes the second cancel on to the cleanup, which is a task up to 3.11: one"
            " turn later, when that may have ended",
            when="python<3.12",
            region=lambda awaits, again: 1 <= again < awaits,
            message="cancelled again in its await number … of …, the cleanup stopped",
        ),
        refuted(
            "wait_for() passes the second cancel on to the cleanup",
            region=lambda awaits, again: 1 <= again <= awaits,
            message="cancelled again in its await number … of …, the cleanup stopped",
        ),
    ),
    antecedents=("in the cleanup", "cancelled again"),
)
@given(awaits=up_to(3, least=1), again=up_to(3))
async def test_wait_for_protects_a_cleanup(awaits: int, again: int) -> None:
    """The second cancel comes in the cleanup's await number `again`; with 0 it does not come."""
    ended: list[str] = []

    async def cleanup() -> None:
        antecedent("in the cleanup")
        for number in range(1, awaits + 1):
            if number == again:
                antecedent("cancelled again")
                asyncio.get_running_loop().call_soon(task.cancel)
            await asyncio.sleep(0)
        ended.append("the cleanup")

    async def body() -> None:
        try:
            await asyncio.sleep(NEVER)
        finally:
            await asyncio.wait_for(cleanup(), NEVER)

    task = asyncio.create_task(body())
    await settle()
    task.cancel()
    await asyncio.wait([task])
    assert ended, f"cancelled again in its await number {again} of {awaits}, the cleanup stopped"


@ANSWER.states(
    "anyio",
    "trio",
    expect=refuted(
        "in a cancelled scope the cleanup is cancelled at its first await, in time",
        region=lambda awaits: awaits > 0,
        message="in …(), a cleanup with … was interrupted",
    ),
    antecedents=("in the cleanup",),
)
@given(limit=every(("fail_after", "move_on_after")), awaits=up_to(3), again=flags())
async def test_a_time_limit_protects_a_cleanup(
    library: ModuleType, limit: str, awaits: int, again: bool
) -> None:
    ended: list[str] = []

    async with open_group(library) as group:

        async def body() -> None:
            try:
                await library.sleep(NEVER)
            finally:
                antecedent("in the cleanup")
                if again:
                    group.cancel_scope.cancel()
                limited = library.fail_after if limit == "fail_after" else library.move_on_after
                with limited(NEVER):
                    for _ in range(awaits):
                        await library.sleep(0)
                    ended.append("the cleanup")

        group.start_soon(body)
        await settle(library)
        group.cancel_scope.cancel()
    assert ended, f"in {limit}(), a cleanup with {counted(awaits, 'await')} was interrupted"


LEVEL = law(
    "LAW-CLEANUP-06",
    "In a cancelled scope every checkpoint of a cleanup raises again, however many have;"
    " under `CancelScope(shield=True)` none does.",
    source="https://anyio.readthedocs.io/en/stable/cancellation.html#shielding",
)

CHECKPOINTS = [
    *(wait for wait in SCOPED_READY if wait.suspends),
    *(wait for wait in SCOPED_PENDING if wait.anyio.complete),
]
"""Those with nothing to wait for, and those that can be let go from outside."""


@LEVEL.states("anyio", "trio", expect=holds(), antecedents=("in the cleanup",))
@given(
    wait=every(CHECKPOINTS),
    attempts=up_to(3, least=1),
    shielded=flags(),
)
async def test_every_checkpoint_raises_unless_shielded(
    library: ModuleType, wait: ScopedWait, attempts: int, shielded: bool
) -> None:
    raised = 0

    async def body() -> None:
        nonlocal raised
        try:
            await library.sleep(NEVER)
        finally:
            antecedent("in the cleanup")
            with library.CancelScope(shield=shielded):
                for _ in range(attempts):
                    waiting = await wait.of(library).new()
                    if shielded:
                        waiting.complete()
                    try:
                        await waiting.wait()
                    except BaseException:  # in trio, a nursery raises Cancelled in a group
                        raised += 1

    await run_and_cancel(library, body, WAITING, lambda: None)
    assert raised == (0 if shielded else attempts), (
        f"{raised} of {counted(attempts, 'time')} {wait.name} raised in a cleanup that"
        f" {'was' if shielded else 'was not'} shielded"
    )


LEVEL.not_applicable(
    "asyncio",
    because="a task is cancelled there, not a scope",
    missing=("asyncio.CancelScope",),
)


EDGE = law(
    "LAW-CLEANUP-07",
    "After one cancel() of a task its cleanup may await as often as it likes, and whatever it"
    " likes: only another cancel() interrupts it.",
    source="https://anyio.readthedocs.io/en/stable/cancellation.html"
    "#differences-between-asyncio-and-anyio-cancellation-semantics",
)
COMPLETED_FROM_OUTSIDE = [wait for wait in ASYNCIO_PENDING if wait.complete]


@EDGE.states("asyncio", expect=holds(), antecedents=("in the cleanup",))
@given(
    waits=sequences(COMPLETED_FROM_OUTSIDE, least=1, most=2),
    again=up_to(2),
)
async def test_one_cancel_interrupts_once(waits: tuple[Wait, ...], again: int) -> None:
    """With `again` 1 or 2, another cancel comes in the first or second await."""
    current: list[Waiting] = []
    interrupted: list[int] = []

    async def body() -> None:
        try:
            await asyncio.sleep(NEVER)
        finally:
            antecedent("in the cleanup")
            for number, wait in enumerate(waits, start=1):
                current[:] = [await wait.new()]
                try:
                    await current[0].wait()
                except asyncio.CancelledError:
                    interrupted.append(number)

    task = asyncio.create_task(body())
    await settle()
    task.cancel()
    for number in range(1, len(waits) + 1):
        await settle()
        if number == again:
            task.cancel()
        else:
            current[0].complete()
    await asyncio.wait([task])
    expected = [again] if 1 <= again <= len(waits) else []
    assert interrupted == expected, (
        f"of a cleanup of {counted(len(waits), 'await')}, by number, those were to be interrupted in which"
        f" the task was cancelled again: {expected}; but interrupted were {interrupted}"
    )


EDGE.not_applicable(
    "anyio",
    "trio",
    because="a scope is cancelled there, not a task, and stays so: see LAW-CLEANUP-06",
    missing=("anyio.TaskInfo.cancel", "trio.lowlevel.Task.cancel"),
)


SHIELDED = law(
    "LAW-CLEANUP-08",
    "However often the task that waits for it, or a scope around it, is cancelled, a cleanup runs"
    " to its end: in asyncio in a task of its own that is awaited through shield() and, once"
    " interrupted, awaited again, in anyio and trio under `CancelScope(shield=True)`; and the cancel"
    " is not lost.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.shield",
)


async def finish(cleanup: Callable[[], Awaitable[None]]) -> None:
    """Wait for `cleanup` to its end, and raise only then if the waiting was cancelled meanwhile."""
    task = asyncio.ensure_future(cleanup())
    interruption: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            interruption = error
    task.result()
    if interruption is not None:
        raise interruption


@SHIELDED.states("asyncio", expect=holds(), antecedents=("cancelled in the cleanup",))
@given(cancels=sequences(range(3), least=1, most=4), entered_by_a_cancel=flags())
async def test_a_shielded_cleanup_ends(cancels: tuple[int, ...], entered_by_a_cancel: bool) -> None:
    """`cancels` says how many cancels come in each of the cleanup's awaits."""
    ended: list[str] = []

    async def body() -> None:
        waits_for_it = asyncio.current_task()
        assert waits_for_it is not None

        async def cleanup() -> None:
            for count in cancels:
                for _ in range(count):
                    antecedent("cancelled in the cleanup")
                    asyncio.get_running_loop().call_soon(waits_for_it.cancel)
                await asyncio.sleep(0)
            ended.append("the cleanup")

        try:
            if entered_by_a_cancel:
                await asyncio.sleep(NEVER)
        finally:
            await finish(cleanup)

    task = asyncio.ensure_future(body())
    if entered_by_a_cancel:
        await settle()
        task.cancel()
    await asyncio.wait([task])
    assert ended, (
        f"the shielded cleanup did not end: as many cancels came in each of its awaits: {cancels}"
    )
    asked = entered_by_a_cancel or any(cancels)
    assert task.cancelled() == asked, f"a cancel was {'lost' if asked else 'invented'}"


@SHIELDED.states("anyio", "trio", expect=holds(), antecedents=("cancelled in the cleanup",))
@given(
    cancels=sequences(range(3), least=1, most=4),
    scopes=up_to(2, least=1),
    entered_by_a_cancel=flags(),
)
async def test_a_cleanup_in_a_shielded_scope_ends(
    library: ModuleType, cancels: tuple[int, ...], scopes: int, entered_by_a_cancel: bool
) -> None:
    """`cancels` says which scope is cancelled in each await of the cleanup; 0 is none."""
    ended: list[str] = []
    went_on: list[str] = []
    asked = entered_by_a_cancel
    with ExitStack() as stack:
        around = [stack.enter_context(library.CancelScope()) for _ in range(scopes)]
        try:
            if entered_by_a_cancel:
                around[0].cancel()
                await library.sleep(0)
        finally:
            with library.CancelScope(shield=True):
                for number in cancels:
                    if 1 <= number <= scopes:
                        antecedent("cancelled in the cleanup")
                        around[number - 1].cancel()
                        asked = True
                    await library.sleep(0)
                ended.append("the cleanup")
            await library.sleep(0)
            went_on.append("past the next checkpoint")
    assert ended, (
        "the shielded cleanup did not end: by number (0: none), these scopes around it were"
        f" cancelled before its awaits: {cancels}"
    )
    assert bool(went_on) != asked, f"a cancel was {'lost' if asked else 'invented'}"
