"""Deadlines, and the requests that they make: both end with the block that they are for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import TASKS, TIMERS
from conformance.programs.cases import Case, runs
from conformance.programs.facts import (
    asked,
    comes,
    ending,
    having,
    moments,
    requests_left,
    shut_down,
    times,
    told,
)
from conformance.programs.schedule import CancelTask, Pass
from conformance.programs.syntax import (
    Cancel,
    Gather,
    Group,
    Program,
    Raise,
    Timeout,
    Wait,
    WaitFor,
    statements,
)
from conformance.programs.trace import Seen
from conformance.toolbox.words import counted

TIMEOUTS = (
    "https://docs.python.org/3/library/asyncio-task.html#asyncio.timeout,"
    " https://trio.readthedocs.io/en/stable/reference-core.html#trio.fail_after,"
    " https://anyio.readthedocs.io/en/stable/cancellation.html#timeouts"
)


def is_limit(at: Any) -> bool:
    """Whether this is a statement with a deadline."""
    return isinstance(at, (Timeout, WaitFor))


def times_out(seen: Seen) -> list[str]:
    """Where a ``TimeoutError`` was seen."""
    return [
        f"{lane}: {event}"
        for lane, event in seen.lines
        if "TimeoutError" in event or event.startswith("timeout ")
    ]


TIMES_OUT = law(
    "PROGRAM-20",
    "A timeout raises TimeoutError if its deadline passed while its block waited, and only then: a "
    "cancel from elsewhere stays a cancel.",
    source=TIMEOUTS,
)


def waits_with_a_limit(program: Program) -> bool:
    """Whether it is one task that waits for an event or a queue, with a deadline or two around."""
    return len(program.tasks) == 1 and all(
        is_limit(each) or (isinstance(each, Wait) and each.thing.kind in ("event", "queue"))
        for each in statements(program)
    )


def passes_first(case: Case) -> bool:
    """Whether a deadline passes while the worker waits, before anything comes and it is cancelled."""
    first = case.program.tasks[0][0]
    if not isinstance(first, (Timeout, WaitFor)) or first.late or shut_down(case):
        return False
    wait = first.body[0]
    # What is over in time, and a future that the rival's timeout cancels, are no matter of this one.
    if not isinstance(wait, Wait) or wait.thing.kind in ("sleep", "future"):
        return False
    others = [*moments(case, comes(wait.thing)), *moments(case, CancelTask("worker"))]
    passes = moments(case, Pass())
    return bool(passes) and all(passes[0] < other for other in others)


@TIMES_OUT.states(
    "asyncio",
    expect=holds(),
    exists="asyncio.timeout",
    antecedents=("no deadline had passed", "and the task was cancelled"),
    builds_on=(
        TIMERS,
        TASKS,
    ),
)
@TIMES_OUT.states(
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("no deadline had passed", "and the task was cancelled"),
    builds_on=(
        TIMERS,
        TASKS,
    ),
)
@given(case=runs(having(Timeout, WaitFor), further=waits_with_a_limit))
def test_a_timeout_is_for_its_deadline(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    timed_out = times_out(seen)
    limits = [each for each in statements(case.program) if is_limit(each)]
    all_late = all(getattr(each, "late", False) for each in limits)
    # The late deadlines are further off than one Pass is long, the others nearer.
    if times(case, Pass()) <= all_late:
        antecedent("no deadline had passed")
        if case.cancels:
            antecedent("and the task was cancelled")
        assert not timed_out, (
            f"no deadline had passed, and there is a timeout in {timed_out[0]!r}:\n{told(seen)}"
        )
    if passes_first(case):
        # No antecedent with a floor: where the clock is real, time cannot be made to pass.
        antecedent("the deadline passed first")
        assert timed_out, f"the deadline passed, and there was no timeout:\n{told(seen)}"


COUNTS = law(
    "PROGRAM-21",
    "cancelling() goes back to what it was: what timeouts and groups have requested they take back, "
    "and what is left is what others have requested.",
    source="https://docs.python.org/3/library/asyncio-task.html#asyncio.Task.cancelling,"
    " https://docs.python.org/3/library/asyncio-task.html#asyncio.Task.uncancel",
)
COUNTS.not_applicable(
    "anyio",
    "trio",
    because="scopes count nothing: what was cancelled is the scope",
    missing=("trio.lowlevel.Task.cancelling", "anyio.TaskInfo.cancelling"),
)


def asks_itself(program: Program) -> bool:
    """Whether it has what asks a task to end and takes that back."""
    return having(Timeout, WaitFor, Group, Gather, Cancel)(program)


def fails_in_a_group(program: Program) -> bool:
    """Whether it is a group of tasks that wait for events and may raise."""
    return having(Group)(program) and all(
        isinstance(each, (Group, Raise)) or (isinstance(each, Wait) and each.thing.kind == "event")
        for each in statements(program)
    )


@COUNTS.states(
    "asyncio",
    expect=holds(),
    exists="asyncio.Task.cancelling",
    antecedents=("the task was not asked to end", "it was"),
    builds_on=(TASKS,),
)
@given(case=runs(asks_itself, further=fails_in_a_group))
def test_the_count_is_right(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    if shut_down(case):
        return
    for name in case.program.names:
        requests = asked(case, name)
        antecedent("it was" if requests else "the task was not asked to end")
        left = requests_left(seen, name)
        assert left <= requests, (
            f"others asked the {name} {counted(requests, 'time')} to end, and still "
            f"{counted(left, 'request')} {'is' if left == 1 else 'are'} counted:\n{told(seen)}"
        )
        if requests == times(case, CancelTask(name)) == 1 and ending(seen, name) == "cancelled":
            assert left == 1, (
                f"the {name} was cancelled, nobody took that back, and {counted(left, 'request')}"
                f" are counted:\n{told(seen)}"
            )
