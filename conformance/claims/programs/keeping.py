"""What tasks take from each other: items, locks, permits.  None is lost, none is there twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import TASKS, TIMERS
from conformance.programs.cases import Case, runs
from conformance.programs.facts import (
    count,
    is_end,
    shut_down,
    still_running,
    times,
    told,
    waited,
)
from conformance.programs.reference.meaning import called
from conformance.programs.schedule import Complete
from conformance.programs.syntax import (
    Hold,
    Kind,
    Program,
    Thing,
    Try,
    Wait,
    statements,
    things,
    walk,
)
from conformance.programs.trace import Seen
from conformance.toolbox.words import counted, were

QUEUES = "https://docs.python.org/3/library/asyncio-queue.html#asyncio.Queue"
PRIMITIVES = "https://trio.readthedocs.io/en/stable/reference-core.html#cancellable-primitives"
STREAMS = "https://anyio.readthedocs.io/en/stable/streams.html#memory-object-streams"
LOCKS = (
    "https://docs.python.org/3/library/asyncio-sync.html#asyncio.Lock.release,"
    " https://trio.readthedocs.io/en/stable/reference-core.html#trio.Lock,"
    " https://anyio.readthedocs.io/en/stable/synchronization.html#locks"
)


def naming(*kinds: Kind) -> Callable[[Program], bool]:
    """A test for programs that wait for a thing of one of these ``kinds``."""
    return lambda program: any(thing.kind in kinds for thing in things(program))


def competing_for(*kinds: Kind) -> Callable[[Program], bool]:
    """A test for programs of two tasks that wait for one such thing, with a handler that goes on."""

    def competes(program: Program) -> bool:
        each_statement = list(statements(program))
        return (
            len(program.tasks) == 2
            and len(each_statement) <= 3
            and all(
                (isinstance(each, Try) and each.handler in ("swallow", "reraise"))
                or (isinstance(each, Wait) and each.thing.kind in kinds)
                for each in each_statement
            )
        )

    return competes


def all_of(case: Case, *kinds: Kind) -> Iterable[tuple[Thing, str]]:
    """The things of these ``kinds`` that are accounted for at the end, with their names."""
    found = [(thing, called(thing)) for thing in things(case.program) if thing.kind in kinds]
    return [] if shut_down(case) else found


ITEMS = law(
    "PROGRAM-11",
    "No item of a queue or a stream is lost or received twice, wherever a cancel meets its receiver.",
    source=f"{QUEUES}, {PRIMITIVES}, {STREAMS}",
)


@ITEMS.states(
    "asyncio",
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("an item came", "in the turn of a cancel"),
    builds_on=(
        TIMERS,
        TASKS,
    ),
)
@given(case=runs(naming("queue"), further=competing_for("queue")))
def test_no_item_is_lost(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    for thing, name in all_of(case, "queue"):
        put, got = times(case, Complete(thing)), count(seen, f"{name} came")
        if put:
            antecedent("an item came")
            if case.races:
                antecedent("in the turn of a cancel")
        left = seen[name][-1]
        assert left == f"{put - got} left", (
            f"{counted(put, 'item')} {were(put)} put into the {name} and {got} received:"
            f" {put - got} left was to be seen, and not {left}\n{told(seen)}"
        )


SENT = law(
    "PROGRAM-12",
    "An item whose put() or send() was cancelled is not in the queue or stream, and one whose put() "
    "or send() returned is.",
    source=f"{QUEUES}, {PRIMITIVES}, {STREAMS}",
)


@SENT.states(
    "asyncio",
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("room was made", "in the turn of a cancel"),
    builds_on=(
        TIMERS,
        TASKS,
    ),
)
@given(case=runs(naming("full queue"), further=naming("full queue")))
def test_no_item_is_there_that_was_not_put(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    for thing, name in all_of(case, "full queue"):
        taken, put = times(case, Complete(thing)), count(seen, f"{name} came")
        if taken:
            antecedent("room was made")
            if case.races:
                antecedent("in the turn of a cancel")
        left = seen[name][-1]
        assert left == f"{1 - taken + put} left", (
            f"there was 1 item in the {name}, {taken} {were(taken)} taken out, and {put} put()"
            f" returned: {1 - taken + put} left was to be seen, and not {left}\n{told(seen)}"
        )


FREE = law(
    "PROGRAM-13",
    "A lock or permit is free in the end if it was released and all who took it have ended, and taken "
    "if it was not released.",
    source=LOCKS,
)


def ended_before(seen: Seen, names: Iterable[str], account: str) -> bool:
    """Whether all tasks had ended, and theirs too, when the main task accounted for the thing."""
    if seen.get("tasks", ("0 left",)) != ("0 left",) or still_running(seen):
        return False
    ended = {lane for lane, event in seen.lines if is_end(event)}
    before = seen.lines[: next(n for n, (lane, _) in enumerate(seen.lines) if lane == account)]
    return set(names) <= ended & {lane for lane, event in before if is_end(event)}


@FREE.states(
    "asyncio",
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("it was released", "in the turn of a cancel"),
    builds_on=(TIMERS, TASKS),
)
@given(case=runs(naming("lock", "semaphore"), further=competing_for("lock")))
def test_what_is_released_is_free(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    for thing, name in all_of(case, "lock", "semaphore"):
        if not ended_before(seen, case.program.names, name):
            continue
        released = times(case, Complete(thing))
        if released:
            antecedent("it was released")
            if case.races:
                antecedent("in the turn of a cancel")
        expected = "free" if released else "taken"
        assert seen[name][-1] == expected, (
            f"the {name} was {'' if released else 'never '}released, everybody has ended, and it is"
            " "
            f"{seen[name][-1]}:\n{told(seen)}"
        )


ONE_HOLDER = law(
    "PROGRAM-14",
    "Two tasks never hold the same lock at once, whoever of those that wait for it is cancelled.",
    source=LOCKS,
)


def came_under_the_lock(program: Program) -> set[str]:
    """The events that say that the first wait of a block that holds the lock is over."""
    return {
        f"{called(each.body[0].thing)} came"
        for each in statements(program)
        if isinstance(each, Hold) and each.thing.kind == "lock" and isinstance(each.body[0], Wait)
    }


def wanted_while_held(program: Program) -> bool:
    """Whether one of two tasks waits for something while it holds the lock, and both want the lock."""
    wants = [any(waited(each) == Thing("lock") for each in walk(block)) for block in program.tasks]
    return wants == [True, True] and bool(came_under_the_lock(program))


def held_by_the_worker(program: Program) -> bool:
    """Whether the worker holds it while it waits for an event, and the rival is one construct."""
    worker, rival = program.tasks
    return worker == (Hold(Thing("lock"), (Wait(Thing("event")),)),) and len(rival) == 1


@ONE_HOLDER.states(
    "asyncio",
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("a task waited while it held the lock", "and a task was cancelled"),
    builds_on=(TASKS,),
)
@given(case=runs(wanted_while_held, further=held_by_the_worker))
def test_a_lock_has_one_holder(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    inside = came_under_the_lock(case.program)
    for taken, (holder, event) in enumerate(seen.lines):
        if event != "holds the lock":
            continue
        # Up to the next event of its lane it holds the lock, if that is the one from within.
        rest = list(enumerate(seen.lines))[taken + 1 :]
        still, what = next(
            ((number, what) for number, (lane, what) in rest if lane == holder), (taken, "")
        )
        if what not in inside:
            continue
        antecedent("a task waited while it held the lock")
        if case.cancels:
            antecedent("and a task was cancelled")
        for lane, what in seen.lines[taken + 1 : still]:
            assert what not in ("holds the lock", "lock came"), (
                f"the {lane} got the lock while the {holder} held it:\n"
                + "\n".join(f"{lane}: {event}" for lane, event in seen.lines)
            )


NO_LOST_WAKEUP = law(
    "PROGRAM-15",
    "No task waits for what is there: what a cancelled task was about to get goes to the next one.",
    source=f"{LOCKS}, {QUEUES}, {PRIMITIVES}",
)

_THERE = {"queue": "0 left", "full queue": "1 left", "lock": "taken", "semaphore": "taken"}
"""What is said at the end of a thing that nobody can have."""


def all_wait_for_one(program: Program) -> bool:
    """Whether all that its tasks wait for is one thing that only one of them can have."""
    wanted = {waited(each) for each in statements(program)} - {None}
    return len(wanted) == 1 and naming("queue", "full queue", "lock", "semaphore")(program)


@NO_LOST_WAKEUP.states(
    "asyncio",
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("two tasks wanted it", "and one was cancelled in the turn in which it came"),
    builds_on=(TIMERS, TASKS),
)
@given(case=runs(all_wait_for_one, further=competing_for("lock", "queue")))
def test_nobody_waits_for_what_is_there(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    if shut_down(case):
        return
    ((thing, name),) = all_of(case, "queue", "full queue", "lock", "semaphore")
    if len(case.program.tasks) > 1:
        antecedent("two tasks wanted it")
        if case.races:
            antecedent("and one was cancelled in the turn in which it came")
    if seen[name][-1] == _THERE[thing.kind]:
        return
    place = next(n for n, (lane, _) in enumerate(seen.lines) if lane == name)
    ended = {lane for lane, event in seen.lines[:place] if is_end(event)}
    waiting = [each for each in case.program.names if each not in ended]
    assert not waiting, (
        f"the {name} is there for the taking ({seen[name][-1]}), and the {' and '.join(waiting)} "
        f"waits for it:\n{told(seen)}"
    )
