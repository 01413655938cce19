"""Pruning: what nobody reads, calls or comes to is left out."""

from __future__ import annotations

import ast
from collections import Counter

from conformance.scripts.nodes import (
    COMMENTS,
    Look,
    bound,
    clone,
    is_function,
    is_ours,
    renamed,
    walk,
)
from conformance.scripts.purity import is_pure, needs_no_more

KEPT = {
    "create_task",
    "ensure_future",
    "start_server",
    "call_soon",
    "call_later",
    "call_at",
    "run_in_executor",
    "gather",
}
"""What these give is to be kept by a name: an event loop holds its tasks only weakly."""

RECORDS = {"SimpleNamespace", "Plugin"}
"""What only holds what it is given."""


def prune(trees: list[ast.stmt], roots: set[str]) -> bool:
    """Drop what is of no use from each of ``trees``; ``roots`` are the names that are used outside."""
    changed = False
    while _Prune(trees, roots).run():
        changed = True
    return changed


def merged(look: Look) -> bool:
    """Of functions of one block that say the same leave one.  Says whether there were such."""
    for block in look.blocks:
        seen: dict[str, str] = {}
        for each in block:
            if not is_function(each) or not is_ours(each.name):
                continue
            same = {each.name: "f"} | {
                variable: f"v{number}"
                for number, variable in enumerate(dict.fromkeys(bound(each.body)))
            }
            said = ast.dump(renamed(clone(each), same))
            if said in seen:
                block.remove(each)
                renamed(look.trees, {each.name: seen[said]})
                return True
            seen[said] = each.name
    return False


