"""Running a loop, stopping it, and running it again."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import TASKS
from conformance.toolbox.loop_driver import NewLoop, each_once, fresh_loop, run, run_until_complete
from conformance.toolbox.spaces import sequences

RUNNING = law(
    "LAW-LOOP-07",
    "run_until_complete() returns the result or raises the exception, run_forever() ends with the "
    "turn in which stop() is called, the loop can be run again after each, and is the running one "
    "only meanwhile.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#running-and-stopping-the-loop",
)

BATCH = 3
"""How many callbacks are ready in the turn that is stopped."""

RUNS = (
    "run_until_complete(a coroutine that returns)",
    "run_until_complete(a coroutine that raises)",
    "run_until_complete(a task)",
    "run_until_complete(a future)",
    "run_forever(), stopped by the first callback",
    "run_forever(), stopped by the last callback",
    "run_forever(), stopped beforehand",
)


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The loop that runs in this thread, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def run_to_an_end(how: str, loop: asyncio.AbstractEventLoop) -> None:
    """Call ``run_until_complete()`` as ``how`` says, and check what it gives."""
    end = ValueError("the exception") if "raises" in how else object()
    inside: list[object] = []

    async def main() -> object:
        await asyncio.sleep(0)
        inside.append(running_loop())
        if isinstance(end, ValueError):
            raise end
        return end

    what: Coroutine[Any, Any, object] | asyncio.Future[object] = main()
    if how.endswith("task)"):
        what = loop.create_task(main())
    elif how.endswith("future)"):
        future = what = loop.create_future()

        def finish() -> None:
            inside.append(running_loop())
            future.set_result(end)

        loop.call_soon(finish)
    outcome: tuple[str, object]
    try:
        outcome = "returned", run_until_complete(loop, what)
    except ValueError as error:
        outcome = "raised", error
    assert inside == [loop], f"in {how} the running loop is {inside}, not the one that runs"
    assert outcome == ("raised" if isinstance(end, ValueError) else "returned", end), (
        f"{how} {outcome[0]} {outcome[1]!r}, and what it ran ended with {end!r}"
    )


def run_until_stopped(how: str, loop: asyncio.AbstractEventLoop) -> None:
    """Call ``run_forever()`` with some callbacks ready, and ``stop()`` as ``how`` says."""
    antecedent("stop() was called")
    called: list[str] = []
    inside: list[object] = []
    stopper = {"by the first callback": 0, "by the last callback": BATCH - 1}.get(how[23:])

    def call(number: int) -> None:
        called.append(f"{number}")
        inside.append(running_loop())
        if number == stopper:
            loop.stop()
        loop.call_soon(called.append, f"the one given by {number}")

    for number in range(BATCH):
        loop.call_soon(call, number)
    if stopper is None:
        loop.stop()
    assert run(loop), f"{how}: the loop went quiet and did not end"
    too_soon = [name for name in called if name.startswith("the one")]
    assert not too_soon, (
        f"{how}: what the callbacks of that turn gave to call_soon() was called in the same run, "
        "and not left for the next"
    )
    first = [str(number) for number in range(BATCH)]
    each_once(f"{how}: callback", first, called)
    assert inside == [loop] * BATCH, f"in callbacks the running loop is {inside}"
    # What was given in the last turn waits for the next run.
    loop.call_soon(loop.stop)
    assert run(loop), "a loop that was run again did not end after stop()"
    each_once(
        f"{how}, and run again: callback", first + [f"the one given by {n}" for n in first], called
    )


@RUNNING.states(
    "asyncio",
    expect=holds(),
    antecedents=("stop() was called", "the loop was run again"),
    builds_on=(TASKS,),
)
@given(runs=sequences(RUNS, least=1, most=3))
def test_a_loop_runs_ends_and_runs_again(runs: tuple[str, ...], new_event_loop: NewLoop) -> None:
    with fresh_loop(new_event_loop) as loop:
        for how in runs:
            if how.startswith("run_forever"):
                run_until_stopped(how, loop)
            else:
                run_to_an_end(how, loop)
            assert running_loop() is None, f"after {how} the loop is still the running one"
            assert not loop.is_running(), f"after {how} the loop still says that it is running"
        if len(runs) > 1:
            antecedent("the loop was run again")
