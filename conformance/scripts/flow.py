"""What variables stand for: one that is bound once to what is known stands for that everywhere."""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import fields, is_dataclass
from itertools import pairwise
from typing import Any

from conformance.scripts.nodes import (
    Look,
    bound,
    clone,
    is_function,
    is_literal,
    is_ours,
    renamed,
    replaced,
    uses,
    walk,
)
from conformance.scripts.purity import PURE_CALLS, evaluated, in_order, is_pure, is_stable
from conformance.scripts.source import Book
from conformance.scripts.values import SPELLED_OUT, Unknown, Values


def propagate(look: Look, book: Book, made: Collection[str] = ()) -> bool:
    """Put what single assignments say in the place of their variables.  Says whether it did.

    ``made`` are variables that stand for something else altogether: so does what lists them.
    """
    changed = False
    for step in (_Flow.unpack, _Flow.substitute, _Flow.open_records, _Flow.follow):
        if step(_Flow(look, book, made)):
            changed = True
            look = Look(look.trees)
    return _Flow(look, book, made).forward() or _Flow(look, book, made).coalesce() or changed


class _Flow:
    def __init__(self, look: Look, book: Book, made: Collection[str]) -> None:
        self.look = look
        self.trees = look.trees
        self.made = made
        self._shared: set[str] | None = None
        self.book = book
        self.values = Values(book)
        self.bound, self.loaded, self.turning = look.bound, look.loaded, look.turning

    def unpack(self) -> bool:
        """``a, b = x, y`` becomes two assignments, where one of them may then go."""
        changed = False
        for block in self.look.blocks:
            for place, each in enumerate(block):
                new = self._unpacked(each)
                if new is not None:
                    block[place : place + 1] = new
                    changed = True
                    break
        return changed

    def _unpacked(self, node: ast.stmt) -> list[ast.stmt] | None:
        if not (isinstance(node, ast.Assign) and len(node.targets) == 1):
            return None
        target, value = node.targets[0], node.value
        if not (isinstance(target, ast.Tuple) and isinstance(value, (ast.Tuple, ast.Constant))):
            return None
        if isinstance(value, ast.Constant):
            whole: Any = value.value
            if type(whole) is not tuple:
                return None
            value = ast.Tuple([ast.Constant(each) for each in whole], ast.Load())
        if len(target.elts) != len(value.elts):
            return None
        if any(isinstance(each, ast.Starred) for each in (*value.elts, *target.elts)):
            return None
        if any(uses(value, each) for each in bound(target)):
            return None
        simple = (ast.Constant, ast.Name, ast.Compare, ast.UnaryOp, ast.Tuple)
        goes = any(
            isinstance(part, simple) or not any(self.loaded[variable] for variable in bound(each))
            for each, part in zip(target.elts, value.elts, strict=True)
        )
        if not goes:
            return None
        return [
            ast.copy_location(ast.Assign([each], part), node)
            for each, part in zip(target.elts, value.elts, strict=True)
        ]

    def substitute(self) -> bool:
        what: dict[str, ast.expr] = {}
        gone: set[int] = set()
        for node in self.look.nodes:
            if (
                isinstance(node, ast.Assign)
                and len(node.targets) == 1
                and isinstance(node.targets[0], ast.Name)
                and self.bound[node.targets[0].id] == 1
                and node.targets[0].id not in self.book.globals
            ):
                variable = node.targets[0].id
                stands_for = self._stands_for(variable, node.value)
                if stands_for is not None and not uses(replaced(clone(stands_for), what), variable):
                    what[variable] = replaced(clone(stands_for), what)
                    what = {
                        each: replaced(of, {variable: what[variable]}) for each, of in what.items()
                    }
                    gone.add(id(node))
        if not what:
            return False
        for block in self.look.blocks:
            block[:] = [each for each in block if id(each) not in gone]
        for place, tree in enumerate(self.trees):
            self.trees[place] = replaced(tree, what)
        return True

    def follow(self) -> bool:
        """A variable that is bound several times stands, up to the next time, for what it was given."""
        for block in self.look.blocks:
            for place, node in enumerate(block):
                if self._followed(block, place, node):
                    return True
        return False

    def _followed(self, block: list[ast.stmt], place: int, node: ast.stmt) -> bool:
        if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
            return False
        variable = node.targets[0].id
        if len(node.targets) > 1 or self.bound[variable] < 2 or self._is_shared(variable):
            return False
        try:
            known = self.values.of(node.value)
        except Unknown:
            return False
        spelled = self.values.spelled(known) if _is_fixed(known) else None
        if spelled is None:
            return False
        read = 0
        for number in range(place + 1, len(block)):
            then = block[number]
            if variable in bound(then):
                if isinstance(then, ast.If):
                    read += len(uses(then.test, variable))
                    then.test = replaced(then.test, {variable: spelled})
                elif isinstance(then, ast.Assign):
                    read += len(uses(then.value, variable))
                    then.value = replaced(then.value, {variable: spelled})
                    if isinstance(then.targets[0], ast.Name) and then.targets[0].id == variable:
                        # Nobody reads what was given first.
                        del block[place]
                        return True
                break
            read += len(uses(then, variable))
            block[number] = replaced(then, {variable: spelled})
        return read > 0

    def _is_shared(self, variable: str) -> bool:
        """Whether more than one function names the variable, or a loop comes back to it."""
        if self._shared is None:
            self._shared = set()
            homes: dict[str, int] = {}
            for tree in self.trees:
                self._note_homes(tree, 0, homes, in_a_loop=False)
        return variable in self._shared

    def _note_homes(
        self, node: ast.AST, home: int, homes: dict[str, int], *, in_a_loop: bool
    ) -> None:
        assert self._shared is not None
        here = home
        if is_function(node) or isinstance(node, ast.Lambda):
            here, in_a_loop = id(node), False
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
            in_a_loop = True
        named = node.id if isinstance(node, ast.Name) else getattr(node, "name", None)
        if isinstance(named, str) and (in_a_loop or homes.setdefault(named, home) != home):
            self._shared.add(named)
        for each in ast.iter_child_nodes(node):
            self._note_homes(each, here, homes, in_a_loop=in_a_loop)

    def open_records(self) -> bool:
        """``record.field`` of a frozen dataclass that is made here is what it was made of."""
        what: dict[str, dict[str, ast.expr]] = {}
        for node in self.look.nodes:
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.targets[0], ast.Name)
                and self.bound[node.targets[0].id] == 1
            ):
                fields = self._fields(node.value)
                if fields is not None:
                    what[node.targets[0].id] = fields
        opened = _Open(what)
        if what:
            self.trees[:] = [opened.visit(each) for each in self.trees]
        return opened.changed

    def _fields(self, node: ast.expr) -> dict[str, ast.expr] | None:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            return None
        made = self.book.globals.get(node.func.id)
        kind: Any = None if made is None else made.value
        # What the decorator leaves says whether it is frozen.
        parameters = getattr(kind, "__dataclass_params__", None) if is_dataclass(kind) else None
        if parameters is None or not parameters.frozen:
            return None
        names = [each.name for each in fields(kind)]
        given = dict(zip(names, node.args, strict=False))
        given |= {str(each.arg): each.value for each in node.keywords}
        return given if all(map(is_stable, given.values())) else None

    def _stands_for(self, variable: str, value: ast.expr) -> ast.expr | None:
        if isinstance(value, ast.Name) and is_ours(value.id):
            same = value.id in self.book.globals or (
                self.bound[value.id] <= 1 and value.id not in self.turning
            )
            return value if same else None
        if isinstance(value, (ast.List, ast.Tuple)) and self._lists_what_is_made(value):
            return ast.Tuple(value.elts, ast.Load())
        if isinstance(value, (ast.Tuple, ast.Dict)) and self._is_only_indexed(variable, value):
            return value
        if isinstance(value, ast.List) and self._is_only_read(variable):
            return value if all(isinstance(each, ast.Constant) for each in value.elts) else None
        if isinstance(value, ast.Lambda):
            called = [
                each
                for each in self.look.nodes
                if isinstance(each, ast.Call)
                and isinstance(each.func, ast.Name)
                and each.func.id == variable
            ]
            free = all(
                self.bound[each.id] <= 1 and each.id not in self.turning
                for each in walk(value)
                if isinstance(each, ast.Name) and is_ours(each.id)
            )
            once = self.loaded[variable] == 1
            return value if free and (once or len(called) == self.loaded[variable]) else None
        try:
            known = self.values.of(value)
        except Unknown:
            return value if _is_of_a_module(value, self.book) else None
        if _is_fixed(known):
            return self.values.spelled(known)
        return None

    def _lists_what_is_made(self, value: ast.List | ast.Tuple) -> bool:
        named = [each.id for each in value.elts if isinstance(each, ast.Name)]
        return bool(named) and len(named) == len(value.elts) and set(named) <= set(self.made)

    def _is_only_indexed(self, variable: str, value: ast.Tuple | ast.Dict) -> bool:
        """Whether only known places of a tuple are looked at, and these are the same everywhere."""
        indexed = sum(
            isinstance(each, ast.Subscript)
            and isinstance(each.ctx, ast.Load)
            and isinstance(each.value, ast.Name)
            and each.value.id == variable
            and isinstance(each.slice, ast.Constant)
            for each in self.look.nodes
        )
        return (
            indexed == self.loaded[variable]
            and all(map(is_stable, value.values if isinstance(value, ast.Dict) else value.elts))
            and all(
                self.bound[each.id] <= 1 and each.id not in self.turning
                for each in walk(value)
                if isinstance(each, ast.Name) and is_ours(each.id)
            )
        )

    def _is_only_read(self, variable: str) -> bool:
        """Whether nobody can change the list of that name, nor keep it."""
        read = 0
        for node in self.look.nodes:
            places: list[ast.AST | None] = []
            if isinstance(node, (ast.For, ast.comprehension)):
                places = [node.iter]
            elif isinstance(node, ast.Compare):
                places = [node.left, *node.comparators]
            elif isinstance(node, (ast.FormattedValue, ast.Starred)) or (
                isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)
            ):
                places = [node.value]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                places = [*node.args] if node.func.id in PURE_CALLS else []
            elif isinstance(node, ast.Attribute) and node.attr in ("index", "count"):
                places = [node.value]
            elif isinstance(node, (ast.If, ast.IfExp, ast.UnaryOp)):
                places = [node.operand if isinstance(node, ast.UnaryOp) else node.test]
            elif isinstance(node, ast.BoolOp):
                places = [*node.values]
            read += sum(isinstance(each, ast.Name) and each.id == variable for each in places)
        return read == self.loaded[variable]

    def forward(self) -> bool:
        """What an argument was put into, and is read at once, stands there itself."""
        for block in self.look.blocks:
            for place, (node, then) in enumerate(pairwise(block)):
                if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
                    continue
                variable = node.targets[0].id
                if self.bound[variable] > 1 or self.loaded[variable] != 1 or len(node.targets) > 1:
                    continue
                returned = isinstance(then, ast.Return) and isinstance(then.value, ast.Name)
                if not returned and variable not in self.book.temporary:
                    continue
                if not uses(then, variable) or not _is_read_first(then, variable):
                    continue
                block[place + 1] = replaced(then, {variable: node.value})
                del block[place]
                return True
        return False

    def coalesce(self) -> bool:
        """``v = w`` as the last that is said of ``w``: they are one variable."""
        if not any(
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Name)
            and isinstance(node.targets[0], ast.Name)
            for node in self.look.nodes
        ):
            return False
        order = list(in_order(self.trees))
        last: dict[str, int] = {}
        for place, node in enumerate(order):
            if isinstance(node, ast.Name):
                last[node.id] = place
        where = {id(node): place for place, node in enumerate(order)}
        for block in self.look.blocks:
            for place, node in enumerate(block):
                if not (
                    isinstance(node, ast.Assign)
                    and len(node.targets) == 1
                    and isinstance(node.targets[0], ast.Name)
                    and isinstance(node.value, ast.Name)
                ):
                    continue
                new, old = node.targets[0].id, node.value.id
                if (
                    self.bound[new] == 1
                    and self.loaded[new]
                    and is_ours(old)
                    and old not in self.book.globals
                    and old not in self.turning
                    and where.get(id(node.value)) == last[old]
                    and old not in self.look.parameters
                ):
                    del block[place]
                    renamed(self.trees, {old: new})
                    return True
        return False


