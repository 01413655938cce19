"""What is known of an expression before anything runs.

Known is what follows from the drawn values and from the constants of our own modules.  What belongs to
the library under test is never known: a script has to ask it again.
"""

from __future__ import annotations

import ast
import operator
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from conformance.claim import exists
from conformance.scripts.nodes import constant, display, is_literal, is_module, is_ours
from conformance.scripts.source import Book, is_brought
from conformance.toolbox.instants import Instant
from conformance.toolbox.waits import ScopedWait, Wait


class Unknown(Exception):
    """The value shows only when the script runs."""


MOST = 40
"""Elements of what is spelled out."""

LONGEST = 200
"""Characters of a text that is computed here."""

SPELLED_OUT = (Wait, ScopedWait, Instant)
"""Objects of ours of which a script shows what they consist of."""

_BUILTINS: dict[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (
        *(abs, all, any, bool, dict, divmod, float, frozenset, int, isinstance, issubclass, len),
        *(list, max, min, pow, range, repr, round, set, sorted, str, sum, tuple, type),
    )
} | {
    "enumerate": lambda *of, **start: list(enumerate(*of, **start)),
    "zip": lambda *of, strict=False: list(zip(*of, strict=strict)),
    "reversed": lambda of: list(reversed(of)),
    "map": lambda call, *of: list(map(call, *of)),
}

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda element, of: element in of,
    ast.NotIn: lambda element, of: element not in of,
}

_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}


_CONVERSIONS: dict[str, Callable[[Any], str]] = {"r": repr, "s": str, "a": ascii}


