"""Can code ask whether it was cancelled?"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from types import ModuleType

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
from conformance.programs.instants import (
    BEFORE_FIRST_STEP,
    CANCEL_THEN_COMPLETION,
    COMPLETION_THEN_CANCEL,
    WAITING,
    Instant,
    cancel_at,
    settle,
)
from conformance.programs.scopes import cancelled, open_group
from conformance.programs.space import every, up_to
from conformance.programs.waits import ANYIO_PENDING, ASYNCIO_PENDING, TRIO_PENDING, Wait

INSTANTS = (WAITING, CANCEL_THEN_COMPLETION, COMPLETION_THEN_CANCEL, BEFORE_FIRST_STEP)

PLACES = (
    "in the handler",
    "in the cleanup",
    "after the cleanup, in an outer layer",
    "after swallowing the exception",
    "between the cancel and the next await",
    "before any cancel",
)
SCOPED_PLACES = (*PLACES, "in a shielded cleanup")


async def code_that_asks(
    place: str,
    depth: int,
    wait: Callable[[], Awaitable[object]],
    ask: Callable[[], None],
    cancel: Callable[[], object],
    exception: type[BaseException],
    shield: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> None:
    """Wait, ``depth`` awaits down, and ``ask`` at ``place``."""
    if depth:
        try:
            return await code_that_asks(place, depth - 1, wait, ask, cancel, exception, shield)
        finally:
            if depth == 1 and place == "after the cleanup, in an outer layer":
                ask()
    if place == "before any cancel":
        ask()
    if place == "between the cancel and the next await":
        cancel()
        ask()
    try:
        await wait()
    except exception:
        if place == "in the handler":
            ask()
        if place != "after swallowing the exception":
            raise
        ask()
    finally:
        if place == "in the cleanup":
            ask()
        elif place == "in a shielded cleanup":
            with shield():
                ask()


async def ask_in_asyncio(
    place: str,
    depth: int,
    wait: Wait,
    instant: Instant,
    question: Callable[[asyncio.Task[None]], object],
    cancels: int = 1,
) -> list[tuple[int, object]]:
    """Ask ``question`` of the task at ``place``: how often it was cancelled by then, the answer."""
    requests = 0
    answers: list[tuple[int, object]] = []
    waiting = await wait.new()

    def ask() -> None:
        task = asyncio.current_task()
        assert task is not None, "code runs in a task"
        if requests:
            antecedent("asked after the cancel")
        answers.append((requests, question(task)))

    def cancel(task: asyncio.Task[None] | None) -> None:
        nonlocal requests
        if task is not None:
            requests += sum(task.cancel() for _ in range(cancels))

    task = asyncio.create_task(
        code_that_asks(
            place,
            depth,
            waiting.wait,
            ask,
            lambda: cancel(asyncio.current_task()),
            asyncio.CancelledError,
        )
    )
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
    requested = False
    answers: list[tuple[bool, object]] = []
    waiting = await wait.new()

    async with open_group(library) as group:

        def ask() -> None:
            if requested:
                antecedent("asked after the cancel")
            answers.append((requested, question(group.cancel_scope)))

        def cancel() -> None:
            nonlocal requested
            requested = True
            group.cancel_scope.cancel()

        group.start_soon(
            code_that_asks,
            place,
            depth,
            waiting.wait,
            ask,
            cancel,
            cancelled(library),
            partial(library.CancelScope, shield=True),
        )
        await cancel_at(
            instant,
            cancel,
            waiting.complete,
            pause=library.lowlevel.cancel_shielded_checkpoint,
            settled=partial(settle, library),
        )
    return answers


ASKING = Claim(
    "NEST-03",
    "Code deep inside learns that it was cancelled by asking about itself: in asyncio"
    " current_task().cancelled(), in anyio get_current_task().has_pending_cancellation(), in trio"
    " current_effective_deadline().",
    source=article("§4"),
    instead=("LAW-NEST-03", "LAW-NEST-04"),
)


@ASKING.states(
    "asyncio",
    expect=refuted(
        "cancelled() says how a task ended, so code that still runs is always told False"
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
    for requests, answer in await ask_in_asyncio(
        place, depth, wait, instant, lambda task: task.cancelled()
    ):
        assert answer == (requests > 0), (
            f"asked {place}, after {requests} cancels: current_task().cancelled() said {answer}"
        )


NOT_SHIELDED = "Code in a shield inside the cancelled scope is told that it is not cancelled."


@ASKING.states(
    "anyio",
    expect=qualified("the answer is about the scopes around the code, up to the first shield"),
    antecedents=("asked after the cancel",),
    fair=lambda place, **_: place != "in a shielded cleanup",
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
    for requested, answer in await ask_in_a_scope(
        library,
        place,
        depth,
        wait,
        instant,
        lambda scope: library.get_current_task().has_pending_cancellation(),
    ):
        assert answer == requested, (
            f"asked {place}: the scope was cancelled: {requested},"
            f" get_current_task().has_pending_cancellation() said {answer}"
        )


@ASKING.states(
    "trio",
    expect=qualified("the answer is about the scopes around the code, up to the first shield"),
    antecedents=("asked after the cancel",),
    fair=lambda place, **_: place != "in a shielded cleanup",
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
    for requested, answer in await ask_in_a_scope(
        library,
        place,
        depth,
        wait,
        instant,
        lambda scope: library.current_effective_deadline() == -math.inf,
    ):
        assert answer == requested, (
            f"asked {place}: the scope was cancelled: {requested},"
            f" current_effective_deadline() == -inf said {answer}"
        )


HANDED = Claim(
    "NEST-06",
    "Passing the task or the scope down as a parameter lets the code inside see that it was"
    " cancelled.",
    source=article("§4"),
    instead=("LAW-NEST-03", "LAW-NEST-04"),
)


@HANDED.states(
    "asyncio",
    expect=(
        refuted(
            "before Python 3.11 no attribute of a running task tells of a cancel",
            when="python<3.11",
        ),
        qualified("cancelling() tells; cancelled() and done() tell only of tasks that have ended"),
    ),
    antecedents=("asked after the cancel",),
    fair=lambda attribute, **_: attribute == "cancelling",
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
    def question(task: asyncio.Task[None]) -> bool | None:
        method = getattr(task, attribute, None)
        return None if method is None else bool(method())

    for requests, answer in await ask_in_asyncio(place, depth, wait, instant, question):
        assert answer == (requests > 0), (
            f"asked {place}, after {requests} cancels: task.{attribute}() said {answer}"
        )


SCOPE_ATTRIBUTES = ("cancelled_caught", "cancel_called")
ASKED_OF_A_SCOPE = (
    "The scope that was passed shows it if it is asked for cancel_called, not if it is asked for"
    " cancelled_caught."
)


async def the_scope_shows_the_cancel(
    library: ModuleType, attribute: str, place: str, depth: int, wait: Wait, instant: Instant
) -> None:
    for requested, answer in await ask_in_a_scope(
        library, place, depth, wait, instant, lambda scope: getattr(scope, attribute)
    ):
        assert answer == requested, (
            f"asked {place}: the scope was cancelled: {requested}, scope.{attribute} said {answer}"
        )


@HANDED.states(
    "anyio",
    expect=qualified("cancel_called tells; cancelled_caught is true only once the scope is left"),
    antecedents=("asked after the cancel",),
    fair=lambda attribute, **_: attribute == "cancel_called",
    qualification=ASKED_OF_A_SCOPE,
)
@given(
    attribute=every(SCOPE_ATTRIBUTES),
    place=every(SCOPED_PLACES),
    depth=up_to(3, least=1),
    wait=every(ANYIO_PENDING),
    instant=every(INSTANTS),
)
async def test_anyios_scope_handed_down_shows_the_cancel(
    library: ModuleType, attribute: str, place: str, depth: int, wait: Wait, instant: Instant
) -> None:
    await the_scope_shows_the_cancel(library, attribute, place, depth, wait, instant)


@HANDED.states(
    "trio",
    expect=qualified("cancel_called tells; cancelled_caught is true only once the scope is left"),
    antecedents=("asked after the cancel",),
    fair=lambda attribute, **_: attribute == "cancel_called",
    qualification=ASKED_OF_A_SCOPE,
)
@given(
    attribute=every(SCOPE_ATTRIBUTES),
    place=every(SCOPED_PLACES),
    depth=up_to(3, least=1),
    wait=every(TRIO_PENDING),
    instant=every(INSTANTS),
)
async def test_trios_scope_handed_down_shows_the_cancel(
    library: ModuleType, attribute: str, place: str, depth: int, wait: Wait, instant: Instant
) -> None:
    await the_scope_shows_the_cancel(library, attribute, place, depth, wait, instant)


CANCELLING = law(
    "LAW-NEST-03",
    "While a task still runs, its cancelling() is the number of times that it was asked to stop,"
    " wherever it is asked: before, in handlers and cleanup, and after swallowing the exception.",
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
    for requests, answer in await ask_in_asyncio(
        place, depth, wait, instant, lambda task: task.cancelling(), cancels
    ):
        assert answer == requests, (
            f"asked {place}, after {requests} cancels: cancelling() said {answer}, not {requests}"
        )


CANCELLING.not_applicable(
    "anyio",
    "trio",
    because="requests are not counted there: a scope is cancelled or it is not",
    missing=("trio.lowlevel.Task.cancelling", "anyio.TaskInfo.cancelling"),
)
