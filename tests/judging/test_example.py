"""An example of what a claim is judged on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from conformance.backends.discovery import builtin_backends
from conformance.claim import Statement, antecedent, holds, law
from conformance.judging.judge import example
from conformance.toolbox.spaces import Place, Streamed, streamed

ASYNCIO = builtin_backends()[0]


class Numbers(Streamed[int]):
    """The numbers below five, and larger ones."""

    def stream(self, place: Place, size: int) -> Iterator[int]:
        yield from range(5)

    def drawn(self, place: Place) -> SearchStrategy[int]:
        return st.integers(5)

    def describe(self, element: int) -> str:
        return f"the number {element}"


def stated(numbers: SearchStrategy[int], wrong: int) -> Statement:
    claim = law("LAW-ONE-01", "It is so.", source="here")

    @claim.states("asyncio", expect=holds(), antecedents=("even", "more than one"))
    @given(number=numbers)
    async def test(number: int) -> None:
        if number % 2 == 0:
            antecedent("even")
        if number > 1:
            antecedent("more than one")
        assert number != wrong

    return claim.statements["asyncio"]


@pytest.mark.parametrize(("wrong", "shown"), [(9, "the number 2"), (2, "the number 4")])
def test_it_is_the_first_in_which_all_comes_true_and_the_claim_holds(
    wrong: int, shown: str
) -> None:
    found = example(stated(streamed(Numbers()), wrong), ASYNCIO)
    assert found is not None
    assert found.text == shown


def test_a_claim_that_draws_from_elsewhere_has_none() -> None:
    assert example(stated(st.integers(), 9), ASYNCIO) is None
