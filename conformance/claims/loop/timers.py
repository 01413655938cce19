"""What is given to the loop for later is called when its time has come."""

from __future__ import annotations

import math

from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.programs.instants import NEVER
from conformance.programs.space import every, flags, sequences, up_to
from conformance.programs.turns import NewLoop, each_once, fresh_loop, run, turn

IN_TIME = law(
    "LAW-LOOP-02",
    "What call_later() and call_at() are given is called once, not before its time has come, and in "
    "the order of the times where these differ.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#scheduling-delayed-callbacks",
)

MILLISECOND = 0.001

EARLY = MILLISECOND
"""How much too early is in time: the clocks of some loops count whole milliseconds."""

TRIES = 3
"""How often timers have to come in the wrong order.  A thread that stands still between two calls
moves the later timer's time on, where the clock is real."""

HOWS = ("call_later", "call_at", "call_later, in a callback")


def set_and_wait(
    delays: tuple[int, ...], how: str, new_event_loop: NewLoop
) -> tuple[list[int], list[str]]:
    """Set timers for ``delays``, in milliseconds: in which order they were called, which too early."""
    called: list[int] = []
    early: list[str] = []
    due: list[float] = []
    far: list[float] = []

    with fresh_loop(new_event_loop) as loop:

        def call(number: int) -> None:
            called.append(number)
            now = loop.time()
            if now < due[number] - EARLY:
                wait = delays[number] / 1000 - (due[number] - now)
                early.append(
                    f"the timer of {delays[number]} ms was called after {wait * 1000:g} ms"
                )
            if len(set(called)) == len(delays):
                loop.stop()

        def set_all() -> None:
            start = loop.time()
            for number, delay in enumerate(delays):
                seconds = delay * MILLISECOND
                if how == "call_at":
                    due.append(start + seconds)
                    loop.call_at(start + seconds, call, number)
                else:
                    due.append(loop.time() + seconds)
                    loop.call_later(seconds, call, number)

        def call_far() -> None:
            far.append(loop.time())
            loop.stop()

        loop.call_later(NEVER, call_far)
        if how == "call_later, in a callback":
            loop.call_soon(set_all)
        else:
            set_all()
        run(loop)
        on_time = len(set(called)) == len(delays)
        each_once("timer", range(len(delays)), called)
        assert not (far and on_time), "a timer of an hour was called before those of milliseconds"
        turn(loop)
        each_once("timer", range(len(delays)), called)
    return called, early


@IN_TIME.states(
    "asyncio",
    expect=holds(),
    antecedents=("the timers have different times", "a later one was set first"),
)
@given(delays=sequences((1, 3, 5), least=1, most=3), how=every(HOWS))
def test_timers_are_called_in_time_and_in_order(
    delays: tuple[int, ...], how: str, new_event_loop: NewLoop
) -> None:
    if len(set(delays)) > 1:
        antecedent("the timers have different times")
    if list(delays) != sorted(delays):
        antecedent("a later one was set first")
    for _ in range(TRIES):
        called, early = set_and_wait(delays, how, new_event_loop)
        assert not early, f"{early[0]} ({how})"
        order = [delays[number] for number in called]
        if order == sorted(order):
            return
    raise AssertionError(f"timers of {list(delays)} ms ({how}) were called in the order {order}")


NEVER_DUE = law(
    "LAW-LOOP-14",
    "A timer that is set for an infinite time ahead is never called, and can be cancelled.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.call_later: the delay"
    " is an int or a float, and anyio.sleep_forever() and asyncio.sleep(math.inf) rely on it",
)


@NEVER_DUE.states(
    "asyncio",
    expect=holds(),
    antecedents=("it was set in a callback", "some were cancelled"),
)
@given(
    how=every(("call_later", "call_at")),
    timers=up_to(3, least=1),
    cancelled=up_to(2),
    in_a_callback=flags(),
)
def test_an_infinite_timer_is_never_called(
    how: str, timers: int, cancelled: int, in_a_callback: bool, new_event_loop: NewLoop
) -> None:
    called: list[int] = []

    with fresh_loop(new_event_loop) as loop:

        def set_all() -> None:
            handles = [getattr(loop, how)(math.inf, called.append, n) for n in range(timers)]
            for handle in handles[:cancelled]:
                antecedent("some were cancelled")
                handle.cancel()

        if in_a_callback:
            antecedent("it was set in a callback")
            loop.call_soon(set_all)
        else:
            set_all()
        turn(loop)
    assert not called, (
        f"of {timers} timers for an infinite time ahead ({how}), {min(cancelled, timers)} of them "
        f"cancelled, {len(called)} were called"
    )
