"""A library that cancels a task for its own ends: does it take its request back?"""

from __future__ import annotations

import asyncio
from types import ModuleType

from hypothesis import given

from conformance.claim import (
    antecedent,
    holds,
    law,
)
from conformance.claims.loop import TASKS, TIMERS
from conformance.toolbox.instants import SOON, running_task, settle
from conformance.toolbox.scopes import open_group
from conformance.toolbox.spaces import every, flags, up_to
from conformance.toolbox.waits import ANYIO_PENDING, ASYNCIO_PENDING, Wait

NO_COUNT = "requests are not counted there: trio has no Task.cancelling()"
MISSING = ("trio.lowlevel.Task.cancelling",)


async def cancelled_before(times: int) -> None:
    """Cancel the current task ``times`` times, and swallow it each time."""
    for _ in range(times):
        running_task().cancel()
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            pass


TIMEOUTS = law(
    "LAW-NEST-16",
    "A timeout that expires, while nobody else cancels its task, takes its own request back:"
    " asyncio.timeout() raises TimeoutError, anyio's move_on_after() goes on, and cancelling() is"
    " what it was before the block.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.Task.uncancel",
)


@TIMEOUTS.states(
    "asyncio",
    expect=holds("it calls uncancel() once for its own cancel()"),
    exists="asyncio.timeout",
    antecedents=("timed out",),
    builds_on=(TIMERS, TASKS),
)
@given(
    before=up_to(2),
    around=up_to(2),
    swallow=flags(),
    seconds=every((0, SOON)),
    wait=every(ASYNCIO_PENDING),
)
async def test_a_timeout_takes_its_request_back(
    before: int, around: int, swallow: bool, seconds: float, wait: Wait
) -> None:
    seen: list[tuple[str, int]] = []

    async def time_out() -> None:
        waiting = await wait.new()
        try:
            async with asyncio.timeout(seconds):
                try:
                    await waiting.wait()
                except asyncio.CancelledError:
                    antecedent("timed out")
                    if not swallow:
                        raise
            seen.append(("the block ended", running_task().cancelling()))
        except BaseException as error:
            seen.append((type(error).__name__, running_task().cancelling()))

    async def within(timeouts: int) -> None:
        if not timeouts:
            return await time_out()
        async with asyncio.timeout(None):
            await within(timeouts - 1)

    async def work() -> None:
        await cancelled_before(before)
        await within(around)

    await asyncio.wait([asyncio.create_task(work())])
    end = "the block ended" if swallow else "TimeoutError"
    assert seen == [(end, before)], (
        f"cancelled {before}x before, with timeouts around: {around}: the expired timeout was to end"
        f" with ({end!r}, {before}), {end} and cancelling(), and ended with {seen[0]}"
    )


@TIMEOUTS.states(
    "anyio",
    expect=holds("a scope calls uncancel() for each cancel() of its own when it is left"),
    exists="asyncio.Task.cancelling",
    unless={"trio": NO_COUNT},
    antecedents=("timed out",),
    builds_on=(TIMERS, TASKS),
)
@given(
    before=up_to(2),
    around=up_to(2),
    swallow=flags(),
    seconds=every((0, SOON)),
    wait=every(ANYIO_PENDING),
)
async def test_a_scope_takes_its_requests_back(
    library: ModuleType, before: int, around: int, swallow: bool, seconds: float, wait: Wait
) -> None:
    seen = []

    async def time_out() -> None:
        waiting = await wait.new()
        with library.move_on_after(seconds):
            try:
                await waiting.wait()
            except asyncio.CancelledError:
                antecedent("timed out")
                if not swallow:
                    raise
        seen.append(running_task().cancelling())

    async def within(scopes: int) -> None:
        if not scopes:
            return await time_out()
        with library.CancelScope():
            await within(scopes - 1)

    async def work() -> None:
        await cancelled_before(before)
        await within(around)

    await asyncio.wait([asyncio.create_task(work())])
    assert seen == [before], (
        f"cancelled {before}x before, with scopes around: {around}: when the time was up the code"
        f" after move_on_after() {f'ran, and cancelling() said {seen[0]}' if seen else 'did not run'},"
        f" where it was to say {before}"
    )


TIMEOUTS.not_applicable("trio", because=NO_COUNT, missing=MISSING)


GROUPS = law(
    "LAW-NEST-17",
    "A group that interrupts its own task because a child failed, in its body or while it waits for"
    " its children, takes that request back: cancelling() is after the group what it was before.",
    source="https://docs.python.org/3/library/asyncio-task.html#task-groups",
)

FAILING = ("while the body runs", "while the group waits for its children")


@GROUPS.states(
    "asyncio",
    expect=holds("it calls uncancel() once for its own cancel()"),
    exists="asyncio.TaskGroup",
    antecedents=("a child failed",),
)
@given(failing=every(FAILING), before=up_to(2), children=up_to(3, least=1))
async def test_a_task_group_takes_its_request_back(
    failing: str, before: int, children: int
) -> None:
    seen = []

    async def child() -> None:
        await settle()
        antecedent("a child failed")
        raise LookupError("a child failed")

    async def work() -> None:
        await cancelled_before(before)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(children):
                    group.create_task(child())
                if failing == "while the body runs":
                    await asyncio.Event().wait()
        except BaseException:
            seen.append(running_task().cancelling())

    await asyncio.wait([asyncio.create_task(work())])
    assert seen == [before], (
        f"cancelled {before}x before, a child failed {failing}: after the group cancelling()"
        f" said {seen[0] if seen else 'nothing'}, not {before}"
    )


@GROUPS.states(
    "anyio",
    expect=holds("its scope calls uncancel() for each cancel() of its own when it is left"),
    exists="asyncio.Task.cancelling",
    unless={"trio": NO_COUNT},
    antecedents=("a child failed",),
)
@given(failing=every(FAILING), before=up_to(2), children=up_to(3, least=1))
async def test_anyios_group_takes_its_requests_back(
    library: ModuleType, failing: str, before: int, children: int
) -> None:
    seen = []

    async def child() -> None:
        await settle()
        antecedent("a child failed")
        raise LookupError("a child failed")

    async def work() -> None:
        await cancelled_before(before)
        try:
            async with open_group(library) as group:
                for _ in range(children):
                    group.start_soon(child)
                if failing == "while the body runs":
                    await library.sleep_forever()
        except BaseException:
            seen.append(running_task().cancelling())

    await asyncio.wait([asyncio.create_task(work())])
    assert seen == [before], (
        f"cancelled {before}x before, a child failed {failing}: after the group cancelling()"
        f" said {seen[0] if seen else 'nothing'}, not {before}"
    )


GROUPS.not_applicable("trio", because=NO_COUNT, missing=MISSING)
