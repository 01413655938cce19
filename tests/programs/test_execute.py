"""Running a program gives its trace, whatever becomes of it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import sys
from collections.abc import Callable
from itertools import islice
from typing import Any
from unittest import mock

import pytest

from conformance.backends.deadlock import Deadlock
from conformance.backends.discovery import builtin_backends
from conformance.claim import Library
from conformance.programs.execute import execute
from conformance.programs.generate import programs
from conformance.programs.reference.rules import rules_here
from conformance.programs.reference.run import runs
from conformance.programs.schedule import CancelTask, Complete, Schedule
from conformance.programs.syntax import Compute, Program, Raise, Thing, Try, Wait
from conformance.programs.trace import trace_of
from conformance.scripts.program import program_script
from conformance.scripts.style import Style

BACKENDS = {backend.name: backend for backend in builtin_backends()}
ONES: tuple[tuple[Library, str], ...] = (
    ("asyncio", "asyncio"),
    ("anyio", "asyncio"),
    ("anyio", "trio"),
    ("trio", "trio"),
)
everywhere = pytest.mark.parametrize(("library", "backend"), ONES, ids=lambda name: name)

EVENT = Thing("event")
PLAIN = Schedule(((),))


def _run(library: Library, backend: str) -> Callable[[Any], object]:
    return BACKENDS[backend].library_run(library)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    # Programs leave failed tasks behind, on purpose.
    caplog.set_level(logging.CRITICAL, logger="asyncio")


@everywhere
def test_what_is_printed_is_the_trace(library: Library, backend: str) -> None:
    trace = execute(Program(((Compute(),),)), PLAIN, library, _run(library, backend))
    assert trace["worker"][0] == "computed"
    assert trace["worker"][1].startswith("returned None")


@everywhere
def test_a_run_leaves_nothing_to_the_next(library: Library, backend: str) -> None:
    run = _run(library, backend)
    program = Program(((Try((Wait(EVENT),), "reraise"),),))
    schedules = [
        Schedule(((), (Complete(EVENT),))),
        Schedule(((), (CancelTask("worker"),))),
        Schedule(((CancelTask("worker"),),)),
    ]
    first = [execute(program, schedule, library, run) for schedule in schedules]
    assert [execute(program, schedule, library, run) for schedule in reversed(schedules)] == first[
        ::-1
    ]
    assert first[0] != first[1]


@everywhere
def test_nothing_is_written_to_the_terminal(
    library: Library, backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(Program(((Compute(), Raise()),)), PLAIN, library, _run(library, backend))
    assert capsys.readouterr() == ("", "")


def test_an_error_of_the_main_task_has_a_lane_of_its_own() -> None:
    def run(main: Any) -> None:
        main.close()
        raise ValueError

    trace = execute(Program(((Compute(),),)), PLAIN, "asyncio", run)
    assert trace == {"main": ("raised ValueError",)}


def test_a_run_that_can_never_end_says_so() -> None:
    def run(main: Any) -> None:
        main.close()
        raise Deadlock("nothing is left that could wake a task")

    trace = execute(Program(((Compute(),),)), PLAIN, "asyncio", run)
    assert trace == {"main": ("never ends",)}


def test_a_run_that_hangs_on_virtual_time_ends() -> None:
    # The worker waits for what never comes, and refuses to be cancelled at the end.
    wait = Wait(EVENT)
    program = Program(((Try((wait,), "swallow"), wait),))
    seen = execute(program, PLAIN, "asyncio", _run("asyncio", "asyncio"))
    assert seen["main"] == ("never ends",)


def _printed(text: str) -> list[str]:
    """What a script prints, run in this process as a file would be."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), mock.patch.object(sys, "argv", ["script.py"]):
        exec(compile(text, "<script>", "exec"), {"__name__": "__main__"})  # noqa: S102  # our own
    return out.getvalue().splitlines()


@everywhere
def test_the_script_prints_what_the_run_was_seen_to_do(library: Library, backend: str) -> None:
    run = _run(library, backend)
    rules = rules_here(library)
    style = Style(library, "trio" if backend == "trio" else "plain")
    count = 0
    for program in islice(programs(library, 2), 0, None, 17):
        for schedule, _ in islice(runs(program, rules, 1), 0, None, 6):
            if "turn" in repr(schedule) or "time pass" in repr(schedule):
                continue  # a turn is a race in trio, and a script waits on the real clock
            count += 1
            seen = execute(program, schedule, library, run)
            printed = _printed(program_script(program, schedule, style))
            assert trace_of(printed) == seen, (program, schedule)
    assert count > 10
    assert asyncio.events._get_running_loop() is None
