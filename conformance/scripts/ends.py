"""The body of a function in the place of its call: what is to be done where it returns, or yields."""

from __future__ import annotations

import ast
from collections.abc import Callable

from conformance.scripts.nodes import is_function, own
from conformance.scripts.purity import needs_no_more

Then = Callable[[ast.expr | None], list[ast.stmt]]


class NotInline(Exception):
    """The function cannot be written in the place of its call."""


def around(body: list[ast.stmt], target: ast.expr | None, inner: list[ast.stmt]) -> list[ast.stmt]:
    """The body of a manager with ``inner`` where it yields."""
    yields = [each for each in own(body) if isinstance(each, (ast.Yield, ast.YieldFrom))]
    if len(yields) != 1 or returns(body):
        raise NotInline
    leaves = any(isinstance(each, (ast.Return, ast.Break, ast.Continue)) for each in own(inner))

    def put(block: list[ast.stmt], *, last: bool) -> bool:
        for place, each in enumerate(block):
            here_last = last and place == len(block) - 1
            if isinstance(each, ast.Expr) and each.value is yields[0]:
                if leaves and not here_last:
                    raise NotInline
                value = each.value.value if isinstance(each.value, ast.Yield) else None
                given = (
                    [] if target is None else [ast.Assign([target], value or ast.Constant(None))]
                )
                block[place : place + 1] = [*given, *inner]
                return True
            if isinstance(each, (ast.With, ast.AsyncWith, ast.Try)):
                inner_last = here_last and not (isinstance(each, ast.Try) and each.orelse)
                if put(each.body, last=inner_last):
                    return True
        return False

    if not put(body, last=True):
        raise NotInline
    return body


def returns(block: list[ast.stmt]) -> int:
    return sum(isinstance(each, ast.Return) for each in own(block))


def with_ends(body: list[ast.stmt], then: Then) -> list[ast.stmt]:
    """``body`` with something else to do wherever it returns.

    Raises :class:`NotInline` if it returns from where one cannot go on behind it.
    """
    if not body:
        return then(None)
    for place, node in enumerate(body):
        if isinstance(node, ast.Return):
            return [*body[:place], *then(node.value)]
        if not returns([node]) or is_function(node):
            continue
        rest = body[place + 1 :]
        if isinstance(node, ast.If):
            ends, else_ends = needs_no_more(node.body), needs_no_more(node.orelse)
            if rest and not ends and not else_ends:
                raise NotInline
            if not ends:
                node.body += rest
            elif not else_ends:
                node.orelse += rest
            node.body, node.orelse = with_ends(node.body, then), with_ends(node.orelse, then)
            return [*body[:place], node]
        if isinstance(node, ast.Try) and rest and not node.finalbody:
            rest = _into_the_try(node, rest)
        if rest:
            raise NotInline
        if isinstance(node, (ast.With, ast.AsyncWith)):
            # What comes behind a block that swallows is not known.
            node.body = with_ends(node.body, then)
            return [*body[:place], node]
        if isinstance(node, ast.Try) and not returns(node.finalbody):
            if node.orelse:
                if returns(node.body):
                    raise NotInline
                node.orelse = with_ends(node.orelse, then)
            else:
                node.body = with_ends(node.body, then)
            for handler in node.handlers:
                handler.body = with_ends(handler.body, then)
            return [*body[:place], node]
        raise NotInline
    if needs_no_more(body):
        return body
    return [*body, *then(None)]


def _into_the_try(node: ast.Try, rest: list[ast.stmt]) -> list[ast.stmt]:
    """Put what follows a ``try`` where it alone leads to; what could not be put is given back."""
    falls = [each for each in node.handlers if not needs_no_more(each.body)]
    if not falls and not returns(node.body):
        node.orelse += rest
        return []
    if needs_no_more(node.orelse or node.body) and len(falls) == 1:
        falls[0].body += rest
        return []
    return [] if needs_no_more(node.orelse or node.body) and not falls else rest
