"""Counterexamples as standalone programs.

A template stands beside the claim, in ``scripts/ID.LIBRARY.py.j2`` of its chapter (``ID.py.j2`` where
one text serves several libraries).  It is filled with the shrunk values and with:

``library``
    ``"asyncio"``, ``"anyio"`` or ``"trio"``.
``imports(*modules)``
    the import lines, with what the backend needs besides.
``helpers``
    definitions that the backend needs, to stand after the imports; mostly none.
``run(main)``
    the lines that run the coroutine function called ``main`` on the backend.

Its docstring ends with a line ``Shows: ...``: the last line that the script prints when it runs.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from textwrap import fill
from typing import Any

import jinja2

from conformance.claim import Library, Statement
from conformance.programs.cases import Case
from conformance.programs.schedule import Schedule
from conformance.programs.source import Source
from conformance.programs.syntax import Program

SHOWS = "Shows: "


class Style:
    """How a script runs its ``main`` on a backend: ``style`` is the backend's ``script_style``.

    That is one of the known ones, or ``loop:MODULE:FACTORY``, or ``path:FOLDER:MODULE:FACTORY`` where
    the module is to be imported from a folder (``FACTORY`` may be any expression on the module), each
    with ``debug+`` before it in debug mode.
    """

    def __init__(self, library: Library, style: str) -> None:
        self.library = library
        self.debug = style == "debug" or style.startswith("debug+")
        self.style = style.removeprefix("debug+")
        # Where a loop of somebody's is imported from, its module, and its factory there.
        self.folder, self.module, self.factory = "", "", ""
        if self.style.startswith("loop:"):
            _, self.module, self.factory = self.style.split(":", 2)
        elif self.style.startswith("path:"):
            _, self.folder, self.module, self.factory = self.style.split(":", 3)

    def imports(self, *modules: str, contextlib: Sequence[str] = ()) -> str:
        """The lines that import ``modules``, names of ``contextlib``, and whatever :meth:`run` needs."""
        needed = sorted({*modules, *self._needs()})
        ours, others = (
            [f"import {each}" for each in needed if _is_standard(each) is standard]
            for standard in (True, False)
        )
        if contextlib:
            ours.append(f"from contextlib import {', '.join(contextlib)}")
        text = "\n\n".join("\n".join(lines) for lines in (ours, others) if lines)
        if self.style == "pytask":
            blocked = 'import sys\n\nsys.modules["_asyncio"] = None  # the pure-Python Task'
            text = f"{blocked}\n\n{text}"
        if self.folder:
            text = f'import sys\n\nsys.path.insert(0, "{self.folder}")\n\n{text}'
        return text

    def run(self, main: str = "main") -> str:
        """The lines that run the coroutine function called ``main``."""
        if self.style == "trio":
            return (
                f"trio.run({main})"
                if self.library == "trio"
                else f'anyio.run({main}, backend="trio")'
            )
        options = self._options()
        if self.library == "anyio":
            if options:
                inner = ", ".join(f'"{name}": {value}' for name, value in options.items())
                return f"anyio.run({main}, backend_options={{{inner}}})"
            return f"anyio.run({main})"
        if "loop_factory" in options and sys.version_info < (3, 12):
            # asyncio.run() takes a loop factory from 3.12 on.
            if self.style == "uvloop":
                debug = ", debug=True" if self.debug else ""
                return f"uvloop.install()\nasyncio.run({main}(){debug})"
            debug = "loop.set_debug(True)\n" if self.debug else ""
            return (
                f"loop = {options['loop_factory']}()\n{debug}"
                f"try:\n    loop.run_until_complete({main}())\nfinally:\n    loop.close()"
            )
        arguments = "".join(f", {name}={value}" for name, value in options.items())
        return f"asyncio.run({main}(){arguments})"

    def _needs(self) -> tuple[str, ...]:
        if self.module:
            return (self.module,)
        return {"uvloop": ("uvloop",), "eager": ("asyncio",)}.get(self.style, ())

    def _options(self) -> dict[str, str]:
        options = {"debug": "True"} if self.debug else {}
        if self.style == "uvloop":
            options["loop_factory"] = "uvloop.new_event_loop"
        elif self.style == "eager":
            options["loop_factory"] = "eager_loop"
        elif self.module:
            options["loop_factory"] = f"{self.module}.{self.factory}"
        return options

    @property
    def helpers(self) -> str:
        """Definitions that :meth:`run` needs, to stand after the imports."""
        if self.style == "eager":
            return (
                "def eager_loop():\n"
                "    loop = asyncio.new_event_loop()\n"
                "    loop.set_task_factory(asyncio.eager_task_factory)\n"
                "    return loop\n\n\n"
            )
        return ""


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


@cache
def _environment(directory: Path) -> jinja2.Environment:
    # The output is Python, not HTML: nothing is to be escaped.
    return jinja2.Environment(  # noqa: S701  # it makes Python, not HTML
        loader=jinja2.FileSystemLoader(directory),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def template_path(statement: Statement) -> Path | None:
    """Where the statement's template stands, or ``None`` if it has none."""
    module = inspect.getmodule(statement.test) or sys.modules[statement.claim.module]
    folder = Path(str(module.__file__)).parent / "scripts"
    for name in (
        f"{statement.claim.id}.{statement.library}.py.j2",
        f"{statement.claim.id}.py.j2",
    ):
        if (folder / name).is_file():
            return folder / name
    return None


def script(statement: Statement, style: str, values: Mapping[str, Any]) -> str:
    """The counterexample ``values`` as a standalone program, or ``""`` if there is no template.

    ``style`` is the backend's ``script_style``.  Raises ``jinja2.TemplateError`` if the template
    asks for a value that the claim does not draw.
    """
    how = Style(statement.library, style)
    for value in values.values():
        if isinstance(value, Case):
            return program_script(value.program, value.schedule, how, value.departure())
    path = template_path(statement)
    if path is None:
        return ""
    template = _environment(path.parent).get_template(path.name)
    text = template.render(
        library=statement.library,
        imports=how.imports,
        helpers=how.helpers,
        run=how.run,
        **values,
    )
    return text.rstrip("\n") + "\n"


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
    doc = "\n".join(fill(line, 97) for line in doc.split("\n"))
    return f'"""{doc}"""\n\n{imports}\n\n\n{how.helpers}{functions}\n\n\n{main}\n\n\n{how.run("main")}\n'


def shown(text: str) -> str | None:
    """What a script says that it shows: the rest of its ``Shows:`` line."""
    for line in text.splitlines():
        if line.startswith(SHOWS):
            return line[len(SHOWS) :].strip()
    return None
