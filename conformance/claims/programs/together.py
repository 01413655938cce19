"""Tasks of a task: groups, gather(), wait() and as_completed()."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import TASKS
from conformance.programs.cases import Case, runs
from conformance.programs.facts import (
    Place,
    all_asked,
    came_in,
    cancelled_as_started,
    comes_after,
    ending,
    everything_came,
    is_end,
    only_waits,
    places,
    shut_down,
    told,
)
from conformance.programs.syntax import (
    AsCompleted,
    Gather,
    Group,
    Program,
    Raise,
    Wait,
    WaitAll,
    statements,
    walk,
)
from conformance.programs.trace import Seen

GROUPS = (
    "https://docs.python.org/3/library/asyncio-task.html#task-groups,"
    " https://trio.readthedocs.io/en/stable/reference-core.html#nurseries-and-spawning,"
    " https://anyio.readthedocs.io/en/stable/tasks.html"
)


def one_group(program: Program) -> bool:
    """Whether it has one group, and no more."""
    return sum(isinstance(each, Group) for each in statements(program)) == 1


def group_of_waits(program: Program) -> bool:
    """Whether it is a group of tasks that wait for events and queues and may raise."""
    (first, *rest), *others = program.tasks
    return (
        not rest
        and not others
        and isinstance(first, Group)
        and all(
            isinstance(each, Raise)
            or (isinstance(each, Wait) and each.thing.kind in ("event", "queue"))
            for child in (*first.children, first.body)
            for each in walk(child)
        )
    )


def the_group(case: Case) -> Place:
    """The one group of the program."""
    return next(
        place
        for place in places(case.program, case.rules.library)
        if isinstance(place.statement, Group)
    )


def left(seen: Seen, group: Place) -> int | None:
    """Where among all events the group was known to be left: by its end, or in what stands around."""
    around = {str(at.n) for at in group.around}
    for number, (lane, event) in enumerate(seen.lines):
        words = event.split()
        of_it = words[0] in ("caught", "cancelled", "finally", "closes", "timeout")
        if lane == group.lane and (
            event == "group over" or is_end(event) or (of_it and words[-1] in around)
        ):
            return number
    return None


WAITS = law(
    "PROGRAM-16",
    "A group is not left before all its children have ended, however it is left.",
    source=GROUPS,
)


@WAITS.states(
    "asyncio",
    expect=holds(),
    exists="asyncio.TaskGroup",
    antecedents=("the group was left", "and a task had been cancelled"),
    builds_on=(TASKS,),
)
@WAITS.states(
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("the group was left", "and a task had been cancelled"),
    builds_on=(TASKS,),
)
@given(case=runs(one_group, further=group_of_waits))
def test_a_group_waits_for_its_children(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    group = the_group(case)
    end = left(seen, group)
    if end is None:
        return
    antecedent("the group was left")
    if case.cancels:
        antecedent("and a task had been cancelled")
    children = [f"child {n}" for n, _ in group.at.children]
    late = [f"{lane} {event!r}" for lane, event in seen.lines[end:] if lane in children]
    assert not late, (
        f"the group was left ({group.lane}: {seen.lines[end][1]!r}), and after that came from "
        f"{' and '.join(late)}:\n{told(seen)}"
    )


TELLS = law(
    "PROGRAM-17",
    "An error of a child is never forgotten: the group raises it, also when it is cancelled.",
    source=GROUPS,
)


def group_with_an_error(program: Program) -> bool:
    """Whether its one group stands alone in its task, and a child of it ends by raising."""
    return one_group(program) and any(
        len(block) == 1
        and isinstance(block[0], Group)
        and any(isinstance(child[-1], Raise) for child in block[0].children)
        for block in program.tasks
    )


@TELLS.states(
    "asyncio",
    expect=holds(),
    exists="asyncio.TaskGroup",
    antecedents={"a child raised": 0.02, "and a task was cancelled": 0.02},
    builds_on=(TASKS,),
)
@TELLS.states(
    "anyio",
    "trio",
    expect=holds(),
    antecedents={"a child raised": 0.02, "and a task was cancelled": 0.02},
    builds_on=(TASKS,),
)
@given(case=runs(group_with_an_error, further=group_of_waits))
def test_a_group_raises_its_children_s_errors(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    group = the_group(case)
    end = ending(seen, group.lane)
    if end is None or group.around:
        return
    for n, child in group.at.children:
        if not isinstance(child[-1].statement, Raise) or not has_raised(seen, case, n, child):
            continue
        antecedent("a child raised")
        if case.cancels:
            antecedent("and a task was cancelled")
        assert end.startswith("raised [") and "Oops" in end, (
            f"child {n} of the group raised Oops, and the {group.lane} {end}:\n{told(seen)}"
        )


def has_raised(seen: Seen, case: Case, n: int, child: Any) -> bool:
    """Whether what stands before the ``raise`` was done, or nothing could keep it from raising."""
    if len(child) == 1:
        return not all_asked(case) and len(list(statements(case.program))) == 2
    before = child[-2].statement
    return isinstance(before, Wait) and came_in(seen, f"child {n}", before.thing)


IN_PLACE = law(
    "PROGRAM-18",
    "asyncio.gather() answers in the order of its arguments, and with return_exceptions=True it gives "
    "its children's errors in their places and raises none of them.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.gather",
)
IN_PLACE.not_applicable("trio", because="there is no gather()", missing=("trio.gather",))
IN_PLACE.not_applicable(
    "anyio",
    because="anyio.gather() takes no return_exceptions, and a group has no answer",
    missing=("anyio.create_task",),
)


def gathers_alone(program: Program) -> bool:
    """Whether it is one ``gather()``, of tasks that wait for events and queues and may raise."""
    (first, *rest), *others = program.tasks
    return (
        not rest
        and not others
        and isinstance(first, Gather)
        and all(
            isinstance(each, Raise)
            or (isinstance(each, Wait) and each.thing.kind in ("event", "queue"))
            for each in statements(program)
            if each != first
        )
    )


@IN_PLACE.states(
    "asyncio",
    expect=holds(),
    # Only with return_exceptions and a child that raises is there an error among the results.
    antecedents={"it answered": 0.05, "with an error among it": 0.02},
    builds_on=(TASKS,),
)
@given(case=runs(gathers_alone, further=gathers_alone))
def test_gather_answers_in_order(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    (gather,) = (
        place for place in places(case.program, "asyncio") if isinstance(place.statement, Gather)
    )
    assert isinstance(gather.statement, Gather)
    for event in seen.get(gather.lane, ()):
        if not event.startswith("gathered "):
            continue
        antecedent("it answered")
        results = event.removeprefix("gathered [").removesuffix("]").split(", ")
        for (n, child), result in zip(gather.at.children, results, strict=True):
            raises = isinstance(child[-1].statement, Raise)
            if raises:
                antecedent("with an error among it")
            its_own = {"'Oops'" if raises else f"'child {n}'"}
            # A child that was cancelled before it came so far has that in its place.
            if all_asked(case):
                its_own.add("'Cancelled'")
            assert result in its_own, f"in the place of child {n} there is {result}:\n{told(seen)}"
    end = ending(seen, gather.lane)
    assert not (gather.statement.return_exceptions and end == "raised Oops"), (
        f"gather(return_exceptions=True) raised what a child had raised:\n{told(seen)}"
    )


RUN_ON = law(
    "PROGRAM-19",
    "asyncio.wait() and as_completed() cancel nothing: when the task that waits is cancelled, what it "
    "waits for runs on to its end.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.wait,"
    " https://docs.python.org/3/library/asyncio-task.html#asyncio.as_completed",
)
RUN_ON.not_applicable(
    "anyio",
    "trio",
    because="every task is in a group, and is cancelled with it",
    missing=("anyio.wait", "trio.wait", "anyio.create_task", "trio.create_task"),
)


def only_waits_for_children(program: Program) -> bool:
    """Whether it is one ``wait()`` or ``as_completed()`` of tasks that wait for events and queues."""
    (first, *rest), *others = program.tasks
    return (
        not rest
        and not others
        and isinstance(first, (WaitAll, AsCompleted))
        and all(only_waits(child, "event", "queue") for child in first.children)
    )


@RUN_ON.states(
    "asyncio",
    expect=holds(),
    antecedents=("the children started", "the one who waits was cancelled before they ended"),
    builds_on=(TASKS,),
)
@given(case=runs(only_waits_for_children, further=only_waits_for_children))
def test_waiting_cancels_nothing(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    if shut_down(case) or not everything_came(case):
        return
    if cancelled_as_started(case, "worker") and not case.rules.eager:
        return
    antecedent("the children started")
    (waiting,) = (place for place in places(case.program, "asyncio") if place.at.children)
    for n, child in waiting.at.children:
        for each in child:
            assert isinstance(each.statement, Wait)
            thing = each.statement.thing
            if comes_after(case, thing, "worker", same_turn=True):
                antecedent("the one who waits was cancelled before they ended")
            assert came_in(seen, f"child {n}", thing), (
                f"the {thing.kind} came, nobody cancelled child {n}, and it did not go on:\n"
                f"{told(seen)}"
            )
