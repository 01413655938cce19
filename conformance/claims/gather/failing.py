"""A child fails: when does gather(), or a group, raise, and what?"""

from __future__ import annotations

import asyncio
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
from conformance.toolbox.exceptions import ERRORS
from conformance.toolbox.instants import NEVER, settle
from conformance.toolbox.scopes import open_group
from conformance.toolbox.spaces import every, flags, sequences, up_to
from conformance.toolbox.words import counted

GATHER_DOCS = "https://docs.python.org/3/library/asyncio-task.html#asyncio.gather"


FIRST_STEP, AFTER_A_WAIT, BEFORE = "at its first step", "after a wait", "before gather() is called"

NO_TASK_WITHOUT_A_GROUP = "a child lives in a group there, and no group ends before its children"


AT_ONCE = Claim(
    "GATHER-01",
    "By default the first child that fails, be it by being cancelled, makes gather() raise at once.",
    source=article("§3"),
    instead=("LAW-GATHER-01", "LAW-GATHER-03", "LAW-GATHER-04", "LAW-GATHER-09"),
)


def _fails_while_gathered(when: str) -> bool:
    return when != BEFORE


@AT_ONCE.states(
    "asyncio",
    expect=qualified(
        "of children that had failed before the call, gather() raises the first argument's"
        " exception, not the first in time",
        region=lambda when, others: when == BEFORE and others[:1] == ("fails next",),
        message="the first child to fail … before gather() is called, the others: ('fails next',…):"
        " gather() raised LookupError",
    ),
    antecedents=("another child still ran",),
    fair=_fails_while_gathered,
    qualification="The child fails after gather() was called.",
)
@given(
    how=every(ERRORS),
    when=every((AFTER_A_WAIT, FIRST_STEP, BEFORE)),
    others=sequences(("has ended", "waits", "fails next"), most=2),
)
async def test_the_first_failing_child_makes_gather_raise_at_once(
    how: str, when: str, others: tuple[str, ...]
) -> None:
    fail, fail_next = asyncio.Event(), asyncio.Event()

    async def failing() -> None:
        if when == AFTER_A_WAIT or how == "is cancelled":
            await fail.wait()
        raise ERRORS[how]

    async def other(does: str) -> None:
        if does == "waits":
            await asyncio.sleep(NEVER)
        if does == "fails next":
            await fail_next.wait()
            raise LookupError

    async def parent() -> str:
        try:
            await asyncio.gather(*before, first, *after)
        except BaseException as error:  # what is raised is the question
            return type(error).__name__
        return "nothing"

    before = [asyncio.ensure_future(other(does)) for does in others[:1]]
    first = asyncio.ensure_future(failing())
    after = [asyncio.ensure_future(other(does)) for does in others[1:]]
    if when == AFTER_A_WAIT:
        gathering = asyncio.ensure_future(parent())
        await settle()
    if how == "is cancelled":
        first.cancel()
    else:
        fail.set()
    if when == FIRST_STEP:
        gathering = asyncio.ensure_future(parent())
        await settle()
    fail_next.set()
    await settle()
    if when == BEFORE:
        gathering = asyncio.ensure_future(parent())
        await settle()
    if "waits" in others:
        antecedent("another child still ran")
    raised = gathering.result() if gathering.done() else "nothing yet"
    assert raised == ERRORS[how].__name__, (
        f"the first child to fail {how} {when}, the others: {others}: gather() raised {raised}"
    )


