"""Is a resource released, wherever the cancel comes: in the acquiring, the use or the release?

Each test takes a resource, uses it and releases it, with a suspension point at every place that
has a name; the places where a cancel comes are drawn.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from types import ModuleType

from hypothesis import given

from conformance.claim import Claim, antecedent, article, holds, law, qualified, refuted
from conformance.toolbox.instants import running_task
from conformance.toolbox.scopes import cancelled, open_group
from conformance.toolbox.spaces import every, flags, up_to
from conformance.toolbox.words import counted

BEFORE_START = "before the first step"
TAKING = "while acquiring, nothing taken yet"
TAKEN = "while acquiring, already taken"
USE = "in use"
RELEASE = "while releasing"
TWICE = "in use, and again while releasing"

Reach = Callable[[str], Awaitable[None]]


class Failure(Exception):
    """What the use of the resource raises where it fails."""


async def run(
    library: ModuleType, user: Callable[[Reach], Awaitable[object]], cancels: tuple[str, ...]
) -> None:
    """Run `user` in a task of its own, and cancel that at each place in `cancels`."""

    async def reach(place: str) -> None:
        if place in cancels:
            antecedent("a cancel came")
            antecedent(place)
            if library is asyncio:
                # Not called from here: it is to come while the task is suspended.
                asyncio.get_running_loop().call_soon(running_task().cancel)
            else:
                group.cancel_scope.cancel()
        await library.sleep(0)

    async def body() -> None:
        try:
            await user(reach)
        except Failure:
            pass

    if BEFORE_START in cancels:
        antecedent("a cancel came")
    if library is asyncio:
        task = asyncio.ensure_future(body())
        if BEFORE_START in cancels:
            task.cancel()
        await asyncio.wait([task])
    else:
        async with open_group(library) as group:
            if BEFORE_START in cancels:
                group.cancel_scope.cancel()
            group.start_soon(body)


HANDLER = Claim(
    "CLEANUP-04",
    "A `try` with `except CancelledError` around the use of a resource releases it.",
    source=article("§2"),
    instead=("LAW-CLEANUP-03", "LAW-CLEANUP-04", "LAW-CLEANUP-06", "LAW-CLEANUP-08"),
)
FAILING = "not cancelled: the use raises"
RETURNING = "not cancelled: the use ends"
ENDS = {
    USE: (USE,),
    TAKEN: (TAKEN,),
    TAKING: (TAKING,),
    BEFORE_START: (BEFORE_START,),
    TWICE: (USE, RELEASE),
    FAILING: (),
    RETURNING: (),
}


async def check_the_handler(
    library: ModuleType, named: type[BaseException], end: str, awaits: int, inside: bool
) -> None:
    held: list[str] = []

    async def user(reach: Reach) -> None:
        async def acquire() -> str:
            await reach(TAKING)
            held.append("resource")
            await reach(TAKEN)
            return "resource"

        resource = None if inside else await acquire()
        try:
            if inside:
                resource = await acquire()
            await reach(USE)
            if end == FAILING:
                raise Failure
        except named:
            if resource is not None:
                for _ in range(awaits):
                    await reach(RELEASE)
                held.remove(resource)
            raise

    await run(library, user, ENDS[end])
    where = "inside" if inside else "before"
    assert not held, (
        f"{end}: the resource is still held"
        f" (acquired {where} the try, {counted(awaits, 'await')} in the release)"
    )


@HANDLER.states(
    "asyncio",
    expect=qualified(
        "such a handler runs only where the cancel arrives inside the `try`",
        region=lambda named, end, awaits: (
            end in (TAKEN, FAILING, RETURNING)
            or (end in (USE, TWICE) and named != "asyncio")
            or (end == TWICE and awaits > 0)
        ),
        message="…: the resource is still held (acquired … the try, … in the release)",
    ),
    antecedents=(USE,),
    fair=lambda named, end: named == "asyncio" and end == USE,
    qualification="one cancel, that arrives while the resource is in use, and asyncio's own"
    " exception named in the handler",
)
@given(
    named=every(("asyncio", "concurrent.futures")),
    end=every(ENDS),
    awaits=up_to(3),
    inside=flags(),
)
async def test_a_handler_releases(named: str, end: str, awaits: int, inside: bool) -> None:
    exception = asyncio.CancelledError if named == "asyncio" else concurrent.futures.CancelledError
    await check_the_handler(asyncio, exception, end, awaits, inside)


@HANDLER.states(
    "anyio",
    "trio",
    expect=(
        refuted(
            "in a cancelled scope the first await of the release is cancelled as well; and trio"
            " cancels by an exception of its own",
            on=("trio",),
            region=lambda named, end, awaits: (
                end in (TAKEN, FAILING, RETURNING)
                or (end in (USE, TWICE) and (awaits > 0 or named == "asyncio's"))
            ),
            message="…: the resource is still held (acquired … the try, … in the release)",
        ),
        refuted(
            "in a cancelled scope the first await of the release is cancelled as well",
            region=lambda end, awaits: (
                end in (TAKEN, FAILING, RETURNING) or (end in (USE, TWICE) and awaits > 0)
            ),
            message="…: the resource is still held (acquired … the try, … in the release)",
        ),
    ),
    antecedents=(USE,),
)
@given(
    named=every(("the library's", "asyncio's")),
    end=every(ENDS),
    awaits=up_to(3),
    inside=flags(),
)
async def test_a_handler_releases_in_a_scope(
    library: ModuleType, named: str, end: str, awaits: int, inside: bool
) -> None:
    exception = cancelled(library) if named == "the library's" else asyncio.CancelledError
    await check_the_handler(library, exception, end, awaits, inside)


MANAGER = Claim(
    "CLEANUP-05",
    "A resource that `async with` acquires is released by an asynchronous `__aexit__`.",
    source=article("§2"),
    instead=("LAW-CLEANUP-04", "LAW-CLEANUP-05", "LAW-CLEANUP-07", "LAW-CLEANUP-08"),
)
CANCELS = {
    USE: (USE,),
    TAKEN: (TAKEN,),
    TAKING: (TAKING,),
    BEFORE_START: (BEFORE_START,),
    TWICE: (USE, RELEASE),
    RELEASE: (RELEASE,),
    "never": (),
}


async def check_the_manager(library: ModuleType, cancel: str, entering: int, leaving: int) -> None:
    """There are `entering` awaits on either side of the taking, and `leaving` before the release."""
    held: list[str] = []

    async def user(reach: Reach) -> None:
        class Resource:
            async def __aenter__(self) -> None:
                for _ in range(entering):
                    await reach(TAKING)
                held.append("resource")
                for _ in range(entering):
                    await reach(TAKEN)

            async def __aexit__(self, *error: object) -> None:
                for _ in range(leaving):
                    await reach(RELEASE)
                held.remove("resource")

        async with Resource():
            await reach(USE)

    await run(library, user, CANCELS[cancel])
    assert not held, (
        f"cancelled {cancel}: the resource is still held"
        f" ({counted(entering, 'await')} on either side in __aenter__, {leaving} in __aexit__)"
    )


@MANAGER.states(
    "asyncio",
    expect=qualified(
        "`__aexit__` is not called for an `__aenter__` that did not end",
        region=lambda cancel, entering, leaving: (
            (cancel == TAKEN and entering > 0) or (cancel in (RELEASE, TWICE) and leaving > 0)
        ),
        message="cancelled …: the resource is still held (…)",
    ),
    antecedents=("a cancel came",),
    fair=lambda cancel: cancel in (USE, TAKING, BEFORE_START, "never"),
    qualification="one cancel, that arrives neither after `__aenter__` took the resource nor in"
    " `__aexit__`",
)
@given(cancel=every(CANCELS), entering=up_to(3), leaving=up_to(3))
async def test_a_manager_releases(cancel: str, entering: int, leaving: int) -> None:
    await check_the_manager(asyncio, cancel, entering, leaving)


@MANAGER.states(
    "anyio",
    "trio",
    expect=refuted(
        "in a cancelled scope the first await of `__aexit__` is cancelled as well",
        # Where nothing is awaited before, it is entered though the scope is cancelled already.
        region=lambda cancel, entering, leaving: (
            (cancel == TAKEN and entering > 0)
            or (cancel in (USE, RELEASE, TWICE) and leaving > 0)
            or (cancel == BEFORE_START and entering == 0 and leaving > 0)
        ),
        message="cancelled …: the resource is still held (…)",
    ),
    antecedents=("a cancel came",),
)
@given(cancel=every(CANCELS), entering=up_to(3), leaving=up_to(3))
async def test_a_manager_releases_in_a_scope(
    library: ModuleType, cancel: str, entering: int, leaving: int
) -> None:
    await check_the_manager(library, cancel, entering, leaving)


AT_ONCE = law(
    "LAW-CLEANUP-04",
    "A resource is released wherever cancels come, however many, if no await lies between taking it"
    " and the `try` whose `finally` releases it, and none in the release.",
    source="https://docs.python.org/3/library/asyncio-task.html#task-cancellation",
)
PLACES = ((USE,), (TAKING,), (BEFORE_START,), (TAKING, USE), ())


@AT_ONCE.states("asyncio", "anyio", "trio", expect=holds(), antecedents=("a cancel came",))
@given(
    cancels=every(PLACES), taking=up_to(2), using=up_to(2, least=1), fails=flags(), swallows=flags()
)
async def test_released_at_once(
    library: ModuleType,
    cancels: tuple[str, ...],
    taking: int,
    using: int,
    fails: bool,
    swallows: bool,
) -> None:
    held: list[str] = []

    async def user(reach: Reach) -> None:
        for _ in range(taking):
            try:
                await reach(TAKING)
            except cancelled(library):
                if not swallows:
                    raise
        held.append("resource")
        try:
            for _ in range(using):
                await reach(USE)
            if fails:
                raise Failure
        finally:
            held.remove("resource")

    await run(library, user, cancels)
    assert not held, f"cancelled {' and '.join(cancels) or 'never'}: the resource is still held"


NOT_ENTERED = law(
    "LAW-CLEANUP-05",
    "A cancel that is raised inside `__aenter__` skips `__aexit__`, in an AsyncExitStack too: what"
    " was taken by then must be given back by `__aenter__` itself.",
    source="https://docs.python.org/3/reference/compound_stmts.html#the-async-with-statement",
)


@NOT_ENTERED.states(
    "asyncio",
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("a cancel came in __aenter__",),
)
@given(
    place=every((TAKING, TAKEN)),
    awaits=up_to(2, least=1),
    depth=up_to(2),
    in_a_stack=flags(),
    gives_back=flags(),
)
async def test_leaving_is_skipped(
    library: ModuleType, place: str, awaits: int, depth: int, in_a_stack: bool, gives_back: bool
) -> None:
    held: list[str] = []
    left: list[str] = []

    async def user(reach: Reach) -> None:
        class Resource:
            async def __aenter__(self) -> None:
                try:
                    for _ in range(awaits):
                        await reach(TAKING)
                    held.append("resource")
                    for _ in range(awaits):
                        await reach(TAKEN)
                except BaseException:
                    antecedent("a cancel came in __aenter__")
                    if gives_back:
                        held.clear()
                    raise

            async def __aexit__(self, *error: object) -> None:
                left.append("__aexit__")

        async def use(levels: int) -> None:
            if levels:
                await use(levels - 1)
            elif in_a_stack:
                async with AsyncExitStack() as stack:
                    await stack.enter_async_context(Resource())
            else:
                async with Resource():
                    pass

        await use(depth)

    await run(library, user, (place,))
    assert not left, f"cancelled {place}: __aexit__ was called, though __aenter__ had not returned"
    kept = ["resource"] if place == TAKEN and not gives_back else []
    assert held == kept, f"cancelled {place}: {held} is held, where {kept} was left"
