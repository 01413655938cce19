"""What happens to a cleanup when the program ends."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from types import ModuleType
from typing import Any

from hypothesis import given

from conformance.claim import Claim, antecedent, article, holds, law, qualified, refuted
from conformance.claims.loop import TASKS, TIMERS
from conformance.toolbox.instants import NEVER, SOON, running_task, settle
from conformance.toolbox.scopes import open_group
from conformance.toolbox.spaces import every, flags, up_to
from conformance.toolbox.stray_tasks import forget
from conformance.toolbox.words import counted, were

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup

NewLoop = Callable[[], asyncio.AbstractEventLoop]
Run = Callable[..., Any]

RETURNS = "run() returns"
RAISES = "run() raises"
INTERRUPTED = "run() is interrupted by KeyboardInterrupt"
EXITS = "run() is left by SystemExit"
CANCELLED = "run() raises CancelledError"
BY_HAND = "run_until_complete(), then close()"


class Failure(Exception):
    """What the main coroutine raises where the program ends by an exception."""


def raise_as(ending: str) -> None:
    """Raise what ends the program so, if anything."""
    if ending == RAISES:
        raise Failure
    if ending == INTERRUPTED:
        raise KeyboardInterrupt
    if ending == EXITS:
        raise SystemExit


OURS = (Failure, KeyboardInterrupt, SystemExit, asyncio.CancelledError)
"""What comes out of a program that ends so."""


def run_to_its_end(raises: bool, run: Run, main: Any) -> None:
    """Run a program that ends by a failure or an interruption, alone or in a group, if it `raises`."""
    try:
        run(main)
    except OURS:
        if not raises:
            raise
    except BaseExceptionGroup as group:
        if not raises or group.subgroup(OURS) is None:
            raise


SLOW = Claim(
    "CLEANUP-06",
    "A slow await in the `finally` of a cancelled task is still waiting when the program ends, and"
    " the loop is closed under it.",
    source=article("§2"),
    instead=("LAW-CLEANUP-09", "LAW-CLEANUP-10"),
)


@SLOW.states(
    "asyncio",
    expect=qualified(
        "asyncio.run() waits for every task's `finally` before it closes the loop",
        region=lambda ending: ending != BY_HAND,
        message="run() …: when the finally was over the loop was open",
    ),
    antecedents=("the finally awaits",),
    fair=lambda ending, cancelled: ending == BY_HAND and cancelled,
    qualification="a loop that is run by run_until_complete() and closed with the cancelled task"
    " still on it",
    builds_on=(TIMERS, TASKS),
)
@given(
    ending=every((BY_HAND, RETURNS, RAISES)),
    awaits=up_to(3, least=1),
    cancelled=flags(),
)
def test_the_loop_is_closed_under_a_slow_finally(
    ending: str, awaits: int, cancelled: bool, run: Run, new_event_loop: NewLoop
) -> None:
    tasks: list[asyncio.Task[None]] = []
    left: list[str] = []

    async def leftover() -> None:
        loop = asyncio.get_running_loop()
        try:
            await asyncio.sleep(NEVER)
        finally:
            if not loop.is_closed():
                antecedent("the finally awaits")
            try:
                for _ in range(awaits):
                    await asyncio.sleep(SOON)
            finally:
                left.append("closed" if loop.is_closed() else "open")

    async def main() -> None:
        tasks.append(asyncio.create_task(leftover()))
        await settle()
        if cancelled:
            tasks[0].cancel()
        raise_as(ending)

    if ending == BY_HAND:
        with closing(new_event_loop()) as loop:
            loop.run_until_complete(main())
        # As the garbage collector would; the await in the finally finds no loop that runs.
        with suppress(RuntimeError):
            tasks[0].get_coro().close()  # type: ignore[union-attr]  # it is our own coroutine
        forget(tasks)
    else:
        run_to_its_end(ending == RAISES, run, main())
    assert left == ["closed"], f"{ending}: when the finally was over the loop was {' '.join(left)}"


@SLOW.states(
    "anyio",
    "trio",
    expect=refuted(
        "run() ends only when every task has ended, and its `finally` with it",
        message="run() …: the run was not over when the finally was",
    ),
    antecedents=("the finally awaits",),
    builds_on=(TIMERS, TASKS),
)
@given(
    ending=every((RETURNS, RAISES, INTERRUPTED)),
    awaits=up_to(3, least=1),
    shielded=every((True, False)),
)
def test_the_run_is_over_under_a_slow_finally(
    ending: str, awaits: int, shielded: bool, library: ModuleType, run: Run
) -> None:
    over = False
    left: list[bool] = []

    async def leftover() -> None:
        try:
            await library.sleep(NEVER)
        finally:
            antecedent("the finally awaits")
            try:
                with library.CancelScope(shield=shielded):
                    for _ in range(awaits):
                        await library.sleep(SOON)
            finally:
                left.append(over)

    async def main() -> None:
        async with open_group(library) as group:
            group.start_soon(leftover)
            await settle(library)
            raise_as(ending)
            group.cancel_scope.cancel()

    run_to_its_end(ending != RETURNS, run, main)
    over = True
    assert left == [True], f"{ending}: the run was not over when the finally was"


WAITED_FOR = law(
    "LAW-CLEANUP-09",
    "Whether the main coroutine returns, raises, is cancelled or is left by a KeyboardInterrupt or"
    " SystemExit, run(), if it is not itself interrupted then, ends only when the `finally` of every"
    " task that is left is over: asyncio.run() cancels these tasks and waits for them, in anyio and"
    " trio their groups do; the awaits in it go on in asyncio, and under a shield in anyio and trio.",
    source="https://docs.python.org/3/library/asyncio-runner.html#asyncio.run",
)


@WAITED_FOR.states(
    "asyncio", expect=holds(), antecedents=("a finally was left to run",), builds_on=(TIMERS, TASKS)
)
@given(
    ending=every((RETURNS, RAISES, INTERRUPTED, EXITS, CANCELLED)),
    awaits=up_to(3),
    tasks=up_to(3, least=1),
    fails=flags(),
)
def test_run_waits_for_every_finally(
    ending: str, awaits: int, tasks: int, fails: bool, run: Run
) -> None:
    begun: list[int] = []
    ended: list[int] = []

    async def leftover(number: int) -> None:
        try:
            await asyncio.sleep(NEVER)
        finally:
            antecedent("a finally was left to run")
            begun.append(number)
            for _ in range(awaits):
                await asyncio.sleep(SOON)
            ended.append(number)
            if fails:
                raise Failure

    async def main() -> None:
        kept = [asyncio.create_task(leftover(number)) for number in range(tasks)]
        await settle()
        assert len(kept) == tasks, "each is kept alive by this name"
        if ending == CANCELLED:
            running_task().cancel()
            await asyncio.sleep(0)
        raise_as(ending)

    run_to_its_end(ending != RETURNS or fails, run, main())
    assert sorted(begun) == sorted(ended) == list(range(tasks)), (
        f"{ending}: of {counted(tasks, 'task')} {len(begun)} began the finally, and {len(ended)}"
        " ended it: all were to"
    )


@WAITED_FOR.states(
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("a finally was left to run",),
    builds_on=(TIMERS, TASKS),
)
@given(
    ending=every((RETURNS, RAISES, INTERRUPTED, EXITS)),
    awaits=up_to(3),
    tasks=up_to(3, least=1),
    fails=flags(),
)
def test_run_waits_for_every_shielded_finally(
    ending: str, awaits: int, tasks: int, fails: bool, library: ModuleType, run: Run
) -> None:
    begun: list[int] = []
    ended: list[int] = []

    async def leftover(number: int) -> None:
        try:
            await library.sleep(NEVER)
        finally:
            antecedent("a finally was left to run")
            begun.append(number)
            with library.CancelScope(shield=True):
                for _ in range(awaits):
                    await library.sleep(SOON)
            ended.append(number)
            if fails:
                raise Failure

    async def main() -> None:
        async with open_group(library) as group:
            for number in range(tasks):
                group.start_soon(leftover, number)
            await settle(library)
            raise_as(ending)
            group.cancel_scope.cancel()

    run_to_its_end(ending != RETURNS or fails, run, main)
    assert sorted(begun) == sorted(ended) == list(range(tasks)), (
        f"{ending}: of {counted(tasks, 'task')} {len(begun)} began the finally, and {len(ended)}"
        " ended it: all were to"
    )


AGAIN = law(
    "LAW-CLEANUP-10",
    "asyncio.run() also cancels the tasks that are already in their `finally`, though a cancel may"
    " have brought them there: the await that they have come to raises.",
    source="https://docs.python.org/3/library/asyncio-runner.html#asyncio.run",
)


@AGAIN.states(
    "asyncio", expect=holds(), antecedents=("it was cleaning up at the end",), builds_on=(TASKS,)
)
@given(
    ending=every((RETURNS, RAISES, INTERRUPTED)), entered=every(("by a cancel", "by its own end"))
)
def test_run_cancels_in_the_finally(ending: str, entered: str, run: Run) -> None:
    interrupted: list[bool] = []

    async def leftover() -> None:
        try:
            if entered == "by a cancel":
                await asyncio.sleep(NEVER)
        finally:
            antecedent("it was cleaning up at the end")
            try:
                await asyncio.sleep(NEVER)
            except asyncio.CancelledError:
                interrupted.append(True)
                raise

    async def main() -> None:
        task = asyncio.create_task(leftover())
        await settle()
        if entered == "by a cancel":
            task.cancel()
            await settle()
        raise_as(ending)

    run_to_its_end(ending != RETURNS, run, main())
    assert interrupted == [True], (
        f"{ending}: a task was in its finally, and the await there was not cancelled"
    )


AGAIN.not_applicable(
    "anyio",
    "trio",
    because="no task is left at the end of run(): each belongs to a group that waits for it",
    missing=("anyio.create_task", "trio.create_task"),
)


PUT_OFF = Claim(
    "CLEANUP-07",
    "A cleanup that `finally` puts off into a task of its own is carried out, also when the program"
    " ends.",
    source=article("§2"),
    instead=("LAW-CLEANUP-09", "LAW-CLEANUP-11"),
)
GOES_ON = "the program goes on for as long as the cleanup takes"
ENDS = "the program ends, and with it the task"
CANCELS_AND_ENDS = "the task is cancelled, and the program ends when it has ended"
MAIN_ENDS = "the task is the main one, and the program ends with it"
MANY = 50
"""More turns than run() gives the loop when the main coroutine has ended.

