"""What the minimal counterexample of a known mistake looks like."""

from __future__ import annotations

import sys
from functools import cache
from textwrap import dedent
from unittest import mock

import pytest

from conformance.conditions import fits
from conformance.programs.cases import Case
from conformance.programs.reference import run as reference
from conformance.programs.reference.rules import rules_here
from conformance.programs.schedule import CancelTask, Complete, Pass, Schedule
from conformance.programs.syntax import (
    Compute,
    Gather,
    Group,
    Program,
    Raise,
    Shield,
    Thing,
    Timeout,
    Try,
    Wait,
    WaitFor,
    Yield,
)
from conformance.programs.trace import Trace, printed, trace_of
from conformance.scripts.program import program_script
from conformance.scripts.style import HAS_LOOP_FACTORY, Style
from conformance.verdict import Verdict
from tests.programs.counterexamples import judged, lines_of_code
from tests.wrong.kit import Wrong
from tests.wrong.programs_named import WRONG

LINES = 28 if HAS_LOOP_FACTORY else 36
"""No script is longer, blank lines and docstring apart; before 3.12 a policy says which loop is used."""

EXAMPLES = 5_000
"""After so many examples each is found: they take a few seconds, 30 on a machine that is very slow."""

EVENT, LOCK, QUEUE = Thing("event"), Thing("lock"), Thing("queue")
WORKER = CancelTask("worker")

MINIMAL: dict[str, tuple[Program, Schedule]] = {
    "wait_for() loses a cancel that comes with the result": (
        Program(((WaitFor((Wait(EVENT),)),),)),
        Schedule(((), (Complete(EVENT), WORKER))),
    ),
    "a queue drops the item of a cancelled getter": (
        Program(((Wait(QUEUE),),)),
        Schedule(((), (Complete(QUEUE), WORKER))),
    ),
    "a lock is not handed on by a waiter that is cancelled": (
        Program(((Wait(LOCK),), (Wait(LOCK),))),
        Schedule(((), (), (WORKER, Complete(LOCK)))),
    ),
    "a group forgets the exceptions of its children": (
        Program(((Group(((Raise(),),)),),)),
        Schedule(((),)),
    ),
    "a scope delivers once only": (
        Program(((Try((Yield(),), finally_=(Yield(),)),),)),
        Schedule(((WORKER,),)),
    ),
    "a shield leaks": (
        Program(((Shield((Wait(EVENT),)),),)),
        Schedule(((), (WORKER,), (Complete(EVENT),))),
    ),
    "a timeout takes somebody else's cancel for its own": (
        Program(((Timeout((Wait(EVENT),)),),)),
        Schedule(((), (WORKER,))),
    ),
    "gather() answers in the order of completion": (
        Program(((Gather(((Yield(),), (Compute(),))),),)),
        Schedule(((),)),
    ),
    "a finally is skipped": (
        Program(((Try((Wait(EVENT),), finally_=()),),)),
        Schedule(((), (WORKER,))),
    ),
    "a count stays": (
        Program(((Timeout((Wait(EVENT),)),),)),
        Schedule(((), (Pass(),))),
    ),
}

wrong_runtimes = pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(wrong, marks=pytest.mark.skipif(not fits(wrong.when), reason=wrong.when))
        for wrong in WRONG
    ],
    ids=str,
)


@cache
def found_in(wrong: Wrong) -> Verdict:
    """The verdict on a wrong runtime, judged once for all tests."""
    return judged(wrong)


def minimal(wrong: Wrong) -> tuple[Case, Trace]:
    """The case that should be found in a wrong runtime, and the trace that is seen there."""
    program, schedule = MINIMAL[wrong.name]
    rules = rules_here(wrong.library)
    case = Case(program, schedule, rules, reference.run(program, schedule, rules))
    with wrong.patch():
        return case, case.perform(wrong.backend.library_run(wrong.library))


def printed_by(script: str) -> Trace:
    """The trace that a script prints."""
    lines: list[str] = []
    names = {"__name__": "__main__", "print": lines.append}
    with mock.patch.object(sys, "argv", ["script.py"]):
        exec(compile(script, "<script>", "exec"), names)  # noqa: S102  # our own source
    return trace_of(lines)


@wrong_runtimes
def test_it_is_found_soon(wrong: Wrong) -> None:
    verdict = found_in(wrong)
    assert verdict.verdict == "refuted"
    assert verdict.examples <= EXAMPLES


@wrong_runtimes
def test_the_smallest_program_and_schedule_are_found(wrong: Wrong) -> None:
    case, seen = minimal(wrong)
    assert not case.allows(seen)
    found = found_in(wrong).counterexample
    assert found is not None
    style = Style(wrong.library, wrong.backend.script_style)
    assert found.script == program_script(case.program, case.schedule, style, case.departure())
    assert found.text.startswith(f"{case!r}\n")


@wrong_runtimes
def test_both_traces_stand_side_by_side(wrong: Wrong) -> None:
    """Both are whole, and what differs is marked."""
    case, seen = minimal(wrong)
    found = found_in(wrong).counterexample
    assert found is not None
    _, text = found.text.split("the reference does not allow it:\n")
    header, *lines = dedent(text).splitlines()  # pytest indents what an assertion says
    at = header.index("seen")
    rows = [(line[0], line[2:at].rstrip(), line[at:]) for line in lines]
    assert [left for _, left, _ in rows if left] == printed(case.nearest(seen))
    assert sorted(right for _, _, right in rows if right) == sorted(printed(seen))
    assert {mark for mark, left, right in rows if left != right} == {">"}
    assert {mark for mark, left, right in rows if left == right} <= {" "}


@wrong_runtimes
def test_the_script_is_short(wrong: Wrong) -> None:
    found = found_in(wrong).counterexample
    assert found is not None
    assert lines_of_code(found.script) <= LINES


@wrong_runtimes
def test_the_script_shows_the_mistake_and_nothing_else(wrong: Wrong) -> None:
    """Where the mistake is it prints what was seen, and elsewhere what the reference allows."""
    case, seen = minimal(wrong)
    found = found_in(wrong).counterexample
    assert found is not None
    with wrong.patch():
        assert printed_by(found.script) == seen
    assert printed_by(found.script) in list(case.allowed())


@wrong_runtimes
def test_the_docstring_says_what_differs(wrong: Wrong) -> None:
    case, _ = minimal(wrong)
    departure = case.departure()
    assert departure is not None
    should, does = departure
    found = found_in(wrong).counterexample
    assert found is not None
    assert f"Predicted: {should}\nSeen:      {does}\n" in found.script
