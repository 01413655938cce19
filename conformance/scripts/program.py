"""A run of a program as a standalone file: its functions are the very source that is executed."""

from __future__ import annotations

import re
from textwrap import fill

from conformance.programs.schedule import Schedule
from conformance.programs.source import Source
from conformance.programs.syntax import Program
from conformance.scripts.style import Style


def program_script(
    program: Program, schedule: Schedule, how: Style, departure: tuple[str, str] | None = None
) -> str:
    """A run of ``program`` as a standalone program that prints its trace.

    Its functions are the very source that is executed.  ``departure`` is the line that should be
    printed and the one that was: its docstring says so.
    """
    source = Source(program, how.library)
    functions, main = source.tasks(), source.driver(schedule)
    text = f"{functions}\n{main}"
    modules = {"asyncio": (), "anyio": ("anyio.lowlevel",), "trio": ("trio.testing",)}
    names = ("aclosing", "asynccontextmanager", "contextmanager")
    imports = how.imports(
        how.library,
        *(each for each in modules[how.library] if f"{each}." in text),
        contextlib=[name for name in names if re.search(rf"\b{name}\b", functions)],
    )
    shared = source.shared
    if shared:
        imports += f"\n\n{shared}"
        main = main.removeprefix(shared).lstrip()
    told = "; then ".join(schedule.told(program.names))
    doc = f"{told[0].upper()}{told[1:]}."
    if departure is not None:
        should, does = departure
        doc += f"\n\nPredicted: {should}\nSeen:      {does}\n"
    run = "\n".join(filter(None, (how.loop(), how.policy(), how.run("main"))))
    doc = "\n".join(fill(line, 97) for line in doc.split("\n"))
    return f'"""{doc}"""\n\n{imports}\n\n\n{functions}\n\n\n{main}\n\n\n{run}\n'
