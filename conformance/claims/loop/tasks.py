"""Tasks run to their end, and futures tell whoever asked to be told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import TASKS
from conformance.toolbox.loop_driver import NewLoop, complete, each_once, fresh_loop, turn
from conformance.toolbox.spaces import every, flags, sequences
from conformance.toolbox.words import counted

EVERY_TASK = law(
    "LAW-LOOP-03",
    "Each of many tasks runs to its end, and gives its result or its exception to whoever awaits it.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.create_task",
)

KINDS = (
    "returns",
    "raises",
    "lets the loop turn, then returns",
    "waits for a future, then raises",
    "awaits the task before it, then returns",
)


@EVERY_TASK.states(
    "asyncio",
    expect=holds(),
    antecedents=("a result was awaited", "an exception was awaited"),
)
@given(
    kinds=sequences(KINDS, least=1, most=2),
    rounds=every((1, 8)),
    last_first=flags(),
)
def test_every_task_gives_what_it_ended_with(
    kinds: tuple[str, ...], rounds: int, last_first: bool, new_event_loop: NewLoop
) -> None:
    plan = kinds * rounds
    tasks: list[asyncio.Task[object]] = []
    meant = [
        ValueError(f"task {number}") if "raises" in kind else object()
        for number, kind in enumerate(plan)
    ]

    async def work(number: int, opened: asyncio.Future[None]) -> object:
        if plan[number].startswith("lets"):
            await asyncio.sleep(0)
        elif plan[number].startswith("waits"):
            await opened
        elif plan[number].startswith("awaits") and number > 0:
            await asyncio.wait([tasks[number - 1]])
        end = meant[number]
        if isinstance(end, ValueError):
            raise end
        return end

    async def main() -> dict[int, tuple[str, object]]:
        loop = asyncio.get_running_loop()
        opened = loop.create_future()
        for number in range(len(plan)):
            tasks.append(loop.create_task(work(number, opened)))
        loop.call_soon(opened.set_result, None)
        ends: dict[int, tuple[str, object]] = {}
        for number in sorted(range(len(plan)), reverse=last_first):
            try:
                ends[number] = "got", await tasks[number]
            except ValueError as error:
                ends[number] = "was raised", error
        return ends

    with fresh_loop(new_event_loop) as loop:
        try:
            ends = complete(loop, main())
        except AssertionError as failure:
            undone = [number for number, task in enumerate(tasks) if not task.done()]
            if not undone:
                raise
            raise AssertionError(
                f"of {counted(len(plan), 'task')}, number {undone[0]}, which {plan[undone[0]]},"
                " never ended"
            ) from failure
    for number, end in enumerate(meant):
        fails = isinstance(end, ValueError)
        antecedent("an exception was awaited" if fails else "a result was awaited")
        how, given = ends[number]
        assert (how, given) == ("was raised" if fails else "got", end), (
            f"of {counted(len(plan), 'task')}, number {number}, which {plan[number]}, ended with"
            f" {end!r}, and whoever awaited it {how} {given!r}"
        )


FUTURES = law(
    "LAW-LOOP-06",
    "A done callback is called once and by the loop, never within the call that ended the future or "
    "that added it, whenever it was added, unless it was removed before.",
    source="https://docs.python.org/3/library/asyncio-future.html#asyncio.Future.add_done_callback",
)

ADDED = (
    "before the future is done",
    "when the future is done",
    "by the callback before it",
    "before the future is done, and removed again",
)


@FUTURES.states(
    "asyncio",
    expect=holds(),
    antecedents=("added before the end", "added after the end", "removed"),
    builds_on=(TASKS,),
)
@given(
    plan=sequences(ADDED, least=1, most=3),
    outcome=every(("a result", "an exception", "a cancel")),
    # A task ends by itself, in a step of its own.
    is_task=flags(),
)
def test_a_done_callback_is_called_once_in_a_later_turn(
    plan: tuple[str, ...], outcome: str, is_task: bool, new_event_loop: NewLoop
) -> None:
    called: list[int] = []
    wrong: list[str] = []
    call = ""

    with fresh_loop(new_event_loop) as loop:
        gate: asyncio.Future[None] = loop.create_future()

        async def work() -> None:
            await gate

        future = loop.create_task(work()) if is_task else gate

        def callback(number: int) -> Callable[[asyncio.Future[None]], None]:
            def done(argument: asyncio.Future[None]) -> None:
                called.append(number)
                if call:
                    wrong.append(f"done callback {number} was called within {call}")
                if argument is not future:
                    wrong.append(f"done callback {number} got {argument!r}, not its future")
                if number + 1 < len(plan) and plan[number + 1] == "by the callback before it":
                    add(number + 1)

            return done

        callbacks = [callback(number) for number in range(len(plan))]

        def add(number: int) -> None:
            nonlocal call
            antecedent(f"added {'after' if future.done() else 'before'} the end")
            call = "add_done_callback()"
            future.add_done_callback(callbacks[number])
            call = ""

        turn(loop, 2)
        for number, added in enumerate(plan):
            if added.startswith("before"):
                add(number)
        for number, added in enumerate(plan):
            if added.endswith("removed again"):
                antecedent("removed")
                removed = future.remove_done_callback(callbacks[number])
                assert removed == 1, (
                    f"remove_done_callback() removed {counted(removed, 'callback')}, not one"
                )
        call = "the call that ends the future"
        if outcome == "a result":
            gate.set_result(None)
        elif outcome == "an exception":
            gate.set_exception(ValueError("the future's exception"))
        else:
            future.cancel()
        call = ""
        if is_task:
            turn(loop, 3)
        for number, added in enumerate(plan):
            if added.startswith("when"):
                add(number)
        turn(loop, 2 * len(plan) + 3)
        assert future.done(), f"the future was ended with {outcome} and is not done"
        if not future.cancelled():
            future.exception()  # so that it is not reported as never retrieved

    due = [
        number
        for number, added in enumerate(plan)
        if not added.endswith("removed again")
        and (added != "by the callback before it" or (number > 0 and number - 1 in called))
    ]
    assert not wrong, wrong[0]
    each_once("done callback", due, called)
