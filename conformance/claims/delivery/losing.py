"""What happens to the thing that was waited for, and to the lock of a condition."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.toolbox.instants import INSTANTS, WHILE_WAITING, Instant, cancel_at, settle, turns
from conformance.toolbox.scopes import cancelled, open_group
from conformance.toolbox.spaces import every, flags, up_to
from conformance.toolbox.waits import ASYNCIO_PENDING, SCOPED_PENDING, ScopedWait, Wait
from conformance.toolbox.words import counted

NOTHING_IS_LOST = law(
    "LAW-DELIVER-06",
    "What a cancelled waiter was about to get is not lost: it has it, or the next who waits for the"
    " same thing gets it, even where cancel and completion fall into one turn.",
    source="https://github.com/python/cpython/issues/112202",
)

# A send() may get its slot and raise all the same: LAW-DELIVER-15 is about that.
SHARED = (
    "Event.wait()",
    "Queue.get()",
    "Queue.put() into a full queue",
    "Queue.join()",
    "Lock.acquire()",
    "Semaphore.acquire()",
    "Condition.wait()",
    "receive from an empty channel",
)


@NOTHING_IS_LOST.states(
    "asyncio",
    expect=holds(),
    antecedents=("cancelled and completed", "cancelled and completed in the same turn"),
)
@given(
    wait=every(wait for wait in ASYNCIO_PENDING if wait.name in SHARED),
    instant=every(instant for instant in INSTANTS if instant.gap is not None),
)
async def test_what_a_cancelled_task_waited_for_is_not_lost(wait: Wait, instant: Instant) -> None:
    waiting = await wait.new()
    got: list[str] = []

    async def body(name: str) -> None:
        await waiting.wait()
        got.append(name)

    first = asyncio.ensure_future(body("the one that was cancelled"))
    await settle()
    second = asyncio.ensure_future(body("the next"))
    await cancel_at(instant, first.cancel, waiting.complete)
    await settle()
    antecedent("cancelled and completed")
    if instant.same_turn:
        antecedent("cancelled and completed in the same turn")
    had_it = list(got)
    second.cancel()
    await asyncio.wait([first, second])
    assert had_it, f"{instant.name}: one cancelled, one waits on for {wait.name}, and nobody got it"


@NOTHING_IS_LOST.states(
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("cancelled and completed", "cancelled and completed in the same turn"),
)
@given(
    wait=every(wait for wait in SCOPED_PENDING if wait.name in SHARED),
    instant=every(instant for instant in INSTANTS if instant.gap is not None),
)
async def test_what_a_cancelled_scope_waited_for_is_not_lost(
    library: Any, wait: ScopedWait, instant: Instant
) -> None:
    waiting = await wait.of(library).new()
    scope = library.CancelScope()
    got: list[str] = []

    async def first() -> None:
        with scope:
            await waiting.wait()
            got.append("the one that was cancelled")

    async def second() -> None:
        await waiting.wait()
        got.append("the next")

    async with open_group(library) as group:
        group.start_soon(first)
        await settle(library)
        group.start_soon(second)
        await cancel_at(
            instant,
            scope.cancel,
            waiting.complete,
            pause=library.lowlevel.checkpoint,
            settled=lambda: settle(library),
        )
        await settle(library)
        antecedent("cancelled and completed")
        if instant.same_turn:
            antecedent("cancelled and completed in the same turn")
        had_it = list(got)
        group.cancel_scope.cancel()
    assert had_it, f"{instant.name}: one cancelled, one waits on for {wait.name}, and nobody got it"


A_FAILED_SEND = law(
    "LAW-DELIVER-15",
    "What a cancelled put() or send() was to hand over is handed over exactly if the call returns:"
    " one that raises has not sent it.",
    source="https://trio.readthedocs.io/en/stable/reference-core.html#cancellable-primitives",
)


@A_FAILED_SEND.states("asyncio", expect=holds(), antecedents=("the put was cancelled",))
@given(instant=every(INSTANTS), room=up_to(2, least=1))
async def test_a_put_that_raises_has_not_put(instant: Instant, room: int) -> None:
    queue: asyncio.Queue[str] = asyncio.Queue(maxsize=room)
    for _ in range(room):
        queue.put_nowait("earlier")
    task = asyncio.ensure_future(queue.put("ours"))
    await cancel_at(instant, task.cancel, queue.get_nowait)
    await asyncio.wait([task])
    await settle()
    items = [queue.get_nowait() for _ in range(queue.qsize())]
    if task.cancelled():
        antecedent("the put was cancelled")
    assert ("ours" in items) is not task.cancelled(), (
        f"cancelled {instant.name}: put() {'raised' if task.cancelled() else 'returned'}, and the"
        f" queue holds {items}"
    )


@A_FAILED_SEND.states("anyio", "trio", expect=holds(), antecedents=("the send was cancelled",))
@given(instant=every(INSTANTS), room=up_to(2))
async def test_a_send_that_raises_has_not_sent(library: Any, instant: Instant, room: int) -> None:
    open_stream = getattr(library, "open_memory_channel", None)
    sender, receiver = (open_stream or library.create_memory_object_stream)(room)
    for _ in range(room):
        sender.send_nowait("earlier")
    scope = library.CancelScope()
    received: list[str] = []
    returned = False

    async def send() -> None:
        nonlocal returned
        with scope:
            await sender.send("ours")
            returned = True

    def receive() -> None:
        try:
            received.append(receiver.receive_nowait())
        except library.WouldBlock:
            pass

    async with open_group(library) as group:
        group.start_soon(send)
        await cancel_at(
            instant,
            scope.cancel,
            receive,
            pause=library.lowlevel.checkpoint,
            settled=lambda: settle(library),
        )
        await settle(library)
        for _ in range(room + 1):
            receive()
    if not returned:
        antecedent("the send was cancelled")
    assert ("ours" in received) is returned, (
        f"cancelled {instant.name}: send() {'returned' if returned else 'raised'}, and what arrived"
        f" is {received}"
    )


HAS_ITS_LOCK = law(
    "LAW-DELIVER-20",
    "Whoever waits on a condition has its lock again when a cancel is raised there: also if another task"
    " keeps the lock for some turns, if a notification comes at about the same time, and if a second"
    " cancel comes before it has the lock.",
    source="https://docs.python.org/3/library/asyncio-sync.html#asyncio.Condition.wait,"
    " https://trio.readthedocs.io/en/stable/reference-core.html#trio.Condition.wait",
)


@HAS_ITS_LOCK.states("asyncio", expect=holds(), antecedents=("the wait was cancelled",))
@given(instant=every(WHILE_WAITING), held=up_to(3), again=flags())
async def test_a_cancelled_wait_has_its_lock_again(
    instant: Instant, held: int, again: bool
) -> None:
    condition = asyncio.Condition()
    rival_has_it = lacked_it = False

    async def waiter() -> None:
        nonlocal lacked_it
        await condition.acquire()
        try:
            await condition.wait()
        except asyncio.CancelledError:
            antecedent("the wait was cancelled")
            lacked_it = rival_has_it or not condition.locked()
        if not lacked_it:
            condition.release()

    task = asyncio.ensure_future(waiter())
    await settle()
    async with condition:
        rival_has_it = True
        await cancel_at(instant, task.cancel, condition.notify)
        await turns(held)
        if again:
            task.cancel()
            await turns(1)
        rival_has_it = False
    await asyncio.wait([task])
    assert not lacked_it, (
        f"cancelled {instant.name}, with another holding the lock for {counted(held, 'turn')}"
        f"{', then once more' if again else ''}: the cancel was raised without the lock"
    )


@HAS_ITS_LOCK.states("anyio", "trio", expect=holds(), antecedents=("the wait was cancelled",))
@given(instant=every(WHILE_WAITING), held=up_to(3), again=flags())
async def test_a_cancelled_scope_has_its_lock_again(
    library: Any, instant: Instant, held: int, again: bool
) -> None:
    condition = library.Condition()
    scope, outer = library.CancelScope(), library.CancelScope()
    rival_has_it = lacked_it = False

    async def waiter() -> None:
        nonlocal lacked_it
        with outer, scope:
            await condition.acquire()
            try:
                await condition.wait()
            except cancelled(library):
                antecedent("the wait was cancelled")
                lacked_it = rival_has_it or not condition.locked()
            if not lacked_it:
                condition.release()

    async with open_group(library) as group:
        group.start_soon(waiter)
        await settle(library)
        async with condition:
            rival_has_it = True
            await cancel_at(
                instant,
                scope.cancel,
                condition.notify,
                pause=library.lowlevel.checkpoint,
                settled=lambda: settle(library),
            )
            for _ in range(held):
                await library.lowlevel.checkpoint()
            if again:
                outer.cancel()  # once more would say nothing to the same scope
                await library.lowlevel.checkpoint()
            rival_has_it = False
    assert not lacked_it, (
        f"cancelled {instant.name}, with another holding the lock for {counted(held, 'turn')}"
        f"{', then once more' if again else ''}: the cancel was raised without the lock"
    )
