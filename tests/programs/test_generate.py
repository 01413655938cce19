"""All small programs, in a fixed order, and every schedule of each."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import get_args

import pytest

from conformance.claim import Library
from conformance.conditions import fits
from conformance.programs.generate import competes, contests, kinds, missing, programs
from conformance.programs.reference import run as reference
from conformance.programs.reference.rules import Rules
from conformance.programs.schedule import Action, CancelTask, Complete, Pass, Schedule, Turn
from conformance.programs.syntax import (
    HANDLERS,
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
    blocks,
    statements,
)

LIBRARIES: tuple[Library, ...] = get_args(Library)
every_library = pytest.mark.parametrize("library", LIBRARIES)

FIRST = """
worker: Compute
worker: Yield
worker: Wait(event)
worker: Wait(lock)
worker: Wait(queue)
worker: Raise
worker: Cancel
""".strip().splitlines()

COUNTS: dict[Library, tuple[int, ...]] = {"anyio": (7, 140, 3_864), "trio": (7, 140, 3_864)}
"""How many programs there are of each size; in asyncio that depends on what this Python has."""


@cache
def some(library: Library, size: int = 3) -> tuple[Program, ...]:
    """Every program up to ``size``, with those that are enumerated for their contest."""
    return tuple(
        program
        for exactly in range(1, size + 1)
        for found in (programs(library, exactly), contests(library, exactly))
        for program in found
    )


def digest(library: Library) -> str:
    """All of them, in their order, in a few letters."""
    return hashlib.sha256(repr(some(library)).encode()).hexdigest()


def schedules(library: Library, size: int, cancels: int) -> Iterator[tuple[Program, Schedule]]:
    """Every program up to ``size`` with each of its schedules."""
    for program in some(library, size):
        for schedule, _ in reference.runs(program, Rules(library), cancels):
            yield program, schedule


@every_library
def test_no_program_comes_twice(library: Library) -> None:
    assert [each for each, times in Counter(some(library)).items() if times > 1] == []


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_order_is_fixed(hash_seed: str) -> None:
    """A verdict says "the first 1,000": those are the same ones in every process."""
    code = (
        "from tests.programs.test_generate import LIBRARIES, digest\nprint(*map(digest, LIBRARIES))"
    )
    there = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.split() == [digest(library) for library in LIBRARIES]


@every_library
def test_the_simplest_come_first(library: Library) -> None:
    assert [repr(program) for program in some(library)[: len(FIRST)]] == FIRST


@pytest.mark.parametrize("library", COUNTS)
def test_how_many_there_are(library: Library) -> None:
    assert tuple(len(list(programs(library, size))) for size in (1, 2, 3)) == COUNTS[library]


def test_how_many_there_are_in_asyncio() -> None:
    whole = {"python<3.11": 141, "python>=3.11,python<3.12": 155, "python>=3.12": 162}
    (two,) = (count for when, count in whole.items() if fits(when))
    assert [len(list(programs("asyncio", size))) for size in (1, 2)] == [7, two]


@every_library
def test_every_kind_of_statement_occurs(library: Library) -> None:
    found = {type(each) for program in some(library) for each in statements(program)}
    assert found == set(get_args(Statement)) - set(missing(library))


@every_library
def test_every_handler_occurs(library: Library) -> None:
    tries = [
        each for program in some(library) for each in statements(program) if isinstance(each, Try)
    ]
    assert {each.handler for each in tries} == {*HANDLERS, None}
    assert any(each.handling for each in tries)
    assert any(each.finally_ for each in tries)


@every_library
def test_every_kind_of_thing_occurs(library: Library) -> None:
    found = {
        each.thing.kind
        for program in some(library)
        for each in statements(program)
        if isinstance(each, Wait)
    }
    assert found == set(kinds(library))


@every_library
def test_nothing_stands_where_it_is_never_reached(library: Library) -> None:
    for program in some(library):
        inner = (block for each in statements(program) for block in blocks(each))
        for block in (*program.tasks, *inner):
            assert not any(isinstance(each, (Raise, Return)) for each in block[:-1]), program


@every_library
def test_nobody_waits_for_what_he_holds(library: Library) -> None:
    for program in some(library):
        for held in statements(program):
            if isinstance(held, Hold):
                inside = statements(Program((held.body,)))
                assert not any(getattr(each, "thing", None) == held.thing for each in inside)


@every_library
def test_two_tasks_want_the_same(library: Library) -> None:
    two = [program for program in some(library) if len(program.tasks) == 2]
    assert two
    assert all(competes(*program.tasks) for program in two)


@every_library
def test_every_event_and_future_of_a_task_is_its_own(library: Library) -> None:
    for program in some(library):
        for task in program.tasks:
            waited = [
                each.thing
                for each in statements(Program((task,)))
                if isinstance(each, Wait) and each.thing.kind in ("event", "future")
            ]
            assert len(waited) == len(set(waited)), program


@every_library
def test_every_action_occurs(library: Library) -> None:
    found = {
        type(action)
        for _, schedule in schedules(library, 2, 1)
        for step in schedule.steps
        for action in step
    }
    assert found == set(get_args(Action))


def test_the_instants_of_a_wait() -> None:
    """At the wait, in the turn in which it is over (before that, after it, a turn later), after the end."""
    event, cancel = Complete(Thing("event")), CancelTask("worker")
    program = Program(((Wait(Thing("event")),),))
    found = [schedule.steps for schedule, _ in reference.runs(program, Rules("asyncio"), 1)]
    assert found[0] == ((), (event,))
    assert {
        ((cancel,),),
        ((), (cancel,)),
        ((), (cancel, event)),
        ((), (event, cancel)),
        ((), (event, Turn(), cancel)),
        ((), (event,), (cancel,)),
    } <= set(found)


@every_library
def test_no_schedule_comes_twice(library: Library) -> None:
    for program in some(library, 2):
        found = [schedule for schedule, _ in reference.runs(program, Rules(library), 2)]
        assert len(found) == len(set(found)), program


@every_library
def test_the_first_schedule_cancels_nobody(library: Library) -> None:
    for program in some(library, 2):
        schedule, _ = next(reference.runs(program, Rules(library), 2))
        assert schedule.cancels == 0, program


@every_library
def test_what_is_asked_for_is_an_upper_bound(library: Library) -> None:
    for cancels in (0, 1, 2):
        most = max(schedule.cancels for _, schedule in schedules(library, 2, cancels))
        assert most == cancels


@every_library
def test_every_program_has_a_run(library: Library) -> None:
    """Only those in which two tasks hold what the other waits for could have none."""
    for program in some(library, 2):
        assert any(True for _ in reference.runs(program, Rules(library), 0)), program


@every_library
def test_time_passes_only_where_something_takes_time(library: Library) -> None:
    for program, schedule in schedules(library, 2, 0):
        if any(isinstance(action, Pass) for step in schedule.steps for action in step):
            assert any(
                isinstance(each, (Timeout, WaitFor)) or each == Wait(Thing("sleep"))
                for each in statements(program)
            ), program
