"""Can code ask whether it was cancelled?"""

from __future__ import annotations

import asyncio
import math
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
    refuted,
)
from conformance.toolbox.instants import (
    BEFORE_FIRST_STEP,
    CANCEL_THEN_COMPLETION,
    COMPLETION_THEN_CANCEL,
    WAITING,
    Instant,
    cancel_at,
    running_task,
    settle,
)
from conformance.toolbox.scopes import open_group
from conformance.toolbox.spaces import every, up_to
from conformance.toolbox.waits import (
    ANYIO_PENDING,
    ASYNCIO_PENDING,
    SCOPED_PENDING,
    TRIO_PENDING,
    ScopedWait,
    Wait,
)

INSTANTS = (WAITING, CANCEL_THEN_COMPLETION, COMPLETION_THEN_CANCEL, BEFORE_FIRST_STEP)

PLACES = (
    "in the handler",
    "in the cleanup",
    "after the cleanup, in an outer layer",
    "after swallowing the exception",
    "between the cancel and the next await",
    "at the beginning",
)
SCOPED_PLACES = (*PLACES, "in a shielded cleanup")


async def ask_in_asyncio(
    place: str,
    depth: int,
    wait: Wait,
    instant: Instant,
    question: Callable[[Any], object],
    *,
    cancels: int = 1,
    hand_down: bool = False,
) -> list[tuple[int, object]]:
    """Ask ``question`` of the task at ``place``: how often it was cancelled by then, the answer.

    The one who asks waits ``depth`` awaits down, and is cancelled ``cancels`` times; with
    ``hand_down`` the task is passed to it as a parameter, and asked.
    """
    requests = 0
    answers: list[tuple[int, object]] = []
    waiting = await wait.new()

    def ask(handed: asyncio.Task[None] | None) -> None:
        if requests:
            antecedent("asked after the cancel")
        answers.append((requests, question(handed)))

    def cancel(task: asyncio.Task[None]) -> None:
        nonlocal requests
        for _ in range(cancels):
            requests += task.cancel()

    async def layer(below: int, handed: asyncio.Task[None] | None) -> None:
        if below:
            try:
                return await layer(below - 1, handed)
            finally:
                if place == "after the cleanup, in an outer layer" and below == 1:
                    ask(handed)
        if place == "at the beginning":
            ask(handed)
        if place == "between the cancel and the next await":
            cancel(running_task())
            ask(handed)
        try:
            await waiting.wait()
        except asyncio.CancelledError:
            if place == "in the handler":
                ask(handed)
            if place != "after swallowing the exception":
                raise
            ask(handed)
        finally:
            if place == "in the cleanup":
                ask(handed)

    async def outermost() -> None:
        await layer(depth, running_task() if hand_down else None)

    task = asyncio.create_task(outermost())
    await cancel_at(instant, lambda: cancel(task), waiting.complete)
    await asyncio.wait([task])
    return answers


async def ask_in_a_scope(
    library: ModuleType,
    place: str,
    depth: int,
    wait: Wait,
    instant: Instant,
    question: Callable[..., object],
) -> list[tuple[bool, object]]:
    """Ask ``question`` of the scope at ``place``: whether it was cancelled by then, the answer."""
    answers: list[tuple[bool, object]] = []
    waiting = await wait.new()

    async with open_group(library) as group:
        requested = False

        def ask(handed: Any) -> None:
            if requested:
                antecedent("asked after the cancel")
            answers.append((requested, question(handed)))

        def cancel() -> None:
            nonlocal requested
            requested = True
            group.cancel_scope.cancel()

        async def layer(below: int, handed: Any) -> None:
            if below:
                try:
                    return await layer(below - 1, handed)
                finally:
                    if place == "after the cleanup, in an outer layer" and below == 1:
                        ask(handed)
            if place == "at the beginning":
                ask(handed)
            if place == "between the cancel and the next await":
                cancel()
                ask(handed)
            try:
                await waiting.wait()
            except BaseException:  # trio's nursery raises its child's Cancelled in a group
                if place == "in the handler":
                    ask(handed)
                if place != "after swallowing the exception":
                    raise
                ask(handed)
            finally:
                if place == "in the cleanup":
                    ask(handed)
                if place == "in a shielded cleanup":
                    with library.CancelScope(shield=True):
                        ask(handed)

        group.start_soon(layer, depth, group.cancel_scope)
        await cancel_at(
            instant,
            cancel,
            waiting.complete,
            pause=library.lowlevel.cancel_shielded_checkpoint,
            settled=lambda: settle(library),
        )
    return answers


def may_have_swallowed_it(wait: Wait, instant: Instant) -> bool:
    """Before Python 3.12, wait_for() swallowed a cancel that came together with its result."""
    return wait.name == "wait_for()" and instant.same_turn


def is_asked_after_it(place: str, wait: Wait, instant: Instant) -> bool:
    """Whether code of asyncio comes to ``place`` after its cancel, before Python 3.12."""
    if place in ("in the handler", "after swallowing the exception"):
        return instant.started and not may_have_swallowed_it(wait, instant)
    return instant.started and place != "at the beginning"


