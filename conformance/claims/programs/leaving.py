"""What a task does on its way out: every ``finally``, every ``with``, and then nothing more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import TASKS, TIMERS
from conformance.programs.cases import Case, runs
from conformance.programs.facts import (
    all_asked,
    came_in,
    cancelled_as_started,
    comes_after,
    everything_came,
    having,
    is_end,
    only_waits,
    places,
    shut_down,
    steps_to,
    still_running,
    told,
)
from conformance.programs.numbering import label
from conformance.programs.syntax import (
    AsCompleted,
    Call,
    Consume,
    Gather,
    Group,
    Program,
    Shield,
    Start,
    Timeout,
    Try,
    Wait,
    WaitFor,
    With,
    statements,
)

FINALLY = law(
    "PROGRAM-06",
    "Every `finally` of a `try` block that was entered runs exactly once, the innermost first, "
    "wherever a cancel reaches the task.",
    source="https://docs.python.org/3/library/asyncio-task.html#task-cancellation,"
    " https://docs.python.org/3/reference/compound_stmts.html#finally-clause",
)


def has_a_finally(program: Program) -> bool:
    """Whether a ``try`` of it has a ``finally``."""
    return any(isinstance(each, Try) and each.finally_ is not None for each in statements(program))


def cleans_up_around_waits(program: Program) -> bool:
    """Whether it consists of waits for events and of ``try`` with ``finally``."""
    return all(
        (isinstance(each, Wait) and each.thing.kind == "event")
        or (isinstance(each, Try) and each.finally_ is not None)
        for each in statements(program)
    )


@FINALLY.states(
    "asyncio",
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("a block with a finally was entered", "in a run with a cancel"),
    builds_on=(TASKS,),
)
@given(case=runs(has_a_finally, further=cleans_up_around_waits))
def test_every_finally_runs(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    guarded = {
        f"enters {place.at.n}": f"finally {place.at.n}"
        for place in places(case.program, case.rules.library)
        if place.at.finally_ is not None
    }
    for lane, events in seen.items():
        owed: list[str] = []
        for event in events:
            if event in guarded:
                antecedent("a block with a finally was entered")
                if case.cancels:
                    antecedent("in a run with a cancel")
                owed.append(guarded[event])
            elif event in guarded.values():
                assert owed and owed[-1] == event, (
                    f"{lane}: {event!r} ran, but {owed[-1] if owed else 'none'!r} was the one to "
                    f"run next:\n{told(seen, lane)}"
                )
                owed.pop()
        assert not owed, f"{lane}: {' and '.join(owed)} never ran:\n{told(seen, lane)}"


CLOSED = law(
    "PROGRAM-07",
    "Whatever a `with` block has opened is closed exactly once, the innermost first; so it is by "
    "`async with`, unless its own closing is cancelled.",
    source="https://docs.python.org/3/reference/compound_stmts.html#the-with-statement,"
    " https://docs.python.org/3/reference/compound_stmts.html#the-async-with-statement",
)


def opens_around_waits(program: Program) -> bool:
    """Whether it consists of waits for events and of ``with``."""
    return all(
        (isinstance(each, Wait) and each.thing.kind == "event") or isinstance(each, With)
        for each in statements(program)
    )


@CLOSED.states(
    "asyncio",
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("a resource was opened", "and its task was cancelled"),
    builds_on=(TASKS,),
)
@given(case=runs(having(With), further=opens_around_waits))
def test_what_was_opened_is_closed(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    calm = not all_asked(case) and not having(Timeout, WaitFor, Group)(case.program)
    resources = {
        f"opens {place.at.n}": f"closes {place.at.n}"
        for place in places(case.program, case.rules.library)
        if isinstance(place.statement, With) and (calm or not place.statement.asynchronous)
    }
    for lane, events in seen.items():
        owed: list[str] = []
        for event in events:
            if event in resources:
                antecedent("a resource was opened")
                if case.cancels:
                    antecedent("and its task was cancelled")
                owed.append(resources[event])
            elif event in resources.values():
                assert owed and owed[-1] == event, (
                    f"{lane}: it {event}, but {owed[-1] if owed else 'nothing'!r} was what had to "
                    f"come next:\n{told(seen, lane)}"
                )
                owed.pop()
        assert not owed, f"{lane}: never {' nor '.join(owed)}:\n{told(seen, lane)}"


NOTHING_AFTER = law(
    "PROGRAM-08",
    "Nothing of a task runs after it ended, nor after somebody who awaited it was told so.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.Task.done,"
    " https://trio.readthedocs.io/en/stable/reference-core.html#nurseries-and-spawning",
)


def waits_in_a_child(program: Program) -> bool:
    """Whether it is one construct with tasks of its own, which only wait for events and queues."""
    ((first, *rest), *others) = program.tasks
    return (
        not rest
        and not others
        and isinstance(first, (Gather, Start, AsCompleted))
        and all(
            each == first or (isinstance(each, Wait) and each.thing.kind in ("event", "queue"))
            for each in statements(program)
        )
    )


def over_with(case: Case) -> dict[tuple[str, str], list[str]]:
    """For a lane and the start of an event: the lanes of which it says that they are over."""
    found: dict[tuple[str, str], list[str]] = {}
    for place in places(case.program, case.rules.library):
        children = [f"child {n}" for n, _ in place.at.children]
        if isinstance(place.statement, Start):
            found[place.lane, f"joined {children[0]}"] = children
        elif isinstance(place.statement, AsCompleted):
            for child in children:
                found[place.lane, f"completed {child}"] = [child]
        elif isinstance(place.statement, Gather):
            # Several gathers in one lane cannot be told from each other.
            known = (place.lane, "gathered") in found
            found[place.lane, "gathered"] = [] if known else children
        elif isinstance(place.statement, Consume):
            found[f"numbers {place.at.n}", "closed"] = [f"numbers {place.at.n}"]
    return found


@NOTHING_AFTER.states(
    "asyncio",
    expect=holds(),
    # In asyncio the main task says at the end how the others ended: what counts is who was told before.
    antecedents=("a task ended", "somebody was told that another had ended"),
    builds_on=(TASKS,),
)
@NOTHING_AFTER.states(
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("a task ended",),
    builds_on=(TASKS,),
)
@given(case=runs(further=waits_in_a_child))
def test_nothing_runs_after_the_end(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    says = over_with(case)
    over: dict[str, str] = {}
    for lane, event in seen.lines:
        assert lane not in over, f"{over[lane]}, and after that came {event!r}:\n{told(seen)}"
        if lane in case.program.names and is_end(event):
            antecedent("a task ended")
            over[lane] = f"the {lane} had ended ({event})"
        for (teller, start), lanes in says.items():
            if teller == lane and event.startswith(start):
                antecedent("somebody was told that another had ended")
                over.update((each, f"{lane} said {event!r} of {each}") for each in lanes)


SHIELDED = law(
    "PROGRAM-09",
    "What has begun within a shield runs to its end, if what it waits for comes, wherever its task is "
    "cancelled.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.shield,"
    " https://trio.readthedocs.io/en/stable/reference-core.html#trio.CancelScope.shield,"
    " https://anyio.readthedocs.io/en/stable/cancellation.html#shielding",
)

_THROUGH = (Try, With, Call, Timeout)


def shields_a_wait(program: Program) -> bool:
    """Whether the worker begins with a shield around nothing but waits."""
    return any(
        isinstance(at.statement, Shield)
        and only_waits(at.statement.body, "event", "queue", "lock", "sleep")
        for at in steps_to(label(program)[0], *_THROUGH)
    )


def shields_and_little_else(program: Program) -> bool:
    """Whether it consists of shields, and of waits for events and queues."""
    return all(
        isinstance(each, Shield)
        or (isinstance(each, Wait) and each.thing.kind in ("event", "queue"))
        for each in statements(program)
    )


@SHIELDED.states(
    "asyncio",
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("a shield was entered", "cancelled before what it waits for came"),
    builds_on=(TASKS,),
)
@given(case=runs(shields_a_wait, further=shields_and_little_else))
def test_what_is_shielded_ends(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    edge = case.rules.library == "asyncio"
    if shut_down(case) or not everything_came(case):
        return
    if edge and cancelled_as_started(case, "worker") and not case.rules.eager:
        return  # it never came to the shield
    for at in steps_to(label(case.program)[0], *_THROUGH):
        if not isinstance(at.statement, Shield):
            continue
        antecedent("a shield was entered")
        lane = f"shielded {at.n}" if edge else "worker"
        for each in at.statement.body:
            assert isinstance(each, Wait)
            if comes_after(case, each.thing, "worker", same_turn=True):
                antecedent("cancelled before what it waits for came")
            assert came_in(seen, lane, each.thing), (
                f"{lane}: the {each.thing.kind} came, and what waits for it within the shield did "
                f"not go on:\n{told(seen)}"
            )
        if not edge:
            assert "shielded" in seen[lane], f"the shielded section did not end:\n{told(seen)}"
        return


DELIVERED = law(
    "PROGRAM-10",
    "A task to which everything came that it waits for ends, cancelled or not: it gets a result or "
    "the cancel, and never neither.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.Task,"
    " https://trio.readthedocs.io/en/stable/reference-core.html#cancellable-primitives",
)


@DELIVERED.states(
    "asyncio",
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("everything came", "everything came, and a task was cancelled"),
    builds_on=(TIMERS, TASKS),
)
@given(case=runs(having(Wait)))
def test_every_task_ends(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    assert "main" not in seen, f"the program {' and '.join(seen['main'])}:\n{told(seen)}"
    if shut_down(case) or not everything_came(case):
        return
    antecedent("everything came")
    if case.cancels:
        antecedent("everything came, and a task was cancelled")
    waiting = still_running(seen)
    assert not waiting, (
        f"everything that the program waits for came, and the {' and the '.join(waiting)} waits "
        f"still:\n{told(seen)}"
    )
    left = [event for event in seen.get("tasks", ()) if event != "0 left"]
    assert not left, f"everything came, and of the tasks that it started {left[0]}:\n{told(seen)}"
