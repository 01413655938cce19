"""The script of every counterexample says, run as a file, what its verdict says."""

from __future__ import annotations

import ast
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from zlib import crc32

import pytest

from conformance.backends.backend import Backend
from conformance.backends.discovery import builtin_backends
from conformance.book import all_claims
from conformance.claim import Statement
from conformance.expectations.lookup import expectation
from conformance.judging.judge import judge
from tests.scripts.run import problem_of

BACKENDS = [backend for backend in builtin_backends() if backend.why_not is None]
PLAIN = {"asyncio", "trio"}
"""On these every counterexample is shown, on the others one of :data:`PART`, always the same."""

PART = 8

# A script for the pure-Python task is run in a process of its own: found here, shown there.
HERE = {"asyncio+pytask": "asyncio"}

# These two break what judging in this very process needs: python -m tests.scripts judges them apart.
APART = {"asyncio+rloop", "asyncio+rsloop"}


def to_show(backend: Backend) -> list[Statement]:
    """The statements whose counterexample is shown on ``backend``."""
    return [
        statement
        for claim in all_claims()
        for statement in claim.statements.values()
        if statement.library in backend.libraries
        and (expected := expectation(statement, backend.known_as)) is not None
        and expected.verdict in ("refuted", "qualified")
        and (
            backend.name in PLAIN
            or crc32(f"{claim.id}{statement.library}{backend.name}".encode()) % PART == 0
        )
    ]


@pytest.mark.parametrize(
    "backend",
    [each for each in BACKENDS if each.name not in APART],
    ids=lambda backend: backend.name,
)
def test_every_script_says_what_its_verdict_says(backend: Backend, tmp_path: Path) -> None:
    plain = next(each for each in BACKENDS if each.name == HERE.get(backend.name, backend.name))
    judged_on = Backend(**{**vars(plain), "script_style": backend.script_style})
    running: dict[str, Future[str]] = {}
    with ThreadPoolExecutor(2) as pool:
        for statement in to_show(backend):
            verdict = judge(statement, judged_on).record()
            name = f"{statement.claim.id} in {statement.library}"
            running[name] = pool.submit(problem_of, verdict, statement.claim.chapter, tmp_path)
        problems = {name: each.result() for name, each in running.items()}
    assert not any(problems.values()), "\n\n".join(
        f"{name}: {problem}" for name, problem in problems.items() if problem
    )
    for file in tmp_path.glob("*.py"):
        imports_what_a_reader_has(file.read_text(encoding="utf-8"))


def imports_what_a_reader_has(text: str) -> None:
    """What the claim is about, and what anyio runs on; never anything of ours."""
    imported = {
        name.name.partition(".")[0]
        for node in ast.walk(ast.parse(text))
        for name in (
            node.names
            if isinstance(node, ast.Import)
            else [ast.alias(str(node.module))]
            if isinstance(node, ast.ImportFrom)
            else ()
        )
    }
    about = {"aiohttp", "anyio", "exceptiongroup", "pytest", "pytest_asyncio", "trio", "uvloop"}
    assert imported <= {*about, *sys.stdlib_module_names}, text
