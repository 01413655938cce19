"""What is waited for: a ``Wait`` is the lines that it consists of."""

from __future__ import annotations

import ast
from typing import Any

from conformance.scripts.nodes import (
    KEPT,
    Look,
    NoScript,
    base,
    bodies,
    clone,
    is_function,
    name,
    replaced,
    walk,
)
from conformance.scripts.source import Book
from conformance.scripts.values import Unknown, Values
from conformance.toolbox.waits import ScopedWait, Wait

MODULE = "conformance.scripts.names"
"""A module of ours that imports all that the source of a :class:`Wait` may name."""


class Waits:
    """Puts the lines of waits where they are made, in all of ``trees``."""

    def __init__(self, trees: list[ast.stmt], book: Book, made: dict[str, tuple[str, str]]) -> None:
        self.trees = trees
        self.book = book
        self.values = Values(book)
        # For each variable that stands for something to wait for: the functions that wait and complete.
        self.made = made
        self.changed = False

    def run(self, look: Look) -> bool:
        """Says whether there was anything to do."""
        attributes = {each.attr for each in look.nodes if isinstance(each, ast.Attribute)}
        if not attributes & {"new", "wait", "complete"}:
            return False
        self.bound = look.bound
        for tree in self.trees:
            self._inside(tree)
        if self.made:
            use = _Use(self.made)
            self.trees[:] = [use.visit(each) for each in self.trees]
            self.changed |= use.changed
        return self.changed

    def _inside(self, node: ast.AST) -> None:
        for block in bodies(node):
            place = 0
            while place < len(block):
                new = self._statement(block[place])
                if new is not None:
                    block[place : place + 1] = new
                    self.changed = True
                    place += len(new)
                    continue
                self._inside(block[place])
                place += 1

    def _statement(self, node: ast.stmt) -> list[ast.stmt] | None:
        """``waiting = await wait.new()``, and other statements with such a making in them."""
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            found = self._wait(node.value)
            target = node.targets[0]
            if found is not None and isinstance(target, ast.Name):
                before, functions = self._lines(found)
                if self.bound[target.id] == 1:
                    self.made[target.id] = functions
                return [*before, self._kept(target.id, functions)]
            if isinstance(target, ast.Name) and self.bound[target.id] == 1:
                self._made_before(target.id, node.value)
        if isinstance(node, (ast.Expr, ast.Assign, ast.Return, ast.AugAssign)):
            return self._in_an_expression(node, node)
        if isinstance(node, ast.If):
            return self._in_an_expression(node, node.test)
        return None

    def _made_before(self, variable: str, value: ast.expr) -> None:
        """Note the functions of what was made while its name was bound twice, as in a function put inline."""
        if (
            variable not in self.made
            and isinstance(value, ast.Call)
            and [each.arg for each in value.keywords] == ["wait", "complete"]
            and isinstance(value.func, ast.Name)
            and value.func.id == self.book.global_(MODULE, "SimpleNamespace")
        ):
            wait, complete = (each.value for each in value.keywords)
            if isinstance(wait, ast.Name) and isinstance(complete, ast.Name):
                self.made[variable] = wait.id, complete.id
                self.changed = True

    def _in_an_expression(self, node: ast.stmt, root: ast.AST) -> list[ast.stmt] | None:
        for each in walk(root):
            if isinstance(each, (ast.ListComp, ast.GeneratorExp)):
                written = self._written_out(each)
                if written is not None:
                    _exchange(node, each, written)
                    return [node]
            if isinstance(each, ast.Await):
                found = self._wait(each)
                if found is not None:
                    before, functions = self._lines(found)
                    fresh = self.book.fresh("waiting")
                    self.made[fresh] = functions
                    _exchange(node, each, name(fresh))
                    return [*before, self._kept(fresh, functions), node]
        return None

    def _written_out(self, node: ast.ListComp | ast.GeneratorExp) -> ast.List | None:
        """``[await wait.new() for wait in waits]``, element by element."""
        if len(node.generators) != 1 or node.generators[0].ifs:
            return None
        if not any(
            isinstance(each, ast.Attribute) and each.attr == "new" for each in walk(node.elt)
        ):
            return None
        part = node.generators[0]
        try:
            elements = [self.values.spelled(each) for each in self.values.of(part.iter)]
        except (Unknown, TypeError):
            return None
        if None in elements or not isinstance(part.target, ast.Name):
            return None
        return ast.List(
            [replaced(clone(node.elt), {part.target.id: x}) for x in elements if x is not None],
            ast.Load(),
        )

    def _wait(self, node: ast.expr) -> Wait | None:
        if not (
            isinstance(node, ast.Await)
            and isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Attribute)
            and node.value.func.attr == "new"
        ):
            return None
        try:
            found = self.values.of(node.value.func.value)
        except Unknown:
            return None
        if isinstance(found, ScopedWait):
            raise NoScript("a wait of no library is waited for")
        return found if isinstance(found, Wait) else None

    def _kept(self, variable: str, functions: tuple[str, str]) -> ast.stmt:
        """The thing itself, for who keeps it: nobody does in a claim that is written for people."""
        made = self.book.global_(MODULE, "SimpleNamespace")
        named = [ast.keyword(base(each), name(each)) for each in functions]
        return ast.Assign([ast.Name(variable, ast.Store())], ast.Call(name(made), [], named))

    def _lines(self, wait: Wait) -> tuple[list[ast.stmt], tuple[str, str]]:
        known: dict[str, str] = {}
        setup = self.book.parsed(wait.setup, MODULE, known)
        for each in setup:
            if is_function(each):
                # To wait for it is what is on trial, however little it does.
                setattr(each, KEPT, True)
        functions: list[ast.stmt] = []
        names = []
        for role, text in (("wait", wait.code), ("complete", wait.complete)):
            inner = dict(known)
            block = self.book.parsed(text or "pass", MODULE, inner)
            names.append(self.book.fresh(role))
            kind = ast.AsyncFunctionDef if role == "wait" else ast.FunctionDef
            none = ast.arguments([], [], None, [], [], None, [])
            functions.append(kind(names[-1], none, block, [], None))
        return [*setup, *functions], (names[0], names[1])


def _exchange(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    for node in walk(tree):
        for field, value in ast.iter_fields(node):
            if value is old:
                setattr(node, field, new)
            elif isinstance(value, list):
                value[:] = [new if each is old else each for each in value]


class _Use(ast.NodeTransformer):
    """``waiting.wait`` and ``waiting.complete`` are the functions that were made for them."""

    def __init__(self, made: dict[str, tuple[str, str]]) -> None:
        self.made = made
        self.changed = False

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        self.generic_visit(node)
        if (
            isinstance(node.value, ast.Name)
            and node.value.id in self.made
            and node.attr in ("wait", "complete")
        ):
            self.changed = True
            return name(self.made[node.value.id][node.attr == "complete"])
        return node
