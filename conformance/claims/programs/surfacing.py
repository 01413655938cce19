"""Where a cancel comes out: at a suspension, and only there; once, or again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import TASKS
from conformance.programs.cases import Case, runs
from conformance.programs.facts import (
    all_asked,
    asked,
    came_in,
    cancelled_as_started,
    comes_after,
    ending,
    having,
    places,
    requests_left,
    shut_down,
    told,
    waited,
)
from conformance.programs.flow import at_once, kind
from conformance.programs.syntax import (
    Await,
    Block,
    Cancel,
    Compute,
    Consume,
    Gather,
    Group,
    Program,
    Return,
    Shield,
    Start,
    Timeout,
    Try,
    Wait,
    WaitFor,
    With,
    Yield,
    statements,
    walk,
)

TASK_CANCEL = "https://docs.python.org/3/library/asyncio-task.html#asyncio.Task.cancel"
CHECKPOINTS = "https://trio.readthedocs.io/en/stable/reference-core.html#checkpoints"
CANCELLATION = "https://trio.readthedocs.io/en/stable/reference-core.html#cancellation-semantics"
DIFFERENCES = (
    "https://anyio.readthedocs.io/en/stable/cancellation.html"
    "#differences-between-asyncio-and-anyio-cancellation-semantics"
)


def passes_cancels_on(block: Block) -> bool:
    """Whether nothing in ``block`` ends an exception: every handler raises what it caught again."""
    handlers = [each for each in walk(block) if isinstance(each, Try)]
    return all(
        each.handler in (None, "reraise")
        and not any(isinstance(late, Return) for late in walk(each.handling))
        and not any(isinstance(late, Return) for late in walk(each.finally_ or ()))
        for each in handlers
    )


NOT_LOST = law(
    "PROGRAM-02",
    "No cancel is lost: an asyncio task that was cancelled before it ended, and whose code ends no "
    "exception, does not return; and in a cancelled scope nothing is received that came later.",
    source=f"{TASK_CANCEL}, {CANCELLATION}",
)


@NOT_LOST.states(
    "asyncio",
    expect=holds(),
    antecedents=("cancelled before it ended", "cancelled in the turn in which something came"),
    builds_on=(TASKS,),
)
@given(case=runs(lambda program: any(map(passes_cancels_on, program.tasks))))
def test_a_cancelled_task_does_not_return(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    for name, block in zip(case.program.names, case.program.tasks, strict=True):
        if not passes_cancels_on(block):
            continue
        # It had not ended: it was yet to start, or what it got in the end was yet to come, or the
        # request was counted and nobody took it back.
        what = next(
            (
                f"received what came no earlier than the cancel: the {thing.kind}"
                for thing in filter(None, map(waited, walk(block)))
                # A condition may have come for nothing, long before: so its documentation has it.
                if thing.kind != "condition"
                and came_in(seen, name, thing)
                and comes_after(case, thing, name, same_turn=True)
            ),
            "was cancelled as it was started"
            if cancelled_as_started(case, name) and not case.rules.eager
            else "was asked to end, which is still counted"
            if requests_left(seen, name)
            else None,
        )
        end = ending(seen, name)
        if what or (end == "cancelled" and asked(case, name)):
            antecedent("cancelled before it ended")
            if case.races:
                antecedent("cancelled in the turn in which something came")
        assert not (what and end and end.startswith("returned")), (
            f"the {name} {what}; nothing in it ends a cancel, and yet it {end}:\n{told(seen, name)}"
        )


@NOT_LOST.states(
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("what a task waited for came after its cancel", "in the same turn"),
    builds_on=(TASKS,),
)
@given(case=runs(having(Wait)))
def test_a_cancelled_scope_receives_nothing(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    found = places(case.program, case.rules.library)
    for name in case.program.names:
        mine = [each for each in found if each.task == name and waited(each.statement)]
        shielded = {waited(each.statement) for each in mine if within_a_shield(each.around)}
        for place in mine:
            thing = waited(place.statement)
            if thing in shielded or thing is None:
                continue
            if not comes_after(case, thing, name, same_turn=False):
                continue
            antecedent("what a task waited for came after its cancel")
            if case.races:
                antecedent("in the same turn")
            assert not came_in(seen, place.lane, thing), (
                f"the {name}'s scope was cancelled before the {thing.kind} came, and yet it was "
                f"received in it:\n{told(seen, place.lane)}"
            )


def within_a_shield(around: Any) -> bool:
    """Whether one of the statements around is a shield."""
    return any(isinstance(each.statement, Shield) for each in around)


ONLY_AT = law(
    "PROGRAM-03",
    "A cancel comes out only where a task suspends, or at a checkpoint: what stands between two of "
    "them is done as a whole.",
    source=f"https://docs.python.org/3/library/asyncio-task.html#task-cancellation, {CHECKPOINTS}",
)


def does_two_things_at_once(program: Program) -> bool:
    """Whether it has something that needs no await, other than to enter and to leave."""
    return having(Compute, Await, Try, With, Cancel)(program)


def computes_and_cancels(program: Program) -> bool:
    """Whether it does nothing but compute, let others run, and cancel itself."""
    return all(isinstance(each, (Compute, Yield, Cancel)) for each in statements(program))


@ONLY_AT.states(
    "asyncio",
    "anyio",
    "trio",
    expect=holds(),
    antecedents={"two events with nothing between": 0.05, "where a task was cancelled": 0.05},
    builds_on=(TASKS,),
)
@given(case=runs(does_two_things_at_once, further=computes_and_cancels))
def test_nothing_comes_between(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    following = at_once(case.program, case.rules.library)
    for lane, events in seen.items():
        for place, event in enumerate(events):
            expected = following.get((lane, kind(event)))
            if expected is None:
                continue
            antecedent("two events with nothing between")
            if all_asked(case):
                antecedent("where a task was cancelled")
            then = events[place + 1] if place + 1 < len(events) else "nothing"
            assert kind(then) in expected, (
                f"{lane}: between {event!r} and {' or '.join(expected)!r} there is neither a "
                f"suspension nor a checkpoint, and yet {then!r} came after it:\n{told(seen, lane)}"
            )


ONCE = law(
    "PROGRAM-04",
    "One Task.cancel() is delivered once: a task that has swallowed it goes on as if nothing had been.",
    source=f"{TASK_CANCEL}, {DIFFERENCES}",
)
ONCE.not_applicable(
    "anyio",
    "trio",
    because="tasks have no cancel(): a scope's cancel is delivered at every checkpoint, see PROGRAM-02",
    missing=("anyio.TaskInfo.cancel", "trio.lowlevel.Task.cancel"),
)

_CANCEL_MORE = (Gather, Group, Timeout, WaitFor, Start, Consume)


def swallows_alone(program: Program) -> bool:
    """Whether it swallows cancels, and nothing in it cancels or passes a cancel on."""
    return any(
        isinstance(each, Try) and each.handler == "swallow" for each in statements(program)
    ) and not having(*_CANCEL_MORE)(program)


def waits_and_swallows(program: Program) -> bool:
    """Whether it consists of waits for events and queues, and of what swallows a cancel."""
    return all(
        (isinstance(each, Wait) and each.thing.kind in ("event", "queue"))
        or (isinstance(each, Try) and each.handler == "swallow")
        for each in statements(program)
    )


@ONCE.states(
    "asyncio",
    expect=holds(),
    antecedents=("the one cancel was swallowed",),
    builds_on=(TASKS,),
)
@given(case=runs(swallows_alone, further=waits_and_swallows))
def test_a_cancel_is_delivered_once(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    if all_asked(case) != 1 or shut_down(case):
        return
    swallowing = {
        f"cancelled in {place.at.n}"
        for place in places(case.program, "asyncio")
        if isinstance(place.statement, Try) and place.statement.handler == "swallow"
    }
    swallowed = False
    for lane, event in seen.lines:
        again = event.startswith(("cancelled", "caught Cancelled"))
        assert not (swallowed and again), (
            f"there was one cancel, it was swallowed, and there is another one in {lane}: "
            f"{event!r}\n{told(seen)}"
        )
        if event in swallowing:
            antecedent("the one cancel was swallowed")
            swallowed = True


UNASKED = law(
    "PROGRAM-05",
    "A task that nobody asked to end does not end as cancelled, whatever happens to the others, unless "
    "it waits for a future of asyncio's together with them.",
    source=f"https://docs.python.org/3/library/asyncio-task.html#asyncio.Task.cancelled, {CANCELLATION}",
)


def two_that_share_no_future(program: Program) -> bool:
    """Whether two tasks wait for no one future: to cancel one of them would be to cancel the future."""
    return len(program.tasks) == 2 and not any(
        isinstance(each, Wait) and each.thing.kind == "future" for each in statements(program)
    )


def beside_a_plain_wait(program: Program) -> bool:
    """Whether one task does nothing but wait for what the other, in one construct, waits for too."""
    worker, *others = program.tasks
    return bool(others) and all(map(_is_one, program.tasks)) and isinstance(worker[0], Wait)


def _is_one(block: Block) -> bool:
    return len(block) == 1


@UNASKED.states(
    "asyncio",
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("nobody asked the task to end", "but another task was cancelled"),
    builds_on=(TASKS,),
)
@given(case=runs(two_that_share_no_future, further=beside_a_plain_wait))
def test_who_was_not_asked_is_not_cancelled(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    for name in case.program.names:
        if asked(case, name):
            continue
        antecedent("nobody asked the task to end")
        if case.cancels:
            antecedent("but another task was cancelled")
        assert ending(seen, name) != "cancelled", (
            f"nobody asked the {name} to end, and yet it was cancelled:\n{told(seen)}"
        )
