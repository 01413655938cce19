"""Where calls stand in statements, and in what order they are made."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from conformance.scripts.nodes import Comprehension
from conformance.scripts.purity import evaluated, is_pure


def first(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """The expression that a statement evaluates first, where it does so once."""
    if (
        isinstance(node, (ast.Expr, ast.Assign, ast.Return, ast.AugAssign))
        and node.value is not None
    ):
        yield "value", node.value
    elif isinstance(node, ast.If):
        yield "test", node.test
    elif isinstance(node, (ast.For, ast.AsyncFor)):
        yield "iter", node.iter
    elif isinstance(node, ast.Raise) and node.exc is not None:
        yield "exc", node.exc


def calls_in(root: ast.expr, holder: Any, place: Any) -> Iterator[tuple[Any, Any, ast.expr]]:
    """The calls in an expression that are evaluated with it, the innermost first, with their places."""
    if isinstance(root, (ast.Lambda, *Comprehension)):
        return
    parts: list[tuple[Any, Any, ast.expr]] = []
    for field, value in ast.iter_fields(root):
        if isinstance(root, ast.IfExp) and field != "test":
            continue
        if isinstance(root, ast.BoolOp) and isinstance(value, list):
            value = value[:1]
            parts += [(root.values, 0, value[0])]
            continue
        if isinstance(value, ast.expr):
            parts.append((root, field, value))
        elif isinstance(value, list):
            parts += [
                (value, number, x) for number, x in enumerate(value) if isinstance(x, ast.expr)
            ]
            parts += [(x, "value", x.value) for x in value if isinstance(x, ast.keyword)]
    for inner_holder, inner_place, value in parts:
        yield from calls_in(value, inner_holder, inner_place)
    if isinstance(root, ast.Await) or (isinstance(root, ast.Call) and not _is_awaited(holder)):
        yield holder, place, root


def _is_awaited(holder: Any) -> bool:
    return isinstance(holder, ast.Await)


def all_calls(node: ast.stmt) -> Iterator[tuple[Any, Any, ast.expr]]:
    """Every call in the expressions of a statement, in lambdas and comprehensions too."""
    todo: list[tuple[Any, Any, Any]] = [
        (each, "type", each.type) for each in getattr(node, "handlers", ()) if each.type
    ]
    todo += [
        (node, field, value)
        for field, value in ast.iter_fields(node)
        if field not in ("body", "orelse", "finalbody", "handlers", "cases", "decorator_list")
    ]
    while todo:
        holder, place, value = todo.pop()
        if isinstance(value, list):
            todo += [(value, number, each) for number, each in enumerate(value)]
        elif isinstance(value, ast.AST):
            if isinstance(value, ast.stmt):
                continue
            if isinstance(value, ast.Await) or (
                isinstance(value, ast.Call) and not _is_awaited(holder)
            ):
                yield holder, place, value
            todo += [(value, field, each) for field, each in ast.iter_fields(value)]


def put(holder: Any, place: Any, value: ast.expr) -> None:
    if isinstance(holder, list):
        holder[place] = value
    else:
        setattr(holder, place, value)


def comes_first(root: ast.expr, call: ast.expr) -> bool:
    """Whether nothing else that could matter is evaluated before ``call``."""
    for node in evaluated(root):
        if node is call or node is getattr(call, "value", None):
            return True
        if isinstance(node, (ast.Call, ast.Await)) and not is_pure(node):
            return False
    return False
