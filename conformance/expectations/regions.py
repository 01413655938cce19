"""Regions in words: ``wait == "wait_for()" and instant in ("…", "…")``.

A file of deviations says with them which drawn cases a known bug explains.  They are written with the
names of what is drawn, and with values as a counterexample shows them.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from operator import and_, or_
from typing import Any

_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}

SIMPLE = (str, int, float, bool, type(None))


class BadRegion(ValueError):
    """A region that cannot be understood: one line that says why, and what would be."""


def plain(value: object) -> Any:
    """``value`` as a region compares it: a number, a flag and a text as it is, a type by its name.

    Anything else stands for what a counterexample shows of it, without the angle brackets.
    """
    if isinstance(value, SIMPLE):
        return value
    if isinstance(value, (tuple, list)):
        return tuple(map(plain, value))
    if isinstance(value, frozenset):
        return frozenset(map(plain, value))
    if isinstance(value, type):
        return value.__name__
    return repr(value).removeprefix("<").removesuffix(">")


@dataclass(frozen=True)
class Region:
    """A region in words, and as a function of the drawn values."""

    text: str

    def __call__(self, **values: Any) -> bool:
        """Whether the case is in it.

        Raises :class:`BadRegion` if it names something that is not drawn.
        """
        return bool(_value(_parsed(self.text), values))

    @property
    def names(self) -> frozenset[str]:
        """The names that it speaks of."""
        return frozenset(n.id for n in ast.walk(_parsed(self.text)) if isinstance(n, ast.Name)) - {
            "len"
        }


def region(text: str) -> Region:
    """The region that ``text`` says.  Raises :class:`BadRegion`."""
    _check(_parsed(text))
    return Region(text)


@cache
def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(" ".join(text.split()), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadRegion(
            f'{text!r} is no region; write it as in turns >= 1 and instant == "while it waits"'
        ) from error


def _check(node: ast.expr) -> None:
    """See that there is nothing in it but comparisons of what is drawn.  Raises :class:`BadRegion`."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and not (
            isinstance(each.func, ast.Name)
            and each.func.id == "len"
            and len(each.args) == 1
            and not each.keywords
        ):
            raise BadRegion(f"{ast.unparse(each)} calls something; a region may call len() alone")
        if isinstance(each, ast.Attribute) and each.attr.startswith("_"):
            raise BadRegion(f"{ast.unparse(each)} is private; name a public attribute")
        if isinstance(each, ast.Constant) and not isinstance(each.value, SIMPLE):
            raise BadRegion(f"{ast.unparse(each)} is no text, number or flag")
        if not isinstance(each, _ALLOWED):
            what = ast.unparse(each) if isinstance(each, ast.expr) else type(each).__name__
            raise BadRegion(
                f"{what} means nothing in a region; it compares what is drawn by ==, !=, <, <=, >, >=, "
                "in and not in, joined by and, or and not"
            )


_ALLOWED = (
    ast.BoolOp,
    ast.And,
    ast.Or,
    ast.UnaryOp,
    ast.Not,
    ast.USub,
    ast.Compare,
    *_COMPARE,
    ast.Name,
    ast.Load,
    ast.Constant,
    ast.Tuple,
    ast.List,
    ast.Attribute,
    ast.Call,
)


def _value(node: ast.expr, values: Mapping[str, Any]) -> Any:
    """What ``node`` is for the drawn ``values``."""
    match node:
        case ast.BoolOp(op=ast.And()):
            return all(_value(each, values) for each in node.values)
        case ast.BoolOp():
            return any(_value(each, values) for each in node.values)
        case ast.UnaryOp(op=ast.Not()):
            return not _value(node.operand, values)
        case ast.UnaryOp():
            return -_value(node.operand, values)
        case ast.Compare():
            left = plain(_value(node.left, values))
            for operation, each in zip(node.ops, node.comparators, strict=True):
                right = plain(_value(each, values))
                if not _compared(operation, left, right):
                    return False
                left = right
            return True
        case ast.Name():
            if node.id not in values:
                raise BadRegion(
                    f"{node.id!r} is not drawn; what is drawn is {', '.join(map(repr, values))}"
                )
            return values[node.id]
        case ast.Constant():
            return node.value
        case ast.Tuple() | ast.List():
            return tuple(_value(each, values) for each in node.elts)
        case ast.Attribute():
            return getattr(_value(node.value, values), node.attr)
        case ast.Call():
            return len(_value(node.args[0], values))
    raise BadRegion(f"{ast.unparse(node)} means nothing in a region")


def _compared(operation: ast.cmpop, left: Any, right: Any) -> bool:
    """What the comparison gives; no text is more than a number, and none is in one."""
    try:
        return bool(_COMPARE[type(operation)](left, right))
    except TypeError:
        return False


# The smallest region that explains what was seen.

Case = Mapping[str, Any]
Box = dict[str, tuple[Any, ...]]
"""For each name the values that it may have: every combination of them is in the box."""


LONG = 200
"""A region of more characters says nothing to anybody: then a simpler one has more than the cases."""


