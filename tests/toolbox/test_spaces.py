"""Strategies that know their elements: what is enumerated is what is drawn."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from conformance.toolbox import spaces

STRATEGIES: dict[str, tuple[SearchStrategy[Any], int]] = {
    "every": (spaces.every("abc"), 3),
    "flags": (spaces.flags(), 2),
    "up_to": (spaces.up_to(4, least=1), 4),
    "sequences": (spaces.sequences("ab", least=1, most=3), 14),
    "orders": (spaces.orders(3), 9),
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_each_knows_how_many_there_are(name: str) -> None:
    strategy, count = STRATEGIES[name]
    found = [case["it"] for case in spaces.cases({"it": strategy})]
    assert spaces.size({"it": strategy}) == len(found) == count
    assert len(set(found)) == count, "an element is there twice"


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=50, database=None)
@given(data=st.data())
def test_what_is_drawn_is_among_what_is_enumerated(name: str, data: st.DataObject) -> None:
    strategy, _ = STRATEGIES[name]
    assert {"it": data.draw(strategy)} in list(spaces.cases({"it": strategy}))


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_simplest_comes_first(name: str) -> None:
    strategy, _ = STRATEGIES[name]
    first = next(spaces.cases({"it": strategy}))["it"]
    assert find(strategy, lambda _: True, settings=settings(database=None)) == first


def test_a_space_is_the_product() -> None:
    strategies = {"a": spaces.flags(), "b": spaces.up_to(2)}
    assert spaces.size(strategies) == 6
    assert list(spaces.cases(strategies))[:2] == [{"a": False, "b": 0}, {"a": False, "b": 1}]


def test_a_strategy_from_elsewhere_has_no_size() -> None:
    assert spaces.size({"a": spaces.flags(), "b": st.text()}) is None


def test_no_strategies_are_one_case() -> None:
    assert spaces.size({}) == 1
    assert list(spaces.cases({})) == [{}]
