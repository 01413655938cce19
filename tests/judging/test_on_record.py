"""What is on record names which counterexamples it explains: another one is news."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from conformance.backends.backend import Backend
from conformance.backends.virtual import VirtualLoop
from conformance.claim import Claim, Expect, qualified, refuted
from conformance.expectations.lookup import NOTHING, OnRecord, says
from conformance.judging.effort import Effort
from conformance.judging.judge import judge
from conformance.verdict import GONE, OTHER_CASE, OTHER_MESSAGE, Explanation, Verdict
from tests.judging import known

ASYNCIO = Backend("asyncio", loop=VirtualLoop)

ABOVE = refuted(
    "it is", region=lambda letter, number: letter == "b" and number > 3, message="… above three"
)
FIVE = refuted(
    "it is",
    region=lambda letter, number: (letter, number) == ("a", 5),
    message="with a, five is five",
)


def judged(claim: Claim, *entries: Expect, examples: int = 100) -> Verdict:
    on_record = OnRecord(entries)
    return judge(claim.statements["asyncio"], ASYNCIO, Effort(examples), known=on_record)


def test_what_is_on_record_is_seen() -> None:
    verdict = judged(known.SMALL, ABOVE, FIVE)
    assert (verdict.verdict, verdict.as_expected, verdict.departs) == ("refuted", True, None)
    assert verdict.counterexample is not None
    assert verdict.counterexample.text == "letter = 'a'\nnumber = 5\nwith a, five is five"
    assert verdict.examples == 12, "outside of the region it must hold: all of that is run"


@pytest.mark.parametrize(
    ("entries", "departs", "text"),
    [
        ([ABOVE], OTHER_CASE, "letter = 'a'\nnumber = 5\nwith a, five is five"),
        ([FIVE], OTHER_CASE, "letter = 'b'\nnumber = 4\n4 is above three"),
        (
            [replace(ABOVE, messages=("… below three",)), FIVE],
            OTHER_MESSAGE,
            "letter = 'b'\nnumber = 4\n4 is above three",
        ),
        (
            [refuted("it is", message="… is above three")],
            OTHER_MESSAGE,
            "letter = 'a'\nnumber = 5\nwith a, five is five",
        ),
    ],
)
def test_another_counterexample_is_news(entries: Sequence[Expect], departs: str, text: str) -> None:
    """A case outside the region, or another message in it; and it is the new one that is shown."""
    verdict = judged(known.SMALL, *entries)
    assert (verdict.verdict, verdict.expected, verdict.as_expected) == ("refuted", "refuted", False)
    assert verdict.departs == departs
    assert verdict.counterexample is not None
    assert verdict.counterexample.text == text


def test_what_would_explain_it_is_found() -> None:
    """The smallest region of what fails and is not on record, and what is said in it."""
    verdict = judged(known.SMALL, FIVE)
    assert verdict.counterexample is not None
    assert verdict.counterexample.explanation == Explanation(
        region='letter == "b" and number >= 4', message="… is above three", failed=2, cases=11
    )


def test_one_of_two_known_bugs_that_is_gone_is_told() -> None:
    gone = refuted("it was", region=lambda number: number == 1)
    verdict = judged(known.SMALL, ABOVE, FIVE, gone)
    assert (verdict.verdict, verdict.as_expected) == ("refuted", False)
    assert verdict.departs == GONE.format("the expectation")


def test_a_known_bug_that_is_gone_is_told() -> None:
    statement = known.RIGHT.statements["asyncio"]
    verdict = judge(statement, ASYNCIO, known=OnRecord((ABOVE,)))
    assert (verdict.verdict, verdict.as_expected) == ("holds", False)


@pytest.mark.parametrize("examples", [1, 10, 100])
def test_a_known_bug_in_a_large_space_is_always_found(examples: int) -> None:
    """Four cases in ten thousand: they are sought out, and the simplest one is shown."""
    entry = refuted("they are", region=lambda first, second: first >= 98 and second >= 98)
    verdict = judged(known.LARGE, entry, examples=examples)
    assert verdict.as_expected
    assert verdict.counterexample is not None
    assert verdict.counterexample.text == "first = 98\nsecond = 98\n98 and 98"


def test_what_hypothesis_draws_is_directed_too() -> None:
    entry = refuted("it is", region=lambda number: number > 900, message="… nine hundred")
    verdict = judged(known.DRAWN, entry)
    assert verdict.as_expected
    assert verdict.counterexample is not None
    assert "number = 901" in verdict.counterexample.text


def test_qualified_is_exact_as_well() -> None:
    statement = replace(
        known.SMALL.statements["asyncio"],
        fair=lambda number: number <= 3,
        qualification="small ones",
    )
    above = qualified("it is", region=lambda letter: letter == "b", message="… above three")
    five = replace(above, region=lambda letter, number: letter == "a" and number == 5, messages=())
    assert judge(statement, ASYNCIO, known=OnRecord((above, five))).as_expected
    verdict = judge(statement, ASYNCIO, known=OnRecord((above,)))
    assert (verdict.verdict, verdict.departs) == ("qualified", OTHER_CASE)


def test_a_message_on_record_stands_for_itself_but_for_the_dots() -> None:
    entry = refuted("so", message=("it said [1] (…) twice", "or this"))
    assert says(entry, "it said [1] (and\nmore) twice")
    assert says(entry, "or this")
    assert not says(entry, "it said [1] (and more) thrice")
    assert not says(entry, "or this, too")
    assert says(refuted("so"), "anything"), "none on record: every message"


def test_nothing_on_record_explains_nothing() -> None:
    assert NOTHING.explaining({}, AssertionError("x")) is None
