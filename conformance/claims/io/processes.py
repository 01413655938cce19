"""What happens to a process when the wait for it, or its start, is cancelled?"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import anyio
import trio
from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import TASKS, THREADS, TIMERS
from conformance.toolbox.attempts import CANCELLED, attempt
from conformance.toolbox.descriptors import open_descriptors
from conformance.toolbox.instants import SOON, WAITING, WHILE_WAITING, Instant
from conformance.toolbox.left_behind import (
    PATIENCE,
    child_processes,
    children,
    descriptors_left,
    until_it_ends,
)
from conformance.toolbox.spaces import every, flags, up_to

WAITS_FOR_ITS_INPUT = (sys.executable, "-I", "-S", "-c", "input()")
"""A command that does nothing until its standard input ends, or it is killed."""

STATUS_OF_THE_KILLED = 1 if sys.platform == "win32" else -signal.SIGKILL

WAITS_KEEP_THE_STATUS = law(
    "LAW-IO-06",
    "A wait for a process that is cancelled takes nothing with it: waiting again gives the exit"
    " status, and the process is reaped.",
    source="https://trio.readthedocs.io/en/stable/reference-io.html#trio.Process.wait",
)

WAIT_ANTECEDENTS = {
    "a wait was cancelled": 0.3,
    "the process ended at about the time of the cancel": 0.2,
}


async def cancel_a_wait(
    library: ModuleType, process: Any, turns: int, instant: Instant, twice: bool
) -> None:
    ended = False

    def end() -> None:
        nonlocal ended
        ended = True
        process.kill()
        # Only so can it be told in which turn of the loop its end is seen.
        until_it_ends(process.pid)

    result = await attempt(
        library, process.wait, turns=turns, instant=instant, complete=end, twice=twice
    )
    if result is CANCELLED:
        antecedent("a wait was cancelled")
        if ended:
            antecedent("the process ended at about the time of the cancel")
    if not ended:
        end()
    statuses = [await process.wait(), await process.wait(), process.returncode]
    if result is not CANCELLED:
        statuses.append(result)
    assert statuses == [STATUS_OF_THE_KILLED] * len(statuses), (
        f"the process was killed, but after the cancelled wait its statuses were {statuses}"
    )
    assert children() == "none", f"a process is left behind: {children()}"


@WAITS_KEEP_THE_STATUS.states(
    "asyncio",
    expect=holds(),
    antecedents=WAIT_ANTECEDENTS,
    io=True,
    builds_on=(
        THREADS,
        TASKS,
    ),
)
@given(turns=up_to(1), instant=every(WHILE_WAITING), twice=flags())
async def test_a_cancelled_wait_keeps_the_status(
    library: ModuleType, turns: int, instant: Instant, twice: bool
) -> None:
    process = await asyncio.create_subprocess_exec(*WAITS_FOR_ITS_INPUT, stdin=subprocess.PIPE)
    await cancel_a_wait(library, process, turns, instant, twice)


@WAITS_KEEP_THE_STATUS.states(
    "anyio",
    expect=holds(),
    antecedents=WAIT_ANTECEDENTS,
    io=True,
    builds_on=(
        THREADS,
        TASKS,
    ),
)
@given(turns=up_to(1), instant=every(WHILE_WAITING))
async def test_a_wait_cancelled_in_anyio_keeps_the_status(
    library: ModuleType, turns: int, instant: Instant
) -> None:
    async with await anyio.open_process(WAITS_FOR_ITS_INPUT, stdout=None, stderr=None) as process:
        await cancel_a_wait(library, process, turns, instant, twice=False)


@WAITS_KEEP_THE_STATUS.states("trio", expect=holds(), antecedents=WAIT_ANTECEDENTS, io=True)
@given(turns=up_to(1), instant=every(WHILE_WAITING))
async def test_a_wait_cancelled_in_trio_keeps_the_status(
    library: ModuleType, turns: int, instant: Instant
) -> None:
    process = await trio.lowlevel.open_process(WAITS_FOR_ITS_INPUT, stdin=subprocess.PIPE)
    await cancel_a_wait(library, process, turns, instant, twice=False)
    assert process.stdin is not None
    await process.stdin.aclose()


RUNS_LEAVE_NOTHING = law(
    "LAW-IO-07",
    "create_subprocess_exec() of asyncio, and run_process() of anyio and trio, leave neither a process"
    " nor a descriptor behind if they are cancelled, at whatever turn of the loop.",
    source="https://trio.readthedocs.io/en/stable/reference-io.html#trio.run_process",
)

RUN_ANTECEDENTS = {"it was cancelled": 0.3, "it was cancelled when it had begun": 0.1}


STARTS = 20
"""How many times a millisecond a process is given to be started by a thread that was not told.

