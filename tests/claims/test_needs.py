"""What a statement needs is what it does not get on a loop without: no less, and no more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.backends.backend import Backend, LoopFactory
from conformance.book import all_claims
from conformance.claim import Claim, Statement
from conformance.claims.loop import TASKS, TIMERS
from conformance.expectations.lookup import expectation
from conformance.judging.effort import Effort
from conformance.judging.judge import judge
from conformance.judging.prerequisites import needed
from tests.wrong.loops import NoTimers
from tests.wrong.loops_beyond import TwoTasksAreEnough

WITHOUT: dict[str, LoopFactory] = {TIMERS: NoTimers, TASKS: TwoTasksAreEnough}
"""Loops in virtual time that break one law on which others build."""

CLAIMS = {claim.id: claim for claim in all_claims()}


def statements() -> Iterator[Statement]:
    """Those outside of the chapter about loops that are judged in virtual time on asyncio."""
    for claim in CLAIMS.values():
        # Programs are judged by the hundred thousand, which takes minutes.
        if claim.chapter not in ("loop", "programs"):
            yield from (
                statement
                for library, statement in claim.statements.items()
                if library != "trio" and not statement.io and applies(statement)
            )


def applies(statement: Statement) -> bool:
    """Whether it has anything to say on this Python."""
    expected = expectation(statement, "asyncio")
    return expected is None or expected.verdict != "not-applicable"


def split(law: str) -> tuple[list[Statement], list[Statement]]:
    """The statements that need ``law``, and those that do not."""
    everything = list(statements())
    return (
        [each for each in everything if law in needed(each)],
        [each for each in everything if law not in needed(each)],
    )


def cases(*, need: bool) -> list[object]:
    """A law, and a statement that needs it or does not."""
    found: list[object] = []
    for law in WITHOUT:
        with_need, without_need = split(law)
        found += [
            pytest.param(law, each, id=f"{law}-{each.claim.id}-{each.library}")
            for each in (with_need if need else without_need)
        ]
    return found


def as_on_record(law: str, statement: Statement) -> bool:
    """Whether ``statement`` gets the verdict on record where ``law`` does not hold."""
    loop = WITHOUT[law]
    return judge(
        statement, Backend("asyncio", loop=loop, io_loop=loop), Effort(), explain=False
    ).as_expected


@pytest.mark.parametrize(("law", "statement"), cases(need=False))
def test_what_names_no_need_does_without(law: str, statement: Statement) -> None:
    assert as_on_record(law, statement), (
        f"{statement.claim.id} in {statement.library} builds on {law}: name it in builds_on="
    )


@pytest.mark.parametrize(("law", "statement"), cases(need=True))
def test_what_names_a_need_has_it(law: str, statement: Statement) -> None:
    assert not as_on_record(law, statement), (
        f"{statement.claim.id} in {statement.library} names {law} in builds_on=, and does without"
    )


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=lambda claim: claim.id)
def test_what_is_needed_is_a_law_of_the_loop(claim: Claim) -> None:
    for statement in claim.statements.values():
        for law in statement.builds_on:
            assert law in CLAIMS, f"{claim.id} needs {law}, which there is not"
            assert CLAIMS[law].chapter == "loop", f"{claim.id} needs {law}, which is no basis"
