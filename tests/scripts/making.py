"""Scripts of claims that are written for one test."""

from __future__ import annotations

import importlib
import sys
from itertools import count
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

from conformance.claim import Library, Statement
from conformance.scripts.script import script

HEAD = """\
from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import anyio
import trio

from conformance.claim import Claim, NotApplicable, antecedent
from conformance.toolbox.instants import (
    COMPLETION_THEN_CANCEL, WAITING, busy, cancel_at, settle
)
from conformance.toolbox.scopes import cancelled, on_asyncio, open_group
from conformance.toolbox.loop_driver import fresh_loop

CLAIM = Claim("TEST-1", "Something is so.", source="a test")
"""

_number = count()


def statement_of(folder: Path, source: str, library: Library = "asyncio") -> Statement:
    """The statement of a claim whose test is ``test``, in a module that consists of ``source``."""
    name = f"made_for_scripts_{next(_number)}"
    text = f'{HEAD}\n\n{dedent(source)}\n\nCLAIM.states("{library}", antecedents=())(test)\n'
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))
    statement: Statement = module.CLAIM.statements[library]
    return statement


def script_of(
    folder: Path, source: str, library: Library = "asyncio", style: str = "", **values: Any
) -> str:
    """The whole script."""
    statement = statement_of(folder, source, library)
    return script(statement, style or ("trio" if library == "trio" else "asyncio"), values)


def main_of(
    folder: Path, body: str, library: Library = "asyncio", *, before: str = "", **values: Any
) -> str:
    """The body of the script's ``main`` where ``body`` is that of the test, ``before`` before it."""
    parameters = ", ".join([*values, *(["library"] if "library" in body else [])])
    test = f"async def test({parameters}):\n{indent(dedent(body), '    ')}"
    text = script_of(folder, f"{dedent(before)}\n\n{test}", library, **values)
    lines = text.splitlines()
    first = lines.index("async def main():") + 1
    last = next(n for n, line in enumerate(lines) if n > first and line and line[0] != " ")
    return dedent("\n".join(lines[first:last])).strip()
