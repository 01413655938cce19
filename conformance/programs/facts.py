"""What a program, its schedule and what was seen say by themselves.

The laws over programs are judged by these facts alone.  None of them uses the reference: where it is
wrong, or too lenient, a law still holds or does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from conformance.claim import Library
from conformance.programs.cases import Case
from conformance.programs.numbering import Labelled, LabelledBlock, label
from conformance.programs.reference.meaning import called
from conformance.programs.schedule import Action, CancelTask, Complete, Pass, Shutdown, Turn
from conformance.programs.syntax import (
    Block,
    Cancel,
    Consume,
    Hold,
    Program,
    Shield,
    Statement,
    Thing,
    Wait,
    statements,
    walk,
)
from conformance.programs.trace import Seen

ENDS = ("returned ", "raised ", "cancelled, ")


@dataclass(frozen=True)
class Place:
    """A statement, the ``task`` it belongs to, the lane its events go to, and what it stands in."""

    task: str
    lane: str
    at: Labelled
    around: tuple[Labelled, ...]

    @property
    def statement(self) -> Statement:
        """The statement itself."""
        return self.at.statement


@lru_cache(maxsize=4096)
def places(program: Program, library: Library) -> tuple[Place, ...]:
    """Every statement of ``program`` in its place, each before what it contains."""

    def within(
        task: str, lane: str, block: LabelledBlock, around: tuple[Labelled, ...]
    ) -> Iterator[Place]:
        for at in block:
            yield Place(task, lane, at, around)
            inside = lane
            if isinstance(at.statement, Shield) and library == "asyncio":
                inside = f"shielded {at.n}"
            elif isinstance(at.statement, Consume):
                inside = f"numbers {at.n}"
            for n, child in at.children:
                yield from within(task, f"child {n}", child, (*around, at))
            for block_ in (at.body, at.handling, at.finally_ or ()):
                yield from within(task, inside, block_, (*around, at))

    return tuple(
        place
        for name, block in zip(program.names, label(program), strict=True)
        for place in within(name, name, block, ())
    )


def having(*kinds: type[Statement]) -> Callable[[Program], bool]:
    """A test for programs that have a statement of one of these ``kinds``."""
    return lambda program: any(isinstance(each, kinds) for each in statements(program))


def waited(statement: Statement) -> Thing | None:
    """What ``statement`` itself waits for, if it does."""
    return statement.thing if isinstance(statement, (Wait, Hold)) else None


def only_waits(block: Block, *kinds: str) -> bool:
    """Whether ``block`` does nothing but wait for things of these ``kinds``."""
    return bool(block) and all(
        isinstance(each, Wait) and each.thing.kind in kinds for each in block
    )


def steps_to(block: LabelledBlock, *through: type[Statement]) -> Iterator[Labelled]:
    """The first statement of ``block``, and while that is one of ``through`` the first one in it.

    A task comes to them in its first step.
    """
    while block:
        yield block[0]
        block = block[0].body if isinstance(block[0].statement, through) else ()


# The schedule.


def moments(case: Case, action: Action) -> list[tuple[int, int]]:
    """When ``action`` is done: the number of the step, and the place in it."""
    return [
        (number, place)
        for number, step in enumerate(case.schedule.steps)
        for place, each in enumerate(step)
        if each == action
    ]


def times(case: Case, action: Action) -> int:
    """How many times ``action`` is done."""
    return len(moments(case, action))


def shut_down(case: Case) -> bool:
    """Whether the main task ends before the others do."""
    return any(isinstance(each, Shutdown) for step in case.schedule.steps for each in step)


def asked(case: Case, name: str) -> int:
    """How many times the task called ``name`` may be asked to end: from outside, or in the program."""
    own = case.program.tasks[case.program.names.index(name)]
    return (
        times(case, CancelTask(name))
        + shut_down(case)
        + sum(isinstance(each, Cancel) and each.of is None for each in walk(own))
        + sum(isinstance(each, Cancel) and each.of == name for each in statements(case.program))
    )


def all_asked(case: Case) -> int:
    """How many times any task may be asked to end."""
    return case.cancels + sum(isinstance(each, Cancel) for each in statements(case.program))


def cancelled_as_started(case: Case, name: str) -> bool:
    """Whether the task is cancelled in the very turn in which it is started."""
    return CancelTask(name) in case.schedule.steps[case.program.names.index(name)]


def comes(thing: Thing) -> Action:
    """What makes a wait for ``thing`` go on."""
    return Pass() if thing.kind == "sleep" else Complete(thing)


def comes_after(case: Case, thing: Thing, name: str, *, same_turn: bool) -> bool:
    """Whether ``thing`` comes for the first time after the task was cancelled.

    With ``same_turn`` also if it came before the cancel and the task could not go on in between.
    """
    cancels, came = moments(case, CancelTask(name)), moments(case, comes(thing))
    if not cancels or not came:
        return False
    (step, place), (its_step, its_place) = cancels[0], came[0]
    if same_turn and step == its_step and its_place < place:
        # To notify, the main task needs the condition's lock, and may have to wait for it.
        return not any(
            isinstance(each, Turn)
            or (isinstance(each, Complete) and each.thing.kind == "condition")
            for each in case.schedule.steps[step][its_place:place]
        )
    return (its_step, its_place) > (step, place)


def everything_came(case: Case) -> bool:
    """Whether all that the program waits for came, as many times as it is waited for.

    Not so where that cannot be told: a notification is for who waits at the time, and two tasks may
    keep two locks from each other.
    """
    waits: dict[Thing, int] = {}
    for each in statements(case.program):
        thing = waited(each)
        if thing is not None:
            thing = Thing("sleep") if thing.kind == "sleep" else thing
            waits[thing] = waits.get(thing, 0) + 1
    held = [thing for thing in waits if thing.kind in ("lock", "semaphore")]
    if len(held) > 1 or any(thing.kind == "condition" for thing in waits):
        return False
    once = ("event", "future", "lock", "semaphore")
    return all(
        times(case, comes(thing)) >= (1 if thing.kind in once else count)
        for thing, count in waits.items()
    )


# What was seen.


def ending(seen: Seen, name: str) -> str | None:
    """How the task called ``name`` ended: ``cancelled``, ``returned ...`` or ``raised ...``.

    ``None`` if nobody said.
    """
    for event in reversed(seen.get(name, ())):
        if event == "cancelled" or event.startswith(ENDS):
            return event.partition(", cancelling ")[0]
    return None


def requests_left(seen: Seen, name: str) -> int:
    """How many requests to end are counted when the task has ended: asyncio from 3.11 on."""
    counts = [event.partition(", cancelling ")[2] for event in seen.get(name, ())]
    return next((int(count) for count in reversed(counts) if count), 0)


def is_end(event: str) -> bool:
    """Whether this is the last that is said of a task."""
    return event == "cancelled" or event.startswith(ENDS)


def still_running(seen: Seen) -> list[str]:
    """The tasks that had not ended when the main task looked."""
    return [
        lane
        for lane, events in seen.items()
        if any(event.startswith("still running") for event in events)
    ]


def came_in(seen: Seen, lane: str, thing: Thing) -> bool:
    """Whether the task was given what it waited for."""
    it = called(thing)
    texts = ("slept",) if thing.kind == "sleep" else (f"{it} came", f"holds the {it}")
    return any(event in texts for event in seen.get(lane, ()))


def count(seen: Seen, event: str) -> int:
    """How many times ``event`` was seen, in any lane."""
    return sum(each == event for _, each in seen.lines)


def told(seen: Seen, *lanes: str) -> str:
    """These lanes, or all of them, for a message."""
    return "\n".join(
        f"{lane}: {'; '.join(events) or 'nothing'}"
        for lane, events in seen.items()
        if not lanes or lane in lanes
    )
