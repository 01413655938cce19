"""What is given to the loop for later is called when its time has come."""

from __future__ import annotations

import math

from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.toolbox.instants import NEVER
from conformance.toolbox.loop_driver import NewLoop, each_once, fresh_loop, resolution, run, turn
from conformance.toolbox.spaces import every, flags, sequences, up_to
from conformance.toolbox.words import counted, were

IN_TIME = law(
    "LAW-LOOP-02",
    "What call_later() and call_at() are given is called once, not before its time has come, and in "
    "the order of the times where these differ, as exactly as the loop's own clock counts.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#scheduling-delayed-callbacks",
)

MILLISECOND = 0.001

DELAYS = (1, 2.4, 4)
"""In milliseconds.  Not 0: whether that is a timer or a callback of the next turn is nobody's promise."""

HOWS = ("call_later", "call_at", "call_later, in a callback")


@IN_TIME.states(
    "asyncio",
    expect=holds(),
    antecedents=("the timers have different times", "a later one was set first"),
)
@given(delays=sequences(DELAYS, least=1, most=3), how=every(HOWS))
def test_timers_are_called_in_time_and_in_order(
    delays: tuple[float, ...], how: str, new_event_loop: NewLoop
) -> None:
    called: list[int] = []
    called_at: list[float] = []
    # Between which times each is due: call_later() may read the clock at any time while it is called.
    from_then: list[float] = []
    up_to_then: list[float] = []
    far: list[str] = []

    with fresh_loop(new_event_loop) as loop:
        exactly = resolution(loop)

        def call(number: int) -> None:
            called.append(number)
            called_at.append(loop.time())
            if len(set(called)) == len(delays):
                loop.stop()

        def set_all() -> None:
            start = loop.time()
            for number, delay in enumerate(delays):
                seconds = delay * MILLISECOND
                if how == "call_at":
                    loop.call_at(start + seconds, call, number)
                    from_then.append(start + seconds)
                    up_to_then.append(start + seconds)
                else:
                    from_then.append(loop.time() + seconds)
                    loop.call_later(seconds, call, number)
                    up_to_then.append(loop.time() + seconds)

        def call_far() -> None:
            far.append("it was called")
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

    for number, at in zip(called, called_at, strict=True):
        early = from_then[number] - at
        assert early <= exactly, (
            f"the timer of {delays[number]} ms ({how}) was called {early * 1000:g} ms before its"
            " time"
        )
    for place, number in enumerate(called):
        for other in range(len(delays)):
            if up_to_then[other] < from_then[number] - exactly:
                antecedent("the timers have different times")
                if number < other:
                    antecedent("a later one was set first")
                assert other in called[:place], (
                    f"of timers of {list(delays)} ms ({how}), that of {delays[number]} ms was"
                    " called"
                    f" before that of {delays[other]} ms"
                )


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
        f"of {counted(timers, 'timer')} for an infinite time ahead ({how}),"
        f" {min(cancelled, timers)} of them cancelled, {len(called)} {were(len(called))} called"
    )
