"""One of several children is cancelled: what does gather(), or a group, make of it?"""

from __future__ import annotations

import asyncio
import inspect
from types import ModuleType
from typing import Any

import anyio
from hypothesis import given

from conformance.claim import (
    Claim,
    NotApplicable,
    antecedent,
    article,
    holds,
    not_applicable,
    qualified,
    refuted,
)
from conformance.toolbox.instants import INSTANTS, Instant, cancel_at, settle
from conformance.toolbox.scopes import open_group
from conformance.toolbox.spaces import every, flags, sequences, up_to

CANCELLED_CHILD = Claim(
    "GATHER-04",
    "By default a single cancelled child makes the whole of gather() raise CancelledError.",
    source=article("§3"),
    instead=("LAW-GATHER-01", "LAW-GATHER-04"),
)


def _ends_cancelled(when: str, child: str, sibling: str) -> bool:
    return child == "gives way" and when != "when it had ended" and sibling != "had failed"


def _another_failed_before(when: str, sibling: str, last: bool) -> bool:
    # If both had ended when gather() was called, it looks at the first argument first.
    gathered = when in ("while it waits", "just after what it waits for")
    return sibling == "had failed" and (gathered or last)


def _does_not_end_by_it(child: str, when: str) -> bool:
    # Without a first step a child can neither swallow the cancel nor fail on its way out.
    return when == "when it had ended" or (child != "gives way" and when != "before its first step")


ANOTHER_OUTCOME = (
    "a child that … was cancelled …, its sibling had failed: gather() gave LookupError",
    "a child that fails on its way out was cancelled …, its sibling …: gather() gave KeyError",
    "a child that … was cancelled …, its sibling …: gather() gave […'its value'…]",
)


@CANCELLED_CHILD.states(
    "asyncio",
    expect=(
        qualified(
            "an eager child takes its first step as it is created, and may swallow any cancel or fail"
            " on its way out",
            on=("asyncio+eager",),
            region=lambda child, when, sibling, last: (
                _another_failed_before(when, sibling, last)
                or _does_not_end_by_it(child, when)
                or child != "gives way"
            ),
            message=ANOTHER_OUTCOME,
        ),
        qualified(
            "gather() raises what failed first, be it another child, and a child that swallows the"
            " cancel, or had ended before it, has its value among the results",
            region=lambda child, when, sibling, last: (
                _another_failed_before(when, sibling, last) or _does_not_end_by_it(child, when)
            ),
            message=ANOTHER_OUTCOME,
        ),
    ),
    antecedents=("a child was cancelled",),
    fair=_ends_cancelled,
    qualification="The cancel ends the child, and no other child failed before.",
)
@given(
    child=every(("gives way", "swallows it", "fails on its way out")),
    when=every(
        (
            "while it waits",
            "just after what it waits for",
            "before gather() is called",
            "before its first step",
            "when it had ended",
        )
    ),
    sibling=every(("returns", "waits", "had ended", "had failed")),
    last=flags(),
    cancels=up_to(2, least=1),
)
async def test_a_cancelled_child_makes_gather_raise_cancelled_error(
    child: str, when: str, sibling: str, last: bool, cancels: int
) -> None:
    go_on, never = asyncio.Event(), asyncio.Event()

    async def cancelled() -> str:
        try:
            await go_on.wait()
        except asyncio.CancelledError:
            if child == "gives way":
                raise
            if child == "fails on its way out":
                raise KeyError from None
        return "its value"

    async def other() -> str:
        if sibling == "had failed":
            raise LookupError
        if sibling == "returns":
            await go_on.wait()
        if sibling == "waits":
            await never.wait()
        return "another value"

    async def parent() -> str:
        try:
            return repr(await asyncio.gather(*children))
        except BaseException as error:  # what is raised is the question
            return type(error).__name__

    def cancel() -> None:
        for _ in range(cancels):
            if target.cancel():
                antecedent("a child was cancelled")

    target, neighbour = asyncio.ensure_future(cancelled()), asyncio.ensure_future(other())
    children = (neighbour, target) if last else (target, neighbour)
    if when == "before its first step":
        cancel()
    await settle()
    if when == "when it had ended":
        go_on.set()
        await settle()
    if when in ("before gather() is called", "when it had ended"):
        cancel()
        await settle()
    gathering = asyncio.ensure_future(parent())
    await settle()
    if when == "just after what it waits for":
        go_on.set()  # in the same turn as the cancel, and before it
    if when in ("while it waits", "just after what it waits for"):
        cancel()
    await settle()
    go_on.set()
    await settle()
    never.set()
    outcome = await gathering
    assert outcome == "CancelledError", (
        f"a child that {child} was cancelled {when}, its sibling {sibling}: gather() gave {outcome}"
    )


