"""Claims are found, by their ids and by what else these are written as."""

from __future__ import annotations

import pytest

from conformance.book import all_claims, matches, written
from conformance.expectations.deviations import check, parse

PROGRAMS = [claim.id for claim in all_claims() if claim.id.startswith("PROGRAM-")]


@pytest.mark.parametrize(
    "pattern", ["PROGRAM-*", "LAW-PROGRAM-*", "LAW-PROGRAM-[0-9]?", "LAW-PROGRAM*"]
)
def test_the_laws_about_programs_are_had_with_the_prefix_of_laws_too(pattern: str) -> None:
    assert [each.id for each in all_claims() if matches(each.id, [pattern])] == PROGRAMS


def test_no_other_pattern_is_taken_for_another() -> None:
    every = [claim.id for claim in all_claims()]
    for each in (*every, "LAW-*", "*", "LAW-P*"):
        assert written(each) == each
    # What is typed with it is an id that there is.
    assert {written(f"LAW-{each}") for each in PROGRAMS} == set(PROGRAMS)
    assert not [each for each in every if each.startswith("LAW-PROGRAM")]


def test_a_deviation_may_be_written_so() -> None:
    text = '[[deviation]]\nclaim = "LAW-PROGRAM-01"\nlibrary = "trio"\nseen = "hung"\n'
    (known,) = parse(text, "own.toml")
    assert known.claim == "PROGRAM-01"
    check([known], all_claims())
