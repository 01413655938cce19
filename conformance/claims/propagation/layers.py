"""One layer swallows the cancel: what do the layers outside it see?"""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType
from typing import Any

from hypothesis import given

from conformance.claim import Claim, antecedent, article, exists, holds, law, qualified, refuted
from conformance.claims.loop import TASKS
from conformance.claims.propagation.reaching import through
from conformance.programs.nested import ASYNCIO_NESTED
from conformance.toolbox.instants import running_task, settle, turns
from conformance.toolbox.scopes import cancelled, open_group
from conformance.toolbox.spaces import every, sequences, up_to
from conformance.toolbox.waits import (
    ASYNCIO_PENDING,
    ASYNCIO_READY,
    SCOPED_PENDING,
    SCOPED_READY,
    ScopedWait,
    Wait,
)

LINKS = tuple(
    link
    for link in ("await", "a task", "wait_for()", "gather()", "TaskGroup")
    if link != "TaskGroup" or exists("asyncio.TaskGroup")
)
CARRIERS = ("gather()", "gather(return_exceptions=True)", *LINKS[4:])

BREAKING = Claim(
    "NEST-11",
    "Every layer has to be willing to stop: one layer that swallows the cancel keeps it from all"
    " the layers outside it.",
    source=article("§4"),
    instead=("LAW-NEST-14", "LAW-NEST-15"),
)


HEARD_THROUGH_GATHER = "through gather(), layers […] heard of it outside layer …"
HEARD_THROUGH_GROUP = "through TaskGroup, layers […] heard of it outside layer …"
HEARD_THROUGH_WAIT_FOR = "through wait_for(), layers […] heard of it outside layer …"


@BREAKING.states(
    "asyncio",
    expect=(
        qualified(
            "gather() and TaskGroup raise CancelledError on their outside although their child"
            " swallowed it, and so did wait_for()",
            when="python<3.12",
            message=(HEARD_THROUGH_GATHER, HEARD_THROUGH_GROUP, HEARD_THROUGH_WAIT_FOR),
        ),
        qualified(
            "gather() and TaskGroup raise CancelledError on their outside although their child"
            " swallowed it; wait_for() does not since Python 3.12",
            issue="https://github.com/python/cpython/pull/98518",
            region=lambda link: link != "wait_for()",
            message=(HEARD_THROUGH_GATHER, HEARD_THROUGH_GROUP),
        ),
    ),
    antecedents=("a layer swallowed it",),
    fair=lambda link: link in ("await", "a task"),
    qualification="It does where each layer simply awaits the next, as a coroutine or as a task;"
    " gather() and TaskGroup raise it on their outside nevertheless.",
)
@given(
    link=every(LINKS),
    inside=up_to(3),
    outside=up_to(4, least=1),
    wait=every(ASYNCIO_PENDING + ASYNCIO_NESTED),
)
async def test_a_layer_that_swallows_keeps_it_from_the_others(
    link: str, inside: int, outside: int, wait: Wait
) -> None:
    heard = []

    async def layer(number: int) -> None:
        try:
            if number < inside + outside:
                await through(link, layer(number + 1))
            else:
                waiting = await wait.new()
                await waiting.wait()
        except asyncio.CancelledError:
            if number < outside:
                heard.append(number)
            if number != outside:
                raise
            antecedent("a layer swallowed it")

    task = asyncio.create_task(layer(0))
    await settle()
    task.cancel()
    await asyncio.wait([task])
    assert not heard, f"through {link}, layers {heard} heard of it outside layer {outside}"


@BREAKING.states(
    "anyio",
    "trio",
    expect=refuted(
        "the next checkpoint of a layer outside raises it again",
        region=lambda later: later == "they await something",
        message="layers […] heard of it, though layer … had swallowed it",
    ),
    antecedents=("a layer swallowed it",),
    builds_on=(TASKS,),
)
@given(
    later=every(("they await something", "they return")),
    link=every(("await", "an inner scope")),
    inside=up_to(2),
    outside=up_to(3, least=1),
)
async def test_a_layer_that_swallows_in_a_scope_keeps_it_from_the_others(
    library: ModuleType, later: str, link: str, inside: int, outside: int
) -> None:
    heard = []

    async def layer(number: int) -> None:
        try:
            if number == inside + outside:
                await library.Event().wait()
            elif link == "await":
                await layer(number + 1)
            else:
                with library.CancelScope():
                    await layer(number + 1)
            if number < outside and later == "they await something":
                await library.lowlevel.checkpoint()
        except cancelled(library):
            if number < outside:
                heard.append(number)
            if number != outside:
                raise
            antecedent("a layer swallowed it")

    async with open_group(library) as group:
        group.start_soon(layer, 0)
        await settle(library)
        group.cancel_scope.cancel()
    assert not heard, f"layers {heard} heard of it, though layer {outside} had swallowed it"


SWALLOWED = law(
    "LAW-NEST-14",
    "A cancel that was swallowed is not raised again in asyncio, unless a task group of the task"
    " fails later (3.13+): the layers outside run on to the end, and only cancelling() (3.11+) still"
    " tells of it; in anyio and trio every later checkpoint in the scope raises it again.",
    source="https://anyio.readthedocs.io/en/stable/cancellation.html"
    "#differences-between-asyncio-and-anyio-cancellation-semantics",
)


