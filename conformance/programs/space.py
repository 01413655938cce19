"""What claims draw from: strategies that also know everything they can draw.

Hypothesis samples; a claim whose whole space is small is better enumerated whole.  A strategy made
here remembers its elements, simplest first, so that judging can do either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import permutations, product
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

T = TypeVar("T")

_elements: WeakKeyDictionary[SearchStrategy[Any], Sequence[Any]] = WeakKeyDictionary()


def every(values: Iterable[T]) -> SearchStrategy[T]:
    """Any one of ``values``, which come simplest first."""
    elements = tuple(values)
    return _remember(st.sampled_from(elements), elements)


def flags() -> SearchStrategy[bool]:
    """``False`` or ``True``."""
    return _remember(st.booleans(), (False, True))


def up_to(most: int, *, least: int = 0) -> SearchStrategy[int]:
    """A whole number from ``least`` to ``most``, both included."""
    return _remember(st.integers(least, most), range(least, most + 1))


def sequences(values: Iterable[T], *, least: int = 0, most: int) -> SearchStrategy[tuple[T, ...]]:
    """A tuple of ``least`` to ``most`` of ``values``, the shortest first."""
    elements = tuple(values)
    strategy: SearchStrategy[tuple[T, ...]] = st.lists(
        st.sampled_from(elements), min_size=least, max_size=most
    ).map(tuple)
    return _remember(
        strategy,
        [case for size in range(least, most + 1) for case in product(elements, repeat=size)],
    )


def orders(most: int, *, least: int = 1) -> SearchStrategy[tuple[int, ...]]:
    """Every order of ``least`` to ``most`` things: a permutation of ``range(n)``."""
    cases = [case for size in range(least, most + 1) for case in permutations(range(size))]
    return every(cases)


def size(strategies: Mapping[str, SearchStrategy[Any]]) -> int | None:
    """How many cases there are in all, or ``None`` if some strategy does not know its elements."""
    total = 1
    for strategy in strategies.values():
        if strategy not in _elements:
            return None
        total *= len(_elements[strategy])
    return total


def cases(strategies: Mapping[str, SearchStrategy[Any]]) -> Iterator[dict[str, Any]]:
    """Every case, simplest first.  Raises ``KeyError`` if :func:`size` is ``None``."""
    names = list(strategies)
    for values in product(*(_elements[strategies[name]] for name in names)):
        yield dict(zip(names, values, strict=True))


def _remember(strategy: SearchStrategy[T], elements: Sequence[Any]) -> SearchStrategy[T]:
    _elements[strategy] = elements
    return strategy
