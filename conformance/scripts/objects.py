"""Classes that are made use of once: what their objects are made of is known."""

from __future__ import annotations

import ast
from collections import Counter
from typing import Any

from conformance.scripts.nodes import (
    Look,
    arguments,
    base,
    bound,
    clone,
    is_function,
    is_module,
    is_ours,
    replaced,
    uses,
    walk,
)
from conformance.scripts.purity import is_stable
from conformance.scripts.source import Book


def open_objects(look: Look, book: Book) -> bool:
    """Take out the fields that are always the same, of classes that are called in one place.

    Says whether there were any.
    """
    return any(
        _Class(look.trees, book, node).run()
        for node in look.nodes
        if isinstance(node, ast.ClassDef) and is_ours(node.name)
    )


class _Class:
    def __init__(self, trees: list[ast.stmt], book: Book, node: ast.ClassDef) -> None:
        self.trees = trees
        self.book = book
        self.node = node
        self.bound = Counter(bound(trees))

    def run(self) -> bool:
        calls = [
            each
            for each in walk(self.trees)
            if isinstance(each, ast.Call)
            and isinstance(each.func, ast.Name)
            and each.func.id == self.node.name
        ]
        if len(calls) != 1 or len(uses(self.trees, self.node.name)) != 1:
            return False
        call = calls[0]
        if any(isinstance(each, ast.Starred) for each in call.args):
            return False
        if any(each.arg is None for each in call.keywords):
            return False
        return self._parameters(call) or self._fields(call) or self._constants()

    def _init(self) -> ast.FunctionDef | None:
        for each in self.node.body:
            if isinstance(each, ast.FunctionDef) and each.name == "__init__":
                return each
        return None

    def _parameters(self, call: ast.Call) -> bool:
        """Take a parameter of ``__init__`` out whose argument means the same there."""
        init = self._init()
        if init is None or init.args.vararg or init.args.kwarg:
            return False
        places = [each.arg for each in init.args.args[1:]]
        for number, variable in enumerate([*places, *(each.arg for each in init.args.kwonlyargs)]):
            value = self._given(call, variable, number if number < len(places) else None)
            if value is None or not self._means_the_same(value) or variable in bound(init.body):
                continue
            self._take(call, variable, number if number < len(places) else None)
            if number < len(places):
                missing = number + 1 - (len(init.args.args) - len(init.args.defaults))
                if missing >= 0:
                    del init.args.defaults[missing]
                del init.args.args[number + 1]
            else:
                place = number - len(places)
                del init.args.kwonlyargs[place], init.args.kw_defaults[place]
            init.body = replaced(init.body, {variable: clone(value)})
            return True
        return False

    def _fields(self, call: ast.Call) -> bool:
        """The same for the fields of a dataclass."""
        if self._init() is not None or not self.node.decorator_list:
            return False
        fields = [
            each
            for each in self.node.body
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
        ]
        for number, field in enumerate(fields):
            name = field.target.id  # type: ignore[union-attr]  # asked for above
            value = self._given(call, name, number) or field.value
            if value is None or not self._means_the_same(value) or self._stored(name):
                continue
            if not self._put_in(name, value):
                continue
            self._take(call, name, number)
            self.node.body.remove(field)
            return True
        return False

    def _constants(self) -> bool:
        """A field that ``__init__`` alone sets, to what means the same everywhere."""
        init = self._init()
        if init is None:
            return False
        for statement in init.body:
            if not (isinstance(statement, ast.Assign) and len(statement.targets) == 1):
                continue
            target = statement.targets[0]
            if (
                isinstance(target, ast.Attribute)
                and isinstance(target.value, ast.Name)
                and target.value.id == init.args.args[0].arg
                and self._stored(target.attr) == 1
                and self._means_the_same(statement.value)
                and self._put_in(target.attr, statement.value)
            ):
                init.body.remove(statement)
                init.body = init.body or [ast.Pass()]
                return True
        if all(isinstance(each, ast.Pass) for each in init.body) and len(arguments(init)) == 1:
            self.node.body.remove(init)
            return True
        return False

    def _stored(self, name: str) -> int:
        return sum(
            isinstance(each, ast.Attribute)
            and each.attr == name
            and not isinstance(each.ctx, ast.Load)
            for each in walk(self.trees)
        )

    def _put_in(self, name: str, value: ast.expr) -> bool:
        """Put ``value`` wherever the field is read, if all who read it are known."""
        objects = {
            each.targets[0].id
            for each in walk(self.trees)
            if isinstance(each, ast.Assign)
            and isinstance(each.targets[0], ast.Name)
            and isinstance(each.value, ast.Call)
            and isinstance(each.value.func, ast.Name)
            and each.value.func.id == self.node.name
            and self.bound[each.targets[0].id] == 1
        } | {
            each.args.args[0].arg for each in self.node.body if is_function(each) and each.args.args
        }
        reads = [
            each
            for each in walk(self.trees)
            if isinstance(each, ast.Attribute)
            and each.attr == name
            and isinstance(each.ctx, ast.Load)
        ]
        for each in reads:
            of = each.value
            if not isinstance(of, ast.Name):
                return False
            known = self.book.globals.get(of.id)
            if of.id not in objects and not (known is not None and is_module(known.value)):
                return False
        _Put(name, value, objects).change(self.trees)
        return True

    def _given(self, call: ast.Call, variable: str, place: int | None) -> ast.expr | None:
        if place is not None and place < len(call.args):
            return call.args[place]
        for each in call.keywords:
            if each.arg == base(variable):
                return each.value
        return None

    def _take(self, call: ast.Call, variable: str, place: int | None) -> None:
        if place is not None and place < len(call.args):
            del call.args[place]
        else:
            call.keywords = [each for each in call.keywords if each.arg != base(variable)]

    def _means_the_same(self, value: ast.expr) -> bool:
        """Whether the class, where it is defined, may say ``value`` itself."""
        if isinstance(value, (ast.Lambda, ast.Tuple)) or not is_stable(value):
            return False
        top = any(each is self.node for each in self.trees)
        return all(
            each.id in self.book.globals or (not top and self.bound[each.id] == 1)
            for each in walk(value)
            if isinstance(each, ast.Name) and is_ours(each.id)
        )


class _Put(ast.NodeTransformer):
    def __init__(self, name: str, value: ast.expr, objects: set[str]) -> None:
        self.name = name
        self.value = value
        self.objects = objects

    def change(self, trees: list[ast.stmt]) -> None:
        trees[:] = [self.visit(each) for each in trees]

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        self.generic_visit(node)
        if (
            node.attr == self.name
            and isinstance(node.ctx, ast.Load)
            and isinstance(node.value, ast.Name)
            and node.value.id in self.objects
        ):
            return clone(self.value)
        return node
