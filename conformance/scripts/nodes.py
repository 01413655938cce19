"""Python source as a tree, in the form in which scripts are worked out.

Every variable has a name of its own (``task·3``), so that code can be moved between functions without
one name hiding another; what was written before the dot comes back in the end.  A value that is known
is an ``ast.Constant``, whatever its type.  Statements and handlers keep the comments that stood at them.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from types import ModuleType
from typing import Any, TypeGuard

Function = (ast.FunctionDef, ast.AsyncFunctionDef)
Comprehension = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
Scope = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, *Comprehension)

COMMENTS = "comments"
"""The attribute of a statement or handler that holds the comments above it, as a tuple of lines."""

DOT = "·"
"""What parts the name that a variable has in the source from the number that makes it unique."""

KEPT = "kept"
"""The attribute of a function that stays one: it is what a claim is about."""

_COPIED = ("lineno", "end_lineno", COMMENTS, KEPT)


class NoScript(Exception):
    """There is no script, and the message says why."""


def base(name: str) -> str:
    """The name as it stands in the source."""
    return name.partition(DOT)[0]


def is_ours(name: str) -> bool:
    """Whether this is a variable with a name of its own, and no builtin."""
    return DOT in name


def clone(node: Any) -> Any:
    """A copy of a tree or list.  Known values are shared."""
    if isinstance(node, list):
        return [clone(each) for each in node]
    if not isinstance(node, ast.AST):
        return node
    new = node.__class__.__new__(node.__class__)
    for field in node._fields:
        if field in node.__dict__:
            setattr(new, field, clone(node.__dict__[field]))
    for name in _COPIED:
        if name in node.__dict__:
            setattr(new, name, node.__dict__[name])
    return new


def is_function(node: object) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Whether ``node`` is a ``def`` or an ``async def``."""
    return isinstance(node, Function)


def name(id: str) -> ast.Name:
    """The use of a variable."""
    return ast.Name(id, ast.Load())


def bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The blocks of statements that ``node`` itself has."""
    for field in ("body", "orelse", "finalbody"):
        block = getattr(node, field, None)
        if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
            yield block
    for handler in getattr(node, "handlers", ()):
        yield handler.body
    for case in getattr(node, "cases", ()):
        yield case.body


def own(block: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All of a block that runs in its function: of nested ones only what is evaluated as they are made."""
    todo = list(block)
    while todo:
        node = todo.pop()
        yield node
        if is_function(node):
            todo += [*node.decorator_list, *_defaults(node.args)]
        elif isinstance(node, ast.ClassDef):
            todo += [*node.decorator_list, *node.bases]
        elif isinstance(node, ast.Lambda):
            todo += _defaults(node.args)
        else:
            todo += ast.iter_child_nodes(node)


def _defaults(args: ast.arguments) -> list[ast.expr]:
    return [*args.defaults, *(each for each in args.kw_defaults if each is not None)]


def uses(tree: ast.AST | Iterable[ast.AST], variable: str) -> list[ast.Name]:
    """Where the variable is read, below ``tree``."""
    return [
        node
        for node in walk(tree)
        if isinstance(node, ast.Name) and node.id == variable and isinstance(node.ctx, ast.Load)
    ]


def walk(tree: ast.AST | Iterable[ast.AST]) -> list[ast.AST]:
    """``tree``, or each of several, and all below but operators, in the order of the text.

    It is what this room does most: ``ast.walk()`` takes five times as long.
    """
    todo = [tree] if isinstance(tree, ast.AST) else list(tree)[::-1]
    found = []
    while todo:
        node = todo.pop()
        found.append(node)
        inside = node.__dict__
        for field in _fields(type(node)):  # type: ignore[arg-type]  # a class is hashable, whatever its objects are
            value = inside.get(field)
            if type(value) is list:
                todo += [each for each in value[::-1] if isinstance(each, ast.AST)]
            elif isinstance(value, ast.AST):
                todo.append(value)
    return found


_WITHOUT_TREES = {
    "ctx",
    "op",
    "ops",
    "id",
    "arg",
    "attr",
    "name",
    "names",
    "kind",
    "level",
    "module",
}


@cache
def _fields(kind: type[ast.AST]) -> tuple[str, ...]:
    """The fields in which other nodes may be, the last one first."""
    kept = _WITHOUT_TREES - ({"names"} if kind in (ast.Import, ast.ImportFrom) else set())
    return tuple(each for each in reversed(kind._fields) if each not in kept)


