"""Whether a shield gives others a chance to run."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any

from hypothesis import given

from conformance.claim import Claim, antecedent, article, holds, law, qualified
from conformance.toolbox.instants import running_task, turns
from conformance.toolbox.spaces import every, flags, up_to
from conformance.toolbox.suspension import Watched
from conformance.toolbox.waits import SCOPED_READY, ScopedWait

SHIELD_YIELDS = Claim(
    "DELIVER-11",
    "Awaiting a shield yields control.",
    source=article("§1"),
    instead=("LAW-DELIVER-17",),
)

A_DONE_FUTURE = "a done future"
A_PLAIN_COROUTINE = "a coroutine that never suspends"
A_COROUTINE = "a coroutine that suspends"
A_FUTURE = "a pending future"
A_TASK = "a task"
SHIELDED = (A_DONE_FUTURE, A_PLAIN_COROUTINE, A_COROUTINE, A_FUTURE, A_TASK)
HAVE_TO_WAIT = (A_COROUTINE, A_FUTURE, A_TASK)


def something(kind: str) -> Any:
    """What is shielded: something of this ``kind`` that needs no help to be done."""

    async def plain() -> None:
        pass

    if kind == A_PLAIN_COROUTINE:
        return plain()
    if kind == A_COROUTINE:
        return asyncio.sleep(0)
    if kind == A_TASK:
        return asyncio.ensure_future(asyncio.sleep(0))
    future = asyncio.get_running_loop().create_future()
    if kind == A_DONE_FUTURE:
        future.set_result(None)
    else:
        asyncio.get_running_loop().call_soon(future.set_result, None)
    return future


@SHIELD_YIELDS.states(
    "asyncio",
    expect=(
        qualified(
            "shield() of something that is done is that thing, and so is an eager task that never"
            " suspends: awaiting it does not suspend",
            on=("asyncio+eager",),
            message=(
                "await shield(a done future) did not yield control",
                "await shield(a coroutine that never suspends) did not yield control",
            ),
        ),
        qualified(
            "shield() of something that is done is that thing: awaiting it does not suspend",
            region=lambda shielded: shielded == A_DONE_FUTURE,
            message="await shield(a done future) did not yield control",
        ),
    ),
    antecedents=("awaited a shield",),
    fair=lambda shielded: shielded in HAVE_TO_WAIT,
    qualification="It yields where what is shielded has to wait for something itself.",
)
@given(shielded=every(SHIELDED), depth=up_to(3, least=1))
async def test_awaiting_a_shield_yields(shielded: str, depth: int) -> None:
    """``depth``: how many shields lie around it."""
    shield = asyncio.shield(something(shielded))
    for _ in range(depth - 1):
        shield = asyncio.shield(shield)
    others: list[str] = []
    asyncio.get_running_loop().call_soon(others.append, "ran")
    antecedent("awaited a shield")
    await shield
    assert others, f"await shield({shielded}) did not yield control"


@SHIELD_YIELDS.states(
    "anyio",
    "trio",
    expect=qualified(
        "a shielded scope is no checkpoint: it yields where its body does",
        message="a shield around a coroutine that only returns did not yield control",
    ),
    antecedents=("awaited in a shield",),
    fair=lambda wait: wait.suspends,
    qualification="It yields where what is shielded contains a checkpoint.",
)
@given(wait=every(reversed(SCOPED_READY)), depth=up_to(3, least=1))
async def test_a_shielded_scope_yields(library: Any, wait: ScopedWait, depth: int) -> None:
    waiting = await wait.of(library).new()

    async def shielded() -> None:
        with ExitStack() as shields:
            for _ in range(depth):
                shields.enter_context(library.CancelScope(shield=True))
            await waiting.wait()

    antecedent("awaited in a shield")
    coroutine = shielded()
    yielded = True
    # The first step of an await, by hand: it ends where control is yielded, or at the end of all.
    try:
        coroutine.send(None)
    except StopIteration:
        yielded = False
    coroutine.close()
    assert yielded, f"a shield around {wait.name} did not yield control"


A_SHIELD_ADDS_NOTHING = law(
    "LAW-DELIVER-17",
    "A shield adds no suspension of its own: awaiting it suspends exactly if what is shielded has to"
    " be waited for, also where the code around it was cancelled.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.shield",
)


@A_SHIELD_ADDS_NOTHING.states(
    "asyncio",
    expect=holds(),
    antecedents=("it was done already", "it had to be waited for"),
)
@given(shielded=every(SHIELDED), depth=up_to(3), turns_before=up_to(3), cancelled=flags())
async def test_a_shield_suspends_if_what_it_shields_is_not_done(
    shielded: str, depth: int, turns_before: int, cancelled: bool
) -> None:
    """``cancelled``: the task that awaits the shield was, just before."""
    inner = asyncio.ensure_future(something(shielded))
    await turns(turns_before)
    was_done = suspended = False
    others: list[str] = []

    async def body() -> None:
        nonlocal was_done, suspended
        if cancelled:
            running_task().cancel()
        shield = inner
        for _ in range(depth):
            shield = asyncio.shield(shield)
        was_done = inner.done()
        asyncio.get_running_loop().call_soon(others.append, "ran")
        try:
            await shield
        finally:
            suspended = bool(others)

    await asyncio.wait([asyncio.ensure_future(body())])
    antecedent("it was done already" if was_done else "it had to be waited for")
    assert suspended is not was_done, (
        f"shields: {depth}, around {shielded}, which was {'done' if was_done else 'not done'}:"
        f" awaiting it {'suspended' if suspended else 'did not suspend'}"
    )


@A_SHIELD_ADDS_NOTHING.states(
    "anyio", "trio", expect=holds(), antecedents=("no checkpoint", "a checkpoint")
)
@given(wait=every(SCOPED_READY), depth=up_to(3), cancelled=flags())
async def test_a_shielded_scope_suspends_if_its_body_does(
    library: Any, wait: ScopedWait, depth: int, cancelled: bool
) -> None:
    """``cancelled``: the scope around the shields was."""
    waiting = await wait.of(library).new()
    went_through = False

    async def shielded() -> None:
        nonlocal went_through
        with ExitStack() as shields:
            for _ in range(depth):
                shields.enter_context(library.CancelScope(shield=True))
            await waiting.wait()
        went_through = True

    watched = Watched(shielded())
    with library.CancelScope() as scope:
        if cancelled and depth:
            scope.cancel()
        await watched
    suspended = bool(watched.requests)
    antecedent("a checkpoint" if wait.suspends else "no checkpoint")
    assert went_through, f"shields: {depth}, around {wait.name}: the cancel came through"
    assert suspended is wait.suspends, (
        f"shields: {depth}, around {wait.name}, which is {'a' if wait.suspends else 'no'} checkpoint:"
        f" awaiting it {'suspended' if suspended else 'did not suspend'}"
    )
