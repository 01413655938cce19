"""Code that computes and never lets anybody else run."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import trio
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
from conformance.toolbox.instants import running_task, settle, turns
from conformance.toolbox.scopes import open_group
from conformance.toolbox.spaces import every, flags, up_to
from conformance.toolbox.waits import ASYNCIO_READY, Wait
from conformance.toolbox.words import counted

TASK_CANCEL = "https://docs.python.org/3/library/asyncio-task.html#asyncio.Task.cancel"


UNAFFECTED = Claim(
    "DELIVER-06",
    "A coroutine that computes and never awaits is not affected by a cancel at all.",
    source=article("§1"),
    instead=("LAW-DELIVER-03", "LAW-DELIVER-09"),
)

FROM_WHERE = ("by itself", "from another thread", "before its first step")
RESULTS = ("a result", None)


def in_a_thread(call: Callable[[], object]) -> None:
    """Make ``call`` in another thread, and wait for it without giving up control."""
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def from_a_thread(call: Callable[[], object]) -> None:
    """Hand ``call`` from another thread to the running loop, as the loop's documentation asks."""
    if trio.lowlevel.in_trio_run():
        token = trio.lowlevel.current_trio_token()
        in_a_thread(lambda: token.run_sync_soon(call))
    else:
        loop = asyncio.get_running_loop()
        in_a_thread(lambda: loop.call_soon_threadsafe(call))


THROWN_AWAY = (
    "cancelled by itself: it took all its steps, and the task's outcome is 'cancelled' instead of …",
    "cancelled from another thread: it took all its steps, and the task's outcome is 'cancelled'"
    " instead of …",
)


@UNAFFECTED.states(
    "asyncio",
    expect=(
        refuted(
            "it computes to its end, and then its result is thrown away: an eager task has taken its"
            " first step before anybody can cancel it",
            on=("asyncio+eager",),
            region=lambda where: where != "before its first step",
            message=THROWN_AWAY,
        ),
        refuted(
            "it computes to its end, and then its result is thrown away; before its first step it is"
            " ended without one",
            message=(
                "cancelled before its first step: of the steps 0, 1, 2 it took []",
                *THROWN_AWAY,
            ),
        ),
    ),
    antecedents=("cancelled",),
)
@given(where=every(FROM_WHERE), returns=every(RESULTS), at_step=up_to(2))
async def test_a_computing_task_is_not_affected(
    where: str, returns: str | None, at_step: int
) -> None:
    steps: list[int] = []

    async def compute() -> str | None:
        task = running_task()
        for step in range(3):
            steps.append(step)
            if step == at_step and where == "by itself":
                cancel(task)
            if step == at_step and where == "from another thread":
                in_a_thread(lambda: cancel(task))
        return returns

    def cancel(task: asyncio.Task[str | None]) -> None:
        if task.cancel():
            antecedent("cancelled")

    task = asyncio.ensure_future(compute())
    if where == "before its first step":
        cancel(task)
    await asyncio.wait([task])
    outcome = "cancelled" if task.cancelled() else task.result()
    assert steps == [0, 1, 2], f"cancelled {where}: of the steps 0, 1, 2 it took {steps}"
    assert outcome == returns, (
        f"cancelled {where}: it took all its steps, and the task's outcome is {outcome!r} instead of"
        f" {returns!r}"
    )


@UNAFFECTED.states("anyio", "trio", expect=holds(), antecedents=("cancelled",))
@given(where=every(FROM_WHERE), returns=every(RESULTS), at_step=up_to(2))
async def test_a_computing_scope_is_not_affected(
    library: Any, where: str, returns: str | None, at_step: int
) -> None:
    steps: list[int] = []
    outcome: list[str | None] = []
    scope = library.CancelScope()

    async def compute() -> str | None:
        for step in range(3):
            steps.append(step)
            if step == at_step and where == "by itself":
                scope.cancel()
            if step == at_step and where == "from another thread":
                from_a_thread(scope.cancel)
        return returns

    async def child() -> None:
        with scope:
            outcome.append(await compute())

    antecedent("cancelled")
    async with open_group(library) as group:
        group.start_soon(child)
        if where == "before its first step":
            scope.cancel()
    assert (steps, outcome) == ([0, 1, 2], [returns]), (
        f"cancelled {where}: of the steps 0, 1, 2 it took {steps}, and what came back is {outcome}"
    )


RESULT_THROWN_AWAY = law(
    "LAW-DELIVER-09",
    "A task that is cancelled while it runs, and does not suspend again, runs to its end and ends as"
    " cancelled: its result is thrown away, but an exception that it raises is kept.",
    source=TASK_CANCEL,
)


