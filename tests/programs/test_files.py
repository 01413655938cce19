"""The scripts of programs run as files, and print what is predicted and what was seen in-process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from conformance.backends.discovery import builtin_backends
from conformance.claim import LIBRARIES, Library
from conformance.programs.cases import Case
from conformance.programs.generate import contests, missing, programs
from conformance.programs.reference import run as reference
from conformance.programs.reference.rules import rules_here
from conformance.programs.schedule import Shutdown
from conformance.programs.syntax import (
    AsCompleted,
    Program,
    Statement,
    Timeout,
    Wait,
    WaitFor,
    statements,
)
from conformance.programs.trace import trace_of
from conformance.scripts.program import program_script
from conformance.scripts.style import Style

SCRIPTS = 12
"""How many programs of each library are taken, evenly from all; each kind of statement comes on top."""

BACKENDS = {"asyncio": "asyncio", "anyio": "asyncio", "trio": "trio"}

RULES = "B,E,F,I,UP,W"
"""What a linter is asked: whatever is no matter of taste."""


@cache
def sample(library: Library) -> tuple[Case, ...]:
    """Programs with every kind of statement, each with another of its schedules."""
    everything = [
        program
        for size in (1, 2, 3)
        for found in (programs(library, size), contests(library, size))
        for program in found
    ]
    chosen = everything[:: len(everything) // SCRIPTS]
    for kind in sorted(possible_kinds(library) - kinds(chosen), key=lambda each: each.__name__):
        chosen.append(next(each for each in everything if kind in kinds([each])))
    rules = rules_here(library)
    cases = []
    for number, program in enumerate(chosen):
        runs = list(reference.runs(program, rules, 2))
        schedule, likely = runs[number * 5 % len(runs)]
        cases.append(Case(program, schedule, rules, likely))
    return tuple(cases)


def kinds(found: list[Program]) -> set[type[Statement]]:
    """The kinds of statements in the programs."""
    return {type(statement) for program in found for statement in statements(program)}


def possible_kinds(library: Library) -> set[type[Statement]]:
    """The kinds of statements that ``library`` has here."""
    return {*get_args(Statement)} - {*missing(library)}


def scripts(library: Library) -> Iterator[tuple[Case, str]]:
    """The sample, each case with its script."""
    style = Style(library, BACKENDS[library])
    for case in sample(library):
        yield case, program_script(case.program, case.schedule, style)


def in_one_order(case: Case) -> bool:
    """Whether a run of it is always the same: trio draws an order, and asyncio takes one from a set."""
    from_a_set = AsCompleted in kinds([case.program]) or any(
        isinstance(action, Shutdown) for action in case.schedule.steps[-1]
    )
    return case.rules.library != "trio" and not from_a_set


def has_timers(case: Case) -> bool:
    """Whether what is printed depends on the clock."""
    return any(
        isinstance(each, (Timeout, WaitFor))
        or (isinstance(each, Wait) and each.thing.kind == "sleep")
        for each in statements(case.program)
    )


def printed(file: Path) -> list[str]:
    """What the script prints.  Fails if it does not end well, or says more than that."""
    ran = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", file],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, f"{file.read_text(encoding='utf-8')}\n{ran.stderr}"
    return ran.stdout.splitlines()


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_script_prints_what_was_seen_and_is_allowed(library: Library, tmp_path: Path) -> None:
    (backend,) = (each for each in builtin_backends() if each.name == BACKENDS[library])
    run = backend.library_run(library)

    def check(numbered: tuple[int, tuple[Case, str]]) -> None:
        number, (case, text) = numbered
        file = tmp_path / f"script_{number}.py"
        file.write_text(text, encoding="utf-8")
        trace = trace_of(printed(file))
        if has_timers(case) and not case.allows(trace):
            # A file has the machine's clock: where that stood still, two timers were due at once.
            trace = trace_of(printed(file))
        assert case.allows(trace), f"{text}\n{case.compared(trace)}"
        if in_one_order(case):
            assert trace == seen[number], f"{text}\n{trace}\n{seen[number]}"

    found = list(scripts(library))
    seen = []
    for case, _ in found:
        backend.draw_order(0)
        seen.append(case.perform(run))
    assert all(case.allows(each) for (case, _), each in zip(found, seen, strict=True))
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        list(threads.map(check, enumerate(found)))


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_kind_of_statement_is_there(library: Library) -> None:
    assert kinds([case.program for case in sample(library)]) == possible_kinds(library)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_linter_has_nothing_to_say(library: Library, tmp_path: Path) -> None:
    pytest.importorskip("ruff")
    for number, (_, text) in enumerate(scripts(library)):
        (tmp_path / f"script_{number}.py").write_text(text, encoding="utf-8")
    options = ("--isolated", "--no-cache", f"--select={RULES}", "--ignore=E501")
    ran = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *options, "--output-format=full", tmp_path],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