Real time, for no loop says when its threads are done. No runtime is accused because it is too short: at
worst a process that is started later is not seen.
"""


@contextmanager
def an_input() -> Iterator[int]:
    """The reading end of a pipe of which nothing comes, and which ends with the example."""
    reading, writing = os.pipe()
    try:
        yield reading
    finally:
        os.close(reading)
        os.close(writing)


async def cancel_a_run(
    library: ModuleType,
    run: Callable[[], Awaitable[Any]],
    turns: int,
    end: Callable[[Any], Awaitable[object]] | None = None,
) -> None:
    """Cancel ``run`` after some turns of the loop, or ``end`` what it gave, if it was faster."""
    before, others = open_descriptors(), child_processes()
    begun = False

    async def begin() -> Any:
        nonlocal begun
        begun = True
        return await run()

    result = await attempt(library, begin, turns=turns, instant=WAITING)
    if result is CANCELLED:
        antecedent("it was cancelled")
        if begun:
            antecedent("it was cancelled when it had begun")
            # A thread may start it yet.
            for _ in range(STARTS):
                await library.sleep(SOON)
    elif end is not None:
        await end(result)
    # The end of a process may be told by a thread, and what belongs to it is closed after that.
    for _ in range(PATIENCE):
        if children(others) == "none" and open_descriptors() <= before:
            break
        await library.sleep(SOON)
    left = descriptors_left(before)
    assert children(others) == "none", f"a process is left behind: {children(others)}"
    assert not left, f"after the cancel {' and '.join(left)} is still open"


@RUNS_LEAVE_NOTHING.states(
    "asyncio",
    expect=holds(),
    antecedents=RUN_ANTECEDENTS,
    io=True,
    builds_on=(
        THREADS,
        TASKS,
    ),
)
@given(pipes=flags(), turns=up_to(8))
async def test_a_cancelled_start_leaves_nothing(
    library: ModuleType, pipes: bool, turns: int
) -> None:
    async def start() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *WAITS_FOR_ITS_INPUT,
            stdin=subprocess.PIPE if pipes else empty,
            stdout=subprocess.PIPE if pipes else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    async def end(process: asyncio.subprocess.Process) -> None:
        process.kill()
        await process.communicate()

    with an_input() as empty:
        # A loop may open something of its own for its first process: that is not counted.
        await end(await start())
        await cancel_a_run(library, start, turns, end)


@RUNS_LEAVE_NOTHING.states(
    "anyio",
    expect=holds(),
    antecedents=RUN_ANTECEDENTS,
    io=True,
    builds_on=(THREADS, TIMERS, TASKS),
)
@given(pipes=flags(), turns=up_to(8))
async def test_a_run_process_cancelled_in_anyio_leaves_nothing(pipes: bool, turns: int) -> None:
    output = subprocess.PIPE if pipes else subprocess.DEVNULL
    with an_input() as empty:

        async def run() -> object:
            return await anyio.run_process(
                WAITS_FOR_ITS_INPUT, stdin=empty, stdout=output, stderr=output
            )

        # As above: the first process is for what the loop opens for itself.
        with anyio.CancelScope() as scope:
            async with await anyio.open_process(WAITS_FOR_ITS_INPUT, stdin=empty):
                scope.cancel()
        await cancel_a_run(anyio, run, turns)


@RUNS_LEAVE_NOTHING.states("trio", expect=holds(), antecedents=RUN_ANTECEDENTS, io=True)
@given(pipes=flags(), turns=up_to(5))
async def test_a_run_process_cancelled_in_trio_leaves_nothing(pipes: bool, turns: int) -> None:
    with an_input() as empty:

        async def run() -> object:
            return await trio.run_process(
                WAITS_FOR_ITS_INPUT, stdin=empty, capture_stdout=pipes, capture_stderr=pipes
            )

        await cancel_a_run(trio, run, turns)
