"""What is true of groups instead: asyncio.TaskGroup, anyio's task group, trio's nursery."""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any

from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.toolbox.exceptions import Grave
from conformance.toolbox.instants import running_task, settle
from conformance.toolbox.spaces import every, flags, sequences, up_to
from conformance.toolbox.words import counted


def open_group(library: ModuleType) -> Any:
    """The library's group: ``async with open_group(library) as group``."""
    if library is asyncio:
        return asyncio.TaskGroup()
    return library.open_nursery() if library.__name__ == "trio" else library.create_task_group()


def start(library: ModuleType, group: Any, function: Any, *args: Any) -> Any:
    """Run ``function(*args)`` in a child of ``group``; asyncio gives its task."""
    if library is asyncio:
        return group.create_task(function(*args))
    return group.start_soon(function, *args)


ENOUGH = 5
"""Steps after which one that works on lets itself be cancelled anywhere."""

WAITS_FOR_ALL = law(
    "LAW-GATHER-03",
    "A group whose child fails, otherwise than by SystemExit or KeyboardInterrupt, cancels the others"
    " before any of them has begun a second step more, waits until each of them has ended, and then"
    " raises one exception group with every failure.",
    source="https://docs.python.org/3/library/asyncio-task.html#task-groups,"
    " https://trio.readthedocs.io/en/stable/reference-core.html#nurseries-and-spawning",
)


@WAITS_FOR_ALL.states(
    "asyncio",
    expect=holds(),
    exists="asyncio.TaskGroup",
    antecedents=("another child still ran",),
)
@WAITS_FOR_ALL.states("anyio", "trio", expect=holds(), antecedents=("another child still ran",))
@given(
    error=every((KeyError, Grave)),
    after_a_wait=flags(),
    others=sequences(
        ("has ended", "waits", "works on", "takes time to clean up", "fails on its way out"), most=2
    ),
)
async def test_a_group_cancels_and_awaits_its_children_before_it_raises(
    library: ModuleType, error: type[BaseException], after_a_wait: bool, others: tuple[str, ...]
) -> None:
    fail, go_on, cleaned_up = library.Event(), library.Event(), library.Event()
    waiting: list[str] = []
    cleaning: list[str] = []
    failed: list[str] = [error.__name__]
    raised: list[str] = []
    over: list[str] = []
    further: list[int] = [0]

    async def failing() -> None:
        if after_a_wait:
            await fail.wait()
        over.append("the first to fail")
        raise error

    async def work_on() -> None:
        if after_a_wait:
            await fail.wait()
        steps = 0
        while steps < ENOUGH:
            await library.sleep(0)
            steps += bool(over)
            further.append(steps)

    async def other(does: str) -> None:
        if does == "has ended":
            return
        waiting.append(does)
        try:
            if does == "works on":
                await work_on()
            await go_on.wait()
        finally:
            waiting.remove(does)
            antecedent("another child still ran")
            if does == "takes time to clean up":
                cleaning.append(does)
                if library is asyncio:
                    await cleaned_up.wait()
                else:  # scopes interrupt a cleanup again and again without this
                    with library.CancelScope(shield=True):
                        await cleaned_up.wait()
                cleaning.remove(does)
            if does == "fails on its way out":
                failed.append("LookupError")
                raise LookupError

    async def parent() -> None:
        try:
            async with open_group(library) as group:
                for does in others:
                    start(library, group, other, does)
                start(library, group, failing)
        except BaseException as group_error:  # what is raised is the question
            leaves = getattr(group_error, "exceptions", (group_error,))
            raised.extend(sorted(type(leaf).__name__ for leaf in leaves))

    async with open_group(library) as outer:
        start(library, outer, parent)
        await settle(library)
        fail.set()
        await settle(library)
        still_waiting = list(waiting)
        still_cleaning = list(cleaning)
        raised_early = list(raised)
        go_on.set()
        cleaned_up.set()
        await settle(library)
    case = f"a child raised {error.__name__}, the others: {others}"
    assert not still_waiting, f"{case}: {still_waiting} were not cancelled"
    assert max(further) <= 1, (
        f"{case}: one that works on began {counted(max(further), 'more step')} before it was"
        " cancelled"
    )
    assert not (still_cleaning and raised_early), (
        f"{case}: the group raised {raised_early} while {still_cleaning} had not ended"
    )
    assert raised == sorted(failed), f"{case}: {failed} failed, the group raised {raised}"


