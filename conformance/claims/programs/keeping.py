"""What tasks take from each other: items, locks, permits.  None is lost, none is there twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import given

from conformance.claim import antecedent, holds, law, refuted
from conformance.programs.cases import Case, runs
from conformance.programs.evidence import (
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
)
from conformance.programs.trace import Seen

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
            f"{put} items were put into the {name} and {got} were received, so {put - got} are to "
            f"be left; but there are: {left}\n{told(seen)}"
        )


SENT = law(
    "PROGRAM-12",
    "An item whose put() or send() was cancelled is not in the queue or stream, and one whose put() "
    "or send() returned is.",
    source=f"{QUEUES}, {PRIMITIVES}, {STREAMS}",
)
ARRIVES = refuted(
    "a send() that is cancelled in the turn in which a receiver takes the item raises all the same",
    issue="docs/findings/anyio-send-raises-though-delivered.md",
)


@SENT.states("anyio", expect=ARRIVES, antecedents=("room was made", "in the turn of a cancel"))
@SENT.states(
    "asyncio",
    "trio",
    expect=holds(),
    antecedents=("room was made", "in the turn of a cancel"),
)
@given(case=runs(naming("full queue")))
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
            f"there was 1 item in the {name}, {taken} were taken out, and {put} put() returned, so "
            f"{1 - taken + put} are to be left; but there are: {left}\n{told(seen)}"
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
            f"the {name} was {'' if released else 'never '}released, everybody has ended, and it is "
            f"{seen[name][-1]}:\n{told(seen)}"
        )


ONE_HOLDER = law(
    "PROGRAM-14",
    "Two tasks never hold the same lock at once, whoever of those that wait for it is cancelled.",
    source=LOCKS,
)


def holds_and_waits(program: Program) -> bool:
    """Whether a lock is wanted twice, and the worker waits for an event while it holds it."""
    worker, *others = program.tasks
    return bool(others) and worker == (Hold(Thing("lock"), (Wait(Thing("event")),)),)


@ONE_HOLDER.states(
    "asyncio",
    "anyio",
    "trio",
    expect=holds(),
    antecedents={"the lock was held while another waited for it": 0.02},
)
@given(case=runs(naming("lock"), further=holds_and_waits))
def test_a_lock_has_one_holder(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    if not holds_and_waits(case.program):
        return
    held = False
    for lane, event in seen.lines:
        if lane == "worker":
            # Between these two events it holds the lock, if it is not cancelled there.
            held = event == "holds the lock"
        elif held and event in ("holds the lock", "lock came"):
            after = [each for each in seen.lines if each == ("worker", "event came")]
            assert not after, f"the {lane} got the lock while the worker held it:\n" + "\n".join(
                f"{lane}: {event}" for lane, event in seen.lines
            )
    if ("worker", "event came") in seen.lines:
        antecedent("the lock was held while another waited for it")


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