@CANCELLED_CHILD.states(
    "anyio",
    "trio",
    expect=refuted(
        "a child cancelled in its own scope has ended, not failed: nothing is raised",
        message="a child was cancelled …, its sibling …: the group raised nothing",
    ),
    antecedents=("a child was cancelled",),
)
@given(
    when=every(("while it waits", "before it starts")),
    sibling=every(("waits", "had ended")),
    cancels=up_to(2, least=1),
)
async def test_a_cancelled_child_makes_its_group_raise_the_cancel(
    library: ModuleType, when: str, sibling: str, cancels: int
) -> None:
    own_scope, go_on = library.CancelScope(), library.Event()
    raised: list[BaseException] = []

    async def child() -> None:
        with own_scope:
            await library.sleep_forever()

    async def other() -> None:
        if sibling == "waits":
            await go_on.wait()

    def cancel() -> None:
        antecedent("a child was cancelled")
        for _ in range(cancels):
            own_scope.cancel()

    async def parent() -> None:
        try:
            async with open_group(library) as group:
                group.start_soon(child)
                group.start_soon(other)
                if when == "before it starts":
                    cancel()
        except BaseException as error:  # what is raised is the question
            raised.append(error)

    async with open_group(library) as outer:
        outer.start_soon(parent)
        await settle(library)
        if when == "while it waits":
            cancel()
            await settle(library)
        go_on.set()
    assert raised, f"a child was cancelled {when}, its sibling {sibling}: the group raised nothing"


ITS_PLACE = Claim(
    "GATHER-06",
    "With return_exceptions=True nothing is raised for a cancelled child: a CancelledError instance"
    " stands in its place in the result.",
    source=article("§3"),
    instead=("LAW-GATHER-06", "LAW-GATHER-08"),
)

OTHERS_RUN_ON = Claim(
    "GATHER-07",
    "With return_exceptions=True the other children run on when one is cancelled.",
    source=article("§3"),
    instead=("LAW-GATHER-04", "LAW-GATHER-05"),
)

CANCELS = (
    "while it waits",
    "just before what it waits for",
    "just after what it waits for",
    "twice",
    "before gather() is called",
    "before its first step",
    "by raising CancelledError by hand",
    "by raising a subclass of it by hand",
    "with gather() itself",
)
"""How and when a child of gather() comes to be cancelled."""


class OwnCancelledError(asyncio.CancelledError):
    """A program's own kind of cancel."""


async def _gathered_with_a_cancelled_child(
    cancel: str, others: tuple[str, ...], last: bool
) -> tuple[Any, list[asyncio.Task[str]]]:
    """What gather(return_exceptions=True) gives or raises, and its other children, which have ended."""
    go_on, complete = asyncio.Event(), asyncio.Event()

    async def child() -> None:
        if cancel == "by raising CancelledError by hand":
            raise asyncio.CancelledError
        if cancel == "by raising a subclass of it by hand":
            raise OwnCancelledError
        await complete.wait()

    async def other(does: str) -> str:
        if does != "had ended":
            await go_on.wait()
        if does == "fails":
            raise KeyError
        return "its value"

    target = asyncio.ensure_future(child())
    siblings = [asyncio.ensure_future(other(does)) for does in others]
    if cancel == "before its first step":
        target.cancel()
    if cancel == "before gather() is called":
        await settle()
        target.cancel()
        await settle()
    children: list[Any] = [*siblings, target] if last else [target, *siblings]
    gathering = asyncio.gather(*children, return_exceptions=True)
    await settle()
    if cancel == "with gather() itself":
        gathering.cancel()
    if cancel == "just after what it waits for":
        complete.set()
    if cancel in (
        "while it waits",
        "just before what it waits for",
        "just after what it waits for",
        "twice",
    ):
        target.cancel()
    if cancel == "twice":
        target.cancel()
    if cancel == "just before what it waits for":
        complete.set()
    await settle()
    go_on.set()
    await asyncio.wait([gathering, *children])
    if target.cancelled():
        antecedent("a child was cancelled")
    gave: Any
    try:
        gave = await gathering
    except BaseException as error:  # what is raised is the question
        gave = error
    return gave, siblings


def _cancelled_alone(cancel: str) -> bool:
    return cancel != "with gather() itself"


