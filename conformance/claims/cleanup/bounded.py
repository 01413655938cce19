"""Can the time that a cleanup takes be bounded?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from types import ModuleType
from typing import Any

from hypothesis import given

from conformance.claim import Claim, antecedent, article, holds, law, qualified
from conformance.claims.loop import TASKS, TIMERS
from conformance.toolbox.instants import NEVER, SOON, busy, settle
from conformance.toolbox.scopes import cancelled
from conformance.toolbox.spaces import every, flags, up_to
from conformance.toolbox.words import counted

LIMIT = SOON
"""Seconds that each cleanup is given."""

Cleanup = Callable[[ModuleType, list[str]], Coroutine[Any, Any, None]]


# The cleanups note in `log` that they ended, and that they still worked after their time was up.


async def ends(library: ModuleType, log: list[str]) -> None:
    await library.sleep(0)
    log.append("ended")


async def hangs(library: ModuleType, log: list[str]) -> None:
    await library.sleep(NEVER)
    log.append("ended")


async def swallows(library: ModuleType, log: list[str]) -> None:
    try:
        await library.sleep(NEVER)
    except cancelled(library):
        pass
    await library.sleep(0)
    log.append("worked on")


async def lingers(library: ModuleType, log: list[str]) -> None:
    try:
        await library.sleep(NEVER)
    finally:
        await library.sleep(0)
        log.append("worked on")


async def computes(library: ModuleType, log: list[str]) -> None:
    busy(2 * LIMIT)
    log.append("worked on")


async def shields_itself(library: ModuleType, log: list[str]) -> None:
    if library is asyncio:
        inner = asyncio.ensure_future(asyncio.sleep(2 * LIMIT))
        while not inner.done():
            try:
                await asyncio.shield(inner)
            except asyncio.CancelledError:
                pass
    else:
        with library.CancelScope(shield=True):
            await library.sleep(2 * LIMIT)
    log.append("worked on")


CLEANUPS: dict[str, Cleanup] = {
    "ends in time": ends,
    "hangs": hangs,
    "swallows the cancel": swallows,
    "awaits in its own finally": lingers,
    "computes without awaiting": computes,
    "shields itself": shields_itself,
}

BOUNDS = Claim(
    "CLEANUP-09",
    "`await asyncio.wait_for(cleanup(), timeout=2.0)` bounds the time that the cleanup takes.",
    source=article("§2"),
    instead=("LAW-CLEANUP-12", "LAW-CLEANUP-13", "LAW-CLEANUP-14"),
)


@BOUNDS.states(
    "asyncio",
    expect=qualified(
        "wait_for() cancels the cleanup and waits until that has ended",
        message="a cleanup that … worked on after its time was up",
    ),
    antecedents=("in the cleanup",),
    fair=lambda kind, after_a_cancel: kind in ("ends in time", "hangs"),
    qualification="a cleanup that awaits, and ends when it is cancelled",
    builds_on=(TIMERS, TASKS),
)
@given(kind=every(CLEANUPS), after_a_cancel=flags())
async def test_wait_for_bounds_a_cleanup(kind: str, after_a_cancel: bool) -> None:
    log: list[str] = []

    async def body() -> None:
        try:
            if after_a_cancel:
                await asyncio.sleep(NEVER)
        finally:
            antecedent("in the cleanup")
            try:
                await asyncio.wait_for(CLEANUPS[kind](asyncio, log), LIMIT)
            except asyncio.TimeoutError:
                pass

    task = asyncio.ensure_future(body())
    if after_a_cancel:
        await settle()
        task.cancel()
    await asyncio.wait([task])
    assert "worked on" not in log, f"a cleanup that {kind} worked on after its time was up"


@BOUNDS.states(
    "anyio",
    "trio",
    expect=qualified(
        "a time limit acts at checkpoints that no inner scope shields",
        message="a cleanup that … worked on after its time was up",
    ),
    antecedents=("in the cleanup",),
    fair=lambda kind, after_a_cancel: kind not in ("computes without awaiting", "shields itself"),
    qualification="a cleanup that comes to a checkpoint, in no shield of its own",
    builds_on=(TIMERS, TASKS),
)
@given(kind=every(CLEANUPS), after_a_cancel=flags())
async def test_a_shielded_limit_bounds_a_cleanup(
    library: ModuleType, kind: str, after_a_cancel: bool
) -> None:
    """In terms of scopes: `move_on_after()`, shielded, as the cleanup would not begin otherwise."""
    log: list[str] = []
    with library.CancelScope() as scope:
        try:
            if after_a_cancel:
                scope.cancel()
                await library.sleep(0)
        finally:
            antecedent("in the cleanup")
            with library.move_on_after(LIMIT, shield=True):
                await CLEANUPS[kind](library, log)
    assert "worked on" not in log, f"a cleanup that {kind} worked on after its time was up"


WAITS = law(
    "LAW-CLEANUP-12",
    "At its timeout wait_for() cancels what it waits for, and is over only when that has ended,"
    " however long that takes, also if it is itself cancelled meanwhile.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.wait_for",
)


@WAITS.states(
    "asyncio",
    expect=holds(),
    antecedents=("the time was up",),
    builds_on=(TIMERS, TASKS),
)
@given(awaits=up_to(3), swallows=flags(), cancelled_meanwhile=flags(), in_a_task=flags())
async def test_wait_for_waits_for_the_end(
    awaits: int, swallows: bool, cancelled_meanwhile: bool, in_a_task: bool
) -> None:
    """Once its time is up, the cleanup takes another few `awaits`; or it is a task that has begun."""
    begun: list[str] = []
    over: list[str] = []

    async def cleanup() -> None:
        begun.append("the cleanup")
        try:
            await asyncio.sleep(NEVER)
        except asyncio.CancelledError:
            antecedent("the time was up")
            if cancelled_meanwhile:
                asyncio.get_running_loop().call_soon(task.cancel)
            for _ in range(awaits):
                await asyncio.sleep(SOON)
            if not swallows:
                raise
        finally:
            over.append("the cleanup")

    async def body() -> None:
        awaited: Any = cleanup()
        if in_a_task:
            awaited = asyncio.ensure_future(awaited)
            await settle()
        try:
            await asyncio.wait_for(awaited, LIMIT)
        except asyncio.TimeoutError:
            pass
        finally:
            over.append("wait_for()")

    task = asyncio.ensure_future(body())
    await asyncio.wait([task])
    # Up to 3.11 it makes a task of a coroutine, whose time may be up before its first step.
    assert not begun or over == ["the cleanup", "wait_for()"], (
        f"wait_for(){', cancelled meanwhile,' if cancelled_meanwhile else ''} was over first, while"
        " the cleanup that it had cancelled went on"
    )


WAITS.not_applicable(
    "anyio",
    "trio",
    because="a time limit is a scope there, which ends with its block",
    missing=("anyio.wait_for", "trio.wait_for"),
)


GIVES_UP = law(
    "LAW-CLEANUP-13",
    "asyncio.wait() with a timeout ends by then, whatever the awaited tasks do with a cancel, and"
    " neither cancels nor ends them: what must not take longer is awaited so.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.wait",
)


@GIVES_UP.states(
    "asyncio", expect=holds(), antecedents=("it did not end in time",), builds_on=(TIMERS, TASKS)
)
@given(refusals=up_to(3), asked=up_to(3), count=up_to(3, least=1))
async def test_wait_gives_up(refusals: int, asked: int, count: int) -> None:
    """Each cleanup refuses `refusals` cancels, and is given up after `asked` of them."""
    cancels: list[int] = [0] * count

    async def cleanup(number: int) -> None:
        while True:
            try:
                return await asyncio.sleep(NEVER)
            except asyncio.CancelledError:
                cancels[number] += 1
                if cancels[number] > refusals:
                    raise

    tasks = [asyncio.ensure_future(cleanup(number)) for number in range(count)]
    await settle()
    pending = set(tasks)
    for _ in range(asked):
        for task in pending:
            task.cancel()
        await settle()  # each has seen it, however short the time is
        _, pending = await asyncio.wait(tasks, timeout=LIMIT)
        if not pending:
            break
    else:
        antecedent("it did not end in time")
    _, pending = await asyncio.wait(tasks, timeout=LIMIT)
    seen = list(cancels)
    # Let those go that still refuse.
    while not all(task.done() for task in tasks):
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0)
    due = min(asked, refusals + 1)
    assert seen == [due] * count, (
        f"each awaited task was cancelled {counted(due, 'time')}, and wait() was to add nothing to"
        f" that: the cancels that they saw are {seen}"
    )
    assert len(pending) == (count if asked <= refusals else 0), (
        f"{len(pending)} of {count} were given up: asked {counted(asked, 'time')}, they refuse"
        f" {counted(refusals, 'time')}"
    )


GIVES_UP.not_applicable(
    "anyio",
    "trio",
    because="a group waits for its tasks: none is given up while it runs",
    missing=("anyio.wait", "trio.wait"),
)


IN_TIME = law(
    "LAW-CLEANUP-14",
    "Under `move_on_after(seconds, shield=True)` a cleanup is interrupted by the cancel of no scope"
    " around it, and at each of its checkpoints once the time is up.",
    source="https://trio.readthedocs.io/en/stable/reference-core.html#trio.CancelScope.shield",
)
COOPERATE = [
    kind for kind in CLEANUPS if kind not in ("computes without awaiting", "shields itself")
]


@IN_TIME.states(
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("cancelled in the cleanup", "the time was up"),
    builds_on=(TIMERS, TASKS),
)
@given(kind=every(COOPERATE), scopes=up_to(3, least=1), cancels=up_to(3), before=flags())
async def test_a_shielded_limit_protects_and_bounds(
    library: ModuleType, kind: str, scopes: int, cancels: int, before: bool
) -> None:
    """`scopes` are around it; `cancels` of them are cancelled in the cleanup, or `before` it."""
    log: list[str] = []
    late: list[bool] = []

    with ExitStack() as stack:
        around = [stack.enter_context(library.CancelScope()) for _ in range(scopes)]

        def cancel() -> None:
            for scope in around[:cancels]:
                antecedent("cancelled in the cleanup")
                scope.cancel()

        if before:
            cancel()
        seconds = NEVER if kind == "ends in time" else LIMIT
        with library.move_on_after(seconds, shield=True) as limit:
            if not before:
                cancel()
            await CLEANUPS[kind](library, log)
        late.append(limit.cancelled_caught)
        if limit.cancelled_caught:
            antecedent("the time was up")
            late.append(library.current_time() >= limit.deadline)
    if kind == "ends in time":
        assert log == ["ended"] and late == [False], (
            f"with {min(cancels, scopes)} of {counted(scopes, 'scope')} around it cancelled, a cleanup"
            " under a shielded limit that ends in time was interrupted all the same"
        )
    else:
        assert log == [] and late == [True, True], (
            f"a cleanup that {kind} was to be interrupted when its time was up: it"
            f" {'ran to its end' if log else 'was interrupted'}, and the limit"
            f" {'caught a cancel, before' if late == [True, False] else 'caught none by'} its"
            " deadline"
        )


IN_TIME.not_applicable(
    "asyncio",
    because="asyncio has no cancel scope: a timeout there does not shield, as LAW-CLEANUP-12 says",
    missing=("asyncio.CancelScope",),
)
