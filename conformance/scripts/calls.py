"""Calls: functions that are called once, or that come to little, are written where they are called."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass

from conformance.scripts.branches import Fold
from conformance.scripts.ends import NotInline, around, returns, with_ends
from conformance.scripts.nodes import (
    COMMENTS,
    KEPT,
    Comprehension,
    Look,
    base,
    bodies,
    bound,
    clone,
    is_function,
    is_generator,
    is_ours,
    mentioned,
    name,
    renamed,
    replaced,
    uses,
    walk,
)
from conformance.scripts.places import all_calls, calls_in, comes_first, first, put
from conformance.scripts.prune import prune
from conformance.scripts.purity import is_pure, is_stable, needs_no_more
from conformance.scripts.source import Book

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef

LITTLE = 2
"""Statements of what is written out at each of several calls."""

LITTLE_NODES = 45
"""Parts of these statements, about a line or two."""


@dataclass
class Inlined:
    """What stands in the place of a call: statements before, and the expression for its value."""

    before: list[ast.stmt]
    value: ast.expr


class Calls:
    """Writes functions where they are called, in all of ``trees``."""

    def __init__(self, trees: list[ast.stmt], book: Book) -> None:
        self.trees = trees
        self.book = book
        self.changed = False
        self.failed: set[tuple[str, str]] = set()

    def run(self) -> bool:
        """One round.  Says whether anything was written elsewhere."""
        self.changed = False
        self._look()
        for tree in list(self.trees):
            self._inside(tree, in_a_loop=False)
        return self.changed

    def _look(self) -> None:
        look = Look(self.trees)
        self.loaded, self.bound, self.functions = look.loaded, look.bound, look.functions
        self.mentioned = look.mentioned

    def _inside(self, node: ast.AST, *, in_a_loop: bool) -> None:
        for block in bodies(node):
            place = 0
            while place < len(block):
                each = block[place]
                looping = in_a_loop or isinstance(node, (ast.For, ast.AsyncFor, ast.While))
                new = self._statement(each, in_a_loop=looping)
                if new is not None:
                    if new and COMMENTS in each.__dict__ and COMMENTS not in new[0].__dict__:
                        setattr(new[0], COMMENTS, getattr(each, COMMENTS))
                    block[place : place + 1] = new
                    self.changed = True
                    self._look()
                    continue
                self._inside(each, in_a_loop=False if is_function(each) else looping)
                place += 1

    # --- statements ---

    def _statement(self, node: ast.stmt, *, in_a_loop: bool) -> list[ast.stmt] | None:
        """What stands for a statement when a call in it is written out, ``None`` if none can be."""
        if isinstance(node, (ast.With, ast.AsyncWith)):
            managed = self._managed(node, in_a_loop=in_a_loop)
            if managed is not None:
                return managed
        call = getattr(node, "value", None)
        if isinstance(node, (ast.Expr, ast.Return, ast.Assign)) and call is not None:
            function = self._called(call)
            if function is not None:
                try:
                    return self._whole(node, call, function, in_a_loop=in_a_loop)
                except NotInline:
                    pass
        for field, root in first(node):
            for holder, place, call in calls_in(root, node, field):
                function = self._called(call)
                if function is None:
                    continue
                try:
                    made = self._expanded(function, call, in_a_loop=in_a_loop)
                except NotInline:
                    continue
                if made.before and not comes_first(root, call):
                    continue
                put(holder, place, made.value)
                return [*made.before, node]
        return self._anywhere(node)

    def _managed(self, node: ast.With | ast.AsyncWith, *, in_a_loop: bool) -> list[ast.stmt] | None:
        """What stands for a ``with`` block whose manager is a function of ours."""
        for place, item in enumerate(node.items):
            call = item.context_expr
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
                continue
            function = self.functions.get(call.func.id)
            if function is None or not _is_manager(function, node):
                continue
            decorators, function.decorator_list = function.decorator_list, []
            inner: list[ast.stmt] = node.body
            if place + 1 < len(node.items):
                inner = [type(node)(node.items[place + 1 :], node.body)]
            try:
                body = self._body(function, call, in_a_loop=in_a_loop)
                new = around(body, item.optional_vars, inner)
            except NotInline:
                continue
            finally:
                function.decorator_list = decorators
            return [type(node)(node.items[:place], new)] if place else new
        return None

    def _anywhere(self, node: ast.stmt) -> list[ast.stmt] | None:
        """Calls of what is but an expression may be written out wherever they stand."""
        for holder, place, call in all_calls(node):
            function = self._called(call)
            if function is None or (
                isinstance(function, ast.AsyncFunctionDef) and not isinstance(call, ast.Await)
            ):
                continue
            try:
                made = self._expanded(function, call, in_a_loop=True)
            except NotInline:
                continue
            if made.before:
                continue
            put(holder, place, made.value)
            return [node]
        return None

    def _called(self, node: ast.expr) -> FunctionNode | None:
        """The function that ``node`` calls, and awaits if it is asynchronous."""
        inner = node.value if isinstance(node, ast.Await) else node
        if not (isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name)):
            return None
        function = self.functions.get(inner.func.id)
        if function is None or self.bound[inner.func.id] > 1 or function.decorator_list:
            return None
        if isinstance(function, ast.AsyncFunctionDef) is not isinstance(node, ast.Await):
            return None
        if getattr(function, KEPT, False):
            return None
        if is_generator(function) or uses(function, function.name):
            return None
        return function

    def _body(self, function: FunctionNode, call: ast.expr, *, in_a_loop: bool) -> list[ast.stmt]:
        """The body of a function for one call: with what is given to it, and with nothing else to do.

        Raises :class:`NotInline` if it is called elsewhere too, and comes to more than a little.
        """
        inner = call.value if isinstance(call, ast.Await) else call
        assert isinstance(inner, ast.Call)
        key = (function.name, ast.dump(inner) if self.loaded[function.name] > 1 else "")
        if key[1] and key in self.failed:
            raise NotInline
        once = self.loaded[function.name] == 1
        given = _given(function, inner)
        body: list[ast.stmt] = clone(function.body)
        if not once:
            body = renamed(body, {each: self.book.fresh(each) for each in self._locals(function)})
        before: list[ast.stmt] = []
        what: dict[str, ast.expr] = {}
        for variable, value in given:
            if self._fits(variable, value, body):
                what[variable] = value
            else:
                fresh = variable if once else self.book.fresh(variable)
                self.book.temporary.add(fresh)
                before.append(ast.Assign([ast.Name(fresh, ast.Store())], value))
                what[variable] = name(fresh)
                body = renamed(body, {variable: fresh})
                del what[variable]
        body = [*before, *replaced(body, what)]
        if in_a_loop and any(
            is_function(each) or isinstance(each, ast.Lambda) for each in walk(body)
        ):
            # Each call has variables of its own, and what is made there keeps them.
            self._fails(key)
        if not once:
            body = self._simplified(body, self._shared(function))
            if not _is_little(body) or (self.loaded[function.name] > 2 and _is_compound(body)):
                self._fails(key)
        return body

    def _fails(self, key: tuple[str, str]) -> None:
        if key[1]:
            self.failed.add(key)
        raise NotInline

    def _locals(self, function: FunctionNode) -> list[str]:
        """The variables that each call of ``function`` has for itself."""
        inside = Counter(mentioned(function.body))
        return [
            each
            for each in dict.fromkeys(bound(function.body))
            if inside[each] == self.mentioned[each]
        ]

    def _shared(self, function: FunctionNode) -> set[str]:
        """The variables that it binds for others."""
        return set(bound(function.body)) - set(self._locals(function))

    def _simplified(self, body: list[ast.stmt], shared: set[str]) -> list[ast.stmt]:
        for _ in range(6):
            fold = Fold(self.book)
            holder = ast.AsyncFunctionDef("f", _no_arguments(), fold.block(body), [], None)
            trees: list[ast.stmt] = [holder]
            changed = fold.changed | prune(trees, shared | {"f"})
            body = holder.body
            if not changed:
                break
        return body

    def _fits(self, variable: str, value: ast.expr, body: list[ast.stmt]) -> bool:
        """Whether an argument may stand wherever its parameter is read."""
        if variable in bound(body):
            return False
        read = len(uses(body, variable))
        if isinstance(value, ast.Constant):
            return True
        if not is_stable(value):
            return (read == 0 and is_pure(value)) or (
                read <= 1
                and is_pure(value)
                and self._is_same_everywhere(value)
                and not _in_a_loop(body, variable)
            )
        called = sum(
            isinstance(each, ast.Call)
            and isinstance(each.func, ast.Name)
            and each.func.id == variable
            for each in walk(body)
        )
        if isinstance(value, ast.Lambda) and not (read <= 1 or read == called):
            return False
        return self._is_same_everywhere(value)

    def _is_same_everywhere(self, value: ast.expr) -> bool:
        inner = set(bound(value))
        return all(
            self.bound[each.id] <= 1 or each.id in inner
            for each in walk(value)
            if isinstance(each, ast.Name) and is_ours(each.id) and each.id not in self.book.globals
        )

    def _whole(
        self,
        node: ast.Expr | ast.Return | ast.Assign,
        call: ast.expr,
        function: FunctionNode,
        *,
        in_a_loop: bool,
    ) -> list[ast.stmt]:
        """The body of a function for a statement that consists of its call."""
        body = self._body(function, call, in_a_loop=in_a_loop)
        if isinstance(node, ast.Return):
            if not needs_no_more(body):
                body.append(ast.Return(ast.Constant(None)))
            return body
        if isinstance(node, ast.Expr):
            return with_ends(body, lambda value: _statement_of(value))
        if len(node.targets) > 1:
            raise NotInline
        target = node.targets[0]
        return with_ends(
            body,
            lambda value: [ast.Assign([clone(target)], value or ast.Constant(None))],
        )

    def _expanded(self, function: FunctionNode, call: ast.expr, *, in_a_loop: bool) -> Inlined:
        body = self._body(function, call, in_a_loop=in_a_loop)
        if not body or isinstance(body[-1], ast.Pass):
            return Inlined([], ast.Constant(None))
        *before, last = body
        if returns(before) == 0:
            if isinstance(last, ast.Return):
                return Inlined(before, last.value or ast.Constant(None))
            if isinstance(last, ast.Expr) and not before and not isinstance(call, ast.Await):
                # It gives None where it is called for what it does: whoever reads that is not here.
                raise NotInline
        result = self.book.fresh("result")
        made = with_ends(
            body,
            lambda value: [
                ast.Assign([ast.Name(result, ast.Store())], value or ast.Constant(None))
            ],
        )
        return Inlined(made, name(result))


def _statement_of(value: ast.expr | None) -> list[ast.stmt]:
    return [] if value is None or is_pure(value) else [ast.Expr(value)]


def _is_manager(function: FunctionNode, node: ast.With | ast.AsyncWith) -> bool:
    """Whether a function is made a context manager for such a block, and nothing else is."""
    if len(function.decorator_list) != 1:
        return False
    decorator = function.decorator_list[0]
    wanted = "contextmanager" if isinstance(node, ast.With) else "asynccontextmanager"
    return isinstance(decorator, ast.Name) and base(decorator.id) == wanted


def _no_arguments() -> ast.arguments:
    return ast.arguments([], [], None, [], [], None, [])


def _given(function: FunctionNode, call: ast.Call) -> list[tuple[str, ast.expr]]:
    """Each parameter with what a call gives for it."""
    args = function.args
    if args.kwarg or any(isinstance(each, ast.Starred) for each in call.args):
        raise NotInline
    if any(each.arg is None for each in call.keywords):
        raise NotInline
    positional = [each.arg for each in (*args.posonlyargs, *args.args)]
    found: dict[str, ast.expr] = dict(zip(positional, call.args, strict=False))
    rest = call.args[len(positional) :]
    if args.vararg:
        found[args.vararg.arg] = ast.Tuple(list(rest), ast.Load())
    elif rest:
        raise NotInline
    named = {base(each): each for each in (*positional, *(each.arg for each in args.kwonlyargs))}
    for keyword in call.keywords:
        if str(keyword.arg) not in named or named[str(keyword.arg)] in found:
            raise NotInline
        found[named[str(keyword.arg)]] = keyword.value
    defaults = dict(
        zip(positional[len(positional) - len(args.defaults) :], args.defaults, strict=True)
    )
    defaults |= {
        each.arg: value
        for each, value in zip(args.kwonlyargs, args.kw_defaults, strict=True)
        if value is not None
    }
    for variable in (*positional, *(each.arg for each in args.kwonlyargs)):
        if variable not in found:
            if variable not in defaults or not is_stable(defaults[variable]):
                raise NotInline
            found[variable] = clone(defaults[variable])
    return list(found.items())


def _in_a_loop(body: list[ast.stmt], variable: str) -> bool:
    return any(
        isinstance(
            each,
            (
                ast.For,
                ast.AsyncFor,
                ast.While,
                *Comprehension,
                ast.Lambda,
                ast.FunctionDef,
                ast.AsyncFunctionDef,
            ),
        )
        and uses(each, variable)
        for each in walk(body)
    )


def _is_compound(body: list[ast.stmt]) -> bool:
    return any(next(bodies(each), None) is not None for each in body)


def _is_little(body: list[ast.stmt]) -> bool:
    statements = sum(isinstance(each, ast.stmt) for each in walk(body))
    return statements <= LITTLE and sum(1 for _ in walk(body)) <= LITTLE_NODES
