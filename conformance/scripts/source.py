"""Where the code of a script comes from: functions and definitions of modules, each name resolved."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import io
import re
import tokenize
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from conformance.scripts.nodes import (
    COMMENTS,
    DOT,
    Comprehension,
    Function,
    NoScript,
    arguments,
    base,
    bodies,
    clone,
    is_function,
    is_module,
)

_brought = {"conformance"}


def bring_from(module: str) -> None:
    """Bring along the code of the package of ``module``, as that of our own: all other is imported."""
    top = module.partition(".")[0]
    if top not in _brought:
        _brought.add(top)
        _origin.cache_clear()


def is_brought(module: str) -> bool:
    """Whether the code of a module is brought along."""
    return module.partition(".")[0] in _brought


SPELLED, LOOP = "conformance.scripts.spelled", "new_event_loop"
"""Where the factory of the script's event loops is named, and what it is called there and in scripts."""

_FOR_TOOLS = re.compile(r"#\s*(?:type: ignore|noqa|pragma)")


@cache
def module_tree(name: str) -> ast.Module:
    """The source of a module, with its comments."""
    module = importlib.import_module(name)
    text = Path(str(module.__file__)).read_text(encoding="utf-8")
    tree = ast.parse(text)
    _attach(tree, _comments(text))
    return tree


def _comments(text: str) -> dict[int, tuple[bool, str]]:
    """By its line each comment that is meant for people, and whether it stands alone there."""
    found = {}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and not _FOR_TOOLS.match(token.string):
            said = _FOR_TOOLS.split(token.string)[0].rstrip()
            if said.strip("# -"):
                found[token.start[0]] = (not token.line[: token.start[1]].strip(), said)
    return found