ALONE = law(
    "LAW-GATHER-04",
    "A child of a group that is cancelled alone, and ends by it, is no failure: the other children run"
    " on, and the group raises nothing.",
    source="https://docs.python.org/3/library/asyncio-task.html#task-groups,"
    " https://trio.readthedocs.io/en/stable/reference-core.html#cancellation-and-timeouts",
)


@ALONE.states(
    "asyncio",
    expect=holds(),
    exists="asyncio.TaskGroup",
    antecedents=("cancelled alone",),
    builds_on=(),
)
@ALONE.states("anyio", "trio", expect=holds(), antecedents=("cancelled alone",))
@given(
    when=every(("while it waits", "before its first step")),
    others=sequences(("has ended", "waits", "waits in a group"), most=2),
    cancels=up_to(2, least=1),
)
async def test_a_child_cancelled_alone_does_not_disturb_its_group(
    library: ModuleType, when: str, others: tuple[str, ...], cancels: int
) -> None:
    never, go_on = library.Event(), library.Event()
    target: Any = None if library is asyncio else library.CancelScope()
    ended: list[str] = []
    raised: list[BaseException] = []

    def cancel() -> None:
        # asyncio cancels the child's task, the others the scope that the child waits in.
        antecedent("cancelled alone")
        for _ in range(cancels):
            target.cancel()

    async def child() -> None:
        if library is asyncio:
            await never.wait()
        else:
            with target:
                await never.wait()

    async def other(does: str) -> None:
        if does == "waits":
            await go_on.wait()
        if does == "waits in a group":
            async with open_group(library) as inner:
                start(library, inner, go_on.wait)
        ended.append(does)

    async def parent() -> None:
        nonlocal target
        try:
            async with open_group(library) as group:
                if library is asyncio:
                    target = group.create_task(child())
                else:
                    group.start_soon(child)
                for does in others:
                    start(library, group, other, does)
                if when == "before its first step":
                    cancel()
        except BaseException as error:  # what is raised is the question
            raised.append(error)

    async with open_group(library) as outer:
        start(library, outer, parent)
        await settle(library)
        if when == "while it waits":
            cancel()
            await settle(library)
        go_on.set()
        await settle(library)
        never.set()
    assert not raised, f"a child was cancelled {when}: the group raised {raised[0]!r}"
    assert sorted(ended) == sorted(others), (
        f"a child was cancelled {when}: of the others {others} only {ended} came to their end"
    )


LEAVES_NOTHING = law(
    "LAW-GATHER-11",
    "The cancel by which a group whose child failed stops its own body ends with the group: its parent"
    " is asked to stop neither while it handles the failure nor afterwards.",
    source="https://docs.python.org/3/library/asyncio-task.html#task-groups,"
    " https://github.com/python/cpython/issues/116720",
)


@LEAVES_NOTHING.states(
    "asyncio",
    expect=holds(),
    exists="asyncio.TaskGroup",
    antecedents=("the group raised",),
)
@LEAVES_NOTHING.states("anyio", "trio", expect=holds(), antecedents=("the group raised",))
@given(
    error=every((KeyError, Grave)),
    when=every(("after a wait", "at its first step")),
    body=every(("has ended", "waits", "swallows the cancel")),
    failing=up_to(3, least=1),
)
async def test_a_failed_group_leaves_no_cancel_behind(
    library: ModuleType, error: type[BaseException], when: str, body: str, failing: int
) -> None:
    fail, never = library.Event(), library.Event()
    left: list[str] = []

    async def child() -> None:
        if when == "after a wait":
            await fail.wait()
        raise error

    async def parent() -> None:
        try:
            async with open_group(library) as group:
                for _ in range(failing):
                    start(library, group, child)
                if body != "has ended":
                    try:
                        await never.wait()
                    except BaseException:
                        if body != "swallows the cancel":
                            raise
        except BaseException:  # LAW-GATHER-03 looks at what is raised
            antecedent("the group raised")
        if library is asyncio:
            requests = running_task().cancelling()
            if requests:
                left.append(f"cancelling() at {requests}")
        try:
            await library.sleep(0)
        except BaseException as cancel:
            left.append(type(cancel).__name__)
            raise

    async with open_group(library) as outer:
        start(library, outer, parent)
        await settle(library)
        fail.set()
    assert not left, (
        f"{counted(failing, 'child', 'children')} raised {error.__name__} {when}, the body {body}: the group raised, and"
        f" the cancel of its body was not over: it left {' and '.join(left)}"
    )
