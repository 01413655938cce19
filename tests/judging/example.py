"""Claims made for the tests: what is true of them is known."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from conformance.claim import Claim, NotApplicable, antecedent, holds, qualified, refuted
from conformance.toolbox.spaces import every, flags, up_to

TRUE = Claim("TEST-TRUE", "Sleeping for nothing ends.", source="a test")


@TRUE.states("asyncio", "anyio", "trio", expect=holds(), antecedents=("slept",))
@given(turns=up_to(5), again=flags())
async def test_true(library: Any, turns: int, again: bool) -> None:
    for _ in range(turns * (1 + again)):
        await library.sleep(0)
    antecedent("slept")


BIG = Claim("TEST-BIG", "No letter is a number.", source="a test")


@BIG.states("asyncio", "trio", expect=holds(), antecedents={"both are the last": 0.05, "some": 0.5})
@given(first=up_to(99), second=up_to(99))
async def test_big(first: int, second: int) -> None:
    antecedent("some")
    if first == second == 99:
        antecedent("both are the last")


FALSE = Claim("TEST-FALSE", "No number is above three.", source="a test", instead=("TEST-TRUE",))


@FALSE.states("asyncio", "anyio", "trio", expect=refuted("four is"), antecedents=("counted",))
@given(number=st.integers(0, 1000))
async def test_false(number: int) -> None:
    antecedent("counted")
    assert number <= 3, f"{number} is above three"


FALSE_ENUMERATED = Claim("TEST-FALSE-ALL", "No number is above three.", source="a test")


@FALSE_ENUMERATED.states("asyncio", expect=refuted("four is"), antecedents=("counted",))
@given(letter=every("ab"), number=up_to(9))
async def test_false_enumerated(letter: str, number: int) -> None:
    antecedent("counted")
    assert number <= 3, f"{number} is above three"


LOOSE = Claim("TEST-LOOSE", "No number is above three.", source="a test")


@LOOSE.states(
    "asyncio",
    expect=qualified("the small ones are not"),
    antecedents=("counted",),
    fair=lambda number: number < 3,
    qualification="It is so for the numbers below three.",
)
@given(number=st.integers(0, 1000))
async def test_loose(number: int) -> None:
    antecedent("counted")
    assert number <= 3, f"{number} is above three"


UNFAIR = Claim("TEST-UNFAIR", "No number is above three.", source="a test")


@UNFAIR.states(
    "asyncio",
    expect=refuted("even the fair reading is false"),
    antecedents=("counted",),
    fair=lambda number: number < 100,
    qualification="It is so for the numbers below a hundred.",
)
@given(number=st.integers(0, 1000))
async def test_unfair(number: int) -> None:
    antecedent("counted")
    assert number <= 3, f"{number} is above three"


VACUOUS = Claim("TEST-VACUOUS", "What never happens is harmless.", source="a test")


@VACUOUS.states("asyncio", expect=holds(), antecedents={"it happened": 0.5})
@given(number=up_to(9))
async def test_vacuous(number: int) -> None:
    if number == 7:
        antecedent("it happened")


QUIET = Claim("TEST-QUIET", "Waiting ends.", source="a test")


@QUIET.states("asyncio", "anyio", "trio", expect=holds(), antecedents=("waited",))
@given(number=up_to(3))
async def test_quiet(library: Any, number: int) -> None:
    if number == 2:
        await library.Event().wait()


BROKEN = Claim("TEST-BROKEN", "The test is right.", source="a test")


@BROKEN.states("asyncio", expect=holds(), antecedents=("ran",))
@given(number=up_to(3))
async def test_broken(number: int) -> None:
    antecedent("ran")
    raise ZeroDivisionError(f"number {number}")


ESCAPING = Claim("TEST-ESCAPING", "Nothing gets out.", source="a test")


@ESCAPING.states("asyncio", expect=holds(), antecedents=("ran",))
@given(number=up_to(3))
async def test_escaping(number: int) -> None:
    raise asyncio.CancelledError


MISSING = Claim("TEST-MISSING", "The concept exists.", source="a test")


@MISSING.states("asyncio", expect=holds(), antecedents=("ran",))
@given(number=up_to(3))
async def test_missing(number: int) -> None:
    raise NotApplicable("there is no such thing")


MISSING.not_applicable("trio", because="trio has no gather", missing=("trio.gather",))
MISSING.not_applicable("anyio", because="anyio has no sleep", missing=("anyio.sleep",))

UNRECORDED = Claim("TEST-UNRECORDED", "Nothing is on record.", source="a test")


@UNRECORDED.states("asyncio", antecedents=("ran",))
@given(number=up_to(3))
async def test_unrecorded(number: int) -> None:
    antecedent("ran")
