"""Programs that are drawn: larger than those that are enumerated, and small again once they shrank."""

from __future__ import annotations

import random
from statistics import median
from typing import get_args

import pytest
from hypothesis import HealthCheck, Phase, find, given, seed, settings
from hypothesis.errors import NoSuchExample

from conformance.backends.backend import Backend
from conformance.backends.discovery import builtin_backends
from conformance.claim import Library
from conformance.conditions import fits
from conformance.judging.draws import from_the_seed_alone
from conformance.programs import strategies
from conformance.programs.cases import Case
from conformance.programs.generate import missing
from conformance.programs.reference import run as reference
from conformance.programs.reference.rules import rules_here
from conformance.programs.schedule import CancelTask, Complete, Schedule
from conformance.programs.syntax import (
    Cancel,
    Compute,
    Gather,
    Group,
    Hold,
    Program,
    Raise,
    Return,
    Statement,
    Thing,
    Timeout,
    Try,
    Wait,
    WaitFor,
    Yield,
    blocks,
    statements,
)
from conformance.programs.trace import Trace
from tests.wrong.kit import Wrong
from tests.wrong.programs_named import WRONG

Drawn = tuple[Program, Schedule, Trace]

LIBRARIES: tuple[Library, ...] = get_args(Library)
BACKENDS: dict[str, Backend] = {backend.name: backend for backend in builtin_backends()}
every_library = pytest.mark.parametrize("library", LIBRARIES)


def draw(library: Library, count: int, *, start: int = 0) -> list[Drawn]:
    """Some of what is drawn, from one seed."""
    found: list[Drawn] = []

    @seed(start)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(drawn=strategies.runs(library, rules_here(library)))
    def keep(drawn: Drawn) -> None:
        found.append(drawn)

    with from_the_seed_alone():
        keep()
    return found


def size(program: Program) -> int:
    """How many statements there are in ``program``."""
    return sum(1 for _ in statements(program))


@every_library
def test_most_are_larger_than_what_is_enumerated(library: Library) -> None:
    sizes = [size(program) for program, _, _ in draw(library, 200)]
    assert median(sizes) > 3
    assert sum(each >= 8 for each in sizes) > 20
    assert max(sizes) <= strategies.LARGEST


@every_library
def test_the_same_seed_draws_the_same(library: Library) -> None:
    assert draw(library, 50, start=3) == draw(library, 50, start=3)
    assert draw(library, 50, start=3) != draw(library, 50, start=4)


@every_library
def test_every_kind_of_statement_is_drawn(library: Library) -> None:
    found = {type(each) for program, _, _ in draw(library, 300) for each in statements(program)}
    assert found == set(get_args(Statement)) - set(missing(library))


def test_what_is_not_enumerated_is_drawn() -> None:
    drawn = [each for program, _, _ in draw("asyncio", 1_000) for each in statements(program)]
    tries = [each for each in drawn if isinstance(each, Try)]
    assert any(each.handling and each.finally_ for each in tries)
    assert any(isinstance(each, Gather) and len(each.children) == 2 for each in drawn)
    assert Cancel(of="worker") in drawn
    if Group not in missing("asyncio"):
        groups = [each for each in drawn if isinstance(each, Group)]
        assert any(len(each.children) == 2 and each.body for each in groups)


@every_library
def test_there_are_all_numbers_of_tasks_and_cancels(library: Library) -> None:
    drawn = draw(library, 500)
    assert {len(program.tasks) for program, _, _ in drawn} == {1, 2}
    assert {schedule.cancels for _, schedule, _ in drawn} >= {0, 1, 2}


@every_library
def test_what_is_drawn_can_be_run(library: Library) -> None:
    """Nothing stands where it is never reached, nobody waits for what he holds, and so on."""
    for program, _, _ in draw(library, 300):
        inner = (block for each in statements(program) for block in blocks(each))
        for block in (*program.tasks, *inner):
            assert not any(isinstance(each, (Raise, Return)) for each in block[:-1]), program
        for each in statements(program):
            if isinstance(each, Hold):
                inside = statements(Program((each.body,)))
                assert not any(getattr(one, "thing", None) == each.thing for one in inside)
            if isinstance(each, Try) and each.finally_ is not None:
                last = list(statements(Program((each.finally_,))))
                assert not any(isinstance(one, Return) for one in last), program
        worker = statements(Program((program.tasks[0],)))
        assert Cancel(of="worker") not in worker, "a task may not know itself by name yet"