class _Prune:
    def __init__(self, trees: list[ast.stmt], roots: set[str]) -> None:
        self.trees = trees
        self.roots = roots
        self.look = Look(trees)
        self.loaded = self.look.loaded
        self.changed = False
        # In a try that handles what is raised it matters whether something is evaluated.
        self.tried = 0
        self.filled = self._only_filled()

    def run(self) -> bool:
        self.trees[:] = self.block(self.trees)
        return self.changed

    def _only_filled(self) -> set[str]:
        """Lists and sets that things are put into, and that nobody ever looks at."""
        made = {
            each.targets[0].id
            for each in self.look.nodes
            if isinstance(each, ast.Assign)
            and isinstance(each.targets[0], ast.Name)
            and (
                isinstance(each.value, (ast.List, ast.Set, ast.Dict))
                or _is_new_set(each.value)
                or _called(each.value) == "Event"
            )
        }
        puts = Counter(
            _put_into(each.value)
            for each in self.look.nodes
            if isinstance(each, ast.Expr) and _is_idle(each.value)
        )
        several = self.look.bound
        return {
            each
            for each in made
            if puts[each] == self.loaded[each] and several[each] == 1 and each not in self.roots
        }

    def block(self, block: list[ast.stmt]) -> list[ast.stmt]:
        new: list[ast.stmt] = []
        for each in block:
            new += self.statement(each)
            if needs_no_more(new):
                if each is not block[-1]:
                    self.changed = True
                break
        if len(new) > 1 and any(isinstance(each, ast.Pass) for each in new):
            new = [each for each in new if not isinstance(each, ast.Pass)] or [ast.Pass()]
        return new

    def unused(self, variable: str) -> bool:
        return is_ours(variable) and not self.loaded[variable] and variable not in self.roots

    def is_idle(self, node: ast.expr) -> bool:
        """Whether it makes no difference that an expression is not evaluated."""
        return is_pure(node) and not (
            self.tried and any(isinstance(each, (ast.Call, ast.Subscript)) for each in walk(node))
        )

    def _gone(self) -> list[ast.stmt]:
        self.changed = True
        return []

    def statement(self, node: ast.stmt) -> list[ast.stmt]:
        handled = bool(getattr(node, "handlers", ()))
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                self.tried += handled and field == "body"
                setattr(node, field, self.block(block))
                self.tried -= handled and field == "body"
        for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            part.body = self.block(part.body) or [ast.Pass()]
            if isinstance(part, ast.ExceptHandler) and part.name and self.unused(part.name):
                part.name = None
        method = getattr(self, f"_{type(node).__name__}", None)
        kept: list[ast.stmt] = [node] if method is None else method(node)
        return kept

    def _FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
        if self.unused(node.name) and (
            not node.decorator_list or all(map(is_pure, node.decorator_list))
        ):
            return self._gone()
        if len(node.body) > 1 and _is_bare_return(node.body[-1]):
            node.body.pop()
            self.changed = True
        if not node.body:
            node.body = [ast.Pass()]
        _unreturned(node)
        return [node]

    _AsyncFunctionDef = _FunctionDef

    def _ClassDef(self, node: ast.ClassDef) -> list[ast.stmt]:
        if self.unused(node.name):
            return self._gone()
        node.body = node.body or [ast.Pass()]
        return [node]

    def _Assign(self, node: ast.Assign) -> list[ast.stmt]:
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            variable = node.targets[0].id
            if variable in self.filled:
                return self._gone() if is_pure(node.value) else self._only(node.value, node)
            if self.unused(variable):
                if self.is_idle(node.value) or _called(node.value) in RECORDS:
                    return self._gone()
                if isinstance(node.value, ast.Await) or (
                    isinstance(node.value, ast.Call) and _called(node.value) not in KEPT
                ):
                    return self._only(node.value, node)
        elif len(node.targets) == 1 and isinstance(node.targets[0], ast.Tuple):
            parts = node.targets[0].elts
            if all(isinstance(each, ast.Name) and self.unused(each.id) for each in parts):
                if is_pure(node.value):
                    return self._gone()
                return self._only(node.value, node)
        return [node]

    def _only(self, value: ast.expr, old: ast.stmt) -> list[ast.stmt]:
        self.changed = True
        new = ast.Expr(value)
        setattr(new, COMMENTS, getattr(old, COMMENTS, ()))
        return [new]

    def _AugAssign(self, node: ast.AugAssign) -> list[ast.stmt]:
        if (
            isinstance(node.target, ast.Name)
            and self.unused(node.target.id)
            and is_pure(node.value)
        ):
            return self._gone()
        return [node]

    def _Expr(self, node: ast.Expr) -> list[ast.stmt]:
        if self.is_idle(node.value):
            return self._gone()
        if _put_into(node.value) in self.filled:
            return self._gone()
        return [node]

    def _If(self, node: ast.If) -> list[ast.stmt]:
        if _is_empty(node.body) and _is_empty(node.orelse):
            if is_pure(node.test):
                return self._gone()
            return self._only(node.test, node)
        if _is_empty(node.body):
            from conformance.scripts.purity import negated

            self.changed = True
            node.test, node.body, node.orelse = negated(node.test), node.orelse, []
        elif _is_empty(node.orelse):
            node.orelse = []
        return [node]

    def _For(self, node: ast.For) -> list[ast.stmt]:
        if _is_empty(node.body) and is_pure(node.iter) and not node.orelse:
            return self._gone()
        node.body = node.body or [ast.Pass()]
        return [node]

    def _While(self, node: ast.While) -> list[ast.stmt]:
        node.body = node.body or [ast.Pass()]
        return [node]

    _AsyncFor = _While

    def _With(self, node: ast.With | ast.AsyncWith) -> list[ast.stmt]:
        node.body = node.body or [ast.Pass()]
        for item in node.items:
            target = item.optional_vars
            if isinstance(target, ast.Name) and self.unused(target.id):
                item.optional_vars = None
                self.changed = True
        return [node]

    _AsyncWith = _With

    def _Try(self, node: ast.Try) -> list[ast.stmt]:
        if _is_empty(node.body):
            self.changed = True
            return [*node.orelse, *node.finalbody]
        if _is_empty(node.finalbody):
            node.finalbody = []
        if _is_empty(node.orelse):
            node.orelse = []
        while not node.orelse and node.handlers and _only_raises(node.handlers[-1]):
            # It catches only to let go.
            node.handlers.pop()
            self.changed = True
        if not node.handlers and not node.finalbody:
            self.changed = True
            return [*node.body, *node.orelse]
        return [node]

    _TryStar = _Try


def _is_empty(block: list[ast.stmt]) -> bool:
    return all(isinstance(each, ast.Pass) for each in block)


def _only_raises(handler: ast.ExceptHandler) -> bool:
    return (
        len(handler.body) == 1
        and isinstance(handler.body[0], ast.Raise)
        and handler.body[0].exc is None
    )


def _is_bare_return(node: ast.stmt) -> bool:
    return isinstance(node, ast.Return) and (
        node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None)
    )


def _unreturned(node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """``return None`` at the end of a function that returns nothing else goes."""
    last = node.body[-1]
    if _is_bare_return(last) and len(node.body) == 1:
        node.body[0] = ast.Pass()


def _is_new_set(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("set", "list", "dict")
        and not node.args
    )


def _put_into(node: ast.expr) -> str:
    """The list or set that a call puts something into, if it does."""
    called = node.func if isinstance(node, ast.Call) else node
    if isinstance(called, ast.Attribute) and called.attr in ("append", "add", "extend", "set"):
        return called.value.id if isinstance(called.value, ast.Name) else ""
    return ""


def _is_idle(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and all(map(is_pure, node.args))


def _called(node: ast.expr) -> str:
    if not isinstance(node, ast.Call):
        return ""
    called = node.func
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id.partition("·")[0] if isinstance(called, ast.Name) else ""
