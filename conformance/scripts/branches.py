"""Folding of statements: only the branch that is taken stays, and loops whose steps differ are written out."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable
from typing import Any

from hypothesis import assume

from conformance.claim import NotApplicable, antecedent
from conformance.scripts.fold import TOO_MANY, UNROLLED, Expressions, matched
from conformance.scripts.nodes import (
    Function,
    bound,
    clone,
    is_ours,
    mentioned,
    renamed,
    replaced,
    uses,
    walk,
)
from conformance.scripts.purity import in_order, is_pure, negated
from conformance.scripts.source import Book
from conformance.scripts.values import SPELLED_OUT, Unknown

STRIPPED = (antecedent, assume)
"""What a claim reports to whom judges it: a script has nobody to report to."""


class Fold(Expressions):
    """Folds a tree in place, from the leaves to the root."""

    def visit_If(self, node: ast.If) -> Any:
        node.test = self._test(self.visit(node.test))
        if isinstance(node.test, ast.Constant):
            return self._now(self.block(node.body if node.test.value else node.orelse))
        node.body, node.orelse = self.block(node.body), self.block(node.orelse)
        if _is_unreachable(node.body, self.book):
            return self._now(node.orelse)
        if _is_unreachable(node.orelse, self.book):
            return self._now(node.body)
        return node

    def visit_While(self, node: ast.While) -> Any:
        node.test = self._test(self.visit(node.test))
        if isinstance(node.test, ast.Constant) and not node.test.value:
            return self._now(self.block(node.orelse))
        node.body, node.orelse = self.block(node.body), self.block(node.orelse)
        return node

    def visit_Expr(self, node: ast.Expr) -> Any:
        call = node.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            called = self.book.globals.get(call.func.id)
            if called is not None and any(called.value is each for each in STRIPPED):
                return self._now(None)
        node.value = self.visit(node.value)
        return self._as_statement(node)

    def _as_statement(self, node: ast.Expr) -> Any:
        """``a if c else b`` whose value nobody takes is an ``if``."""
        value = node.value
        if isinstance(value, ast.IfExp):
            new = ast.If(value.test, [ast.Expr(value.body)], [ast.Expr(value.orelse)])
            return self.visit(self._now(new, node))
        if isinstance(value, ast.BoolOp) and not is_pure(value.values[-1]):
            first: ast.expr = value.values[0]
            if len(value.values) > 2:
                first = ast.BoolOp(value.op, value.values[:-1])
            test = first if isinstance(value.op, ast.And) else negated(first)
            return self.visit(self._now(ast.If(test, [ast.Expr(value.values[-1])], []), node))
        if isinstance(value, ast.BoolOp):
            # The last part is but read.
            rest = value.values[:-1]
            return self._now(
                ast.Expr(rest[0] if len(rest) == 1 else ast.BoolOp(value.op, rest)), node
            )
        if isinstance(value, (ast.Tuple, ast.List)):
            return self._now([ast.Expr(each) for each in value.elts])
        return node

    def visit_Assert(self, node: ast.Assert) -> Any:
        if node.msg is None and _is_for_types(node.test):
            return self._now(None)
        message = [] if node.msg is None else [node.msg]
        error = ast.Raise(ast.Call(ast.Name("AssertionError", ast.Load()), message, []), None)
        return self._now(self.visit(self._now(ast.If(negated(node.test), [error], []), node)))

    def visit_Try(self, node: ast.Try) -> Any:
        node.body = self.block(node.body)
        kept = []
        for handler in node.handlers:
            if handler.type is not None:
                handler.type = self.visit(handler.type)
            handler.body = self.block(handler.body)
            if not _is_unreachable(handler.body, self.book):
                kept.append(handler)
        node.handlers = kept
        node.orelse, node.finalbody = self.block(node.orelse), self.block(node.finalbody)
        if not node.handlers and not node.finalbody:
            return self._now([*node.body, *node.orelse])
        return node

    def visit_TryStar(self, node: Any) -> Any:
        return self.visit_Try(node)

    def visit_Match(self, node: ast.Match) -> Any:
        node.subject = self.visit(node.subject)
        for case in node.cases:
            case.body = self.block(case.body)
            if case.guard is not None:
                case.guard = self.visit(case.guard)
        try:
            value = self.values.of(node.subject)
            for case in node.cases:
                if case.guard is None and self._matches(case.pattern, value):
                    return self._now(case.body)
        except Unknown:
            return node
        return self._now([])

    def _matches(self, pattern: ast.pattern, value: Any) -> bool:
        if isinstance(pattern, ast.MatchValue):
            return bool(self.values.of(pattern.value) == value)
        if isinstance(pattern, ast.MatchSingleton):
            return pattern.value is value
        if isinstance(pattern, ast.MatchOr):
            return any(self._matches(each, value) for each in pattern.patterns)
        if isinstance(pattern, ast.MatchAs) and pattern.pattern is None and pattern.name is None:
            return True
        raise Unknown

    def visit_For(self, node: ast.For) -> Any:
        node.iter = self.visit(node.iter)
        node.body, node.orelse = self.block(node.body), self.block(node.orelse)
        elements = self.elements(node.iter)
        if elements is None or node.orelse or not self._is_to_be_unrolled(node, elements):
            return node
        return self._now(self._unrolled(node, elements))

    def _is_to_be_unrolled(self, node: ast.For, elements: list[ast.expr]) -> bool:
        if any(isinstance(each, (ast.Break, ast.Continue)) for each in _of_this_loop(node.body)):
            return False
        if len(elements) <= 1:
            return True
        if any(isinstance(each, ast.Starred) for each in walk(node.target)):
            return False
        shown = any(
            (isinstance(each, ast.Constant) and isinstance(each.value, SPELLED_OUT))
            or (isinstance(each, ast.Name) and each.id in self.made)
            for element in elements
            for each in walk(element)
        )
        named = any(not self._known(element) for element in elements)
        variables = {each.id for each in walk(node.target) if isinstance(each, ast.Name)}
        if not any(uses(node.body, each) for each in variables):
            return False
        # A table of names is a loop that a reader has to unroll: one of numbers is not.
        if shown or (named and len(elements) <= UNROLLED):
            return len(elements) <= TOO_MANY
        if any(isinstance(each, (*Function, ast.ClassDef)) for each in walk(node.body)):
            return False
        decided = any(
            isinstance(each, (ast.If, ast.IfExp))
            and any(uses(each.test, variable) for variable in variables)
            and not any(
                is_ours(name.id) and name.id not in variables and name.id not in self.book.globals
                for name in walk(each.test)
                if isinstance(name, ast.Name)
            )
            for each in walk(node.body)
        )
        return decided and len(elements) <= UNROLLED

    def _unrolled(self, node: ast.For, elements: list[ast.expr]) -> list[ast.stmt]:
        new: list[ast.stmt] = []
        inside = self._of_a_step(node) if len(elements) > 1 else []
        for number, element in enumerate(elements):
            body = clone(node.body)
            if number:
                renamed(body, {each: self.book.fresh(each) for each in inside})
            what = dict(matched(node.target, element) or {})
            if not what or not all(is_pure(each) for each in what.values()):
                new.append(ast.Assign([clone(node.target)], element))
            elif any(variable in bound(body) for variable in what):
                new += [ast.Assign([ast.Name(v, ast.Store())], e) for v, e in what.items()]
            else:
                body = replaced(body, what)
            new += self.block(body)
        return new

    def _of_a_step(self, node: ast.For) -> list[str]:
        """The variables that a step of the loop makes for itself, and nobody reads elsewhere."""
        if self.trees is None:
            return []
        everywhere, here = Counter(mentioned(self.trees)), Counter(mentioned(node.body))
        return [
            each
            for each in dict.fromkeys(bound(node.body))
            if here[each] == everywhere[each] and _is_local(each, node)
        ]


def _is_local(variable: str, loop: ast.For) -> bool:
    """Whether a step of the loop makes the variable for itself: what it is before does not matter."""
    first = next((each for each in in_order(loop.body) if _names(each) == variable), None)
    return not (isinstance(first, ast.Name) and isinstance(first.ctx, ast.Load))


def _names(node: ast.AST) -> str | None:
    return node.id if isinstance(node, ast.Name) else getattr(node, "name", None)


def _of_this_loop(block: list[ast.stmt]) -> Iterable[ast.AST]:
    todo: list[ast.AST] = list(block)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, (ast.For, ast.AsyncFor, ast.While, *Function, ast.ClassDef)):
            todo += ast.iter_child_nodes(node)


def _is_for_types(test: ast.expr) -> bool:
    """``... is not None``, which is said to whoever checks types."""
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.ops[0], ast.IsNot)
        and isinstance(test.comparators[0], ast.Constant)
        and test.comparators[0].value is None
    )


def _is_unreachable(block: list[ast.stmt], book: Book) -> bool:
    """Whether a block only says that the claim is not applicable: a script is of one that is."""
    if len(block) != 1 or not isinstance(block[0], ast.Raise):
        return False
    error = block[0].exc
    error = error.func if isinstance(error, ast.Call) else error
    return (
        isinstance(error, ast.Name)
        and error.id in book.globals
        and book.globals[error.id].value is NotApplicable
    )