ASKING = Claim(
    "NEST-03",
    "Code deep inside learns that it was cancelled by asking about itself: in asyncio"
    " current_task().cancelled(), in anyio get_current_task().has_pending_cancellation(), in trio"
    " current_effective_deadline().",
    source=article("§4"),
    instead=("LAW-NEST-03", "LAW-NEST-04"),
)

TELLS_OF_ENDS = "cancelled() says how a task ended, so code that still runs is always told False"
SAID_FALSE = "asked …, after the cancel: current_task().cancelled() said False"


@ASKING.states(
    "asyncio",
    expect=(
        refuted(
            TELLS_OF_ENDS,
            on=("asyncio+eager",),  # the first step of its tasks comes before every cancel
            region=lambda place: place != "at the beginning",
            message=SAID_FALSE,
        ),
        refuted(
            TELLS_OF_ENDS,
            when="python<3.12",
            issue="https://github.com/python/cpython/issues/86296",
            region=is_asked_after_it,
            message=SAID_FALSE,
        ),
        refuted(
            TELLS_OF_ENDS,
            region=lambda place, instant: place != "at the beginning" and instant.started,
            message=SAID_FALSE,
        ),
    ),
    antecedents=("asked after the cancel",),
)
@given(
    place=every(PLACES),
    depth=up_to(3, least=1),
    wait=every(ASYNCIO_PENDING),
    instant=every(INSTANTS),
)
async def test_asking_cancelled_tells_of_the_cancel(
    place: str, depth: int, wait: Wait, instant: Instant
) -> None:
    for count, answer in await ask_in_asyncio(
        place, depth, wait, instant, lambda _: running_task().cancelled()
    ):
        assert answer == (count > 0), (
            f"asked {place}, {'after the cancel' if count else 'before any cancel'}:"
            f" current_task().cancelled() said {answer}"
        )


NOT_SHIELDED = "Code in a shield inside the cancelled scope is told that it is not cancelled."


@ASKING.states(
    "anyio",
    expect=qualified(
        "the answer is about the scopes around the code, up to the first shield",
        message="asked in a shielded cleanup, after the cancel:"
        " get_current_task().has_pending_cancellation() said False",
    ),
    antecedents=("asked after the cancel",),
    fair=lambda place: place != "in a shielded cleanup",
    qualification=NOT_SHIELDED,
)
@given(
    place=every(SCOPED_PLACES),
    depth=up_to(3, least=1),
    wait=every(ANYIO_PENDING),
    instant=every(INSTANTS),
)
async def test_asking_anyios_task_tells_of_the_cancel(
    library: ModuleType, place: str, depth: int, wait: Wait, instant: Instant
) -> None:
    for was_cancelled, answer in await ask_in_a_scope(
        library,
        place,
        depth,
        wait,
        instant,
        lambda scope: library.get_current_task().has_pending_cancellation(),
    ):
        assert answer == was_cancelled, (
            f"asked {place}, {'after the cancel' if was_cancelled else 'before any cancel'}:"
            f" get_current_task().has_pending_cancellation() said {answer}"
        )


@ASKING.states(
    "trio",
    expect=qualified(
        "the answer is about the scopes around the code, up to the first shield",
        message="asked in a shielded cleanup, after the cancel: current_effective_deadline() == -inf"
        " said False",
    ),
    antecedents=("asked after the cancel",),
    fair=lambda place: place != "in a shielded cleanup",
    qualification=NOT_SHIELDED,
)
@given(
    place=every(SCOPED_PLACES),
    depth=up_to(3, least=1),
    wait=every(TRIO_PENDING),
    instant=every(INSTANTS),
)
async def test_asking_trios_deadline_tells_of_the_cancel(
    library: ModuleType, place: str, depth: int, wait: Wait, instant: Instant
) -> None:
    for was_cancelled, answer in await ask_in_a_scope(
        library,
        place,
        depth,
        wait,
        instant,
        lambda scope: library.current_effective_deadline() == -math.inf,
    ):
        assert answer == was_cancelled, (
            f"asked {place}, {'after the cancel' if was_cancelled else 'before any cancel'}:"
            f" current_effective_deadline() == -inf said {answer}"
        )


HANDED = Claim(
    "NEST-06",
    "Passing the task or the scope down as a parameter lets the code inside see that it was"
    " cancelled.",
    source=article("§4"),
    instead=("LAW-NEST-03", "LAW-NEST-04"),
)

CANCELLING_TELLS = "cancelling() tells; cancelled() and done() tell only of tasks that have ended"
OTHERS_DO_NOT = (
    "asked …, after the cancel: task.cancelled() said False",
    "asked …, after the cancel: task.done() said False",
)


