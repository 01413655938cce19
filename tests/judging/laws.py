"""Laws made for the tests, and an article claim beside them."""

from __future__ import annotations

from hypothesis import given

from conformance.claim import Claim, antecedent, holds, law, refuted
from conformance.toolbox.spaces import up_to

LAW = law("TEST-LAW", "No number is above three.", source="a test")


@LAW.states("asyncio", "anyio", expect=holds(), antecedents=("counted",))
@given(number=up_to(9))
async def test_no_number_is_above_three(number: int) -> None:
    antecedent("counted")
    assert number <= 3, f"{number} is above three"


OTHER = law("TEST-OTHER", "No number is below zero.", source="a test")


@OTHER.states("asyncio", "anyio", expect=holds(), antecedents=("counted",))
@given(number=up_to(9))
async def test_no_number_is_below_zero(number: int) -> None:
    antecedent("counted")
    assert number >= 0, f"{number} is below zero"


ARTICLE = Claim("TEST-ARTICLE", "There is no number.", source="a test")


@ARTICLE.states("asyncio", expect=refuted("zero is one"), antecedents=("counted",))
@given(number=up_to(9))
async def test_there_is_no_number(number: int) -> None:
    antecedent("counted")
    raise AssertionError(f"{number} is one")
