"""Which exception a cancel is, and what catches it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
from types import ModuleType

import anyio.from_thread
import anyio.to_thread
import trio
from hypothesis import given

from conformance.claim import Claim, antecedent, article, holds, law
from conformance.claims.loop import TASKS, THREADS
from conformance.programs.nested import ASYNCIO_NESTED, SCOPED_NESTED
from conformance.toolbox.instants import INSTANTS, Instant, settle
from conformance.toolbox.scopes import cancelled, run_and_cancel
from conformance.toolbox.spaces import every, flags, up_to
from conformance.toolbox.waits import (
    ASYNCIO_PENDING,
    SCOPED_PENDING,
    ScopedWait,
    Wait,
    but_for_ever,
)

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup


async def raised_by(library: ModuleType, wait: Wait, instant: Instant) -> list[BaseException]:
    """Cancel a task at `instant` of its `wait`: what its await raised, if it did."""
    raised: list[BaseException] = []
    waiting = await wait.new()

    async def body() -> None:
        try:
            await waiting.wait()
        except BaseException as error:
            raised.append(error)
            raise

    await run_and_cancel(library, body, instant, waiting.complete)
    return raised


BASE = Claim(
    "CLEANUP-01",
    "The exception that cancels derives from BaseException, and not from Exception.",
    source=article("§2"),
)


async def check_the_bases(library: ModuleType, wait: Wait, instant: Instant) -> None:
    for error in await raised_by(library, wait, instant):
        antecedent("a cancel was raised")
        bases = [base.__name__ for base in type(error).__mro__[1:]]
        assert "BaseException" in bases and "Exception" not in bases, (
            f"the cancel of {wait.name} raised {type(error).__name__}, derived from {bases}"
        )


@BASE.states("asyncio", expect=holds(), antecedents=("a cancel was raised",))
@given(wait=every(ASYNCIO_PENDING + ASYNCIO_NESTED), instant=every(INSTANTS))
async def test_a_cancel_is_no_exception(wait: Wait, instant: Instant) -> None:
    await check_the_bases(asyncio, wait, instant)


@BASE.states("anyio", "trio", expect=holds(), antecedents=("a cancel was raised",))
@given(wait=every(SCOPED_PENDING + SCOPED_NESTED), instant=every(INSTANTS))
async def test_a_scope_s_cancel_is_no_exception(
    library: ModuleType, wait: ScopedWait, instant: Instant
) -> None:
    await check_the_bases(library, wait.of(library), instant)


NOT_CAUGHT = Claim(
    "CLEANUP-02",
    "`except Exception` does not catch a cancel.",
    source=article("§2"),
)


async def check_except_exception(
    library: ModuleType, wait: Wait, instant: Instant, depth: int
) -> None:
    caught: list[str] = []
    waiting = await wait.new()

    async def layer(below: int) -> None:
        try:
            await (layer(below - 1) if below else waiting.wait())
        except Exception as error:
            caught.append(type(error).__name__)

    async def outermost() -> None:
        try:
            await layer(depth)
        except BaseException:
            antecedent("the cancel got through")
            raise

    await run_and_cancel(library, outermost, instant, waiting.complete)
    assert not caught, f"`except Exception` around {wait.name} caught {caught}"


@NOT_CAUGHT.states("asyncio", expect=holds(), antecedents=("the cancel got through",))
@given(wait=every(ASYNCIO_PENDING + ASYNCIO_NESTED), instant=every(INSTANTS), depth=up_to(2))
async def test_except_exception_is_passed(wait: Wait, instant: Instant, depth: int) -> None:
    await check_except_exception(asyncio, wait, instant, depth)


@NOT_CAUGHT.states("anyio", "trio", expect=holds(), antecedents=("the cancel got through",))
@given(wait=every(SCOPED_PENDING + SCOPED_NESTED), instant=every(INSTANTS), depth=up_to(2))
async def test_except_exception_is_passed_in_scopes(
    library: ModuleType, wait: ScopedWait, instant: Instant, depth: int
) -> None:
    await check_except_exception(library, wait.of(library), instant, depth)


NAMED = law(
    "LAW-CLEANUP-01",
    "Whatever is awaited and whenever the cancel comes, code sees one exception: of the class that"
    " its library names for it or, from a trio nursery, a group of nothing else; neither is an"
    " Exception.",
    source="https://docs.python.org/3/library/asyncio-exceptions.html#asyncio.CancelledError",
)


async def check_the_class(library: ModuleType, wait: Wait, instant: Instant) -> None:
    named = cancelled(library)
    for error in await raised_by(library, wait, instant):
        antecedent("a cancel was raised")
        assert not isinstance(error, Exception), (
            f"the cancel of {wait.name} raised {type(error).__name__}, which is an Exception:"
            " `except Exception` catches it"
        )
        if library is trio and isinstance(error, BaseExceptionGroup):
            # A strict nursery wraps whatever its tasks raise, a cancel of its own not excepted.
            _, others = error.split(named)
            assert others is None, f"the cancel of {wait.name} also raised {others!r}"
        else:
            assert isinstance(error, named), (
                f"the cancel of {wait.name} raised {type(error).__name__}:"
                f" `except {named.__name__}` does not catch it"
            )


@NAMED.states("asyncio", expect=holds(), antecedents=("a cancel was raised",))
@given(wait=every(ASYNCIO_PENDING + ASYNCIO_NESTED), instant=every(INSTANTS))
async def test_one_class_is_raised(wait: Wait, instant: Instant) -> None:
    await check_the_class(asyncio, wait, instant)


@NAMED.states("anyio", "trio", expect=holds(), antecedents=("a cancel was raised",))
@given(wait=every(SCOPED_PENDING + SCOPED_NESTED), instant=every(INSTANTS))
async def test_one_class_is_raised_in_scopes(
    library: ModuleType, wait: ScopedWait, instant: Instant
) -> None:
    await check_the_class(library, wait.of(library), instant)


IN_THREADS = law(
    "LAW-CLEANUP-02",
    "Who waits for a coroutine through a concurrent.futures.Future sees its cancel not as what the"
    " coroutine saw, but as a concurrent.futures.CancelledError, which is an Exception.",
    source="https://github.com/python/cpython/pull/21474",
)


def check_what_the_future_raises(
    future: concurrent.futures.Future[None], in_the_loop: type[BaseException]
) -> None:
    """``in_the_loop`` is the class that cancelled the coroutine."""
    caught: BaseException | None = None
    try:
        future.result(timeout=0)
    except BaseException as error:
        caught = error
    assert isinstance(caught, concurrent.futures.CancelledError), (
        f"result() raised {caught!r}, which is no concurrent.futures.CancelledError"
    )
    assert isinstance(caught, Exception) and not isinstance(caught, in_the_loop), (
        f"`except Exception` does not catch the {type(caught).__name__} that result() raised"
    )


@IN_THREADS.states("asyncio", expect=holds(), antecedents=("the coroutine was cancelled",))
@given(wait=every(ASYNCIO_PENDING), through_the_future=flags())
async def test_a_future_of_threads_raises_an_exception(
    wait: Wait, through_the_future: bool
) -> None:
    tasks: list[asyncio.Task[None] | None] = []
    waiting = await wait.new()

    async def work() -> None:
        tasks.append(asyncio.current_task())
        try:
            await waiting.wait()
        except asyncio.CancelledError:
            antecedent("the coroutine was cancelled")
            raise

    # A thread would wait for it; here it is read once it is done, so that no thread is needed.
    future = asyncio.run_coroutine_threadsafe(work(), asyncio.get_running_loop())
    await settle()
    if through_the_future:
        future.cancel()
    else:
        for task in tasks:
            assert task is not None and task.cancel(), "the coroutine waits in a task"
    await settle()
    check_what_the_future_raises(future, asyncio.CancelledError)


# A clock of the loop's own may be past an hour before another thread has done anything.
HAS_AN_END = ("sleep", "fail_after()", "move_on_after()")
WITHOUT_END = tuple(wait for wait in but_for_ever(SCOPED_PENDING) if wait.name not in HAS_AN_END)


@IN_THREADS.states(
    "anyio",
    expect=holds(),
    antecedents=("the coroutine was cancelled",),
    io=True,
    builds_on=(TASKS, THREADS),
)
@given(wait=every(WITHOUT_END), through_the_future=flags())
async def test_a_future_of_a_portal_raises_an_exception(
    library: ModuleType, wait: ScopedWait, through_the_future: bool
) -> None:
    waiting = await wait.of(library).new()

    async def work() -> None:
        try:
            await waiting.wait()
        except cancelled(library):
            antecedent("the coroutine was cancelled")
            raise

    async with anyio.from_thread.BlockingPortal() as portal:
        # A portal takes work from other threads only.
        future = await anyio.to_thread.run_sync(portal.start_task_soon, work)
        await settle(library)
        if through_the_future:
            future.cancel()
        else:
            await portal.stop(cancel_remaining=True)
    check_what_the_future_raises(future, cancelled(library))


IN_THREADS.not_applicable(
    "trio",
    because="no coroutine is handed to its run as a future: from_thread.run() raises in the thread"
    " what the coroutine raised",
    missing=("trio.run_coroutine_threadsafe", "trio.from_thread.BlockingPortal"),
)
