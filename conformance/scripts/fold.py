"""Folding of expressions: what follows from known values is worked out."""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any, cast

from conformance.scripts.nodes import COMMENTS, clone, is_literal, is_module, replaced, uses
from conformance.scripts.purity import is_a_truth, is_pure, is_stable, negated
from conformance.scripts.source import Book
from conformance.scripts.values import Unknown, Values

UNROLLED = 4
"""As many times a loop is written out whose steps differ."""

TOO_MANY = 12
"""As many times it is written out whose steps differ in what they wait for."""


class Expressions(ast.NodeTransformer):
    """Folds expressions in place, from the leaves to the root.  ``changed`` says whether anything was.

    ``made`` are the variables that stand for something to wait for; ``trees`` all that may name a
    variable: without it nothing is known to be of one step of a loop alone.
    """

    def __init__(
        self, book: Book, made: Collection[str] = (), trees: Sequence[ast.stmt] | None = None
    ) -> None:
        self.book = book
        # All that may name a variable: without it nothing is known to be of one step of a loop alone.
        self.trees = trees
        # Variables that stand for something to wait for.
        self.made = made
        self.values = Values(book)
        self.changed = False

    def block(self, block: list[ast.stmt]) -> list[ast.stmt]:
        """The statements of a block, folded."""
        new: list[ast.stmt] = []
        for each in block:
            made = self.visit(each)
            if isinstance(made, list):
                new += made
            elif made is not None:
                new.append(made)
        return new

    def _now(self, new: Any, old: ast.AST | None = None) -> Any:
        self.changed = True
        if old is not None and isinstance(new, ast.stmt) and COMMENTS in old.__dict__:
            setattr(new, COMMENTS, getattr(old, COMMENTS))
        return new

    def visit(self, node: ast.AST) -> Any:
        new = super().visit(node)
        if isinstance(new, ast.expr) and not isinstance(new, (ast.Constant, ast.FormattedValue)):
            return self._worked_out(new)
        return new

    def _worked_out(self, node: ast.expr) -> ast.expr:
        if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            return node
        if isinstance(node, (ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Starred, ast.Slice)):
            return node
        try:
            value = self.values.of(node)
        except Unknown:
            return node
        if isinstance(node, ast.Name) and not is_literal(value):
            return node
        if isinstance(value, type) and isinstance(node, ast.Attribute):
            return node  # it says where it is from
        if isinstance(node, ast.Name) and isinstance(value, tuple) and len(value) > UNROLLED:
            return node
        spelled = self.values.spelled(value)
        if spelled is None:
            return node
        return self._now(spelled)  # type: ignore[no-any-return]  # it is what it was given

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        self.generic_visit(node)
        is_and = isinstance(node.op, ast.And)
        kept: list[ast.expr] = []
        for number, each in enumerate(node.values):
            if not is_and and self._is_there(each):
                kept.append(each)
                break
            if isinstance(each, ast.Constant):
                if bool(each.value) != is_and:
                    kept.append(each)
                    break
                if number < len(node.values) - 1:
                    continue
            kept.append(each)
        if len(kept) == len(node.values):
            node.values = kept
            return node
        return self._now(kept[0] if len(kept) == 1 else ast.BoolOp(node.op, kept))

    def _is_there(self, node: ast.expr) -> bool:
        """Whether this is a function or class of anyio or trio that is there."""
        if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
            return False
        module = self.book.globals.get(node.value.id)
        return (
            module is not None
            and module.module in ("anyio", "trio")
            and callable(getattr(module.value, node.attr, None))
        )

    def _test(self, test: ast.expr) -> ast.expr:
        """A condition of which only the truth counts."""
        if isinstance(test, ast.BoolOp):
            is_and = isinstance(test.op, ast.And)
            last = test.values[-1]
            if isinstance(last, ast.Constant) and bool(last.value) == is_and:
                rest = test.values[:-1]
                return self._now(rest[0] if len(rest) == 1 else ast.BoolOp(test.op, rest))  # type: ignore[no-any-return]  # it is what it was given
            if isinstance(last, ast.Constant) and all(map(is_pure, test.values)):
                return self._now(ast.Constant(bool(last.value)))  # type: ignore[no-any-return]  # it is what it was given
        if (
            isinstance(test, ast.Call)
            and isinstance(test.func, ast.Name)
            and test.func.id == "bool"
            and len(test.args) == 1
        ):
            return self._now(test.args[0])  # type: ignore[no-any-return]  # it is what it was given
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            inner = self._test(test.operand)
            if isinstance(inner, (ast.Compare, ast.UnaryOp)):
                return negated(inner)
            return ast.UnaryOp(test.op, inner)
        if isinstance(test, (ast.Tuple, ast.List, ast.Dict, ast.Set)):
            size = len(test.keys if isinstance(test, ast.Dict) else test.elts)
            return self._now(ast.Constant(bool(size)))  # type: ignore[no-any-return]  # it is what it was given
        if isinstance(test, ast.Lambda):
            return self._now(ast.Constant(True))  # type: ignore[no-any-return]  # it is what it was given
        return test

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        node.test = self._test(self.visit(node.test))
        if isinstance(node.test, ast.Constant):
            return self._now(self.visit(node.body if node.test.value else node.orelse))
        node.body, node.orelse = self.visit(node.body), self.visit(node.orelse)
        return node

    def visit_Compare(self, node: ast.Compare) -> Any:
        """``x in ("a",)`` is ``x == "a"``; and what is made is not None."""
        self.generic_visit(node)
        if (
            isinstance(node.left, ast.Name)
            and node.left.id in self.made
            and isinstance(node.ops[0], (ast.Is, ast.IsNot))
        ):
            return self._now(ast.Constant(isinstance(node.ops[0], ast.IsNot)))
        told = node.comparators[0]
        if (
            len(node.ops) == 1
            and isinstance(node.ops[0], (ast.Eq, ast.NotEq, ast.Is, ast.IsNot))
            and isinstance(told, ast.Constant)
            and isinstance(told.value, bool)
            and is_a_truth(node.left)
        ):
            said = isinstance(node.ops[0], (ast.Eq, ast.Is)) is told.value
            return self._now(node.left if said else negated(node.left))
        if len(node.ops) == 1 and isinstance(node.ops[0], (ast.In, ast.NotIn)):
            of = node.comparators[0]
            if isinstance(of, (ast.Tuple, ast.List)) and all(map(is_pure, (node.left, *of.elts))):
                is_in = isinstance(node.ops[0], ast.In)
                if not of.elts:
                    return self._now(ast.Constant(not is_in))
                if len(of.elts) == 1 and isinstance(of.elts[0], ast.Constant):
                    return self._now(
                        ast.Compare(node.left, [ast.Eq() if is_in else ast.NotEq()], of.elts)
                    )
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        self.generic_visit(node)
        if isinstance(node.op, ast.Not):
            inner = node.operand
            if isinstance(inner, ast.Compare) and len(inner.ops) == 1:
                return self._now(negated(inner))
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> Any:
        self.generic_visit(node)
        parts: list[ast.expr] = []
        for each in node.values:
            part = each
            if isinstance(part, ast.FormattedValue):
                inner = part.value
                plain = part.conversion == -1 and part.format_spec is None
                if plain and isinstance(inner, ast.JoinedStr):
                    self.changed = True
                    parts += inner.values
                    continue
                try:
                    part = ast.Constant(self.values.of(part))
                    self.changed = True
                except Unknown:
                    pass
            parts.append(part)
        merged: list[ast.expr] = []
        for part in parts:
            if isinstance(part, ast.Constant) and merged and isinstance(merged[-1], ast.Constant):
                merged[-1] = ast.Constant(str(merged[-1].value) + str(part.value))
            elif not (isinstance(part, ast.Constant) and part.value == ""):
                merged.append(part)
        node.values = merged
        if all(isinstance(part, ast.Constant) for part in merged):
            return self._now(
                ast.Constant("".join(str(p.value) for p in cast("list[ast.Constant]", merged)))
            )
        return node

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load):
            return node
        found = self._entry(node.value, node.slice)
        return node if found is None else self._now(found)

    def _entry(self, of: ast.expr, key: ast.expr) -> ast.expr | None:
        """What stands in a table, or a display, under a key that is known."""
        try:
            wanted = self.values.of(key)
        except Unknown:
            return None
        table = self._table(of)
        if isinstance(table, ast.Dict):
            for each, value in reversed(self._pairs(table)):
                try:
                    if each is None:
                        return None
                    if self.values.of(each) == wanted:
                        return clone(value)  # type: ignore[no-any-return]  # a copy of what it was given
                except Unknown:
                    return None
        if (
            isinstance(table, (ast.Tuple, ast.List))
            and isinstance(wanted, int)
            and not any(isinstance(each, ast.Starred) for each in table.elts)
            and -len(table.elts) <= wanted < len(table.elts)
            and all(map(is_pure, table.elts))
        ):
            return clone(table.elts[wanted])  # type: ignore[no-any-return]  # a copy of what it was given
        return None

    def _pairs(self, table: ast.Dict) -> list[tuple[ast.expr | None, ast.expr]]:
        """What a table has, with what it takes over from others; ``None`` for a key: from one unknown."""
        found: list[tuple[ast.expr | None, ast.expr]] = []
        for key, value in zip(table.keys, table.values, strict=True):
            other = self._table(value) if key is None else None
            if isinstance(other, ast.Dict):
                found += self._pairs(other)
            else:
                found.append((key, value))
        return found

    def _table(self, of: ast.expr) -> ast.expr | None:
        """The display that an expression is, or that a constant of ours is defined by."""
        if isinstance(of, ast.Name) and of.id in self.book.globals:
            found = self.book.globals[of.id]
            if not found.name.lstrip("_").isupper() or not isinstance(
                found.value, (dict, tuple, list)
            ):
                return None
            node = self.book.definition(of.id)
            return node.value if isinstance(node, ast.Assign) else None
        return of if isinstance(of, (ast.Dict, ast.Tuple, ast.List)) else None

    def visit_Tuple(self, node: ast.Tuple | ast.List) -> Any:
        """``(*(a, b), c)`` is ``(a, b, c)``."""
        self.generic_visit(node)
        for each in node.elts:
            if isinstance(each, ast.Starred) and isinstance(node.ctx, ast.Load):
                inner = self.elements(each.value)
                if inner is not None:
                    place = node.elts.index(each)
                    node.elts[place : place + 1] = inner
                    self.changed = True
        return node

    visit_List = visit_Tuple

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        self._spread(node)
        self._without_partial(node)
        if isinstance(node.func, ast.Lambda):
            new = applied(node.func, node)
            if new is not None:
                return self._now(self.visit(new))
        if isinstance(node.func, ast.Name):
            called = self.book.globals.get(node.func.id)
            if called is not None and called.value is cast and len(node.args) == 2:
                return self._now(node.args[1])
            if node.func.id == "getattr" and len(node.args) >= 2:
                return self._getattr(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
            found = self._entry(node.func.value, node.args[0])
            if found is not None:
                return self._now(found)
            if isinstance(self._table(node.func.value), ast.Dict) and self._known(node.args[0]):
                return self._now(node.args[1] if len(node.args) > 1 else ast.Constant(None))
        return node

    def _without_partial(self, node: ast.Call) -> None:
        """``partial(f, x)(y)`` is ``f(x, y)``."""
        inner = node.func
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.args:
            called = self.book.globals.get(inner.func.id)
            if called is not None and called.value is partial:
                node.func = inner.args[0]
                node.args[:0] = inner.args[1:]
                node.keywords[:0] = inner.keywords
                self.changed = True

    def _known(self, node: ast.expr) -> bool:
        return self.values.known(node)

    def _getattr(self, node: ast.Call) -> ast.expr:
        """``getattr(thing, "name")`` is ``thing.name``; with a default too, if it tells libraries apart."""
        try:
            attribute = self.values.of(node.args[1])
        except Unknown:
            return node
        if len(node.args) == 2 and isinstance(attribute, str) and attribute.isidentifier():
            return self._now(ast.Attribute(node.args[0], attribute, ast.Load()))  # type: ignore[no-any-return]  # it is what it was given
        try:
            of = self.values.of(node.args[0])
        except Unknown:
            return node
        if is_module(of) and of.__name__ in ("anyio", "trio") and hasattr(of, attribute):
            return self._now(ast.Attribute(node.args[0], attribute, ast.Load()))  # type: ignore[no-any-return]  # it is what it was given
        return node

    def _spread(self, node: ast.Call) -> None:
        """Write out ``*arguments`` that are known."""
        for each in node.args:
            if isinstance(each, ast.Starred):
                elements = self.elements(each.value)
                if elements is not None and len(elements) <= UNROLLED:
                    place = node.args.index(each)
                    node.args[place : place + 1] = elements
                    self.changed = True

    def elements(self, of: ast.expr) -> list[ast.expr] | None:
        """What ``of`` gives when it is iterated over, if that is known one by one."""
        if isinstance(of, (ast.Tuple, ast.List)):
            if any(isinstance(each, ast.Starred) for each in of.elts):
                return None
            return [clone(each) for each in of.elts] if all(map(is_pure, of.elts)) else None
        several = self._several(of)
        if several is not None:
            return several
        try:
            value = self.values.of(of)
        except Unknown:
            return None
        try:
            if len(value) > TOO_MANY:
                return None
            if isinstance(value, (set, frozenset)):
                return None
            spelled = [self.values.spelled(each) for each in value]
        except TypeError:
            return None
        return None if None in spelled else [each for each in spelled if each is not None]

    def visit_comprehension(self, node: ast.comprehension) -> Any:
        self.generic_visit(node)
        node.ifs = [
            each
            for each in map(self._test, node.ifs)
            if not (isinstance(each, ast.Constant) and each.value)
        ]
        return node

    def visit_ListComp(self, node: ast.ListComp) -> Any:
        """``[f(x) for x in ("a", "b")]`` is ``[f("a"), f("b")]``."""
        self.generic_visit(node)
        part = node.generators[0]
        if len(node.generators) > 1 or part.ifs or part.is_async:
            return node
        elements = self.elements(part.iter)
        if elements is None or len(elements) > UNROLLED:
            return node
        if len(elements) > 1 and isinstance(part.iter, ast.Call):
            return node
        made = []
        for element in elements:
            what = matched(part.target, element)
            if what is None:
                return node
            made.append(replaced(clone(node.elt), what))
        return self._now(self.visit(ast.List(made, ast.Load())))

    def _several(self, of: ast.expr) -> list[ast.expr] | None:
        """The elements of ``enumerate()`` and ``zip()`` of displays."""
        if not (
            isinstance(of, ast.Call)
            and isinstance(of.func, ast.Name)
            and of.func.id in ("enumerate", "zip", "reversed")
            and of.args
            and not any(isinstance(each, ast.Starred) for each in of.args)
        ):
            return None
        parts = [self.elements(each) for each in of.args]
        if None in parts:
            return None
        lists = [each for each in parts if each is not None]
        if of.func.id == "reversed":
            return lists[0][::-1]
        if of.func.id == "enumerate":
            start = [each.value for each in of.keywords] + of.args[1:]
            if not all(isinstance(each, ast.Constant) for each in start):
                return None
            first = start[0].value if start else 0  # type: ignore[attr-defined]  # a constant
            lists = [[ast.Constant(first + n) for n, _ in enumerate(lists[0])], lists[0]]
        return [ast.Tuple(list(each), ast.Load()) for each in zip(*lists, strict=False)]


def matched(target: ast.expr, element: ast.expr) -> dict[str, ast.expr] | None:
    """Which variable of a target stands for which part of an element."""
    if isinstance(target, ast.Name):
        return {target.id: element}
    if isinstance(target, (ast.Tuple, ast.List)):
        if isinstance(element, (ast.Tuple, ast.List)):
            parts = list(element.elts)
        elif isinstance(element, ast.Constant) and isinstance(element.value, (tuple, list, str)):
            parts = [ast.Constant(each) for each in element.value]
        else:
            return None
        if len(parts) != len(target.elts):
            return None
        found: dict[str, ast.expr] = {}
        for each, part in zip(target.elts, parts, strict=True):
            inner = matched(each, part)
            if inner is None:
                return None
            found |= inner
        return found
    return None


def applied(function: ast.Lambda, call: ast.Call) -> ast.expr | None:
    """What a call of a lambda gives, or ``None`` if that cannot be written in its place."""
    args = function.args
    if args.vararg or args.kwarg or args.kwonlyargs or call.keywords:
        # What nobody reads may be anything.
        if not (args.vararg and not call.keywords and not args.kwarg and not args.kwonlyargs):
            return None
        if uses(function.body, args.vararg.arg) or not all(map(is_pure, call.args)):
            return None
    names = [each.arg for each in (*args.posonlyargs, *args.args)]
    if any(isinstance(each, ast.Starred) for each in call.args):
        return None
    given = list(call.args[: len(names)])
    missing = len(names) - len(given)
    if missing:
        if missing > len(args.defaults):
            return None
        given += args.defaults[len(args.defaults) - missing :]
    for variable, value in zip(names, given, strict=True):
        if not is_stable(value) and len(uses(function.body, variable)) != 1:
            return None
    return cast("ast.expr", replaced(clone(function.body), dict(zip(names, given, strict=True))))
