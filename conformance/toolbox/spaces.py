"""What claims draw from: strategies that also know everything they can draw.

Hypothesis samples; a claim whose whole space is small is better enumerated whole.  A strategy made
here remembers its elements, simplest first, so that judging can do either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from math import gcd
from random import Random
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from conformance.claim import Library

T = TypeVar("T")

ROUNDS = 4
"""How often every element of everything drawn has come when a sample goes over to all other cases."""


@dataclass(frozen=True)
class Place:
    """Where examples will be run, for spaces that depend on it."""

    library: Library
    eager: bool = False
    real_clock: bool = False


class Streamed(Generic[T]):
    """A space too large to be held: its smallest elements one by one, and a strategy for the others."""

    def stream(self, place: Place, size: int) -> Iterator[T]:
        """Every element up to ``size``, smallest first, in an order that never changes."""
        raise NotImplementedError

    def extent(self, size: int) -> str:
        """How far :meth:`stream` goes if it is asked for ``size``, in words."""
        return f"up to size {size}"

    def drawn(self, place: Place) -> SearchStrategy[T]:
        """A strategy for elements of any size."""
        raise NotImplementedError

    def left_out(self, place: Place) -> list[str]:
        """What belongs to the space but cannot be run at ``place``, each with the reason."""
        return []

    def describe(self, element: T) -> str:
        """What there is to say of ``element`` as an example: what it is, and what is expected of it."""
        return repr(element)


_streamed: WeakKeyDictionary[SearchStrategy[Any], Streamed[Any]] = WeakKeyDictionary()


def streamed(space: Streamed[T]) -> SearchStrategy[T]:
    """A strategy for ``space``, which judging enumerates up to some size and draws from beyond.

    Without judging it draws for asyncio.
    """
    strategy: SearchStrategy[T] = st.deferred(lambda: space.drawn(Place("asyncio")))
    _streamed[strategy] = space
    return strategy


def stream_of(strategies: Mapping[str, SearchStrategy[Any]]) -> tuple[str, Streamed[Any]] | None:
    """The name and the space of what is streamed, if there is one.  It has to be drawn alone."""
    for name, strategy in strategies.items():
        if strategy in _streamed:
            if len(strategies) > 1:
                raise TypeError(f"{name} is streamed: nothing can be drawn beside it")
            return name, _streamed[strategy]
    return None


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


def sample(strategies: Mapping[str, SearchStrategy[Any]], seed: int) -> Iterator[dict[str, Any]]:
    """Every case once, in an order that follows from ``seed``: a fair sample first, then all others.

    As many cases come first as the longest of the strategies has elements, and as many again a few
    times over, so that every element of everything drawn comes equally often (a Latin hypercube).
    Whoever goes on to the end has seen the whole space.
    Raises ``KeyError`` if :func:`size` is ``None``.
    """
    elements = {name: _elements[strategy] for name, strategy in strategies.items()}
    counts = [len(each) for each in elements.values()]
    total = size(strategies) or 0
    random = Random(seed)  # noqa: S311  # nothing here is a secret
    seen: set[int] = set()

    def case(number: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, each in reversed(elements.items()):
            number, place = divmod(number, len(each))
            values[name] = each[place]
        return dict(reversed(values.items()))

    for _ in range(ROUNDS):
        columns = [_shuffled(count, max(counts), random) for count in counts]
        for places in zip(*columns, strict=True):
            number = 0
            for count, place in zip(counts, places, strict=True):
                number = number * count + place
            if number not in seen:
                seen.add(number)
                yield case(number)
    # A step that has no factor in common with the number of cases comes to each of them once.
    step = random.randrange(1, max(2, total))
    while gcd(step, total) != 1:
        step += 1
    number = random.randrange(total) if total else 0
    for _ in range(total):
        number = (number + step) % total
        if number not in seen:
            yield case(number)


def _shuffled(count: int, length: int, random: Random) -> list[int]:
    """``length`` numbers below ``count``, each as often as the others, give or take one."""
    numbers: list[int] = []
    while len(numbers) < length:
        numbers += random.sample(range(count), count)
    return numbers[:length]


def simpler(
    strategies: Mapping[str, SearchStrategy[Any]], values: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """The cases that differ from ``values`` in one thing that is simpler, the simplest first."""
    for name, strategy in strategies.items():
        elements = _elements[strategy]
        for element in elements[: _place(elements, values[name])]:
            yield {**values, name: element}


def _place(elements: Sequence[Any], element: Any) -> int:
    """Where ``element`` stands: equal is not enough, for ``False == 0``."""
    return next(n for n, each in enumerate(elements) if each is element or each == element)


def _remember(strategy: SearchStrategy[T], elements: Sequence[Any]) -> SearchStrategy[T]:
    _elements[strategy] = elements
    return strategy
