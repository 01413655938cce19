"""Functions that stay are made for their calls: a parameter that is always the same goes."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from conformance.scripts.nodes import (
    Look,
    arguments,
    base,
    bound,
    clone,
    is_function,
    is_ours,
    own,
    replaced,
    uses,
    walk,
)
from conformance.scripts.purity import is_pure, is_stable
from conformance.scripts.source import Book

HANDED_ON = {
    "start_soon": 0,
    "start": 0,
    "call_soon": 0,
    "call_soon_threadsafe": 0,
    "run_sync_soon": 0,
    "spawn_system_task": 0,
    "run_sync": 0,
    "call_later": 1,
    "call_at": 1,
    "run_in_executor": 1,
    "add_reader": 1,
    "add_writer": 1,
    "partial": 0,
    "run": 0,
}
"""Functions that are given another one and its arguments, by name: which argument that is."""


@dataclass
class _Call:
    """A call, or the handing on, of a function: its arguments begin at ``first``."""

    node: ast.Call
    first: int

    @property
    def positional(self) -> list[ast.expr]:
        return self.node.args[self.first :]


def specialise(look: Look, book: Book) -> bool:
    """Take out of each function the parameters that every call gives the same.  Says whether it did."""
    changed = False
    while _Specialise(look, book).run():
        changed = True
        look = Look(look.trees)
    return changed


class _Specialise:
    def __init__(self, look: Look, book: Book) -> None:
        self.look = look
        self.trees = look.trees
        self.book = book
        self.bound, self.turning = look.bound, look.turning
        self.where = _owners(self.trees)

    def run(self) -> bool:
        """Take out one: then the look is stale."""
        return any(map(self._function, self.look.functions.values()))

    def _function(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        args = function.args
        if args.kwarg or args.posonlyargs or self.bound[function.name] > 1:
            return False
        decorated = [each for each in function.decorator_list if not _is_manager(each)]
        if decorated:
            return False
        if not (args.args or args.kwonlyargs):
            return False
        calls = self._calls(function.name)
        if not calls or len(calls) != self.look.loaded[function.name]:
            return False
        for number, arg in enumerate([*args.args, *args.kwonlyargs]):
            keyword_only = number >= len(args.args)
            place = None if keyword_only else number
            given = [self._argument(call, arg.arg, place, function) for call in calls]
            if any(each is None for each in given):
                continue
            values = [each for each in given if each is not None]
            if not uses(function.body, arg.arg) and all(map(is_pure, values)):
                self._take_out(function, arg, place, calls, None)
                return True
            # What a recursive call passes on is what it was given.
            others = [
                each for each in values if not (isinstance(each, ast.Name) and each.id == arg.arg)
            ]
            if not others or any(ast.dump(each) != ast.dump(others[0]) for each in others):
                continue
            if not self._may_stand_in(others[0], function, arg.arg) or arg.arg in bound(
                function.body
            ):
                continue
            self._take_out(function, arg, place, calls, others[0])
            return True
        return False

    def _calls(self, variable: str) -> list[_Call]:
        found = []
        for node in self.look.nodes:
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Name) and node.func.id == variable:
                found.append(_Call(node, 0))
                continue
            called = _last_name(node.func)
            place = HANDED_ON.get(called)
            if place is not None and len(node.args) > place:
                handed = node.args[place]
                if isinstance(handed, ast.Name) and handed.id == variable:
                    found.append(_Call(node, place + 1))
        return [
            each
            for each in found
            if not any(isinstance(part, ast.Starred) for part in each.node.args)
            and not any(part.arg is None for part in each.node.keywords)
        ]

    def _argument(
        self,
        call: _Call,
        variable: str,
        place: int | None,
        function: ast.FunctionDef | ast.AsyncFunctionDef,
    ) -> ast.expr | None:
        if place is not None and place < len(call.positional):
            return call.positional[place]
        if call.first == 0 or _last_name(call.node.func) == "partial":
            for keyword in call.node.keywords:
                if keyword.arg == base(variable):
                    return keyword.value
        args = function.args
        if place is not None:
            missing = place - (len(args.args) - len(args.defaults))
            return args.defaults[missing] if missing >= 0 else None
        number = [each.arg for each in args.kwonlyargs].index(variable)
        return args.kw_defaults[number]

    def _may_stand_in(
        self, value: ast.expr, function: ast.FunctionDef | ast.AsyncFunctionDef, variable: str
    ) -> bool:
        """Whether an argument means the same inside of the function as where it is called."""
        if not is_stable(value):
            return False
        if isinstance(value, ast.Lambda) and len(uses(function.body, variable)) != len(
            _called_in(function, variable)
        ):
            return False
        around, inside = self.where[id(function)], set(bound(value))
        for each in walk(value):
            if (
                isinstance(each, ast.Name)
                and is_ours(each.id)
                and each.id not in self.book.globals
                and each.id not in inside
            ):
                if self.bound[each.id] > 1 or each.id in self.turning:
                    return False
                if self._owner(each.id) not in around:
                    return False
        return True

    def _owner(self, variable: str) -> int:
        """The function in which a variable is bound, -1 for none."""
        for node in self.look.nodes:
            if is_function(node):
                here = {each.arg for each in arguments(node)}
                if variable in here or variable in _bound_in(node):
                    return id(node)
        return -1

    def _take_out(
        self,
        function: ast.FunctionDef | ast.AsyncFunctionDef,
        arg: ast.arg,
        place: int | None,
        calls: list[_Call],
        value: ast.expr | None,
    ) -> None:
        args = function.args
        for call in calls:
            if place is not None and place < len(call.positional):
                del call.node.args[call.first + place]
            else:
                call.node.keywords = [
                    each for each in call.node.keywords if each.arg != base(arg.arg)
                ]
        if place is None:
            number = args.kwonlyargs.index(arg)
            del args.kwonlyargs[number], args.kw_defaults[number]
        else:
            missing = place - (len(args.args) - len(args.defaults))
            if missing >= 0:
                del args.defaults[missing]
            del args.args[place]
        if value is not None:
            function.body = replaced(function.body, {arg.arg: clone(value)})


def _called_in(function: ast.AST, variable: str) -> list[ast.Name]:
    """Where a function calls what the variable stands for."""
    return [
        each.func
        for each in walk(function)
        if isinstance(each, ast.Call)
        and isinstance(each.func, ast.Name)
        and each.func.id == variable
    ]


def _owners(trees: list[ast.stmt]) -> dict[int, set[int]]:
    """For each function those around it, and 0 for what is at the top."""
    found: dict[int, set[int]] = {}

    def look(node: ast.AST, around: set[int]) -> None:
        if is_function(node):
            found[id(node)] = around
            around = {*around, id(node)}
        for each in ast.iter_child_nodes(node):
            look(each, around)

    for tree in trees:
        look(tree, {0})
    return found


def _bound_in(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """What a function itself binds."""
    return {
        each.id
        for each in own(function.body)
        if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load)
    } | {each.name for each in own(function.body) if is_function(each)}


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return base(node.id) if isinstance(node, ast.Name) else ""


def _is_manager(node: ast.expr) -> bool:
    return _last_name(node) in ("contextmanager", "asynccontextmanager")
