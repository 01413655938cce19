"""What gather() gives: the order of the results, and what return_exceptions changes."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from itertools import product
from typing import Any

import anyio
import anyio.lowlevel
from hypothesis import given

from conformance.claim import (
    Claim,
    NotApplicable,
    antecedent,
    article,
    holds,
    law,
    not_applicable,
    qualified,
)
from conformance.claims.loop import TASKS
from conformance.toolbox.exceptions import Grave
from conformance.toolbox.instants import settle
from conformance.toolbox.spaces import every, flags, orders, sequences

GATHER_DOCS = "https://docs.python.org/3/library/asyncio-task.html#asyncio.gather"

ALONE = Claim(
    "GATHER-03",
    "Whether gather() raises or returns the failures of its children depends on return_exceptions"
    " alone.",
    source=article("§3"),
    instead=("LAW-GATHER-01", "LAW-GATHER-06", "LAW-GATHER-07", "LAW-GATHER-09"),
)

LOOP_STOPPERS = ("raises SystemExit", "raises KeyboardInterrupt")


ERRORS: dict[str, type[BaseException]] = {
    "raises an Exception": KeyError,
    "is cancelled": asyncio.CancelledError,
    "raises a BaseException": Grave,
    "raises SystemExit": SystemExit,
    "raises KeyboardInterrupt": KeyboardInterrupt,
}


def _nothing_else_interferes(ends: tuple[str, ...], parent_cancelled: bool) -> bool:
    return not parent_cancelled and not set(LOOP_STOPPERS) & set(ends)


@ALONE.states(
    "asyncio",
    expect=qualified(
        "cancelling the parent raises CancelledError, and a child's SystemExit or KeyboardInterrupt"
        " stops the event loop, with return_exceptions=True as without",
        issue="https://github.com/python/cpython/issues/93122",
        region=lambda return_exceptions, ends, parent_cancelled: (
            return_exceptions if parent_cancelled else bool(set(LOOP_STOPPERS) & set(ends))
        ),
        message=(
            "with return_exceptions=True, the children ended with […] after the parent was cancelled:"
            " gather() raised CancelledError",
            "with return_exceptions=…, the children ended with […'SystemExit'…] after the parent was"
            " left alone: gather() gave nothing, SystemExit stopped the event loop",
            "with return_exceptions=…, the children ended with […'KeyboardInterrupt'…] after the parent"
            " was left alone: gather() gave nothing, KeyboardInterrupt stopped the event loop",
        ),
    ),
    antecedents=("a child failed",),
    fair=_nothing_else_interferes,
    qualification="Nobody cancels the parent, and no child raises SystemExit or KeyboardInterrupt.",
    builds_on=(TASKS,),
)
@given(
    return_exceptions=every((True, False)),
    ends=sequences(("returns", *ERRORS), least=1, most=2),
    backwards=flags(),
    parent_cancelled=flags(),
)
def test_raising_or_returning_depends_on_return_exceptions_alone(
    run: Callable[..., Any],
    return_exceptions: bool,
    ends: tuple[str, ...],
    backwards: bool,
    parent_cancelled: bool,
) -> None:
    in_time = sorted(range(len(ends)), reverse=backwards)

    async def main() -> str:
        go_on = [asyncio.Event() for _ in ends]

        async def child(place: int) -> str:
            await go_on[place].wait()
            if ends[place] != "returns":
                raise ERRORS[ends[place]]
            return "its value"

        async def parent() -> list[Any]:
            return await asyncio.gather(*children, return_exceptions=return_exceptions)

        children = [asyncio.ensure_future(child(place)) for place in range(len(ends))]
        task = asyncio.ensure_future(parent())
        await settle()
        if parent_cancelled:
            task.cancel()
        for place in in_time:
            if ends[place] != "returns":
                antecedent("a child failed")
            if ends[place] == "is cancelled":
                children[place].cancel()
            else:
                go_on[place].set()
        try:
            results = await task
        except BaseException as error:  # what is raised is the question
            return f"raised {type(error).__name__}"
        names = [
            type(result).__name__ if isinstance(result, BaseException) else result
            for result in results
        ]
        return f"returned {names}"

    try:
        seen = run(main())
    except (SystemExit, KeyboardInterrupt) as error:
        seen = f"gave nothing, {type(error).__name__} stopped the event loop"
    if parent_cancelled:
        # Its cancel is the children's too: LAW-GATHER-05.
        names = ["CancelledError" for _ in ends]
    else:
        names = [ERRORS[end].__name__ if end != "returns" else "its value" for end in ends]
    failures = [names[place] for place in in_time if names[place] != "its value"]
    raises = failures and not return_exceptions
    expected = f"raised {failures[0]}" if raises else f"returned {names}"
    assert seen == expected, (
        f"with return_exceptions={return_exceptions}, the children ended with {names} after the parent"
        f" was {'cancelled' if parent_cancelled else 'left alone'}: gather() {seen}"
    )


MIXED = Claim(
    "GATHER-08",
    "With return_exceptions=True the result is a list of values and exceptions mixed, in the order of"
    " the arguments.",
    source=article("§3"),
    instead=("LAW-GATHER-08",),
)

KINDS = ("returns", "raises", "is cancelled")


@MIXED.states("asyncio", expect=holds(), antecedents=("out of order", "a mixture"))
@given(
    order=orders(4),
    kinds=every(product(KINDS, repeat=4)),
)
async def test_the_result_is_a_mixed_list_in_the_order_of_the_arguments(
    order: tuple[int, ...], kinds: tuple[str, ...]
) -> None:
    go_on = [asyncio.Event() for _ in order]

    async def child(place: int) -> int:
        await go_on[place].wait()
        if kinds[place] == "raises":
            raise KeyError(place)
        return place

    children = [asyncio.ensure_future(child(place)) for place in range(len(order))]
    gathering = asyncio.gather(*children, return_exceptions=True)
    await settle()
    for place in order:
        if kinds[place] == "is cancelled":
            children[place].cancel()
        else:
            go_on[place].set()
        await asyncio.sleep(0)
    results = await gathering
    if list(order) != sorted(order):
        antecedent("out of order")
    if len(set(kinds[: len(order)])) > 1:
        antecedent("a mixture")
    assert isinstance(results, list), f"the result is a {type(results).__name__}"
    seen = [
        "is cancelled"
        if isinstance(result, asyncio.CancelledError)
        else f"raises {result.args[0]}"
        if isinstance(result, KeyError)
        else f"returns {result}"
        for result in results
    ]
    expected = [
        kind if kind == "is cancelled" else f"{kind} {place}"
        for place, kind in enumerate(kinds[: len(order)])
    ]
    assert seen == expected, f"children that ended in the order {order} gave {seen}"


NO_RETURN_EXCEPTIONS = not_applicable(
    "anyio.gather() takes no return_exceptions: a failing child makes it raise"
)


@ALONE.states("anyio", expect=NO_RETURN_EXCEPTIONS, exists="anyio.gather", antecedents=())
@MIXED.states("anyio", expect=NO_RETURN_EXCEPTIONS, exists="anyio.gather", antecedents=())
def test_anyio_gather_takes_no_return_exceptions() -> None:
    if "return_exceptions" not in inspect.signature(anyio.gather).parameters:
        raise NotApplicable("anyio.gather() takes no return_exceptions")


NO_GATHER = "there is no gather(), and so no return_exceptions"
ALONE.not_applicable("trio", because=NO_GATHER, missing=("trio.gather",))
MIXED.not_applicable("trio", because=NO_GATHER, missing=("trio.gather",))


IN_ORDER = law(
    "LAW-GATHER-08",
    "gather() gives one result for each argument, in the order of the arguments, whatever the order in"
    " which the children end; in asyncio an awaitable given twice runs once and has both places.",
    source=f"{GATHER_DOCS}, https://anyio.readthedocs.io/en/stable/api.html#anyio.gather",
)


@IN_ORDER.states("asyncio", expect=holds(), antecedents=("out of order",))
@given(order=orders(4), return_exceptions=flags(), again=flags(), in_one_turn=flags())
async def test_results_are_in_the_order_of_the_arguments(
    order: tuple[int, ...], return_exceptions: bool, again: bool, in_one_turn: bool
) -> None:
    go_on = [asyncio.Event() for _ in order]
    runs: list[int] = []

    async def child(place: int) -> int:
        runs.append(place)
        await go_on[place].wait()
        return place

    coros = [child(place) for place in range(len(order))]
    arguments = [*coros, coros[0]] if again else coros
    gathering = asyncio.gather(*arguments, return_exceptions=return_exceptions)
    await settle()
    for place in order:
        go_on[place].set()
        if not in_one_turn:
            await settle()
    if list(order) != sorted(order):
        antecedent("out of order")
    results = await gathering
    expected = [*sorted(order), *([0] if again else [])]
    assert results == expected, (
        f"children that ended in the order {order}"
        f"{', the first given twice,' if again else ''} gave {results}, not {expected}"
    )
    assert sorted(runs) == sorted(order), f"the children that ran were {runs}"


@IN_ORDER.states(
    "anyio",
    expect=holds(),
    exists="anyio.gather",
    antecedents=("out of order",),
)
@given(order=orders(4), in_one_turn=flags())
async def test_anyios_results_are_in_the_order_of_the_arguments(
    order: tuple[int, ...], in_one_turn: bool
) -> None:
    go_on = [anyio.Event() for _ in order]
    results: list[Any] = []

    async def child(place: int) -> int:
        await go_on[place].wait()
        return place

    async def parent() -> None:
        results.extend(await anyio.gather(*[child(place) for place in range(len(order))]))

    async with anyio.create_task_group() as outer:
        outer.start_soon(parent)
        await settle(anyio)
        for place in order:
            go_on[place].set()
            if not in_one_turn:
                await anyio.lowlevel.checkpoint()
    if list(order) != sorted(order):
        antecedent("out of order")
    assert results == sorted(order), f"children that ended in the order {order} gave {results}"


IN_ORDER.not_applicable("trio", because="there is no gather()", missing=("trio.gather",))


NOT_GATHERED = law(
    "LAW-GATHER-09",
    "A child's SystemExit or KeyboardInterrupt is not gathered: it leaves asyncio.run(), whatever is"
    " handled where gather() is awaited, and return_exceptions=True gives no results.",
    source="https://github.com/python/cpython/issues/93122",
)


@NOT_GATHERED.states(
    "asyncio", expect=holds(), antecedents=("a child raised it",), builds_on=(TASKS,)
)
@given(
    error=every((SystemExit, KeyboardInterrupt)),
    others=sequences(("had ended", "waits"), most=2),
    after_a_wait=flags(),
    return_exceptions=flags(),
)
def test_what_stops_the_loop_is_not_gathered(
    run: Callable[..., Any],
    error: type[BaseException],
    others: tuple[str, ...],
    after_a_wait: bool,
    return_exceptions: bool,
) -> None:
    results: list[Any] = []

    async def failing() -> None:
        if after_a_wait:
            await asyncio.sleep(0)
        antecedent("a child raised it")
        raise error

    async def other(does: str) -> None:
        if does == "waits":
            await asyncio.Event().wait()

    async def main() -> None:
        # The first step of an eager child is taken in this very call, and may raise out of it.
        siblings = [other(does) for does in others]
        gathering = asyncio.gather(failing(), *siblings, return_exceptions=return_exceptions)
        try:
            results.append(await gathering)
        except BaseException:  # handled as thoroughly as can be
            pass

    left = "nothing"
    try:
        run(main())
    except BaseException as raised:  # what is raised is the question
        left = type(raised).__name__
    assert left == error.__name__, f"a child raised {error.__name__}, asyncio.run() raised {left}"
    assert not results, f"a child raised {error.__name__}, gather() gave {results[0]}"


NOT_GATHERED.not_applicable(
    "anyio",
    "trio",
    because="no function there gathers failures as results",
    missing=("trio.gather", "anyio.wait"),
)
