"""What makes a coroutine cancellable."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given

from conformance.claim import Claim, antecedent, article, holds, law, qualified, refuted
from conformance.toolbox.instants import (
    BEFORE_FIRST_STEP,
    BY_ITSELF,
    CANCEL_THEN_COMPLETION,
    WAITING,
    Instant,
    cancel_at,
    running_task,
    settle,
)
from conformance.toolbox.scopes import open_group
from conformance.toolbox.spaces import every, flags, up_to
from conformance.toolbox.waits import (
    A_SHIELDED_EVENT,
    A_TASK_THAT_REFUSES,
    ASYNCIO_PENDING,
    ASYNCIO_READY,
    SCOPED_PENDING,
    SCOPED_READY,
    ScopedWait,
    Wait,
)
from conformance.toolbox.words import counted

TASK = "https://docs.python.org/3/library/asyncio-task.html#asyncio.Task"


CANCELLABLE = Claim(
    "DELIVER-08",
    "A coroutine that contains a suspension point that can be cancelled can be cancelled, and one"
    " without cannot.",
    source=article("§1"),
    instead=("LAW-DELIVER-01", "LAW-DELIVER-02", "LAW-DELIVER-09", "LAW-DELIVER-11"),
)

ARRIVES = (BEFORE_FIRST_STEP, BY_ITSELF, WAITING, CANCEL_THEN_COMPLETION)
"""The cancel comes before the first step, while the body runs up to the await, or at the await."""

CANCELLED_WITHOUT = (
    "a coroutine with …, cancelled before the first step: task.cancelled() is True",
    "a coroutine with …, cancelled by itself, while it runs: task.cancelled() is True",
)
REFUSED = (
    "a coroutine with a task that refuses to be cancelled, cancelled …: task.cancelled() is False"
)


def has_no_point(wait: Wait | None) -> bool:
    """Whether a coroutine that awaits this (``None``: nothing) never suspends."""
    return wait is None or not wait.suspends


def cancelled_all_the_same_or_refused(wait: Wait | None, instant: Instant) -> bool:
    """Whether it is cancelled without suspending, or suspends where the cancel is refused."""
    if wait is A_TASK_THAT_REFUSES:
        return instant is not BEFORE_FIRST_STEP
    return has_no_point(wait) and instant in (BEFORE_FIRST_STEP, BY_ITSELF)


@CANCELLABLE.states(
    "asyncio",
    expect=(
        refuted(
            "without any suspension its result is thrown away, and another task that it awaits may"
            " refuse the cancel",
            on=("asyncio+eager",),
            region=lambda wait, instant: (
                (instant is BY_ITSELF and has_no_point(wait)) or wait is A_TASK_THAT_REFUSES
            ),
            message=(CANCELLED_WITHOUT[1], REFUSED),
        ),
        refuted(
            "before 3.12, wait_for() also drops a cancel that comes in the turn in which it is done",
            when="python<3.12",
            issue="https://github.com/python/cpython/issues/86296",
            region=lambda wait, instant: (
                cancelled_all_the_same_or_refused(wait, instant)
                or (
                    instant is CANCEL_THEN_COMPLETION
                    and wait is not None
                    and wait.name == "wait_for()"
                )
            ),
            message=(
                *CANCELLED_WITHOUT,
                REFUSED,
                "a coroutine with wait_for(), cancelled just before the completion, in the same turn:"
                " task.cancelled() is False",
            ),
        ),
        refuted(
            "without any suspension it is cancelled before its first step, or its result is thrown"
            " away, and another task that it awaits may refuse the cancel",
            region=cancelled_all_the_same_or_refused,
            message=(*CANCELLED_WITHOUT, REFUSED),
        ),
    ),
    antecedents=("it was cancelled",),
)
@given(
    wait=every((None, *ASYNCIO_READY, *ASYNCIO_PENDING, A_TASK_THAT_REFUSES)),
    instant=every(ARRIVES),
)
async def test_a_task_can_be_cancelled_exactly_if_it_suspends(
    wait: Wait | None, instant: Instant
) -> None:
    waiting = None if wait is None else await wait.new()
    has_a_point = wait is not None and wait.suspends
    accepted = False

    def cancel() -> None:
        nonlocal accepted
        accepted = task.cancel()

    async def body() -> None:
        if instant is BY_ITSELF:
            running_task().cancel()
        if waiting is not None:
            await waiting.wait()

    def complete() -> None:
        if waiting is not None:
            waiting.complete()

    task = asyncio.ensure_future(body())
    if instant is BY_ITSELF:
        accepted = True
    else:
        await cancel_at(instant, cancel, complete)
    await settle()
    complete()
    await asyncio.wait([task])
    if accepted:
        antecedent("it was cancelled")
    assert not accepted or task.cancelled() is has_a_point, (
        f"a coroutine with {wait.name if wait else 'no await'}, cancelled {instant.name}:"
        f" task.cancelled() is {task.cancelled()}"
    )


@CANCELLABLE.states("anyio", "trio", expect=holds(), antecedents=("it was cancelled",))
@given(
    wait=every((None, *SCOPED_READY, *SCOPED_PENDING, A_SHIELDED_EVENT)),
    instant=every(ARRIVES),
)
async def test_a_scope_can_be_cancelled_exactly_if_it_has_a_checkpoint(
    library: Any, wait: ScopedWait | None, instant: Instant
) -> None:
    waiting = None if wait is None else await wait.of(library).new()
    has_a_point = wait is not None and wait.suspends
    scope = library.CancelScope()
    cancelled = over = False

    def cancel() -> None:
        nonlocal cancelled
        cancelled = not over
        scope.cancel()

    async def body() -> None:
        nonlocal over
        with scope:
            if instant is BY_ITSELF:
                cancel()
            if waiting is not None:
                await waiting.wait()
            over = True

    def complete() -> None:
        if waiting is not None:
            waiting.complete()

    async with open_group(library) as group:
        group.start_soon(body)
        if instant is not BY_ITSELF:
            await cancel_at(
                instant,
                cancel,
                complete,
                pause=library.lowlevel.checkpoint,
                settled=lambda: settle(library),
            )
        await settle(library)
        if wait is A_SHIELDED_EVENT:
            complete()
    if cancelled:
        antecedent("it was cancelled")
    assert not cancelled or scope.cancelled_caught is has_a_point, (
        f"a scope with {wait.name if wait else 'no await'}, cancelled {instant.name}:"
        f" cancelled_caught is {scope.cancelled_caught}"
    )


HANDED_ON = law(
    "LAW-DELIVER-11",
    "The cancel of a task that awaits another task, not done yet, is handed on to that one, and"
    " comes back only if that one ends as cancelled: otherwise its result or exception comes back,"
    " and the cancel is spent.",
    source=TASK,
)


@HANDED_ON.states("asyncio", expect=holds(), antecedents=("the innermost task refused",))
@given(depth=up_to(4, least=1), answer=every(("raise it", "return", "fail")), slow=flags())
async def test_a_cancel_is_handed_on_to_the_awaited_task(
    depth: int, answer: str, slow: bool
) -> None:
    """``slow``: the innermost task takes its time to answer."""
    cancelled: list[str] = []

    async def innermost() -> str:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.append("the innermost task")
            if slow:
                await asyncio.sleep(0)
            if answer == "return":
                return "its result"
            if answer == "fail":
                raise KeyError from None
            raise
        return "it was not cancelled"

    async def outer(inner: asyncio.Future[str]) -> str:
        return await inner

    task = asyncio.ensure_future(innermost())
    for _ in range(depth):
        task = asyncio.ensure_future(outer(task))
    await settle()
    task.cancel()
    await asyncio.wait([task])
    if answer != "raise it":
        antecedent("the innermost task refused")
    assert cancelled == ["the innermost task"], (
        f"the outermost of {counted(depth + 1, 'task')} that await one another was cancelled, and"
        " the innermost was not"
    )
    if task.cancelled():
        seen = "raise it"
    elif isinstance(task.exception(), KeyError):
        seen = "fail"
    else:
        seen = "return"
    assert seen == answer, (
        f"the innermost of {depth + 1} tasks that await one another answered its cancel with"
        f" {answer!r}; the cancelled one ended with {seen!r}"
    )


HANDED_ON.not_applicable(
    "anyio",
    "trio",
    because="a scope cancels all its tasks itself: none hands a cancel on to another",
    missing=("anyio.TaskInfo.__await__", "trio.lowlevel.Task.__await__"),
)


# --- the article's examples of such points ------------------------------------------------------


SLEEP = Claim(
    "DELIVER-09A",
    "sleep() is a suspension point that can be cancelled.",
    source=article("§1"),
)

DELAYS = (60, 0, 3600)
"""Seconds: a thread may be held up for as long as a shorter sleep takes, and that is over then."""


@SLEEP.states("asyncio", expect=holds(), antecedents=("cancelled at the sleep",))
@given(delay=every(DELAYS), depth=up_to(2), by_itself=flags())
async def test_a_task_is_cancelled_at_its_sleep(delay: float, depth: int, by_itself: bool) -> None:
    went_through = False

    async def body(levels: int) -> None:
        nonlocal went_through
        if levels:
            return await body(levels - 1)
        if by_itself:
            running_task().cancel()
        else:
            asyncio.get_running_loop().call_soon(running_task().cancel)
        await asyncio.sleep(delay)
        went_through = True

    task = asyncio.ensure_future(body(depth))
    await asyncio.wait([task])
    antecedent("cancelled at the sleep")
    assert task.cancelled() and not went_through, f"asyncio.sleep({delay}) was not interrupted"


@SLEEP.states("anyio", "trio", expect=holds(), antecedents=("cancelled at the sleep",))
@given(delay=every(DELAYS), depth=up_to(2), by_itself=flags())
async def test_a_scope_is_cancelled_at_a_sleep(
    library: Any, delay: float, depth: int, by_itself: bool
) -> None:
    went_through = False
    scope = library.CancelScope()

    async def body(levels: int) -> None:
        nonlocal went_through
        if levels:
            return await body(levels - 1)
        if by_itself:
            scope.cancel()
        await library.sleep(delay)
        went_through = True

    async def child() -> None:
        with scope:
            await body(depth)

    cancelled_before_its_end = by_itself
    async with open_group(library) as group:
        group.start_soon(child)
        if not by_itself:
            await library.lowlevel.checkpoint()
            cancelled_before_its_end = not went_through
            scope.cancel()
    if cancelled_before_its_end:
        antecedent("cancelled at the sleep")
        assert scope.cancelled_caught and not went_through, f"sleep({delay}) was not interrupted"


QUEUE_GET = Claim(
    "DELIVER-09C",
    "get() of a queue is a suspension point that can be cancelled.",
    source=article("§1"),
    instead=("LAW-DELIVER-06", "LAW-DELIVER-07", "LAW-DELIVER-08"),
)


@QUEUE_GET.states(
    "asyncio",
    expect=qualified(
        "get() of a queue that has an item does not suspend, cancelled or not",
        region=lambda by_itself: by_itself,
        message="cancelled just before ….get(), items in it: …: it was not interrupted",
    ),
    antecedents=("cancelled at the get()",),
    fair=lambda items: items == 0,
    qualification="It is one as long as the queue is empty.",
)
@given(
    items=up_to(2),
    kind=every(("Queue", "LifoQueue", "PriorityQueue")),
    by_itself=flags(),
)
async def test_a_task_is_cancelled_at_its_get(items: int, kind: str, by_itself: bool) -> None:
    queue = getattr(asyncio, kind)()
    for item in range(items):
        queue.put_nowait(item)
    went_through = False

    async def body() -> None:
        nonlocal went_through
        if by_itself:
            running_task().cancel()
        await queue.get()
        went_through = True

    task = asyncio.ensure_future(body())
    if not by_itself:
        await settle()
        if not task.cancel():
            return  # nobody can cancel it in between: it was there and gone in one step
    await asyncio.wait([task])
    antecedent("cancelled at the get()")
    assert not went_through, (
        f"cancelled just before {kind}.get(), items in it: {items}: it was not interrupted"
    )


@QUEUE_GET.states("anyio", "trio", expect=holds(), antecedents=("cancelled at the receive()",))
@given(items=up_to(2), by_itself=flags())
async def test_a_scope_is_cancelled_at_a_receive(library: Any, items: int, by_itself: bool) -> None:
    """The queue of anyio and trio is a channel in memory."""
    open_stream = getattr(library, "open_memory_channel", None)
    sender, receiver = (open_stream or library.create_memory_object_stream)(2)
    for item in range(items):
        sender.send_nowait(item)
    scope = library.CancelScope()
    went_through = False

    async def body() -> None:
        nonlocal went_through
        with scope:
            if by_itself:
                scope.cancel()
            await receiver.receive()
            went_through = True

    async with open_group(library) as group:
        group.start_soon(body)
        if not by_itself:
            await settle(library)
            if went_through:
                return  # there was an item, and nobody cancelled
        scope.cancel()
    antecedent("cancelled at the receive()")
    assert not went_through, f"receive(), items waiting: {items}, was not interrupted"
