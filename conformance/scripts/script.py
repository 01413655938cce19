"""The script of a counterexample, made from the claim's own test by partial evaluation."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from textwrap import fill
from typing import Any

from conformance.claim import Statement
from conformance.programs.cases import Case
from conformance.scripts import finish
from conformance.scripts.awaited import Waits
from conformance.scripts.branches import Fold
from conformance.scripts.calls import Calls
from conformance.scripts.flow import propagate
from conformance.scripts.nodes import (
    Function,
    Look,
    NoScript,
    arguments,
    clone,
    is_function,
    is_module,
    replaced,
    walk,
)
from conformance.scripts.objects import open_objects
from conformance.scripts.program import program_script
from conformance.scripts.prune import merged, prune
from conformance.scripts.source import Book, bring_from, is_brought
from conformance.scripts.specialise import specialise
from conformance.scripts.spelled import INSTEAD
from conformance.scripts.style import HAS_LOOP_FACTORY, LOOP, Style
from conformance.scripts.values import Values
from conformance.toolbox.instants import Instant
from conformance.toolbox.waits import ScopedWait, Wait

ROUNDS = 60
"""Far more rounds of rewriting than any claim takes."""

MAIN = "main"
"""What a test that is a coroutine function is called in its script."""

CHECK = "check"
"""What a test that runs others is called there."""


def script(statement: Statement, style: str, values: Mapping[str, Any]) -> str:
    """The counterexample ``values`` as a standalone program.

    ``style`` is the backend's ``script_style``.  Raises :class:`NoScript` where there is none.
    """
    how = Style(statement.library, style)
    for value in values.values():
        if isinstance(value, Case):
            return program_script(value.program, value.schedule, how, value.departure())
    bring_from(statement.claim.module)
    try:
        return _Script(statement, how, values).text()
    except NoScript:
        raise
    except Exception as error:
        # A claim may be anybody's, and no verdict is lost for want of a script.
        raise NoScript(f"it cannot be made ({type(error).__name__}: {error})") from error


class _Script:
    def __init__(self, statement: Statement, how: Style, values: Mapping[str, Any]) -> None:
        self.statement = statement
        self.how = how
        self.values = dict(values)
        self.book = Book(INSTEAD, on_trio=how.on_trio)
        self.made: dict[str, tuple[str, str]] = {}
        self.trees: list[ast.stmt] = [self._main()]

    def _function(self) -> Callable[..., Any]:
        handle = getattr(self.statement.test, "hypothesis", None)
        function: Callable[..., Any] = self.statement.test if handle is None else handle.inner_test
        return function

    def _main(self) -> ast.stmt:
        """The test, called ``main``, with what it is given in the place of its parameters."""
        main = clone(self.book.function(self._function()))
        self.main = MAIN if isinstance(main, ast.AsyncFunctionDef) else CHECK
        main.name, main.decorator_list = self.main, []
        known = Values(self.book)
        what: dict[str, ast.expr] = {}
        for arg in arguments(main):
            name = arg.arg.partition("·")[0]
            if name in self.values:
                spelled = known.spelled(self.values[name])
                if spelled is None:
                    raise NoScript(f"{name} = {self.values[name]!r} cannot be written")
                what[arg.arg] = spelled
            elif name == "library":
                what[arg.arg] = self.book.module(_module(self.statement.library))
            elif name == LOOP:
                what[arg.arg] = ast.Name(LOOP, ast.Load())
            elif name == "run":
                what[arg.arg] = ast.Name(self._run(), ast.Load())
            else:
                raise NoScript(f"the test takes {name}, which nobody gave")
        main.args = ast.arguments([], [], None, [], [], None, [])
        main.body = replaced(main.body, what)
        return main  # type: ignore[no-any-return]  # a function

    def _run(self) -> str:
        """The variable for the library's ``run`` on the backend."""
        how = self.how
        name = f"run_{how.library}"
        if how.library == "anyio" and how.on_trio:
            name += "_on_trio"
        if how.library == "asyncio" and not HAS_LOOP_FACTORY:
            name += "_old"
        if how.debug:
            name += "_debug"
        return self.book.global_("conformance.scripts.spelled", name)

    # --- the rewriting ---

    def rewrite(self) -> None:
        """Rewrite until nothing changes any more."""
        for _ in range(ROUNDS):
            changed = self._round()
            if not changed and not self._bring(assigned=True):
                return
        raise NoScript("the rewriting comes to no end")

    def _round(self) -> bool:
        fold = Fold(self.book, self.made, self.trees)
        self.trees[:] = fold.block(self.trees)
        look = Look(self.trees)
        changed = fold.changed
        for step in (self._waits, self._flow):
            if step(look):
                changed = True
                look = Look(self.trees)
        if prune(self.trees, {self.main, *self._awaited(look)}) or changed:
            return True
        changed = self._bring()
        changed |= Calls(self.trees, self.book).run()
        look = Look(self.trees)
        changed |= specialise(look, self.book)
        return changed or open_objects(look, self.book) or merged(look)

    def _waits(self, look: Look) -> bool:
        return Waits(self.trees, self.book, self.made).run(look)

    def _flow(self, look: Look) -> bool:
        return propagate(look, self.book, self.made)

    def _awaited(self, look: Look) -> set[str]:
        """The functions that stand for something to wait for of which it is not known yet where."""
        return {
            function
            for variable, functions in self.made.items()
            if look.loaded[variable]
            for function in functions
        }

    def _bring(self, *, assigned: bool = False) -> bool:
        """Bring along the definitions that are used: functions and classes, in the end constants too."""
        have = {getattr(each, "name", None) or _target(each) for each in self.trees}
        new: list[ast.stmt] = []
        for node in walk(self.trees):
            if not isinstance(node, ast.Name) or node.id not in self.book.globals:
                continue
            found = self.book.globals[node.id]
            if node.id in have or is_module(found.value) or not is_brought(found.module):
                continue
            definition = found.definition
            if isinstance(definition, (*Function, ast.ClassDef)) or (
                assigned and isinstance(definition, ast.Assign | ast.AnnAssign)
            ):
                if found.value is _new_event_loop():
                    continue
                have.add(node.id)
                made = self.book.definition(node.id)
                new.append(made)
            elif definition is None:
                raise NoScript(f"{found.module}.{found.name} is defined nowhere")
        self.trees[:0] = new
        return bool(new)

    # --- the text ---

    def text(self) -> str:
        """The whole script."""
        self.rewrite()
        how = self.how
        finish.literal(self.trees)
        modules, names = finish.imports(self.trees, self.book)
        may_be_a_group = self._may_be_a_group()
        trees = self._in_order()
        finish.declared(trees)
        finish.named(trees, self.book, {LOOP, self.main})
        main = next(each for each in trees if is_function(each) and each.name == self.main)
        is_async = isinstance(main, ast.AsyncFunctionDef)
        policy = how.policy() if is_async or _calls_asyncio_run(trees) else ""
        uses_loop = (
            is_async
            or bool(policy)
            or any(isinstance(node, ast.Name) and node.id == LOOP for node in walk(trees))
        )
        needed = {"sys"}
        if uses_loop:
            needed |= how.modules() - (set() if is_async or how.style == "eager" else {how.library})
        definitions = "\n\n\n".join(finish.source(each) for each in trees)
        parts = [
            f'"""{self._doc(uses_loop)}"""\n',
            how.before + finish.import_lines(modules | needed, names),
            definitions,
            how.loop() if uses_loop else "",
            policy,
            self._run_it(is_async, may_be_a_group),
        ]
        return finish.laid_out("\n\n".join(filter(None, parts)))

    def _run_it(self, is_async: bool, may_be_a_group: bool) -> str:
        run = self.how.run(MAIN) if is_async else f"{self.main}()"
        indented = "\n".join(f"    {line}" for line in run.splitlines())
        caught = (
            "except Exception as error:\n"
            '    while hasattr(error, "exceptions"):\n'
            "        error = error.exceptions[0]\n"
            "    if not isinstance(error, AssertionError):\n"
            "        raise\n"
            if may_be_a_group
            else "except AssertionError as error:\n"
        )
        return (
            f"try:\n{indented}\n{caught}    sys.exit(str(error))\n"
            f'print("{self.statement.claim.id} holds here")'
        )

    def _may_be_a_group(self) -> bool:
        """Whether what is raised may come out as a group."""
        text = "\n".join(ast.dump(each) for each in self.trees)
        if self.how.library == "asyncio" and "TaskGroup" not in text:
            return False
        return any(
            isinstance(node, ast.Raise)
            for each in walk(self.trees)
            if isinstance(each, ast.AsyncWith) or (is_function(each) and each.name != self.main)
            for node in walk(each)
        )

    def _in_order(self) -> list[ast.stmt]:
        """The definitions, each after those that it needs, ``main`` last."""
        by_name = {getattr(each, "name", None) or _target(each): each for each in self.trees}
        done: dict[str, ast.stmt] = {}

        def add(name: str) -> None:
            if name in done or name not in by_name:
                return
            pending.add(name)
            for node in walk(by_name[name]):
                if isinstance(node, ast.Name) and node.id not in pending:
                    add(node.id)
            done[name] = by_name[name]

        pending: set[str] = set()
        add(self.main)
        return list(done.values())

    def _doc(self, uses_loop: bool) -> str:
        claim = self.statement.claim
        lines = [fill(f"{claim.id}: {claim.sentence}", finish.WIDTH - 3)]
        said = [f"{name.replace('_', ' ')}: {_said(value)}" for name, value in self.values.items()]
        if said:
            lines += ["", *(fill(each, finish.WIDTH, subsequent_indent="    ") for each in said)]
        if uses_loop and not self.how.on_trio:
            lines += ["", "It takes another event loop as an argument: MODULE:FACTORY."]
        text = "\n".join(lines).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
        return f"{text}\n" if len(lines) > 1 else text


def _calls_asyncio_run(trees: list[ast.stmt]) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == "run"
        and isinstance(node.value, ast.Name)
        and node.value.id == "asyncio"
        for node in walk(trees)
    )


def _said(value: object) -> str:
    if isinstance(value, (Wait, ScopedWait, Instant)):
        return value.name
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, tuple):
        return ", ".join(map(_said, value)) or "none"
    return str(value)


def _target(node: ast.stmt) -> str | None:
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return None


def _module(library: str) -> Any:
    from importlib import import_module

    return import_module(library)


def _new_event_loop() -> object:
    from conformance.scripts import spelled

    return spelled.new_event_loop


__all__ = ["NoScript", "script"]
