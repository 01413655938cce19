"""What the code of a claim stands on: the helpers and constants that it names, and those that these name."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

VOCABULARY = ("conformance.claim", "conformance.toolbox.spaces")
"""Modules whose names a reader of the book knows: they are not shown again with every claim."""

SIMPLE = (int, float, str, bytes, bool)


@dataclass(frozen=True)
class Helper:
    """A function or class that a claim stands on, and the module that has it."""

    module: str
    name: str
    source: str


@dataclass(frozen=True)
class Constant:
    """A constant that a claim stands on."""

    name: str
    value: str


def closure(tests: Iterable[Callable[..., Any]]) -> list[Helper | Constant]:
    """What ``tests`` stand on, in the order in which it is met.

    That are functions and classes of the package that a test is in and of the toolbox, and constants
    that are a number, a text or a few of these; not what the standard library and the libraries
    under test have, nor :data:`VOCABULARY`.
    """
    found: dict[object, Helper | Constant] = {}
    left: list[Callable[..., Any]] = list(tests)
    seen = {id(each) for each in left}
    while left:
        function = left.pop(0)
        for name in _names(function):
            value: Any = getattr(function, "__globals__", {}).get(name)
            if _is_simple(value):
                constant = Constant(name, repr(value))
                found.setdefault(constant, constant)
            elif id(value) not in seen and _is_shown(value, function.__module__):
                seen.add(id(value))
                try:
                    source = inspect.getsource(value)
                except (OSError, TypeError):
                    continue
                found[id(value)] = Helper(value.__module__, value.__name__, source)
                left += _functions(value)
    return list(found.values())


def _is_simple(value: object) -> bool:
    if isinstance(value, tuple):
        return 0 < len(value) <= 10 and all(isinstance(each, SIMPLE) for each in value)
    return isinstance(value, SIMPLE)


def _is_shown(value: Any, named_in: str) -> bool:
    if not isinstance(value, (FunctionType, type)) or value.__module__ in VOCABULARY:
        return False
    # A claim of somebody else's stands on modules of theirs; of ours, on other claims' and the toolbox.
    package = named_in.partition(".")[0]
    ours = ("conformance.claims.", "conformance.toolbox.")
    return value.__module__.startswith(ours if package == "conformance" else (f"{package}.", *ours))


def _functions(value: Any) -> list[Callable[..., Any]]:
    if isinstance(value, FunctionType):
        return [inspect.unwrap(value)]
    return [each for each in vars(value).values() if isinstance(each, FunctionType)]


def _names(function: Callable[..., Any]) -> Iterator[str]:
    """The names that the function looks up, in the order of its code."""
    code = getattr(function, "__code__", None)
    if code is not None:
        yield from dict.fromkeys(_in(code))


def _in(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname == "LOAD_GLOBAL":
            yield str(instruction.argval)
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _in(each)