@HANDED.states(
    "asyncio",
    expect=(
        refuted(
            "before Python 3.11 no attribute of a running task tells of a cancel",
            when="python<3.11",
            message="asyncio.Task has no cancelling()",
        ),
        qualified(
            CANCELLING_TELLS,
            on=("asyncio+eager",),
            region=lambda place: place != "at the beginning",
            message=OTHERS_DO_NOT,
        ),
        qualified(
            CANCELLING_TELLS,
            when="python<3.12",
            issue="https://github.com/python/cpython/issues/86296",
            region=is_asked_after_it,
            message=OTHERS_DO_NOT,
        ),
        qualified(
            CANCELLING_TELLS,
            region=lambda place, instant: place != "at the beginning" and instant.started,
            message=OTHERS_DO_NOT,
        ),
    ),
    antecedents=("asked after the cancel",),
    fair=lambda attribute: attribute == "cancelling",
    qualification="The task that was passed shows it if it is asked for cancelling() (3.11+),"
    " not if it is asked for cancelled() or done().",
)
@given(
    attribute=every(("cancelled", "done", "cancelling")),
    place=every(PLACES),
    depth=up_to(3, least=1),
    wait=every(ASYNCIO_PENDING),
    instant=every(INSTANTS),
)
async def test_the_task_handed_down_shows_the_cancel(
    attribute: str, place: str, depth: int, wait: Wait, instant: Instant
) -> None:
    if attribute == "cancelling":
        assert hasattr(asyncio.Task, "cancelling"), "asyncio.Task has no cancelling()"
    for count, answer in await ask_in_asyncio(
        place, depth, wait, instant, lambda task: getattr(task, attribute)(), hand_down=True
    ):
        assert bool(answer) == (count > 0), (
            f"asked {place}, {'after the cancel' if count else 'before any cancel'}:"
            f" task.{attribute}() said {answer}"
        )


def is_asked_inside_the_scope(place: str, wait: ScopedWait, instant: Instant) -> bool:
    """Whether code comes to ``place`` after its scope was cancelled."""
    if place in ("in the handler", "after swallowing the exception"):
        # Where what is waited for is there already, a scope's cancel is not raised.
        return instant != COMPLETION_THEN_CANCEL or wait.name in ("sleep", "sleep_forever")
    return place != "at the beginning" or instant == BEFORE_FIRST_STEP


@HANDED.states(
    "anyio",
    "trio",
    expect=(
        qualified(
            "cancel_called tells; cancelled_caught is true only once the scope is left",
            on=("trio",),
            region=is_asked_inside_the_scope,
            message="asked …, after the cancel: scope.cancelled_caught said False",
        ),
        qualified(
            "cancel_called tells; cancelled_caught is true only once the scope is left",
            # anyio's group is interrupted as long as its last child has not quite ended.
            region=lambda place, wait, instant: (
                is_asked_inside_the_scope(place, wait, instant)
                or (place != "at the beginning" and wait.name == "a group's child")
            ),
            message="asked …, after the cancel: scope.cancelled_caught said False",
        ),
    ),
    antecedents=("asked after the cancel",),
    fair=lambda attribute: attribute == "cancel_called",
    qualification="The scope that was passed shows it if it is asked for cancel_called, not if it is"
    " asked for cancelled_caught.",
)
@given(
    attribute=every(("cancelled_caught", "cancel_called")),
    place=every(SCOPED_PLACES),
    depth=up_to(3, least=1),
    wait=every(SCOPED_PENDING),
    instant=every(INSTANTS),
)
async def test_the_scope_handed_down_shows_the_cancel(
    library: ModuleType, attribute: str, place: str, depth: int, wait: ScopedWait, instant: Instant
) -> None:
    for was_cancelled, answer in await ask_in_a_scope(
        library, place, depth, wait.of(library), instant, lambda scope: getattr(scope, attribute)
    ):
        assert answer == was_cancelled, (
            f"asked {place}, {'after the cancel' if was_cancelled else 'before any cancel'}:"
            f" scope.{attribute} said {answer}"
        )


CANCELLING = law(
    "LAW-NEST-03",
    "While a task still runs, its cancelling() is the number of times that it was asked to stop, if"
    " nobody takes a request back, wherever it is asked: before, in handlers and cleanup, and after"
    " swallowing the exception.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.Task.cancelling",
)


@CANCELLING.states(
    "asyncio",
    expect=holds("every cancel() of a task that has not ended is counted"),
    exists="asyncio.Task.cancelling",
    antecedents={"asked after the cancel": 0.3},
)
@given(
    place=every(PLACES),
    depth=up_to(3, least=1),
    wait=every(ASYNCIO_PENDING),
    instant=every(INSTANTS),
    cancels=up_to(3, least=1),
)
async def test_cancelling_counts_the_requests(
    place: str, depth: int, wait: Wait, instant: Instant, cancels: int
) -> None:
    for count, answer in await ask_in_asyncio(
        place, depth, wait, instant, lambda _: running_task().cancelling(), cancels=cancels
    ):
        assert answer == count, (
            f"asked {place}, when the task was cancelled {count}x: cancelling() said {answer},"
            f" not {count}"
        )


CANCELLING.not_applicable(
    "anyio",
    "trio",
    because="requests are not counted there: a scope is cancelled or it is not",
    missing=("trio.lowlevel.Task.cancelling", "anyio.TaskInfo.cancelling"),
)
