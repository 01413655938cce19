"""The Python that a program is written as: for every statement, in every library."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from functools import cache
from itertools import islice, pairwise
from typing import get_args

import pytest

from conformance.claim import Library
from conformance.programs.generate import contests, missing, programs
from conformance.programs.reference.rules import rules_here
from conformance.programs.reference.run import runs
from conformance.programs.schedule import Schedule
from conformance.programs.source import Source
from conformance.programs.syntax import HANDLERS, Consume, Program, Statement, Try, statements
from conformance.scripts.program import program_script
from conformance.scripts.style import Style
from tests.programs.reference.predictions import has

LIBRARIES: tuple[Library, ...] = ("asyncio", "anyio", "trio")
every_library = pytest.mark.parametrize("library", LIBRARIES)


@cache
def _sample(library: Library) -> tuple[tuple[Program, Schedule], ...]:
    """All programs of size 2 and some larger ones, each with a few schedules."""
    found = [
        *programs(library, 1),
        *programs(library, 2),
        *islice(programs(library, 3), 0, None, 41),
        *islice((each for each in programs(library, 3) if has(each, Consume)), 0, None, 3),
        *islice(contests(library, 3), 0, None, 41),
    ]
    rules = rules_here(library)
    return tuple(
        (program, schedule)
        for program in found
        for schedule, _ in islice(runs(program, rules, 1), 0, None, 5)
    )


def _texts(library: Library) -> Iterator[tuple[Program, str]]:
    style = Style(library, "trio" if library == "trio" else "plain")
    for program, schedule in _sample(library):
        yield program, program_script(program, schedule, style)


@every_library
def test_every_kind_of_statement_is_among_them(library: Library) -> None:
    seen = {type(each) for program, _ in _sample(library) for each in statements(program)}
    every = {*get_args(Statement)} - set(missing(library))
    assert seen == every, seen ^ every
    handlers = {
        each.handler
        for program, _ in _sample(library)
        for each in statements(program)
        if isinstance(each, Try)
    }
    assert handlers >= set(HANDLERS)


@every_library
def test_every_script_is_python(library: Library) -> None:
    for program, text in _texts(library):
        assert ast.parse(text), program
        compile(text, "<script>", "exec")


@every_library
def test_every_script_needs_nothing_but_its_library(library: Library) -> None:
    # By the latter two it takes the event loop of whoever runs it.
    allowed = {library, "asyncio", "contextlib", "pkgutil", "sys"}
    for program, text in _texts(library):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= allowed, program
            elif isinstance(node, ast.ImportFrom):
                assert node.module in allowed, program


@every_library
def test_every_name_that_is_used_is_bound_and_every_name_that_is_bound_is_used(
    library: Library,
) -> None:
    for program, text in _texts(library):
        tree = ast.parse(text)
        used, bound, aside = _names(tree)
        assert used <= bound | aside | set(dir(builtins)), (program, used - bound - aside)
        assert bound <= used, (program, bound - used)


def _names(tree: ast.AST) -> tuple[set[str], set[str], set[str]]:
    """The names that are used, those that are bound, and those that are bound on the way.

    On the way: a part of a pair, and a task, to which the documentation of ``create_task()`` says to
    keep a reference.
    """
    used, bound, aside = set[str](), set[str](), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Store):
            aside |= {part.id for part in node.elts if isinstance(part, ast.Name)}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            used.add(node.id)
        elif isinstance(node, ast.Name):
            (aside if node.id.endswith("_task") else bound).add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            bound |= {node.name, *(argument.arg for argument in node.args.args)}
        elif isinstance(node, (ast.ClassDef, ast.ExceptHandler)) and node.name:
            bound.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            bound |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return used, bound - aside - {"_"}, aside | {"_"}


@every_library
def test_no_script_has_a_line_that_is_never_reached(library: Library) -> None:
    for program, text in _texts(library):
        for node in ast.walk(ast.parse(text)):
            for name in ("body", "orelse", "finalbody"):
                block = getattr(node, name, None)
                for line, following in pairwise(block if isinstance(block, list) else ()):
                    if not _is_yield(following):  # which makes an asynchronous generator of it
                        assert not isinstance(line, (ast.Return, ast.Raise, ast.Break)), program
                    assert not isinstance(line, ast.Pass), program


def _is_yield(line: ast.AST) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Yield)


@every_library
def test_a_script_shows_the_very_source_that_is_executed(library: Library) -> None:
    style = Style(library, "trio" if library == "trio" else "plain")
    for program, schedule in _sample(library):
        text = program_script(program, schedule, style)
        source = Source(program, library)
        assert source.tasks() in text, program
        # What main() shares with the functions may stand above them.
        (main,) = re.findall(
            r"^async def main\(\):\n(?:    .*\n?|\n)+", source.driver(schedule), re.M
        )
        assert main.rstrip() in text, program


@every_library
def test_a_source_is_the_same_each_time(library: Library) -> None:
    for program, schedule in _sample(library)[::7]:
        again = Source(program, library)
        assert again.tasks() == again.tasks() == Source(program, library).tasks()
        assert again.driver(schedule) == Source(program, library).driver(schedule)
