"""Every counterexample is a program that runs by itself and shows what it says."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.backends.backend import Backend
from conformance.backends.discovery import builtin_backends
from conformance.claim import Statement
from conformance.judging.collect import all_claims
from conformance.judging.expectations import expectation
from conformance.judging.judge import judge
from conformance.programs.script import shown, template_path

BACKENDS = [backend for backend in builtin_backends() if backend.why_not is None]
# A script for the pure-Python task is run in a process of its own: found here, shown there.
HERE = {"asyncio+pytask": "asyncio"}


def _to_show() -> list[tuple[Statement, Backend]]:
    """Each counterexample once on the plain backends, and once on one of the others, in turn."""
    chosen = []
    turn = 0
    for claim in all_claims():
        for statement in claim.statements.values():
            where = [
                backend
                for backend in BACKENDS
                if statement.library in backend.libraries
                and (expected := expectation(statement, backend.name)) is not None
                and expected.verdict in ("refuted", "qualified")
            ]
            plain = [backend for backend in where if backend.name in ("asyncio", "trio")]
            others = [backend for backend in where if backend not in plain]
            turn += 1
            chosen += [
                (statement, backend)
                for backend in (*plain, *(others[turn % len(others) :][:1] if others else ()))
            ]
    return chosen


@pytest.mark.parametrize(
    ("statement", "backend"),
    _to_show(),
    ids=lambda thing: (
        f"{thing.claim.id}-{thing.library}" if isinstance(thing, Statement) else thing.name
    ),
)
def test_the_script_runs_as_a_file_and_shows_it(
    statement: Statement, backend: Backend, tmp_path: Path
) -> None:
    plain = next(each for each in BACKENDS if each.name == HERE.get(backend.name, backend.name))
    found = judge(
        statement,
        Backend(**{**vars(plain), "script_style": backend.script_style}),
    )
    assert found.counterexample is not None
    script = found.counterexample.script
    assert script, "there is no template for this counterexample"
    imported = {
        name.name.partition(".")[0]
        for node in ast.walk(ast.parse(script))
        for name in (
            node.names
            if isinstance(node, ast.Import)
            else [ast.alias(str(node.module))]
            if isinstance(node, ast.ImportFrom)
            else ()
        )
    }
    # What the claim is about, and what anyio runs on; never anything of ours.
    about = {"aiohttp", "exceptiongroup", "pytest", "pytest_asyncio", "trio", "uvloop"}
    allowed = {statement.library, *about, *sys.stdlib_module_names}
    assert imported <= allowed, f"the script imports {imported - allowed}"
    file = tmp_path / "script.py"
    file.write_text(script, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-I", file], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, f"{script}\n{ran.stderr}"
    lines = ran.stdout.splitlines()
    assert lines, f"{script}\nprints nothing\n{ran.stderr}"
    if template_path(statement) is None:
        # A program prints its trace: all that was seen, as the counterexample's text ends.
        seen = {line.strip() for line in found.counterexample.text.splitlines()}
        assert set(lines) <= seen, f"{script}\n{ran.stdout}"
        return
    says = shown(script)
    assert says, "the docstring has no line 'Shows: ...'"
    assert lines[-1] == says, f"{script}\n{ran.stdout}"
