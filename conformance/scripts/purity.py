"""What can be said of code without running it: whether it does anything, in which order, and its opposite."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from conformance.scripts.nodes import Comprehension, walk

_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
}


def negated(test: ast.expr) -> ast.expr:
    """``not test``, as one would write it."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        opposite = _OPPOSITE[type(test.ops[0])]()
        return ast.Compare(test.left, [opposite], test.comparators)
    if isinstance(test, ast.BoolOp) and all(_has_opposite(each) for each in test.values):
        op = ast.Or() if isinstance(test.op, ast.And) else ast.And()
        return ast.BoolOp(op, [negated(each) for each in test.values])
    if isinstance(test, ast.Constant):
        return ast.Constant(not test.value)
    return ast.UnaryOp(ast.Not(), test)


def _has_opposite(test: ast.expr) -> bool:
    return isinstance(test, (ast.UnaryOp, ast.Constant, ast.Name, ast.Call, ast.Attribute)) or (
        isinstance(test, ast.Compare) and len(test.ops) == 1
    )


def in_order(tree: Any) -> Iterable[ast.AST]:
    """The nodes of ``tree`` about in the order in which they are come to."""
    if isinstance(tree, list):
        for each in tree:
            yield from in_order(each)
    elif isinstance(tree, ast.AST):
        if isinstance(tree, (ast.Assign, ast.NamedExpr)):
            yield from in_order(tree.value)
            yield from in_order(getattr(tree, "targets", None) or getattr(tree, "target", None))
        elif isinstance(tree, ast.AugAssign) and isinstance(tree.target, ast.Name):
            yield ast.Name(tree.target.id, ast.Load())
            yield from in_order(tree.value)
            yield tree.target
        elif isinstance(tree, (ast.For, ast.AsyncFor)):
            yield tree
            yield from in_order([tree.iter, tree.target, *tree.body, *tree.orelse])
        elif isinstance(tree, Comprehension):
            for generator in tree.generators:
                yield from in_order([generator.iter, generator.target, *generator.ifs])
            for field in ("elt", "key", "value"):
                yield from in_order(getattr(tree, field, None))
        else:
            yield tree
            for _, value in ast.iter_fields(tree):
                yield from in_order(value)


def is_a_truth(node: ast.expr) -> bool:
    """Whether an expression is ``True`` or ``False``, and nothing else."""
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.Not)
    if isinstance(node, ast.BoolOp):
        return all(map(is_a_truth, node.values))
    if isinstance(node, ast.Call):
        called = node.func
        if isinstance(called, ast.Name):
            return called.id in ("bool", "isinstance", "any", "all")
        return isinstance(called, ast.Attribute) and called.attr in ("cancelled", "done", "is_set")
    return isinstance(node, ast.Compare)


def is_stable(node: ast.expr) -> bool:
    """Whether it does not matter when, or how often, the expression is evaluated."""
    if isinstance(node, (ast.Constant, ast.Name, ast.Lambda)):
        return True
    if isinstance(node, ast.Attribute):
        return is_stable(node.value)
    return isinstance(node, ast.Tuple) and all(map(is_stable, node.elts))


PURE_CALLS = {
    *("len", "repr", "str", "isinstance", "type", "range", "set", "list", "dict", "sorted"),
    *("tuple", "bool", "min", "max", "sum", "enumerate", "zip", "frozenset", "getattr", "hasattr"),
}
"""Builtins whose calls change nothing."""

PURE_METHODS = {
    *("Event", "Lock", "Queue", "CancelScope", "Semaphore", "Condition", "get_running_loop"),
    *("current_task", "time", "copy", "cancelled", "done", "is_set", "is_closed", "is_running"),
    *("is_alive", "cancelling", "locked", "empty", "full", "qsize", "get_name", "startswith"),
}
"""Makers and readers that change nothing, by the names that they have in every library."""


def is_pure(node: ast.expr) -> bool:
    """Whether nothing happens if the expression is not evaluated."""
    for each in walk(node):
        if isinstance(each, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)):
            return False
        if isinstance(each, ast.Call):
            called = each.func
            if isinstance(called, ast.Name) and called.id in PURE_CALLS:
                continue
            if isinstance(called, ast.Attribute) and called.attr in PURE_METHODS:
                continue
            return False
    return True


def evaluated(root: ast.AST) -> Iterable[ast.AST]:
    """The parts of an expression in the order in which they are done with."""
    if isinstance(root, (ast.BoolOp, ast.IfExp)):
        # Of what may be left out only the first part is sure.
        yield from evaluated(root.values[0] if isinstance(root, ast.BoolOp) else root.test)
        yield ast.Call(ast.Name("", ast.Load()), [], [])
        return
    for each in ast.iter_child_nodes(root):
        if not isinstance(each, (ast.Lambda, *Comprehension)):
            yield from evaluated(each)
    yield root


def needs_no_more(block: list[ast.stmt]) -> bool:
    """Whether nothing after the block can be reached through it."""
    if not block:
        return False
    last = block[-1]
    if isinstance(last, (ast.Return, ast.Raise, ast.Continue, ast.Break)):
        return True
    if isinstance(last, ast.If):
        return needs_no_more(last.body) and needs_no_more(last.orelse)
    return False