@SWALLOWED.states(
    "asyncio",
    expect=holds("one CancelledError is raised for one cancel()"),
    antecedents=("swallowed",),
)
@given(
    wait=every(ASYNCIO_PENDING),
    swallowed=up_to(3, least=1),
    depth=up_to(2),
    later=sequences(ASYNCIO_READY, least=1, most=3),
)
async def test_a_swallowed_cancel_is_gone(
    wait: Wait, swallowed: int, depth: int, later: tuple[Wait, ...]
) -> None:
    counted: list[int] = []

    async def layer(levels: int) -> None:
        if levels:
            await layer(levels - 1)
        else:
            for _ in range(swallowed):
                waiting = await wait.new()
                try:
                    await waiting.wait()
                except asyncio.CancelledError:
                    antecedent("swallowed")
        for another in later:
            waiting = await another.new()
            await waiting.wait()

    async def outermost() -> None:
        await layer(depth)
        if sys.version_info >= (3, 11):
            counted.append(running_task().cancelling())

    task = asyncio.create_task(outermost())
    for _ in range(swallowed):
        await settle()
        task.cancel()
    await asyncio.wait([task])
    assert not task.cancelled(), f"swallowed {swallowed}x, it was raised again"
    assert counted in ([swallowed], []), (
        f"cancelled and swallowed {swallowed}x: cancelling() said {counted[0]}"
    )


@SWALLOWED.states(
    "anyio",
    "trio",
    expect=holds("a scope is cancelled until it is left"),
    antecedents=("swallowed",),
)
@given(
    depth=up_to(2),
    swallowed=sequences(
        [wait for wait in (*SCOPED_READY, *SCOPED_PENDING) if wait.suspends], least=1, most=3
    ),
)
async def test_a_swallowed_cancel_comes_back_in_a_scope(
    library: ModuleType, depth: int, swallowed: tuple[ScopedWait, ...]
) -> None:
    raised = []

    async def layer(levels: int) -> None:
        if levels:
            await layer(levels - 1)
        for wait in swallowed:
            try:
                waiting = await wait.of(library).new()
                await waiting.wait()
            except BaseException:  # trio's nursery raises its child's Cancelled in a group
                antecedent("swallowed")
                raised.append(wait.name)

    with library.CancelScope() as scope:
        scope.cancel()
        await layer(depth)
    expected = [wait.name for _ in range(depth + 1) for wait in swallowed]
    assert raised == expected, (
        f"in a cancelled scope all of the checkpoints {expected} were to raise: {raised} did"
    )
    assert not scope.cancelled_caught, "the scope caught what the code had swallowed"
    await library.lowlevel.checkpoint()


CARRIED = law(
    "LAW-NEST-15",
    "The children of gather(), of a TaskGroup or of a group in a scope cannot keep a cancel from their"
    " parent by swallowing it: gather() and TaskGroup raise CancelledError in it, and in anyio and"
    " trio its next checkpoint does.",
    source="https://docs.python.org/3/library/asyncio-task.html#task-groups",
)


@CARRIED.states(
    "asyncio",
    expect=holds("both note that they were cancelled, whatever their children make of it"),
    antecedents=("every child swallowed it",),
)
@given(
    carrier=every(CARRIERS),
    children=up_to(2, least=1),
    steps=up_to(1),
    wait=every(ASYNCIO_PENDING),
)
async def test_children_cannot_keep_it_from_their_parent(
    carrier: str, children: int, steps: int, wait: Wait
) -> None:
    swallowed = []
    heard = []

    async def child(number: int) -> str:
        try:
            waiting = await wait.new()
            await waiting.wait()
        except asyncio.CancelledError:
            swallowed.append(number)
            await turns(steps)
        return "a result"

    async def parent() -> None:
        coros: list[Any] = [child(number) for number in range(children)]
        try:
            if carrier == "TaskGroup":
                async with asyncio.TaskGroup() as group:
                    for coro in coros:
                        group.create_task(coro)
            elif carrier == "gather()":
                await asyncio.gather(*coros)
            else:
                await asyncio.gather(*coros, return_exceptions=True)
        except asyncio.CancelledError:
            heard.append("the parent")
            raise

    task = asyncio.create_task(parent())
    await settle()
    task.cancel()
    await asyncio.wait([task])
    assert len(swallowed) == children, f"children cancelled: {swallowed}, of {children}"
    antecedent("every child swallowed it")
    assert heard, f"every child swallowed it, and {carrier} raised nothing in the parent"


@CARRIED.states(
    "anyio",
    "trio",
    expect=holds("the parent stands in the scope as its children do"),
    antecedents=("every child swallowed it",),
    builds_on=(TASKS,),
)
@given(groups=up_to(2, least=1), children=up_to(3, least=1), steps=up_to(2))
async def test_children_in_a_group_cannot_keep_it_from_their_parent(
    library: ModuleType, groups: int, children: int, steps: int
) -> None:
    swallowed = []
    heard = []

    async def child(number: int) -> None:
        try:
            await library.Event().wait()
        except cancelled(library):
            swallowed.append(number)
            for _ in range(steps):
                await library.lowlevel.cancel_shielded_checkpoint()

    async def parent(levels: int) -> None:
        if not levels:
            async with open_group(library) as group:
                for number in range(children):
                    group.start_soon(child, number)
        else:
            async with open_group(library) as group:
                group.start_soon(parent, levels - 1)
        await library.lowlevel.checkpoint()

    async def outermost() -> None:
        try:
            await parent(groups - 1)
        except BaseException:  # trio's nursery raises its child's Cancelled in an ExceptionGroup
            heard.append("the parent")
            raise

    async with open_group(library) as group:
        group.start_soon(outermost)
        await settle(library)
        group.cancel_scope.cancel()
    assert len(swallowed) == children, f"children cancelled: {swallowed}, of {children}"
    antecedent("every child swallowed it")
    assert heard, "every child swallowed it, and the parent heard nothing of it"