class Values:
    """Works out expressions, with the names of ``book``."""

    def __init__(self, book: Book) -> None:
        self.book = book

    def of(self, node: ast.expr, env: Mapping[str, Any] | None = None) -> Any:
        """The value of ``node``.  Raises :class:`Unknown`."""
        work = getattr(self, f"_{type(node).__name__}", None)
        if work is None:
            raise Unknown
        return work(node, env or {})

    def known(self, node: ast.expr) -> bool:
        """Whether the value is known."""
        try:
            self.of(node)
        except Unknown:
            return False
        return True

    def spelled(self, value: Any) -> ast.expr | None:
        """An expression for a value, or ``None`` where there is no short one."""
        if is_module(value):
            return self.book.module(value)
        if isinstance(value, SPELLED_OUT):
            return constant(value)
        if isinstance(value, type):
            return self._class(value)
        if type(value) in (tuple, list, set, dict):
            if len(value) > MOST or (type(value) is set and not value):
                return None
            parts = [*value, *value.values()] if type(value) is dict else list(value)
            spelled = [self.spelled(each) for each in parts]
            if None in spelled:
                return None
            if type(value) is set:
                # The order is one in which it is found again.
                return display(set(value)) if all(map(is_literal, value)) else None
            of = [each for each in spelled if each is not None]
            if type(value) is dict:
                return ast.Dict(list(of[: len(value)]), of[len(value) :])
            kind = ast.Tuple if type(value) is tuple else ast.List
            return kind(of, ast.Load())
        if is_literal(value) and not (isinstance(value, (str, bytes)) and len(value) > LONGEST * 4):
            return ast.Constant(value)
        return None

    def _class(self, value: type) -> ast.expr | None:
        """A class by the name under which people know it."""
        if value.__module__ == "builtins":
            return ast.Name(value.__name__, ast.Load())
        if is_brought(value.__module__):
            return ast.Name(self.book.global_(value.__module__, value.__name__), ast.Load())
        path = value.__module__.split(".")
        for size in range(1, len(path) + 1):
            module = sys.modules.get(".".join(path[:size]))
            if module is not None and getattr(module, value.__name__, None) is value:
                return ast.Attribute(self.book.module(module), value.__name__, ast.Load())
        return None

    # --- one method for each kind of expression ---

    def _Constant(self, node: ast.Constant, env: Mapping[str, Any]) -> Any:
        return node.value

    def _Name(self, node: ast.Name, env: Mapping[str, Any]) -> Any:
        if node.id in env:
            return env[node.id]
        found = self.book.globals.get(node.id)
        if found is None:
            if not is_ours(node.id) and isinstance(_builtin(node.id), type):
                return _builtin(node.id)
            raise Unknown
        value = found.value
        if isinstance(value, (list, dict, set)) and not found.name.lstrip("_").isupper():
            raise Unknown
        if (
            is_literal(value)
            or is_module(value)
            or isinstance(value, (*SPELLED_OUT, tuple, frozenset, list, dict, set, type))
        ):
            return value
        raise Unknown

    def _Attribute(self, node: ast.Attribute, env: Mapping[str, Any]) -> Any:
        if node.attr == "anyio_backend":
            # What a claim's ``run`` says of the backend: only the name is asked for.
            return "trio" if self.book.on_trio else "asyncio", {}
        of = self.of(node.value, env)
        if is_module(of):
            value = getattr(of, node.attr, None)
            of_ours = is_brought(of.__name__)
            told = node.attr in ("__name__", "version_info", "platform")
            if isinstance(value, type) and issubclass(value, BaseException):
                return value
            if told or (of_ours and is_literal(value)):
                return value
            raise Unknown
        if isinstance(of, SPELLED_OUT) and node.attr not in ("new", "of"):
            return getattr(of, node.attr)
        if isinstance(of, type) and node.attr in ("__name__", "__qualname__"):
            return getattr(of, node.attr)
        if type(of).__name__ == "version_info" and node.attr in ("major", "minor", "micro"):
            return getattr(of, node.attr)
        raise Unknown

    def _Compare(self, node: ast.Compare, env: Mapping[str, Any]) -> Any:
        left = self.of(node.left, env)
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.of(right_node, env)
            if not self._safely(_COMPARE[type(op)], left, right):
                return False
            left = right
        return True

    def _BoolOp(self, node: ast.BoolOp, env: Mapping[str, Any]) -> Any:
        value = None
        for each in node.values:
            value = self.of(each, env)
            if bool(value) is isinstance(node.op, ast.Or):
                break
        return value

    def _UnaryOp(self, node: ast.UnaryOp, env: Mapping[str, Any]) -> Any:
        return self._safely(_UNARY[type(node.op)], self.of(node.operand, env))

    def _BinOp(self, node: ast.BinOp, env: Mapping[str, Any]) -> Any:
        if type(node.op) not in _BINARY:
            raise Unknown
        return self._safely(
            _BINARY[type(node.op)], self.of(node.left, env), self.of(node.right, env)
        )

    def _IfExp(self, node: ast.IfExp, env: Mapping[str, Any]) -> Any:
        return self.of(node.body if self.of(node.test, env) else node.orelse, env)

    def _Subscript(self, node: ast.Subscript, env: Mapping[str, Any]) -> Any:
        return self._safely(operator.getitem, self.of(node.value, env), self.of(node.slice, env))

    def _Slice(self, node: ast.Slice, env: Mapping[str, Any]) -> Any:
        parts = (node.lower, node.upper, node.step)
        return slice(*(None if each is None else self.of(each, env) for each in parts))

    def _Tuple(self, node: ast.Tuple, env: Mapping[str, Any]) -> Any:
        return tuple(self._elements(node.elts, env))

    def _List(self, node: ast.List, env: Mapping[str, Any]) -> Any:
        return list(self._elements(node.elts, env))

    def _Set(self, node: ast.Set, env: Mapping[str, Any]) -> Any:
        return self._safely(set, self._elements(node.elts, env))

    def _elements(self, nodes: Iterable[ast.expr], env: Mapping[str, Any]) -> list[Any]:
        found: list[Any] = []
        for each in nodes:
            if isinstance(each, ast.Starred):
                found += self._safely(list, self.of(each.value, env))
            else:
                found.append(self.of(each, env))
        return found

    def _Dict(self, node: ast.Dict, env: Mapping[str, Any]) -> Any:
        if None in node.keys:
            raise Unknown
        keys = [self.of(each, env) for each in node.keys if each is not None]
        return dict(zip(keys, self._elements(node.values, env), strict=True))

    def _JoinedStr(self, node: ast.JoinedStr, env: Mapping[str, Any]) -> Any:
        return "".join(self.of(each, env) for each in node.values)

    def _FormattedValue(self, node: ast.FormattedValue, env: Mapping[str, Any]) -> Any:
        value = self.of(node.value, env)
        spec = "" if node.format_spec is None else self.of(node.format_spec, env)
        if is_module(value):
            raise Unknown
        if node.conversion != -1:
            value = _CONVERSIONS[chr(node.conversion)](value)
        return self._safely(format, value, spec)

    def _GeneratorExp(self, node: Any, env: Mapping[str, Any]) -> Any:
        return [self.of(node.elt, inner) for inner in self._rounds(node.generators, env)]

    _ListComp = _GeneratorExp

    def _SetComp(self, node: ast.SetComp, env: Mapping[str, Any]) -> Any:
        return set(self._GeneratorExp(node, env))

    def _DictComp(self, node: ast.DictComp, env: Mapping[str, Any]) -> Any:
        return {
            self.of(node.key, inner): self.of(node.value, inner)
            for inner in self._rounds(node.generators, env)
        }

    def _rounds(
        self, parts: list[ast.comprehension], env: Mapping[str, Any]
    ) -> Iterable[Mapping[str, Any]]:
        if not parts:
            yield env
            return
        first, *rest = parts
        if first.is_async:
            raise Unknown
        elements = self._safely(list, self.of(first.iter, env))
        if len(elements) > LONGEST:
            raise Unknown
        for element in elements:
            inner = {**env, **self.unpacked(first.target, element)}
            if all(self.of(each, inner) for each in first.ifs):
                yield from self._rounds(rest, inner)

    def unpacked(self, target: ast.expr, value: Any) -> dict[str, Any]:
        """What an assignment of a known value binds.  Raises :class:`Unknown` if it is no simple one."""
        if isinstance(target, ast.Name):
            return {target.id: value}
        if isinstance(target, (ast.Tuple, ast.List)):
            parts = self._safely(list, value)
            if len(parts) == len(target.elts):
                found: dict[str, Any] = {}
                for each, part in zip(target.elts, parts, strict=True):
                    found |= self.unpacked(each, part)
                return found
        raise Unknown

    def _Call(self, node: ast.Call, env: Mapping[str, Any]) -> Any:
        if self._asks_for_trio(node):
            return self.book.on_trio
        if isinstance(node.func, ast.Name):
            call = self._function(node, env)
        elif isinstance(node.func, ast.Attribute):
            of = self.of(node.func.value, env)
            if not (
                type(of) in (str, bytes, tuple, frozenset, int, dict)
                or (isinstance(of, ScopedWait) and node.func.attr == "of")
            ) or node.func.attr in ("pop", "popitem", "update", "clear", "setdefault"):
                raise Unknown
            call = getattr(of, node.func.attr)
        else:
            raise Unknown
        arguments = self._elements(node.args, env)
        if any(each.arg is None for each in node.keywords):
            raise Unknown
        named = {str(each.arg): self.of(each.value, env) for each in node.keywords}
        value = self._safely(call, *arguments, **named)
        if isinstance(value, str) and len(value) > LONGEST * 4:
            raise Unknown
        return value

    def _asks_for_trio(self, node: ast.Call) -> bool:
        """Whether this is ``trio.lowlevel.in_trio_run()``."""
        called = node.func
        return (
            isinstance(called, ast.Attribute)
            and called.attr == "in_trio_run"
            and isinstance(called.value, ast.Attribute)
            and called.value.attr == "lowlevel"
        )

    def _function(self, node: ast.Call, env: Mapping[str, Any]) -> Callable[..., Any]:
        assert isinstance(node.func, ast.Name)
        name = node.func.id
        if name in self.book.globals:
            called = self.book.globals[name].value
            if called is exists or called in SPELLED_OUT:
                return called  # type: ignore[no-any-return]  # it is one of ours
            raise Unknown
        if name in ("getattr", "hasattr") and len(node.args) >= 2:
            of, attribute = self.of(node.args[0], env), self.of(node.args[1], env)
            if is_module(of) and not _tells_libraries_apart(of.__name__, attribute):
                raise Unknown
            if is_module(of) and name == "getattr" and hasattr(of, attribute):
                raise Unknown  # it is read from the library: see fold
            return getattr if name == "getattr" else hasattr
        if name == "isinstance" and not is_ours(name):
            return isinstance
        if name not in _BUILTINS:
            raise Unknown
        return _BUILTINS[name]

    @staticmethod
    def _safely(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        try:
            return call(*arguments, **named)
        except Exception:
            raise Unknown from None  # it is raised where the script runs


def _builtin(name: str) -> Any:
    import builtins

    return getattr(builtins, name, None)


def _tells_libraries_apart(library: str, name: str) -> bool:
    """Whether a name is one in which anyio and trio differ: then to ask for it is to ask which it is."""
    both = ("anyio", "trio")
    return library in both and sum(hasattr(sys.modules.get(each), name) for each in both) == 1
