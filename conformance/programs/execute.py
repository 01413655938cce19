"""Running a program: its source is compiled, and what it prints is its trace."""

from __future__ import annotations

import asyncio
import contextlib
import types
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import anyio
import anyio.lowlevel
import trio
import trio.testing

from conformance.backends.deadlock import Deadlock, is_given_up
from conformance.claim import Library
from conformance.programs.schedule import Schedule
from conformance.programs.source import Driver, source_of
from conformance.programs.syntax import Program
from conformance.programs.trace import Seen, trace_of

_IMPORTED = {
    "asyncio": asyncio,
    "anyio": anyio,
    "trio": trio,
    "aclosing": contextlib.aclosing,
    "asynccontextmanager": contextlib.asynccontextmanager,
    "contextmanager": contextlib.contextmanager,
}
"""What a script imports, by the names that its source has for them."""


@lru_cache(maxsize=64)
def _namespace(program: Program, library: Library, real_clock: bool) -> dict[str, Any]:
    """Where the functions of ``program`` are defined."""
    namespace: dict[str, Any] = dict(_IMPORTED)
    text = source_of(program, library, real_clock).tasks()
    exec(compile(text, "<program>", "exec"), namespace)  # noqa: S102  # our own source
    return namespace


@lru_cache(maxsize=16384)
def _compiled(stage: Driver, schedule: Schedule) -> tuple[types.CodeType, ...]:
    """The code of a ``main()`` and of its helpers: the same for many programs."""
    return tuple(map(_code, stage.parts(schedule)))


@lru_cache(maxsize=8192)
def _code(text: str) -> types.CodeType:
    return compile(text, "<main>", "exec")


def execute(
    program: Program,
    schedule: Schedule,
    library: Library,
    run: Callable[[Any], object],
    *,
    real_clock: bool = False,
) -> Seen:
    """Run ``program`` by the library's ``run`` function.  Returns what was seen.

    A run that raises has that in a lane called ``main``; one that can never end says so there.
    Raises :class:`Deadlock` if the run was given up after real time.
    """
    namespace = _namespace(program, library, real_clock)
    lines: list[str] = []
    namespace["print"] = lines.append
    stage = source_of(program, library, real_clock).stage
    for code in _compiled(stage, schedule):
        exec(code, namespace)  # noqa: S102  # our own source
    main = namespace["main"]
    try:
        run(main() if library == "asyncio" else main)
    except Deadlock as failure:
        # One that was given up after real time may still have ended, and costs as much every time.
        if is_given_up(failure):
            raise
        lines.append("main: never ends")
    except Exception as error:
        lines.append(f"main: raised {type(error).__name__}")
    return trace_of(lines)