def arguments(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> list[ast.arg]:
    """Every parameter of a function."""
    found = node.args
    several = [found.vararg, found.kwarg]
    return [
        *found.posonlyargs,
        *found.args,
        *found.kwonlyargs,
        *(each for each in several if each is not None),
    ]


def is_generator(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether there is a ``yield`` in it."""
    return any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in own(function.body))


def is_literal(value: object) -> bool:
    """Whether ``repr(value)`` is Python for it, and nobody can change it."""
    if isinstance(value, tuple):
        return type(value) is tuple and all(map(is_literal, value))
    return type(value) in (str, int, float, bool, bytes, type(None)) or value is Ellipsis


def display(value: Any) -> ast.expr:
    """Python for a value that is known: tuples and lists are spelled out, so are their elements."""
    if type(value) is tuple:
        return ast.Tuple([display(each) for each in value], ast.Load())
    if type(value) is list:
        return ast.List([display(each) for each in value], ast.Load())
    if type(value) is dict:
        return ast.Dict(
            [display(each) for each in value], [display(each) for each in value.values()]
        )
    if type(value) is set and value:
        return ast.Set([display(each) for each in value])
    return ast.Constant(value)


def constant(value: Any) -> ast.Constant:
    """A value that is known, whatever its type."""
    return ast.Constant(value)


def is_module(value: object) -> TypeGuard[ModuleType]:
    """Whether this is a module."""
    return isinstance(value, ModuleType)


def replaced(tree: Any, what: dict[str, ast.expr]) -> Any:
    """``tree`` with expressions in the place of variables that are read.  It is changed."""
    return (
        _Replace(what).visit(tree)
        if isinstance(tree, ast.AST)
        else [replaced(each, what) for each in tree]
    )


class _Replace(ast.NodeTransformer):
    def __init__(self, what: dict[str, ast.expr]) -> None:
        self.what = what

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.what and isinstance(node.ctx, ast.Load):
            new: ast.expr = clone(self.what[node.id])
            return new
        return node


def renamed(tree: Any, new: dict[str, str]) -> Any:
    """``tree`` with other names for variables, wherever they stand.  It is changed."""
    for node in walk(tree):
        if isinstance(node, ast.Name):
            node.id = new.get(node.id, node.id)
        elif isinstance(node, ast.arg):
            node.arg = new.get(node.arg, node.arg)
        elif type(node) in _BINDS:
            field = _BINDS[type(node)]
            variable = getattr(node, field)
            setattr(node, field, new.get(variable, variable))
    return tree


def bound(tree: ast.AST | Iterable[ast.AST]) -> list[str]:
    """The variables that are bound anywhere in ``tree``, in the order of their places, with repeats."""
    found: list[str] = []
    for node in walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.append(node.id)
        elif isinstance(node, ast.arg):
            found.append(node.arg)
        elif type(node) in _BINDS:
            found.append(getattr(node, _BINDS[type(node)]) or "")
    return [each for each in found if is_ours(each)]


def mentioned(tree: Any) -> Iterator[str]:
    """Every variable that is read or bound, once for each place."""
    yield from bound(tree)
    for each in walk(tree):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load):
            yield each.id


class Look:
    """All that the passes ask of the trees as they are now: it is stale when one of them is changed."""

    def __init__(self, trees: list[ast.stmt]) -> None:
        self.trees = trees
        self.nodes = walk(trees)
        self.bound: Counter[str] = Counter()
        self.loaded: Counter[str] = Counter()
        self.parameters: set[str] = set()
        self.turning: set[str] = set()
        """Variables that a loop or a comprehension binds again and again."""
        self.functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
        self.blocks: list[list[ast.stmt]] = []
        for node in self.nodes:
            self._note(node)

    def _note(self, node: ast.AST) -> None:
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                self.loaded[node.id] += 1
            elif is_ours(node.id):
                self.bound[node.id] += 1
            return
        if isinstance(node, ast.arg):
            self.bound[node.arg] += 1
            self.parameters.add(node.arg)
            return
        if isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            self.turning.update(each.id for each in walk(node.target) if isinstance(each, ast.Name))
        named = _BINDS.get(type(node))
        if named is not None:
            variable = getattr(node, named)
            if variable and is_ours(variable):
                self.bound[variable] += 1
                if is_function(node):
                    self.functions[variable] = node
        if "body" in node._fields:
            self.blocks += bodies(node)

    @property
    def mentioned(self) -> Counter[str]:
        """How many places read or bind each variable."""
        return self.bound + self.loaded


_BINDS: dict[type[ast.AST], str] = {
    ast.FunctionDef: "name",
    ast.AsyncFunctionDef: "name",
    ast.ClassDef: "name",
    ast.ExceptHandler: "name",
    ast.MatchAs: "name",
    ast.MatchStar: "name",
    ast.alias: "asname",
}