@every_library
def test_things_are_numbered_as_they_come(library: Library) -> None:
    for program, _, _ in draw(library, 300):
        seen: dict[str, int] = {}
        for each in statements(program):
            if isinstance(each, (Wait, Hold)):
                thing = each.thing
                assert thing.number <= seen.get(thing.kind, 0) + 1, program
                seen[thing.kind] = max(seen.get(thing.kind, 0), thing.number)


@every_library
def test_the_likely_trace_is_the_first_that_is_allowed(library: Library) -> None:
    rules = rules_here(library)
    for program, schedule, likely in draw(library, 50):
        assert next(reference.allowed(program, schedule, rules)) == likely


@pytest.mark.parametrize(
    ("library", "backend"),
    [("asyncio", "asyncio"), ("anyio", "asyncio"), ("anyio", "trio"), ("trio", "trio")],
)
def test_the_reference_allows_what_is_seen(library: Library, backend: str) -> None:
    run = BACKENDS[backend].library_run(library)
    for program, schedule, likely in draw(library, 100):
        case = Case(program, schedule, rules_here(library), likely)
        seen = case.perform(run)
        assert case.allows(seen), f"{case!r}\n{case.compared(seen)}"


@every_library
def test_the_simplest_is_one_statement(library: Library) -> None:
    found = find(
        strategies.runs(library, rules_here(library)),
        lambda _: True,
        settings=settings(database=None),
    )
    assert found[:2] == (Program(((Compute(),),)), Schedule(((),)))


# What is left of a program that a wrong runtime runs wrongly, once it has shrunk.

EVENT, QUEUE = Thing("event"), Thing("queue")
WORKER = CancelTask("worker")

MINIMAL: dict[str, tuple[type[Statement], Program, Schedule]] = {
    "wait_for() loses a cancel that comes with the result": (
        WaitFor,
        Program(((WaitFor((Wait(EVENT),)),),)),
        Schedule(((), (Complete(EVENT), WORKER))),
    ),
    "a queue drops the item of a cancelled getter": (
        Wait,
        Program(((Wait(QUEUE),),)),
        Schedule(((), (Complete(QUEUE), WORKER))),
    ),
    "a group forgets the exceptions of its children": (
        Group,
        Program(((Group(((Raise(),),)),),)),
        Schedule(((),)),
    ),
    "a timeout takes somebody else's cancel for its own": (
        Timeout,
        Program(((Timeout((Wait(EVENT),)),),)),
        Schedule(((), (WORKER,))),
    ),
    "gather() answers in the order of completion": (
        Gather,
        Program(((Gather(((Yield(),), (Compute(),))),),)),
        Schedule(((),)),
    ),
    "a finally is skipped": (
        Try,
        Program(((Try((Wait(EVENT),), "reraise"),),)),
        Schedule(((), (WORKER,))),
    ),
}
"""By the name of a wrong runtime: the statement that must occur, and the smallest counterexample.

A program in which somebody is cancelled by a statement is none here: there are as small ones of those,
and which of them is found first is chance."""

SEARCHES = 10
"""Shrinking ends where no single change makes a case smaller: now and then before the smallest."""


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(wrong, marks=pytest.mark.skipif(not fits(wrong.when), reason=wrong.when))
        for wrong in WRONG
        if wrong.name in MINIMAL
    ],
    ids=str,
)
def test_it_shrinks_to_the_minimal_counterexample(wrong: Wrong) -> None:
    needed, minimal, steps = MINIMAL[wrong.name]
    rules, run = rules_here(wrong.library), wrong.backend.library_run(wrong.library)
    chance = random.Random(1)  # noqa: S311  # no secret: a seed

    def departs(drawn: Drawn) -> bool:
        kinds = {type(each) for each in statements(drawn[0])}
        if needed not in kinds or Cancel in kinds:
            return False
        case = Case(drawn[0], drawn[1], rules, drawn[2])
        return not case.allows(case.perform(run))

    with wrong.patch(), from_the_seed_alone():
        for _ in range(SEARCHES):
            try:
                program, schedule, _ = find(
                    strategies.runs(wrong.library, rules),
                    departs,
                    settings=settings(
                        max_examples=3_000,
                        database=None,
                        deadline=None,
                        suppress_health_check=list(HealthCheck),
                    ),
                    random=chance,
                )
            except NoSuchExample:
                continue
            assert size(program) >= size(minimal), f"{program!r} is smaller than what is expected"
            if (program, schedule) == (minimal, steps):
                return
    raise AssertionError("not found")
