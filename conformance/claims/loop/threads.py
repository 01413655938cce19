"""The loop and other threads."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import TASKS, THREADS
from conformance.toolbox.instants import NEVER, SOON
from conformance.toolbox.loop_driver import (
    NewLoop,
    complete,
    each_once,
    fresh_loop,
    patiently,
    run,
    turn,
)
from conformance.toolbox.spaces import every, flags, sequences, up_to

DOCS = "https://docs.python.org/3/library/asyncio-eventloop.html"

WAKES = law(
    "LAW-LOOP-04",
    "What call_soon_threadsafe() is given by other threads is called once, in the loop's thread and "
    "in the order in which each thread gave it, also by a loop that has nothing else to do.",
    source=f"{DOCS}#asyncio.loop.call_soon_threadsafe",
)


@WAKES.states(
    "asyncio",
    expect=holds(),
    antecedents=("the loop had nothing else to do", "several threads called it"),
    io=True,
)
@given(
    # A loop that has a timer does not wait without end, and may look at its threads otherwise.
    nothing_else=every((False, True)),
    threads=up_to(3, least=1),
    calls=every((1, 2, 20)),
    # A thread that waits for each call to be made finds the loop asleep again.
    one_by_one=flags(),
)
def test_other_threads_wake_the_loop(
    nothing_else: bool, threads: int, calls: int, one_by_one: bool, new_event_loop: NewLoop
) -> None:
    called: list[tuple[int, int]] = []
    elsewhere: list[tuple[int, int]] = []
    called_late: list[None] = []
    heard = [threading.Semaphore(0) for _ in range(threads)]
    everything = [(thread, number) for thread in range(threads) for number in range(calls)]
    here = threading.get_ident()

    with fresh_loop(new_event_loop) as loop:

        def call(thread: int, number: int) -> None:
            called.append((thread, number))
            if threading.get_ident() != here:
                elsewhere.append((thread, number))
            if len(called) == len(everything):
                loop.stop()
            heard[thread].release()

        def give(thread: int) -> None:
            # The loop gets the time to fall asleep; if it does not, the law holds all the same.
            threading.Event().wait(SOON)
            for number in range(calls):
                loop.call_soon_threadsafe(call, thread, number)
                if one_by_one and not patiently(lambda s: heard[thread].acquire(timeout=s)):
                    return

        givers = [threading.Thread(target=give, args=(n,), daemon=True) for n in range(threads)]
        antecedent("the loop had nothing else to do" if nothing_else else "there was a timer")
        if threads > 1:
            antecedent("several threads called it")
        if not nothing_else:
            # It ends nothing: a loop whose clock is its own may call it at once.
            loop.call_later(NEVER, called_late.append, None)
        for giver in givers:
            loop.call_soon(giver.start)
        woken = run(loop, end_by_socket=True)
        turn(loop)
        in_time = list(called)
        for semaphore in heard:
            semaphore.release(calls)
        for giver in givers:
            giver.join()

    assert woken, "call_soon_threadsafe() did not wake the loop, which " + (
        "had nothing else to do" if nothing_else else "waited for a timer of an hour"
    )
    each_once("call (thread, number)", everything, in_time)
    assert not elsewhere, f"call {elsewhere[0]} (thread, number) was not made in the loop's thread"
    for thread in range(threads):
        order = [number for giver, number in in_time if giver == thread]
        assert order == sorted(order), f"calls of one thread were made in the order {order}"


IN_THREADS = law(
    "LAW-LOOP-11",
    "run_in_executor() runs the function in another thread and gives its result or its exception, "
    "and a function that has begun runs to its end though the wait for it is cancelled.",
    source=f"{DOCS}#asyncio.loop.run_in_executor",
)

ENDS = ("returns", "raises", "returns, after the wait for it was cancelled")


@IN_THREADS.states(
    "asyncio",
    expect=holds(),
    antecedents=("the function ended", "the wait was cancelled"),
    io=True,
    builds_on=(TASKS, THREADS),
)
@given(ends=sequences(ENDS, least=1, most=3), default=flags())
def test_an_executor_runs_functions_in_threads(
    ends: tuple[str, ...], default: bool, new_event_loop: NewLoop
) -> None:
    here = threading.get_ident()

    async def outcome(wait: asyncio.Future[object]) -> tuple[str, object]:
        try:
            return "gave", await wait
        except ValueError as error:
            return "raised", error
        except asyncio.CancelledError as error:
            return "raised", error

    begun = [threading.Event() for _ in ends]
    may_end = [threading.Event() for _ in ends]
    ended: list[int] = []
    in_the_loop: list[int] = []
    meant = [
        ValueError(f"function {n}") if end == "raises" else object() for n, end in enumerate(ends)
    ]

    def work(number: int) -> object:
        if threading.get_ident() == here:
            in_the_loop.append(number)
        else:
            begun[number].set()
            patiently(may_end[number].wait)
        ended.append(number)
        end = meant[number]
        if isinstance(end, ValueError):
            raise end
        return end

    async def main(executor: ThreadPoolExecutor | None) -> list[tuple[str, object]]:
        loop = asyncio.get_running_loop()
        waits = [loop.run_in_executor(executor, work, number) for number in range(len(ends))]
        for number, end in enumerate(ends):
            if end.endswith("cancelled"):
                # Blocks the loop, on purpose: the function must begin without its help.
                patiently(begun[number].wait)
                waits[number].cancel()
            may_end[number].set()
        return [await outcome(wait) for wait in waits]

    with (
        ThreadPoolExecutor(max_workers=len(ends)) as pool,
        fresh_loop(new_event_loop) as loop,
    ):
        try:
            given = complete(loop, main(None if default else pool))
            if default:
                complete(loop, loop.shutdown_default_executor())
        finally:
            for event in may_end:
                event.set()
    assert not in_the_loop, "the function ran in the thread of the loop"
    each_once("function", range(len(ends)), ended)
    for number, end in enumerate(ends):
        if end.endswith("cancelled"):
            antecedent("the wait was cancelled")
            how, end_of_wait = given[number]
            assert isinstance(end_of_wait, asyncio.CancelledError), (
                f"a wait for a function was cancelled, and {how} {end_of_wait!r}"
            )
        else:
            antecedent("the function ended")
            how, end_of_wait = given[number]
            assert (how, end_of_wait) == ("raised" if end == "raises" else "gave", meant[number]), (
                f"a function that {end} ended with {meant[number]!r}, and the wait for it {how} "
                f"{end_of_wait!r}"
            )