def _attach(tree: ast.Module, comments: dict[int, tuple[bool, str]]) -> None:
    """Give each statement the comments above it, and those at the ends of its own lines."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.stmt, ast.ExceptHandler)):
            first = min(
                [node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))]
            )
            above: list[str] = []
            line = first - 1
            while comments.get(line, (False, ""))[0]:
                above.insert(0, comments[line][1])
                line -= 1
            inner = [each.lineno for block in bodies(node) for each in block]
            last = min(inner) - 1 if inner else int(node.end_lineno or first)
            at = [
                comments[line][1]
                for line in range(first, max(last, first) + 1)
                if line in comments and not comments[line][0]
            ]
            setattr(node, COMMENTS, (*above, *at))


@cache
def definitions(name: str) -> dict[str, ast.stmt]:
    """The top-level statement of a module that defines each of its names, the last one."""
    found: dict[str, ast.stmt] = {}
    body = list(module_tree(name).body)
    for node in module_tree(name).body:
        if isinstance(node, ast.If):
            # Imports that only some versions need: what is there decides which names are looked up.
            body += [each for each in node.body if isinstance(each, ast.ImportFrom)]
    for node in body:
        if isinstance(node, (*Function, ast.ClassDef)):
            found[node.name] = node
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for each in node.names:
                found[(each.asname or each.name).partition(".")[0]] = node
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                for part in ast.walk(target):
                    if isinstance(part, ast.Name):
                        found[part.id] = node
    return found


@dataclass(frozen=True)
class Global:
    """A name of a module.  ``value`` is what it stands for."""

    module: str
    name: str
    value: Any

    @property
    def definition(self) -> ast.stmt | None:
        """The statement that defines it, if it is one at the top of its module."""
        return definitions(self.module).get(self.name) if is_brought(self.module) else None


class Book:
    """The variables of one script: those that come from modules, and the numbers of all of them."""

    def __init__(self, spelled: dict[Any, Global] | None = None, *, on_trio: bool = False) -> None:
        self.on_trio = on_trio
        self.count = 0
        self.temporary: set[str] = set()
        self.globals: dict[str, Global] = {}
        self._ids: dict[tuple[str, str], str] = {}
        self.spelled = spelled or {}

    def fresh(self, name: str) -> str:
        """A variable that there is not yet, called ``name`` in the end if that is free."""
        self.count += 1
        return f"{base(name)}{DOT}{self.count}"

    def global_(self, module: str, name: str) -> str:
        """The variable for a name of a module; where it was imported from another of ours, for that one."""
        owner, original = _origin(module, name) if is_brought(module) else (module, name)
        if original == LOOP and owner == SPELLED:
            return LOOP
        value = getattr(importlib.import_module(owner), original)
        other = self._other(value)
        if other is not None:
            owner, original, value = other.module, other.name, other.value
        node = definitions(owner).get(original) if is_brought(owner) else None
        if isinstance(node, ast.ImportFrom):
            # Whoever imports it, it is the same.
            alias = next(each for each in node.names if (each.asname or each.name) == original)
            owner, original = str(node.module), alias.name
        key = (owner, original)
        if key not in self._ids:
            self._ids[key] = self.fresh(original)
            self.globals[self._ids[key]] = Global(owner, original, value)
        return self._ids[key]

    def _other(self, value: object) -> Global | None:
        """What a script spells instead."""
        try:
            return self.spelled.get(value)
        except TypeError:  # a dict or list, which nobody spells otherwise
            return None

    def module(self, value: ModuleType) -> ast.Name:
        """The use of a module."""
        key = (value.__name__, "")
        if key not in self._ids:
            self._ids[key] = self.fresh(value.__name__.replace(".", "_"))
            self.globals[self._ids[key]] = Global(value.__name__, "", value)
        return ast.Name(self._ids[key], ast.Load())

    def function(self, function: Callable[..., Any]) -> ast.FunctionDef | ast.AsyncFunctionDef:
        """The definition of a function at the top of a module.  Raises :class:`NoScript` for others."""
        module = inspect.getmodule(function)
        node = None if module is None else definitions(module.__name__).get(function.__name__)
        if module is None or not is_function(node):
            raise NoScript(f"{function.__qualname__}() is not defined at the top of its module")
        found: ast.FunctionDef | ast.AsyncFunctionDef = self.bound(node, module.__name__)
        return found

    def definition(self, id: str) -> ast.stmt:
        """The statement that defines a global variable, under its unique name."""
        found = self.globals[id]
        node = found.definition
        if node is None:
            raise NoScript(f"{found.module}.{found.name} is defined nowhere")
        new: ast.stmt = self.bound(node, found.module)
        if isinstance(new, (*Function, ast.ClassDef)):
            new.name = id
        return new

    def bound(self, node: Any, module: str, known: dict[str, str] | None = None) -> Any:
        """A copy of ``node`` of ``module`` in which every variable has a name of its own."""
        node = clone(node)
        binder = _Binder(self, module)
        env = dict(known or {})
        if is_function(node):
            binder.function(node, env)
        elif isinstance(node, ast.ClassDef):
            binder.class_(node, env)
        else:
            node = binder.visit(node, env)
        return node

    def parsed(self, text: str, module: str, known: dict[str, str]) -> list[ast.stmt]:
        """The statements of ``text`` as they would stand in a function: its names are added to ``known``."""
        binder = _Binder(self, module)
        block = [
            each
            for each in ast.parse(text).body
            if not (
                isinstance(each, (ast.Import, ast.ImportFrom))
                and all((name.asname or name.name) in binder.names for name in each.names)
            )
        ]
        for name in _bound_here(block):
            known.setdefault(name, self.fresh(name))
        binder.block(block, known)
        return block


@cache
def _origin(module: str, name: str) -> tuple[str, str]:
    """The module and the name there of what ``module`` calls ``name``, through imports of ours."""
    node = definitions(module).get(name)
    if isinstance(node, ast.ImportFrom) and is_brought(str(node.module)):
        for each in node.names:
            if (each.asname or each.name) == name:
                return _origin(str(node.module), each.name)
    return module, name


class _Binder:
    def __init__(self, book: Book, module: str) -> None:
        self.book = book
        self.module = module
        self.names = vars(importlib.import_module(module))

    def resolve(self, name: str, env: dict[str, str]) -> str:
        if name in env:
            return env[name]
        if name in self.names and not name.startswith("__"):
            value = self.names[name]
            if is_module(value):
                return self.book.module(value).id
            return self.book.global_(self.module, name)
        if hasattr(builtins, name) or name.startswith("__"):
            return name
        raise NoScript(f"{name} is not known in {self.module}")

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, env: dict[str, str]) -> None:
        """Bind what is in a function; its own name, decorators and defaults belong to ``env``."""
        node.decorator_list = [self.visit(each, env) for each in node.decorator_list]
        self.defaults(node.args, env)
        node.returns = None
        node.type_comment = None
        outer = {
            each
            for part in _own(node.body)
            if isinstance(part, (ast.Nonlocal, ast.Global))
            for each in part.names
        }
        own = [arg.arg for arg in arguments(node)]
        inner = {**env, **{name: self.book.fresh(name) for name in own}}
        for arg in arguments(node):
            arg.arg, arg.annotation = inner[arg.arg], None
        for name in _bound_here(node.body):
            if name not in outer and name not in own:
                inner[name] = self.book.fresh(name)
        inner |= self.imported(node.body)
        self.block(node.body, inner)
        node.body[:] = node.body or [ast.Pass()]

    def imported(self, body: list[ast.stmt]) -> dict[str, str]:
        """What a function imports for itself from packages of others: it is imported at the top."""
        found: dict[str, str] = {}
        for node in body:
            if isinstance(node, ast.Import) and not any("." in each.name for each in node.names):
                for each in node.names:
                    module = importlib.import_module(each.name)
                    found[each.asname or each.name] = self.book.module(module).id
            elif isinstance(node, ast.ImportFrom) and not is_brought(str(node.module)):
                for each in node.names:
                    module = importlib.import_module(str(node.module))
                    if not hasattr(module, each.name):  # then it is a module in that package
                        importlib.import_module(f"{node.module}.{each.name}")
                    name = self.book.global_(str(node.module), each.name)
                    found[each.asname or each.name] = name
            else:
                continue
            node.names = []
        body[:] = [each for each in body if getattr(each, "names", True)]
        return found

    def class_(self, node: ast.ClassDef, env: dict[str, str]) -> None:
        """Bind what is in a class.  Names of its own stay as they are."""
        node.decorator_list = [self.visit(each, env) for each in node.decorator_list]
        node.bases = [self.visit(each, env) for each in node.bases]
        inner = dict(env)
        for name in _bound_here(node.body):
            inner[name] = name
        for statement in node.body:
            if is_function(statement):
                # The class's own names are not seen in its methods.
                statement.decorator_list = [self.visit(d, inner) for d in statement.decorator_list]
                decorators, statement.decorator_list = statement.decorator_list, []
                self.function(statement, env)
                statement.decorator_list = decorators
        rest = [each for each in node.body if not is_function(each)]
        # The fields of a dataclass are to stay.
        fields = [each for each in rest if isinstance(each, ast.AnnAssign)]
        for each in fields:
            simple = isinstance(each.annotation, ast.Name) and hasattr(builtins, each.annotation.id)
            each.annotation = each.annotation if simple else ast.Name("object", ast.Load())
            each.value = each.value and self.visit(each.value, inner)
        rest = [each for each in rest if each not in fields]
        self.block(rest, inner)
        rest += fields
        kept = set(map(id, rest))
        node.body = [each for each in node.body if is_function(each) or id(each) in kept]

    def defaults(self, args: ast.arguments, env: dict[str, str]) -> None:
        args.defaults = [self.visit(each, env) for each in args.defaults]
        args.kw_defaults = [each and self.visit(each, env) for each in args.kw_defaults]

    def block(self, block: list[ast.stmt], env: dict[str, str]) -> None:
        new: list[ast.stmt] = []
        for each in block:
            if isinstance(each, (ast.Nonlocal, ast.Global)):
                continue  # written anew in the end
            if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant):
                continue  # a docstring
            bound = self.visit(each, env)
            if bound is not None:
                new.append(bound)
        block[:] = new

    def visit(self, node: Any, env: dict[str, str]) -> Any:
        if is_function(node):
            self.function(node, env)
            node.name = env[node.name]
            return node
        if isinstance(node, ast.ClassDef):
            self.class_(node, env)
            node.name = env[node.name]
            return node
        if isinstance(node, ast.Lambda):
            self.defaults(node.args, env)
            inner = dict(env)
            for arg in arguments(node):
                inner[arg.arg] = self.book.fresh(arg.arg)
                arg.arg = inner[arg.arg]
            node.body = self.visit(node.body, inner)
            return node
        if isinstance(node, Comprehension):
            return self.comprehension(node, env)
        if isinstance(node, ast.AnnAssign):
            if node.value is None:
                return None
            node = ast.copy_location(
                _with_comments(ast.Assign([node.target], node.value), node), node
            )
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for each in node.names:
                each.asname = env[(each.asname or each.name).partition(".")[0]]
            return node
        if isinstance(node, ast.Name):
            node.id = self.resolve(node.id, env)
            return node
        if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            node.name = env[node.name]
        for field, value in ast.iter_fields(node):
            if isinstance(value, ast.AST):
                setattr(node, field, self.visit(value, env))
            elif isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                self.block(value, env)
            elif isinstance(value, list):
                setattr(
                    node,
                    field,
                    [self.visit(x, env) if isinstance(x, ast.AST) else x for x in value],
                )
        return node

    def comprehension(self, node: Any, env: dict[str, str]) -> Any:
        inner = dict(env)
        for part in node.generators:
            part.iter = self.visit(part.iter, inner)
            for each in ast.walk(part.target):
                if isinstance(each, ast.Name):
                    inner[each.id] = self.book.fresh(each.id)
            part.target = self.visit(part.target, inner)
            part.ifs = [self.visit(each, inner) for each in part.ifs]
        for field in ("elt", "key", "value"):
            if getattr(node, field, None) is not None:
                setattr(node, field, self.visit(getattr(node, field), inner))
        return node


def _with_comments(new: ast.stmt, old: ast.AST) -> ast.stmt:
    setattr(new, COMMENTS, getattr(old, COMMENTS, ()))
    return new


def _own(block: Iterable[ast.AST]) -> Iterable[ast.AST]:
    """As :func:`own`, of what has no unique names yet: comprehensions are scopes, too."""
    todo = list(block)
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, (*Function, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(node, Comprehension):
            continue
        todo += ast.iter_child_nodes(node)


def _bound_here(block: Iterable[ast.AST]) -> list[str]:
    """The names that a block binds in the scope that it is the body of."""
    found: list[str] = []
    for node in _own(block):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.append(node.id)
        elif isinstance(node, (*Function, ast.ClassDef)) or (
            isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name
        ):
            found.append(str(node.name))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found += [(each.asname or each.name).partition(".")[0] for each in node.names]
    return list(dict.fromkeys(found))