@AT_ONCE.states(
    "anyio",
    "trio",
    expect=refuted(
        "a group raises only when all its children have ended, however long one takes to clean up,"
        " and never for a child that is cancelled in a scope of its own",
        region=lambda how, others: how == "is cancelled" or "takes time to clean up" in others,
        message=(
            "a child raises …, the others: (…'takes time to clean up'…): the group did not raise at"
            " once, but when they had ended",
            "a child is cancelled …, the others: …: the group did not raise at once, but never",
        ),
    ),
    antecedents=("another child still ran",),
)
@given(
    how=every(("raises an Exception", "raises a BaseException", "is cancelled")),
    when=every((AFTER_A_WAIT, FIRST_STEP)),
    others=sequences(("has ended", "waits", "takes time to clean up"), most=2),
)
async def test_the_first_failing_child_makes_a_group_raise_at_once(
    library: ModuleType, how: str, when: str, others: tuple[str, ...]
) -> None:
    fail, cleaned_up = library.Event(), library.Event()
    raised: list[BaseException] = []

    async def failing() -> None:
        if when == AFTER_A_WAIT:
            await fail.wait()
        if how != "is cancelled":
            raise ERRORS[how]
        with library.CancelScope() as own_scope:
            own_scope.cancel()
            await library.sleep(0)

    async def other(does: str) -> None:
        if does == "has ended":
            return
        antecedent("another child still ran")
        try:
            await library.sleep_forever()
        finally:
            if does == "takes time to clean up":
                with library.CancelScope(shield=True):
                    await cleaned_up.wait()

    async def parent() -> None:
        try:
            async with open_group(library) as group:
                for does in others:
                    group.start_soon(other, does)
                group.start_soon(failing)
        except BaseException as error:  # what is raised is the question
            raised.append(error)

    async with open_group(library) as outer:
        outer.start_soon(parent)
        await settle(library)
        fail.set()
        await settle(library)
        at_once = bool(raised)
        cleaned_up.set()
        await settle(library)
        in_the_end = bool(raised)
        outer.cancel_scope.cancel()
    assert at_once, (
        f"a child {how} {when}, the others: {others}: the group did not raise at once, but"
        f" {'when they had ended' if in_the_end else 'never'}"
    )


FAILS_FIRST = law(
    "LAW-GATHER-01",
    "By default gather() raises the exception of the child that failed first while it was gathered,"
    " without waiting for the others; of children that had failed before, the first argument's.",
    source=GATHER_DOCS,
)


@FAILS_FIRST.states("asyncio", expect=holds(), antecedents=("another child still ran",))
@given(
    hows=sequences(ERRORS, least=1, most=2),
    backwards=flags(),
    before=flags(),
    waiting=up_to(2),
)
async def test_gather_raises_the_first_failure(
    hows: tuple[str, ...], backwards: bool, before: bool, waiting: int
) -> None:
    fail = [asyncio.Event() for _ in hows]

    async def failing(place: int) -> None:
        await fail[place].wait()
        raise ERRORS[hows[place]](place)

    failures = [asyncio.ensure_future(failing(place)) for place in range(len(hows))]
    waiters = [asyncio.ensure_future(asyncio.sleep(NEVER)) for _ in range(waiting)]
    in_time = sorted(range(len(hows)), reverse=backwards)

    async def parent() -> object:
        try:
            return await asyncio.gather(*waiters, *failures)
        except BaseException as error:  # what is raised is the question
            return type(error).__name__

    if not before:
        gathering = asyncio.ensure_future(parent())
    await settle()
    for place in in_time:
        if hows[place] == "is cancelled":
            failures[place].cancel()
        else:
            fail[place].set()
    await settle()
    if before:
        gathering = asyncio.ensure_future(parent())
        await settle()
    if waiting:
        antecedent("another child still ran")
    expected = ERRORS[hows[0 if before else in_time[0]]].__name__
    assert gathering.done(), (
        f"{expected} was not raised while {counted(waiting, 'child', 'children')} still ran"
    )
    assert gathering.result() == expected, (
        f"children failed in the order {[hows[place] for place in in_time]}"
        f" ({'before' if before else 'after'} gather() was called, as arguments {hows}):"
        f" gather() raised {gathering.result()}"
    )


FAILS_FIRST.not_applicable(
    "anyio",
    "trio",
    because=NO_TASK_WITHOUT_A_GROUP,
    missing=("anyio.create_task", "trio.create_task", "trio.gather"),
)