@RESULT_THROWN_AWAY.states(
    "asyncio", expect=holds(), antecedents=("it would have returned", "it raised")
)
@given(
    where=every(FROM_WHERE[:2]),
    at_step=up_to(2),
    awaits=every((None, *(wait for wait in ASYNCIO_READY if not wait.suspends))),
    raises=flags(),
    first_steps_apart=flags(),
)
async def test_the_result_of_a_task_cancelled_as_it_computes_is_thrown_away(
    where: str, at_step: int, awaits: Wait | None, raises: bool, first_steps_apart: bool
) -> None:
    """``first_steps_apart``: it has suspended once before it is cancelled."""
    waiting = None if awaits is None else await awaits.new()
    steps: list[int] = []

    async def compute() -> str:
        task = running_task()
        if first_steps_apart:
            await asyncio.sleep(0)
        for step in range(3):
            steps.append(step)
            if step == at_step:
                task.cancel() if where == "by itself" else in_a_thread(task.cancel)
        if waiting is not None:
            await waiting.wait()
        if raises:
            raise KeyError("its own")
        return "its result"

    task = asyncio.ensure_future(compute())
    await asyncio.wait([task])
    antecedent("it raised" if raises else "it would have returned")
    assert steps == [0, 1, 2], (
        f"cancelled {where} at step {at_step}: of its steps 0, 1, 2 the task took {steps}"
    )
    if raises:
        assert not task.cancelled(), "it raised KeyError, and the task says it was cancelled"
        assert isinstance(task.exception(), KeyError), (
            f"it raised KeyError, and ended with {task.exception()!r}"
        )
    else:
        assert task.cancelled(), (
            f"cancelled {where} while it ran, the task kept {task.result()!r}: it was to end as"
            " cancelled"
        )


RESULT_THROWN_AWAY.not_applicable(
    "anyio",
    "trio",
    because="it is scopes that are cancelled there, not tasks: what has no checkpoint goes on",
    missing=("anyio.TaskInfo.cancel", "trio.lowlevel.Task.cancel"),
)


# --- what one sees of it ------------------------------------------------------------------------


SILENT = Claim(
    "DELIVER-07",
    "After a cancel, a task that computes without awaiting keeps the CPU busy to its end, and"
    " nothing appears in the log.",
    source=article("§1"),
    instead=("LAW-DELIVER-16",),
)


class Kept(logging.Handler):
    """Keeps the messages that are logged."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message of ``record``."""
        self.messages.append(record.getMessage())


@contextmanager
def log() -> Iterator[list[str]]:
    """What asyncio or trio logs meanwhile."""
    logger = logging.getLogger("trio" if trio.lowlevel.in_trio_run() else "asyncio")
    handler = Kept()
    logger.addHandler(handler)
    try:
        yield handler.messages
    finally:
        logger.removeHandler(handler)


async def set_debug_mode(debug: bool) -> None:
    """Turn asyncio's debug mode on or off, where asyncio runs; every step is slow to it.

    No claim looks at a clock: what takes any time at all counts as slow.  All loops have an attribute
    for that.
    """
    if trio.lowlevel.in_trio_run():
        return
    loop = asyncio.get_running_loop()
    loop.set_debug(debug)
    loop.slow_callback_duration = 0.0
    await asyncio.sleep(0)


DEBUG_LOGS = "in debug mode, asyncio logs every step that takes longer than slow_callback_duration"
NO_DEBUG_MODE_THERE = holds(
    "rloop and rsloop have no debug mode", on=("asyncio+rloop", "asyncio+rsloop")
)
EXECUTING = "the log says: Executing ..."
OUTSIDE_DEBUG = "It holds outside asyncio's debug mode."


@SILENT.states(
    "asyncio",
    expect=(NO_DEBUG_MODE_THERE, qualified(DEBUG_LOGS, message=EXECUTING)),
    antecedents=("it went on after the cancel",),
    fair=lambda debug: not debug,
    qualification=OUTSIDE_DEBUG,
)
@given(debug=flags(), length=up_to(3, least=1), at_step=up_to(2), awaited=flags())
async def test_a_computing_task_goes_on_in_silence(
    debug: bool, length: int, at_step: int, awaited: bool
) -> None:
    steps: list[int] = []

    async def compute() -> None:
        task = running_task()
        for step in range(length):
            if step == at_step % length:
                task.cancel()
                antecedent("it went on after the cancel")
            steps.append(step)

    await set_debug_mode(debug)
    with log() as messages:
        task = asyncio.ensure_future(compute())
        if awaited:
            await asyncio.wait([task])
        del task
        await settle()
        gc.collect(0)
    assert steps == list(range(length)), (
        f"it was to take the steps {list(range(length))}, and took {steps}"
    )
    assert not messages, f"the log says: {messages[0].split()[0]} ..."