How many it gives is each loop's own affair: a cleanup that awaits once or twice may come to its end.
"""


@PUT_OFF.states(
    "asyncio",
    expect=refuted(
        "asyncio.run() waits only for the tasks that are there when the main one ends",
        region=lambda then, awaits: then != GOES_ON and awaits == MANY,
        message="…the program ends…: a cleanup of 50 awaits was put off, and never ended",
    ),
    antecedents=("put off",),
    builds_on=(TASKS,),
)
@given(then=every((GOES_ON, ENDS, CANCELS_AND_ENDS, MAIN_ENDS)), awaits=every((0, MANY)))
def test_a_cleanup_put_off_is_carried_out(then: str, awaits: int, run: Run) -> None:
    kept: list[asyncio.Task[None]] = []
    cleaned: list[str] = []

    async def cleanup() -> None:
        for _ in range(awaits):
            await asyncio.sleep(0)
        cleaned.append("up")

    async def worker() -> None:
        try:
            await asyncio.sleep(0 if then == MAIN_ENDS else NEVER)
        finally:
            antecedent("put off")
            kept.append(asyncio.get_running_loop().create_task(cleanup()))

    async def main() -> None:
        if then == MAIN_ENDS:
            return await worker()
        task = asyncio.create_task(worker())
        await settle()
        if then != ENDS:
            task.cancel()
            await asyncio.wait([task])
        if then == GOES_ON:
            await asyncio.wait(kept)

    run(main())
    forget(kept)
    assert cleaned, f"{then}: a cleanup of {counted(awaits, 'await')} was put off, and never ended"


OUTSIDE = "a group outside the cancelled scope"
BOTH = "a group outside, cancelled as well"
OWN = "the cancelled group itself"


@PUT_OFF.states(
    "anyio",
    "trio",
    expect=qualified(
        "a task that is started in a cancelled group is cancelled at its first await",
        region=lambda awaits: awaits > 0,
        message="put off into … cancelled …: a cleanup of … did not come to its end",
    ),
    antecedents=("put off",),
    fair=lambda into: into == OUTSIDE,
    qualification="put off into a group outside the cancelled scope, not cancelled itself:"
    " the group waits for it",
)
@given(into=every((OUTSIDE, OWN, BOTH)), awaits=up_to(3))
async def test_a_cleanup_put_off_into_a_group_is_carried_out(
    library: ModuleType, into: str, awaits: int
) -> None:
    cleaned: list[str] = []

    async def cleanup() -> None:
        for _ in range(awaits):
            await library.sleep(0)
        cleaned.append("up")

    async with open_group(library) as outer, open_group(library) as own:

        async def worker() -> None:
            try:
                await library.sleep(NEVER)
            finally:
                antecedent("put off")
                (own if into == OWN else outer).start_soon(cleanup)

        own.start_soon(worker)
        await settle(library)
        (outer if into == BOTH else own).cancel_scope.cancel()
    assert cleaned, (
        f"put off into {into}: a cleanup of {counted(awaits, 'await')} did not come to its end"
    )


NEWBORN = law(
    "LAW-CLEANUP-11",
    "At its end asyncio.run() cancels, and waits for, every task that there is when the main one"
    " has ended, and no task that is created later.",
    source="https://github.com/python/cpython/pull/5262",
)
BORN = {
    "by the main coroutine": True,
    "in the finally of the main coroutine": True,
    "in the finally of another task, at the end": False,
}


@NEWBORN.states("asyncio", expect=holds(), antecedents=("created",), builds_on=(TASKS,))
@given(born=every(BORN), ending=every((RETURNS, RAISES, INTERRUPTED)), count=up_to(3, least=1))
def test_run_waits_for_what_there_is(born: str, ending: str, count: int, run: Run) -> None:
    kept: list[asyncio.Task[None]] = []

    def create() -> None:
        antecedent("created")
        for _ in range(count):
            kept.append(asyncio.get_running_loop().create_task(asyncio.sleep(NEVER)))

    async def leftover() -> None:
        try:
            await asyncio.sleep(NEVER)
        finally:
            create()

    async def main() -> None:
        if born == "by the main coroutine":
            create()
        elif born == "in the finally of another task, at the end":
            task = asyncio.create_task(leftover())
            await settle()
            assert not task.done(), "it is left over"
        try:
            raise_as(ending)
        finally:
            if born == "in the finally of the main coroutine":
                create()

    run_to_its_end(ending != RETURNS, run, main())
    ended = [task.cancelled() for task in kept]
    forget(kept)
    assert ended == [BORN[born]] * count, (
        f"{ending}: of {counted(count, 'task')} created {born}, {sum(ended)} {were(sum(ended))}"
        f" cancelled and waited for, not {count * BORN[born]}"
    )


NEWBORN.not_applicable(
    "anyio",
    "trio",
    because="no task is created outside a group, and no group is left at the end of run()",
    missing=("anyio.create_task", "trio.create_task"),
)
