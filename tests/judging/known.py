"""Claims made for the tests: it is known in which cases they are false."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conformance.claim import Claim, antecedent, holds
from conformance.toolbox.spaces import every, up_to

SMALL = Claim("TEST-SMALL", "No number is above three.", source="a test")


@SMALL.states("asyncio", expect=holds(), antecedents=("counted",))
@given(letter=every("ab"), number=up_to(5))
async def test_small(letter: str, number: int) -> None:
    antecedent("counted")
    assert number <= 3 or letter == "a", f"{number} is above three"
    if number == 5:
        raise AssertionError(f"with {letter}, five is five")


DRAWN = Claim("TEST-DRAWN", "No number is above three.", source="a test")


@DRAWN.states("asyncio", expect=holds(), antecedents=("counted",))
@given(number=st.integers(0, 1000))
async def test_drawn(number: int) -> None:
    antecedent("counted")
    assert number <= 900, f"{number} is above nine hundred"


LARGE = Claim("TEST-LARGE", "No two numbers are both above ninety-eight.", source="a test")


@LARGE.states("asyncio", expect=holds(), antecedents=("counted",))
@given(first=up_to(99), second=up_to(99))
async def test_large(first: int, second: int) -> None:
    antecedent("counted")
    assert first < 98 or second < 98, f"{first} and {second}"


RIGHT = Claim("TEST-RIGHT", "There are letters and numbers.", source="a test")


@RIGHT.states("asyncio", expect=holds(), antecedents=("counted",))
@given(letter=every("ab"), number=up_to(5))
async def test_right(letter: str, number: int) -> None:
    antecedent("counted")