@SILENT.states(
    "anyio",
    "trio",
    expect=(
        holds("trio logs nothing, and has no debug mode", on=("trio",)),
        NO_DEBUG_MODE_THERE,
        qualified(DEBUG_LOGS, message=EXECUTING),
    ),
    antecedents=("it went on after the cancel",),
    fair=lambda debug: not debug,
    qualification=OUTSIDE_DEBUG,
)
@given(debug=flags(), length=up_to(3, least=1), at_step=up_to(2))
async def test_a_computing_scope_goes_on_in_silence(
    library: Any, debug: bool, length: int, at_step: int
) -> None:
    steps: list[int] = []

    async def compute() -> None:
        with library.CancelScope() as scope:
            for step in range(length):
                if step == at_step % length:
                    scope.cancel()
                    antecedent("it went on after the cancel")
                steps.append(step)

    await set_debug_mode(debug)
    with log() as messages:
        async with open_group(library) as group:
            group.start_soon(compute)
        await settle(library)
    assert steps == list(range(length)), (
        f"it was to take the steps {list(range(length))}, and took {steps}"
    )
    assert not messages, f"the log says: {messages[0].split()[0]} ..."


SLOW_STEPS_ARE_LOGGED = law(
    "LAW-DELIVER-16",
    "In debug mode asyncio's loop logs each step of a task that it calls, and that takes longer than"
    " slow_callback_duration, as soon as that is over, whether the task was cancelled or not;"
    " outside debug mode it logs none.",
    source="https://docs.python.org/3/library/asyncio-dev.html#debug-mode",
)


NO_DEBUG_MODE = "trio has no debug mode that logs slow steps"


STEP = "a step of the task"


def check_the_slow_steps(messages: list[str], debug: bool) -> None:
    """Whether of each step that is among the ``messages`` the loop says next how long it took."""
    slow = [message for message in messages if message.startswith("Executing")]
    if debug:
        antecedent("debug mode")
        silent = [
            message
            for message, next_one in zip(messages, [*messages[1:], STEP], strict=True)
            if message == STEP and not next_one.startswith("Executing")
        ]
        steps = messages.count(STEP)
        assert not silent, (
            f"in debug mode, {counted(steps, 'step')} took too long, and the loop logged"
            f" {steps - len(silent)} of them"
        )
    else:
        assert not slow, "outside debug mode the log says that a step took too long"


@SLOW_STEPS_ARE_LOGGED.states("asyncio", expect=holds(), antecedents=("debug mode", "cancelled"))
@given(debug=flags(), cancelled=flags(), steps=up_to(3, least=1))
async def test_slow_steps_are_logged_in_debug_mode(
    debug: bool, cancelled: bool, steps: int
) -> None:
    await set_debug_mode(debug)
    with log() as messages:

        async def compute() -> None:
            for _ in range(steps - 1):
                messages.append(STEP)
                await asyncio.sleep(0)
            messages.append(STEP)
            if cancelled:
                antecedent("cancelled")
                running_task().cancel()

        await asyncio.wait([asyncio.ensure_future(compute())])
        await turns(1)
    check_the_slow_steps(messages, debug)


@SLOW_STEPS_ARE_LOGGED.states(
    "anyio",
    expect=holds(),
    unless={"trio": NO_DEBUG_MODE},
    antecedents=("debug mode", "cancelled"),
)
@given(debug=flags(), cancelled=flags(), steps=up_to(3, least=1))
async def test_slow_steps_in_a_scope_are_logged_in_debug_mode(
    library: Any, debug: bool, cancelled: bool, steps: int
) -> None:
    await set_debug_mode(debug)
    with log() as messages:

        async def compute() -> None:
            with library.CancelScope() as scope:
                for _ in range(steps - 1):
                    messages.append(STEP)
                    await library.sleep(0)
                messages.append(STEP)
                if cancelled:
                    antecedent("cancelled")
                    scope.cancel()

        async with open_group(library) as group:
            group.start_soon(compute)
        await turns(1)
    check_the_slow_steps(messages, debug)


SLOW_STEPS_ARE_LOGGED.not_applicable(
    "trio", because=NO_DEBUG_MODE, missing=("trio.lowlevel.slow_callback_duration",)
)
