"""A shield that is a scope: what does it protect its block from?"""

from __future__ import annotations

import asyncio
from types import ModuleType

from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import TASKS
from conformance.claims.propagation.shielding import SCOPED_WAITS
from conformance.toolbox.instants import (
    BEFORE_FIRST_STEP,
    CANCEL_THEN_COMPLETION,
    COMPLETION_THEN_CANCEL,
    WAITING,
    Instant,
    cancel_at,
    settle,
)
from conformance.toolbox.scopes import cancelled, open_group
from conformance.toolbox.spaces import every, sequences, up_to
from conformance.toolbox.waits import ANYIO_PENDING, ScopedWait, Wait, but_for_ever

AT_ONCE = (WAITING, CANCEL_THEN_COMPLETION, COMPLETION_THEN_CANCEL, BEFORE_FIRST_STEP)

SHIELDED_BLOCK = law(
    "LAW-NEST-10",
    "CancelScope(shield=True) protects its block, the code that waits in it included, from the"
    " scopes around it; their cancel is raised at the first checkpoint after the block.",
    source="https://trio.readthedocs.io/en/stable/reference-core.html#trio.CancelScope.shield",
)


@SHIELDED_BLOCK.states("anyio", "trio", expect=holds(), antecedents=("in the shield",))
@given(
    outside=sequences(("a scope", "a group"), most=1),
    instant=every(AT_ONCE),
    wait=every(SCOPED_WAITS),
)
async def test_a_shield_protects_its_block(
    library: ModuleType, outside: tuple[str, ...], instant: Instant, wait: ScopedWait
) -> None:
    events: list[str] = []
    waiting = await wait.of(library).new()

    async def shielded() -> None:
        try:
            with library.CancelScope(shield=True):
                antecedent("in the shield")
                await waiting.wait()
                events.append("the block ended")
            await library.lowlevel.checkpoint()
            events.append("the code after it ran on")
        except cancelled(library):
            events.append("interrupted")
            raise

    async def inside(scopes: tuple[str, ...]) -> None:
        if not scopes:
            return await shielded()
        if scopes[0] == "a scope":
            with library.CancelScope():
                return await inside(scopes[1:])
        async with open_group(library) as group:
            group.start_soon(inside, scopes[1:])

    async with open_group(library) as group:
        group.start_soon(inside, outside)
        await cancel_at(
            instant,
            group.cancel_scope.cancel,
            waiting.complete,
            pause=library.lowlevel.cancel_shielded_checkpoint,
            settled=lambda: settle(library),
        )
        with library.CancelScope(shield=True):
            await settle(library)
        waiting.complete()
    assert events == ["the block ended", "interrupted"], (
        f"cancelled {instant.name}, the shielded block was to end, and what follows it to be"
        f" interrupted: what happened is {events}"
    )


SHIELDED_BLOCK.not_applicable(
    "asyncio",
    because="asyncio has no scopes, so no block of code can be shielded, only another task",
    missing=("asyncio.CancelScope",),
)


NATIVE = law(
    "LAW-NEST-11",
    "On asyncio, Task.cancel() interrupts code in anyio's CancelScope(shield=True) as it does any"
    " other code.",
    source="https://anyio.readthedocs.io/en/stable/cancellation.html#shielding",
)


@NATIVE.states(
    "anyio",
    expect=holds("a shield keeps off what anyio's scopes deliver, nothing else"),
    unless={"trio": "trio has no Task.cancel(): only scopes are cancelled there"},
    antecedents=("interrupted in the shield",),
    builds_on=(TASKS,),
)
@given(shields=up_to(3, least=1), wait=every(but_for_ever(ANYIO_PENDING)))
async def test_task_cancel_goes_through_anyios_shield(
    library: ModuleType, shields: int, wait: Wait
) -> None:
    interrupted = []
    waiting = await wait.new()

    async def inside(levels: int) -> None:
        with library.CancelScope(shield=True):
            if levels > 1:
                return await inside(levels - 1)
            try:
                await waiting.wait()
            except asyncio.CancelledError:
                antecedent("interrupted in the shield")
                interrupted.append("the block")
                raise

    task = asyncio.create_task(inside(shields))
    await settle()
    task.cancel()
    await settle()
    was_done = task.done()
    waiting.complete()
    await asyncio.wait([task])
    assert was_done and interrupted and task.cancelled(), (
        f"Task.cancel() was to interrupt the shielded block: it"
        f" {'did' if interrupted else 'did not'}, and the task {'had' if was_done else 'had not'}"
        " ended"
    )


NATIVE.not_applicable(
    "asyncio",
    because="asyncio's own shield is no scope around code: see LAW-NEST-08",
    missing=("asyncio.CancelScope",),
)
NATIVE.not_applicable(
    "trio",
    because="trio's tasks cannot be cancelled, only its scopes",
    missing=("trio.lowlevel.Task.cancel",),
)
