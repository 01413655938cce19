"""No claim is vacuous by chance: that a floor is missed says something of the claim or the runtime.

A space of up to a thousand cases is run whole, in every profile: no seed has a say in it.  In a larger
one the search goes on until no floor is missed or no case is left, so that it misses one with the
probability 0 if the whole space reaches it, and that is what is tested here.  Of programs those up to a
size are run whole: these alone must reach the floors, whatever is drawn beyond.  What waits for real
time or another process has cases in which the antecedent comes true each time: they must be enough.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from conformance.backends.backend import Backend
from conformance.backends.discovery import choose
from conformance.book import all_claims, statements_on
from conformance.claim import Statement, counting
from conformance.expectations.lookup import applied, on_record
from conformance.judging.effort import PROFILES, SMALL, Effort
from conformance.judging.search import TIMES, WHOLE, Subject, anything, missed
from conformance.toolbox import spaces

BACKENDS = choose(["asyncio", "trio"], [])


def stated() -> Iterator[tuple[Statement, Backend]]:
    """What is judged on these backends, and is held against its floors."""
    for backend in BACKENDS:
        for claim in all_claims():
            for statement in statements_on(claim, backend):
                known = on_record(statement, backend.known_as)
                if known.verdict in ("holds", "qualified"):
                    yield statement, backend


def size(statement: Statement, backend: Backend) -> int:
    """How many cases the statement has; 0 for programs, of which there is no end."""
    return spaces.size(Subject(statement, backend).strategies) or 0


STATED = list(stated())
LARGE = [
    pytest.param(
        statement, backend, examples, id=f"{statement.claim.id}-{statement.library}-{profile}"
    )
    for statement, backend in STATED
    for profile, examples in PROFILES.items()
    if size(statement, backend) > max(WHOLE, TIMES * examples)
]
PROGRAMS = [
    pytest.param(statement, backend, id=f"{statement.claim.id}-{statement.library}-{backend.name}")
    for statement, backend in STATED
    if Subject(statement, backend).streamed is not None
]
REAL = [
    pytest.param(statement, backend, id=f"{statement.claim.id}-{statement.library}-{backend.name}")
    for statement, backend in STATED
    if statement.claim.chapter == "io"
]


MEMORY: dict[str, dict[Any, Any]] = {backend.name: {} for backend in BACKENDS}
"""Runs of programs that several laws need are made once."""


def test_every_claim_is_of_a_kind_whose_floors_are_sure() -> None:
    """Its space is known, or it is of programs: nothing is left to what Hypothesis happens to draw."""
    for statement, backend in STATED:
        subject = Subject(statement, backend)
        assert subject.streamed is not None or spaces.size(subject.strategies) is not None, (
            f"{statement.claim.id} draws from a space that only Hypothesis knows: compute its bound"
        )


@pytest.mark.parametrize(("statement", "backend", "examples"), LARGE)
def test_a_large_space_reaches_its_floors(
    statement: Statement, backend: Backend, examples: int
) -> None:
    fair = anything if statement.fair is None else partial(applied, statement.fair)
    search = Subject(statement, backend).search(Effort(examples), fair)
    assert search.failure is None
    assert missed(search, statement.floors, examples) is None


@pytest.mark.parametrize(("statement", "backend"), PROGRAMS)
def test_small_programs_reach_the_floors_of_all(statement: Statement, backend: Backend) -> None:
    subject = Subject(statement, backend, MEMORY[backend.name])
    assert subject.streamed is not None
    name, streamed = subject.streamed
    found: Counter[str] = Counter()
    examples = 0
    for number, element in enumerate(streamed.stream(subject.place, SMALL)):
        examples += 1
        with counting(found):
            subject.run({name: element}, number)
    for examples_asked_for in PROFILES.values():
        drawn = Effort(examples_asked_for, size=SMALL).beyond.examples
        for antecedent, share in statement.floors.items():
            assert found[antecedent] >= max(1, int(share * (examples + drawn))), (
                f"{antecedent!r} came true in {found[antecedent]} of {examples} small programs"
            )


@pytest.mark.parametrize(("statement", "backend"), REAL)
def test_real_time_has_no_say_in_a_floor(statement: Statement, backend: Backend) -> None:
    """The cases in which an antecedent came true each time are enough for its floor."""
    subject = Subject(statement, backend)
    cases = list(spaces.cases(subject.strategies))
    seen: list[list[Counter[str]]] = []
    for order in range(2):
        seen.append([])
        for values in cases:
            found: Counter[str] = Counter()
            with counting(found):
                subject.run(values, order)
            seen[-1].append(found)
    for antecedent, share in statement.floors.items():
        sure = sum(all(found[antecedent] for found in each) for each in zip(*seen, strict=True))
        assert sure >= max(1, int(share * len(cases))), (
            f"{antecedent!r} is sure in {sure} of {len(cases)} cases"
        )
