"""Waits inside other constructs, generated from the syntax of programs.

What a claim says of "an await" it says of one inside a call, a ``with`` block, a group, a generator, a
timeout, and of those inside each other.  These are the small programs around one wait, as
:class:`~conformance.toolbox.waits.Wait`.
"""

from __future__ import annotations

from collections.abc import Iterator

from conformance.claim import Library
from conformance.programs.generate import missing
from conformance.programs.source import Source
from conformance.programs.syntax import (
    Block,
    Call,
    Consume,
    Group,
    Program,
    Statement,
    Thing,
    Timeout,
    With,
    show,
    things,
)
from conformance.programs.syntax import Wait as WaitFor
from conformance.toolbox.waits import ScopedWait, Wait


def around(block: Block) -> tuple[Statement, ...]:
    """Everything that a wait may stand in and that a cancel goes straight through."""
    return (
        Call(block),
        With(block),
        With(block, asynchronous=True),
        Timeout(block, late=True),
        Consume(block),
        Group((block,)),
    )


def nested(library: Library) -> Iterator[Wait]:
    """A wait inside each construct of ``library``, and inside each construct within the next one.

    Not inside a trio nursery: there a cancel comes out as a group.
    """
    left_out = {*missing(library), *({Group} if library == "trio" else ())}
    wait: Block = (WaitFor(Thing()),)
    once = [each for each in around(wait) if type(each) not in left_out]
    for statement in once:
        yield as_wait(statement, library)
    for place, _ in enumerate(once):
        inner = once[(place + 1) % len(once)]
        outer = [each for each in around((inner,)) if type(each) not in left_out]
        yield as_wait(outer[place], library)


def as_wait(statement: Statement, library: Library) -> Wait:
    """``statement`` as something to wait for: what it prints as a program is left out."""
    program = Program(((statement,),))
    source = Source(program, library, real_clock=True)
    *functions, body = _silent(source.tasks()).split("\n\n\n")
    functions = [each for each in functions if not each.startswith("def shape")]
    spelled = [source.dialect.spell(thing) for thing in things(program)]
    setup = [*(line for spelling in spelled for line in spelling.make), *functions]
    names = [
        name for name in ("asynccontextmanager", "contextmanager") if f"@{name}" in "\n".join(setup)
    ]
    if names:
        setup.insert(0, f"from contextlib import {', '.join(names)}")
    return Wait(
        show(statement),
        library,
        code="\n".join(line[4:] for line in body.splitlines()[1:]),
        setup="\n".join(setup),
        complete="\n".join(line for spelling in spelled for line in spelling.complete),
    )


def _silent(text: str) -> str:
    """``text`` without its prints, and with ``pass`` where nothing else would be left."""
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.strip().startswith("print("):
            continue
        if lines and lines[-1].endswith(":") and _indent(line) <= _indent(lines[-1]):
            lines.append(" " * (_indent(lines[-1]) + 4) + "pass")
        lines.append(line)
    return "\n".join(lines).strip("\n")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


ASYNCIO_NESTED = tuple(nested("asyncio"))
SCOPED_NESTED = tuple(
    ScopedWait(in_anyio, next(each for each in nested("trio") if each.name == in_anyio.name))
    for in_anyio in nested("anyio")
    if any(each.name == in_anyio.name for each in nested("trio"))
)
