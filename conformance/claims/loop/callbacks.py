"""What is given to the loop is called."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from functools import partial
from itertools import product

from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import TASKS, TIMERS
from conformance.toolbox.instants import NEVER, SOON
from conformance.toolbox.loop_driver import NewLoop, each_once, fresh_loop, run, turn
from conformance.toolbox.spaces import every, sequences, up_to
from conformance.toolbox.words import counted

DOCS = "https://docs.python.org/3/library/asyncio-eventloop.html"

IN_ORDER = law(
    "LAW-LOOP-01",
    "Each callback that call_soon() is given is called once, in the order in which they were given "
    "and not before call_soon() returns.",
    source=f"{DOCS}#asyncio.loop.call_soon",
)

OUTSIDE = -1
FAMILIES = tuple(
    parents for size in range(1, 6) for parents in product(*(range(-1, n) for n in range(size)))
)
"""Who gives each of up to five callbacks to the loop: one called earlier, or code outside of it."""


@IN_ORDER.states(
    "asyncio",
    expect=holds(),
    antecedents=("several were given before one was called", "a callback gave another"),
)
@given(parents=every(FAMILIES), copies=every((1, 12)))
def test_callbacks_are_called_once_and_in_order(
    parents: tuple[int, ...], copies: int, new_event_loop: NewLoop
) -> None:
    given: list[int] = []
    called: list[int] = []
    at_once: list[int] = []

    with fresh_loop(new_event_loop) as loop:

        def give_what(parent: int) -> None:
            for child in range(len(parents)):
                for copy in range(copies if parents[child] == parent else 0):
                    number, before = len(given), len(called)
                    given.append(number)
                    loop.call_soon(call, number, child if copy == 0 else None)
                    if len(called) > before:
                        at_once.append(number)
            if len(given) > len(called) + 1:
                antecedent("several were given before one was called")

        def call(number: int, child: int | None) -> None:
            called.append(number)
            if child is not None:
                if child in parents:
                    antecedent("a callback gave another")
                give_what(child)

        give_what(OUTSIDE)
        turn(loop)

    assert not at_once, f"call_soon() called callback {at_once[0]} before it returned"
    each_once("callback", given, called)
    assert called == given, f"callbacks 0 to {len(given) - 1} were called in the order {called}"


CANCELLED = law(
    "LAW-LOOP-05",
    "What call_soon() or call_later() is given is not called if its handle is cancelled before its "
    "turn, and cancelling it twice, or too late, does nothing else.",
    source=f"{DOCS}#asyncio.Handle.cancel",
)

KINDS = ("call_soon", "call_later")
MOMENTS = (
    "at once",
    "never",
    "just before its turn",
    "while it is called",
    "after it was called",
)
IN_TIME = ("at once", "just before its turn")


@CANCELLED.states(
    "asyncio",
    expect=holds(),
    antecedents=("cancelled before its turn", "cancelled too late"),
    builds_on=(TIMERS,),
)
@given(
    plan=sequences([(kind, moment) for kind in KINDS for moment in MOMENTS], least=1, most=2),
    arguments=up_to(2),
    # asyncio clears its timers out once there are a hundred, most of them cancelled.
    others=every((0, 150)),
)
def test_what_is_cancelled_in_time_is_not_called(
    plan: tuple[tuple[str, str], ...], arguments: int, others: int, new_event_loop: NewLoop
) -> None:
    called: list[int] = []
    handles: list[asyncio.Handle] = []

    with fresh_loop(new_event_loop) as loop:

        def call(number: int, *ignored: object) -> None:
            called.append(number)
            if plan[number][1] == "while it is called":
                cancel(number)

        def give(kind: str, ticks: int, callback: Callable[..., object]) -> asyncio.Handle:
            if kind == "call_soon":
                return loop.call_soon(callback, *range(arguments))
            return loop.call_later(ticks * SOON, callback, *range(arguments))

        def cancel(number: int, *ignored: object) -> None:
            # The first once, the second twice.
            for _ in range(number + 1):
                handles[number].cancel()

        for number, (kind, moment) in enumerate(plan):
            if moment == "just before its turn":
                give(kind, 1, partial(cancel, number))
            handles.append(give(kind, 2, partial(call, number)))
            if moment == "at once":
                cancel(number)
        for _ in range(others):
            loop.call_later(NEVER, call, -1).cancel()

        if any(kind == "call_later" for kind, _ in plan):
            loop.call_later(3 * SOON, loop.stop)
            assert run(loop), "the loop went quiet: a timer that was to stop it was never called"
        turn(loop)
        for number, (_, moment) in enumerate(plan):
            if moment == "after it was called":
                cancel(number)
                antecedent("cancelled too late")
        turn(loop)

        for number, (kind, moment) in enumerate(plan):
            if moment in IN_TIME:
                antecedent("cancelled before its turn")
                assert number not in called, (
                    f"what {kind}() was given, with {arguments} of its own arguments, was called "
                    f"although its handle was cancelled {moment}"
                )
    each_once(
        "callback", [n for n, (_, moment) in enumerate(plan) if moment not in IN_TIME], called
    )


SAYS_SO = law(
    "LAW-LOOP-16",
    "Handle.cancelled() is true from the cancel on, and only then, of whatever kind the handle is.",
    source=f"{DOCS}#asyncio.Handle.cancelled",
)


@SAYS_SO.states(
    "asyncio",
    expect=holds(),
    antecedents=("it was cancelled", "it was not cancelled"),
)
@given(
    kind=every(("call_soon", "call_later", "call_at", "call_soon_threadsafe")),
    arguments=up_to(2),
    times=up_to(2),
)
def test_a_handle_says_whether_it_was_cancelled(
    kind: str, arguments: int, times: int, new_event_loop: NewLoop
) -> None:
    with fresh_loop(new_event_loop) as loop:
        when = {"call_later": (NEVER,), "call_at": (loop.time() + NEVER,)}.get(kind, ())
        handle = getattr(loop, kind)(*when, lambda *_: None, *range(arguments))
        for _ in range(times):
            handle.cancel()
        antecedent("it was cancelled" if times else "it was not cancelled")
        try:
            said = handle.cancelled()
        except AttributeError:
            raise AssertionError(f"a handle of {kind}() has no cancelled()") from None
        assert said == (times > 0), (
            f"a handle of {kind}() that was cancelled {counted(times, 'time')} says {said} of"
            " itself"
        )
        turn(loop)


CONTEXT = law(
    "LAW-LOOP-09",
    "A callback, timer, done callback or task runs in the context that it was given, or else in the "
    "one that was current when it was scheduled.",
    source=f"{DOCS}#asyncio.loop.call_soon",
)

WAYS = ("call_soon", "call_later", "call_at", "call_soon_threadsafe", "a done callback", "a task")
color: contextvars.ContextVar[str] = contextvars.ContextVar("color")


def schedule(
    loop: asyncio.AbstractEventLoop,
    way: str,
    look: Callable[..., object],
    context: contextvars.Context | None,
) -> object:
    """Let ``loop`` call ``look``, in ``context`` if it is given.  Returns what must be kept for that."""
    if way == "call_later":
        return loop.call_later(SOON, look, context=context)
    if way == "call_at":
        return loop.call_at(loop.time() + SOON, look, context=context)
    if way == "a done callback":
        future = loop.create_future()
        future.add_done_callback(look, context=context)
        future.set_result(None)
        return future
    if way == "a task":

        async def look_in_a_task() -> None:
            look()

        # create_task() takes a context since Python 3.11; on every version this gives it one.
        scope = contextvars.copy_context() if context is None else context
        return scope.run(loop.create_task, look_in_a_task())
    return getattr(loop, way)(look, context=context)


@CONTEXT.states(
    "asyncio",
    expect=holds(),
    antecedents=("a context was given", "the context was the current one"),
    builds_on=(TIMERS, TASKS),
)
@given(
    plan=sequences([(way, own) for way in WAYS for own in (False, True)], least=1, most=2),
    place=every(("outside of the loop", "in a callback")),
)
def test_a_callback_runs_in_its_context(
    plan: tuple[tuple[str, bool], ...], place: str, new_event_loop: NewLoop
) -> None:
    seen: dict[int, str] = {}
    meant: dict[int, str] = {}
    kept: list[object] = []

    def schedule_all() -> None:
        for number, (way, own) in enumerate(plan):

            def look(*_: object, number: int = number) -> None:
                seen[number] = color.get("none at all")
                color.set("set by a callback")
                if len(seen) == len(plan):
                    loop.stop()

            color.set(f"current at {number}")
            context = contextvars.copy_context()
            if own:
                context.run(color.set, f"given to {number}")
            antecedent("a context was given" if own else "the context was the current one")
            meant[number] = context[color]
            kept.append(schedule(loop, way, look, context if own else None))
            color.set("set later")

    with fresh_loop(new_event_loop) as loop:
        if place == "in a callback":
            loop.call_soon(schedule_all)
        else:
            contextvars.copy_context().run(schedule_all)
        run(loop)
    each_once("callback", range(len(plan)), list(seen))
    for number, (way, own) in enumerate(plan):
        assert seen[number] == meant[number], (
            f"{way}, scheduled {place}, ran in a context where the variable is {seen[number]!r}; "
            f"in the context {'that it was given' if own else 'of the scheduling'} it is "
            f"{meant[number]!r}"
        )


ERRORS = law(
    "LAW-LOOP-10",
    "An exception in a callback of call_soon() or call_later() reaches the loop's exception handler "
    "and the loop runs on, while KeyboardInterrupt and SystemExit come out of run_forever().",
    source=f"{DOCS}#error-handling-api",
)

FATAL = (None, KeyboardInterrupt, SystemExit)


@ERRORS.states(
    "asyncio",
    expect=holds(),
    antecedents=("a callback raised", "something was to come out of run_forever()"),
    builds_on=(TIMERS,),
)
@given(
    plan=sequences([(kind, bad) for kind in KINDS for bad in (True, False)], least=1, most=3),
    fatal=every(FATAL),
)
def test_an_exception_in_a_callback_does_not_end_the_loop(
    plan: tuple[tuple[str, bool], ...],
    fatal: type[BaseException] | None,
    new_event_loop: NewLoop,
) -> None:
    called: list[int] = []
    raised: list[ValueError] = []
    handled: list[object] = []
    came_out: BaseException | None = None

    with fresh_loop(new_event_loop) as loop:
        loop.set_exception_handler(lambda _, context: handled.append(context.get("exception")))

        def call(number: int) -> None:
            called.append(number)
            if len(called) == len(plan):
                loop.call_soon(end)
            if plan[number][1]:
                antecedent("a callback raised")
                raised.append(ValueError(f"callback {number}"))
                raise raised[-1]

        def end() -> None:
            if fatal is None:
                loop.stop()
            else:
                antecedent("something was to come out of run_forever()")
                raise fatal

        for number, (kind, _) in enumerate(plan):
            if kind == "call_soon":
                loop.call_soon(call, number)
            else:
                loop.call_later(SOON, call, number)
        try:
            run(loop)
        except (KeyboardInterrupt, SystemExit, ValueError) as error:
            came_out = error
        if fatal is not None:
            assert isinstance(came_out, fatal), (
                f"a callback raised {fatal.__name__}, and it did not come out of run_forever()"
            )
            assert not loop.is_running(), f"after {fatal.__name__} the loop counts as running"
        each_once("callback", range(len(plan)), called)
        assert not isinstance(came_out, ValueError), (
            "an exception that a callback raised came out of run_forever()"
        )
        assert len(handled) == len(raised) and all(
            any(error is each for each in handled) for error in raised
        ), f"callbacks raised {raised}, and the exception handler was called with {handled}"