def smallest(failed: Sequence[Case], held: Sequence[Case]) -> tuple[str, bool]:
    """A region, in words, that has every case of ``failed`` and none of ``held``; empty: every case.

    ``failed`` is not empty.  Few boxes are sought for, and few names in each.  If even so it would be
    too long to read, it is one box that has as few of ``held`` as can be: the flag says so.
    """
    inside, outside = _Cases(failed), _Cases(held)
    everything = _hull([*inside, *outside])
    boxes: list[Box] = []
    found = 0
    for case in inside:
        box = {name: (value,) for name, value in case.items()}
        if not inside.of(box) & ~found:
            continue
        boxes.append(_grown(box, inside, outside))
        found |= inside.of(boxes[-1])
    boxes = _needed(boxes, inside)
    texts = [_said(_wider(box, everything, outside), everything) for box in boxes]
    if len(texts) > 1:
        texts = [f"({text})" if " and " in text else text for text in texts]
    text = " or ".join(texts)
    if len(text) <= LONG:
        return text, False
    box = {
        name: values if len(_said({name: values}, everything)) <= LONG else everything[name]
        for name, values in _hull(inside).items()
    }
    return _said(_wider(box, everything, outside), everything), True


class _Cases(list[dict[str, Any]]):
    """Plain cases, none twice, and quick to ask which of them a box has.

    A set of cases is a number: bit *n* stands for case *n*.  Boxes are compared with thousands of
    cases thousands of times.
    """

    def __init__(self, cases: Iterable[Case]) -> None:
        plain_cases = ({name: plain(value) for name, value in case.items()} for case in cases)
        super().__init__({tuple(case.items()): case for case in plain_cases}.values())
        self.all = (1 << len(self)) - 1
        self._with: dict[tuple[str, Any], int] = {}
        for number, case in enumerate(self):
            for item in case.items():
                self._with[item] = self._with.get(item, 0) | 1 << number

    def where(self, name: str, values: Iterable[Any]) -> int:
        """Those in which ``name`` has one of ``values``."""
        found = 0
        for value in values:
            found |= self._with.get((name, value), 0)
        return found

    def of(self, box: Box) -> int:
        """Those that the box has."""
        found = self.all
        for name, values in box.items():
            found &= self.where(name, values)
        return found


def _hull(cases: Iterable[Case]) -> Box:
    found: dict[str, dict[Any, None]] = {}
    for case in cases:
        for name, value in case.items():
            found.setdefault(name, {})[value] = None
    return {name: tuple(values) for name, values in found.items()}


def _grown(box: Box, inside: _Cases, outside: _Cases) -> Box:
    """The box with as many further cases of ``inside`` as come in without one of ``outside``."""
    kept_out = {name: outside.where(name, values) for name, values in box.items()}
    for case in inside:
        if all(case[name] in values for name, values in box.items()):
            continue
        wider = {name: let | outside.where(name, (case[name],)) for name, let in kept_out.items()}
        if not reduce(and_, wider.values(), outside.all):
            kept_out = wider
            box = {
                name: values if case[name] in values else (*values, case[name])
                for name, values in box.items()
            }
    return box


def _needed(boxes: Sequence[Box], inside: _Cases) -> list[Box]:
    """The boxes without those whose cases others have."""
    has = [inside.of(box) for box in boxes]
    kept = list(range(len(boxes)))
    for number in sorted(kept, key=lambda number: has[number].bit_count()):
        others = [each for each in kept if each != number]
        if not has[number] & ~reduce(or_, (has[each] for each in others), 0):
            kept = others
    return [boxes[number] for number in kept]


def _wider(box: Box, everything: Box, outside: _Cases) -> Box:
    """The box that names as little as can be and keeps out the same cases: the rest may be anything."""
    wider = dict(everything)
    let_in = {name: outside.where(name, values) for name, values in box.items()}
    left = outside.all & ~outside.of(box)
    while left:
        # The name that keeps out most of those that are still in.
        name = max(box, key=lambda name: (left & ~let_in[name]).bit_count())
        wider[name] = box[name]
        left &= let_in[name]
    return {name: wider[name] for name in box}


def _said(box: Box, everything: Box) -> str:
    parts: list[str] = []
    for name, values in box.items():
        every = everything[name]
        if len(values) == len(every):
            continue
        others = [each for each in every if each not in values]
        if len(values) == 1:
            parts.append(_equal(name, values[0]))
        elif len(others) == 1:
            parts.append(_unequal(name, others[0]))
        elif all(type(each) is int for each in every) and min(values) > max(others):
            parts.append(f"{name} >= {min(values)}")
        elif all(type(each) is int for each in every) and max(values) < min(others):
            parts.append(f"{name} <= {max(values)}")
        else:
            ordered = [each for each in every if each in values]
            parts.append(f"{name} in ({', '.join(map(quoted, ordered))})")
    return " and ".join(parts)


def _equal(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return name if value else f"not {name}"
    return f"{name} == {quoted(value)}"


def _unequal(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return f"not {name}" if value else name
    return f"{name} != {quoted(value)}"


def quoted(value: Any) -> str:
    """``value``, as :func:`plain` gives it, as it is written in a region."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        inside = ", ".join(map(quoted, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return repr(value)


def common(messages: Sequence[str]) -> str:
    """What all the messages say, word by word, with ``…`` for what differs."""
    first, *others = [message.split(" ") for message in dict.fromkeys(messages)]
    words: list[str | None] = list(first)
    for other in others:
        words = _alike(words, other)
    text: list[str] = []
    for word in words:
        if word is not None:
            text.append(word)
        elif not text or text[-1] != "…":
            text.append("…")
    return " ".join(text)


def _alike(words: Sequence[str | None], other: Sequence[str]) -> list[str | None]:
    """The words that both have, in order, with one ``None`` for each stretch that differs."""
    from difflib import SequenceMatcher

    found: list[str | None] = []
    matcher = SequenceMatcher(None, list(words), list(other), autojunk=False)
    for kind, start, end, _, _ in matcher.get_opcodes():
        if kind == "equal":
            found += words[start:end]
        elif not found or found[-1] is not None:
            found.append(None)
    return found