@ITS_PLACE.states(
    "asyncio",
    expect=qualified(
        "a gather() that is cancelled as a whole cancels its children, and raises CancelledError",
        issue="https://github.com/python/cpython/issues/76865",
        message="a child was cancelled with gather() itself, the others: …:"
        " gather() raised CancelledError",
    ),
    antecedents=("a child was cancelled",),
    fair=_cancelled_alone,
    qualification="The child is cancelled by itself, not by cancelling gather() or its parent.",
)
@given(
    cancel=every(CANCELS),
    others=sequences(("returns", "had ended", "fails"), most=2),
    last=flags(),
)
async def test_the_cancelled_child_has_a_cancelled_error_in_its_place(
    cancel: str, others: tuple[str, ...], last: bool
) -> None:
    gave, _ = await _gathered_with_a_cancelled_child(cancel, others, last)
    case = f"a child was cancelled {cancel}, the others: {others}"
    assert isinstance(gave, list), f"{case}: gather() raised {type(gave).__name__}"
    its_place = gave[-1 if last else 0]
    assert isinstance(its_place, asyncio.CancelledError), (
        f"{case}: in its place stood {its_place!r}"
    )


@OTHERS_RUN_ON.states(
    "asyncio",
    expect=qualified(
        "a gather() that is cancelled as a whole cancels all its children",
        region=lambda others: set(others) != {"had ended"},
        message="a child was cancelled with gather() itself, the others: …:"
        " these ended with […'cancelled'…]",
    ),
    antecedents=("a child was cancelled",),
    fair=_cancelled_alone,
    qualification="The child is cancelled by itself, not by cancelling gather() or its parent.",
)
@given(
    cancel=every(CANCELS),
    others=sequences(("returns", "had ended", "fails"), least=1, most=2),
    last=flags(),
)
async def test_the_other_children_run_on(cancel: str, others: tuple[str, ...], last: bool) -> None:
    _, siblings = await _gathered_with_a_cancelled_child(cancel, others, last)
    ends = [
        "cancelled" if done.cancelled() else repr(done.exception() or done.result())
        for done in siblings
    ]
    expected = ["KeyError()" if does == "fails" else "'its value'" for does in others]
    assert ends == expected, (
        f"a child was cancelled {cancel}, the others: {others}: these ended with {ends}"
    )


EXAMPLE = Claim(
    "GATHER-10",
    "Of two tasks the first of which is cancelled, gather(return_exceptions=True) gives the exception's"
    " instance and then the second's value.",
    source=article("§3"),
    instead=("LAW-GATHER-08",),
)


@EXAMPLE.states("asyncio", expect=holds(), antecedents=("the first was cancelled",))
@given(
    instant=every(INSTANTS),
    second=every(
        ("returns at once", "waits", "outlives the first", "swallows a cancel of its own")
    ),
    gathered_first=flags(),
)
async def test_the_articles_example(instant: Instant, second: str, gathered_first: bool) -> None:
    complete, go_on = asyncio.Event(), asyncio.Event()

    async def first_coro() -> str:
        await complete.wait()
        return "the first's value"

    async def second_coro() -> str:
        if second == "waits":
            await complete.wait()
        elif second == "outlives the first":
            await go_on.wait()
        elif second == "swallows a cancel of its own":
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                pass
        return "the second's value"

    cancelled = False

    def cancel() -> None:
        nonlocal cancelled
        cancelled = first.cancel()
        if second == "swallows a cancel of its own" and instant.started:
            other.cancel()

    first, other = asyncio.ensure_future(first_coro()), asyncio.ensure_future(second_coro())
    early = asyncio.gather(first, other, return_exceptions=True) if gathered_first else None
    await cancel_at(instant, cancel, complete.set)
    await settle()
    complete.set()
    go_on.set()
    results: Any = await (early or asyncio.gather(first, other, return_exceptions=True))
    if cancelled:
        antecedent("the first was cancelled")
        assert isinstance(results[0], asyncio.CancelledError), (
            f"the first was cancelled {instant.name}: its place held {results[0]!r}"
        )
        assert results[1:] == ["the second's value"], (
            f"the first was cancelled {instant.name}, the second {second}: its place held"
            f" {results[1:]}"
        )


NO_RETURN_EXCEPTIONS = not_applicable(
    "anyio.gather() takes no return_exceptions: a failing child makes it raise"
)


@ITS_PLACE.states("anyio", expect=NO_RETURN_EXCEPTIONS, exists="anyio.gather", antecedents=())
@OTHERS_RUN_ON.states("anyio", expect=NO_RETURN_EXCEPTIONS, exists="anyio.gather", antecedents=())
@EXAMPLE.states("anyio", expect=NO_RETURN_EXCEPTIONS, exists="anyio.gather", antecedents=())
def test_anyio_gather_takes_no_return_exceptions() -> None:
    if "return_exceptions" not in inspect.signature(anyio.gather).parameters:
        raise NotApplicable("anyio.gather() takes no return_exceptions")


NO_GATHER = "there is no gather(), and so no return_exceptions"
ITS_PLACE.not_applicable("trio", because=NO_GATHER, missing=("trio.gather",))
OTHERS_RUN_ON.not_applicable("trio", because=NO_GATHER, missing=("trio.gather",))
EXAMPLE.not_applicable("trio", because=NO_GATHER, missing=("trio.gather",))