class _Open(ast.NodeTransformer):
    def __init__(self, what: dict[str, dict[str, ast.expr]]) -> None:
        self.what = what
        self.changed = False

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name):
            found = self.what.get(node.value.id, {}).get(node.attr)
            if found is not None and isinstance(node.ctx, ast.Load):
                self.changed = True
                new: ast.expr = clone(found)
                return new
        return node


def _is_read_first(node: ast.stmt, variable: str) -> bool:
    """Whether a statement reads the variable before it does anything else, and once."""
    if not isinstance(node, (ast.Expr, ast.Assign, ast.Return, ast.If, ast.AugAssign, ast.Raise)):
        return False
    first = [getattr(node, each, None) for each in ("value", "test", "exc")]
    for root in first:
        if isinstance(root, ast.expr):
            for each in evaluated(root):
                if isinstance(each, ast.Name) and each.id == variable:
                    return True
                if isinstance(each, (ast.Call, ast.Await, ast.Lambda)) and not is_pure(each):
                    return False
    return False


def _is_fixed(value: Any) -> bool:
    if type(value) is tuple:
        return all(map(_is_fixed, value))
    return is_literal(value) or isinstance(value, (*SPELLED_OUT, type))


def _is_of_a_module(node: ast.expr, book: Book) -> bool:
    """Whether this is ``module.name``, or a name of a name of a module."""
    if isinstance(node, ast.Attribute):
        return _is_of_a_module(node.value, book)
    return isinstance(node, ast.Name) and node.id in book.globals and not book.globals[node.id].name
