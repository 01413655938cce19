"""The known departures: each breaks a law of the book, just where the book says so, and still happens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.backends.discovery import builtin_backends
from conformance.book import all_claims
from conformance.conditions import fits
from conformance.expectations.lookup import expectation
from conformance.programs.cases import CANCELS, Case
from conformance.programs.reference.rules import QUIRKS, Quirk, Rules, rules_here
from conformance.programs.reference.run import runs
from conformance.programs.syntax import Group, Program, Raise, Thing, Wait

ASYNCIO = next(backend for backend in builtin_backends() if backend.name == "asyncio")

SEEN_IN = {
    "send raises though delivered": Program(((Wait(Thing("full queue")),),)),
    "notification is lost": Program(((Wait(Thing("condition")),), (Wait(Thing("condition")),))),
    "counts are not kept": Program(((Group(((Raise(),),)),),)),
}
"""The smallest program that shows each departure."""

every_quirk = pytest.mark.parametrize("quirk", QUIRKS, ids=lambda quirk: quirk.name)


def departures(program: Program, rules: Rules) -> list[Case]:
    """The runs of ``program`` in which something else is seen than ``rules`` allow."""
    run = ASYNCIO.library_run(rules.library)
    cases = [
        Case(program, schedule, rules, likely) for schedule, likely in runs(program, rules, CANCELS)
    ]
    return [case for case in cases if not case.allows(case.perform(run))]


@every_quirk
def test_a_quirk_names_the_law_that_it_breaks_where_it_applies(quirk: Quirk) -> None:
    laws = {claim.id: claim for claim in all_claims() if claim.kind == "law"}
    assert quirk.law in laws
    expected = expectation(laws[quirk.law].statements[quirk.library], ASYNCIO.name)
    assert expected is not None
    assert (expected.verdict == "refuted") is fits(quirk.when), (
        f"{quirk.law} is expected to be {expected.verdict} in {quirk.library} here, and "
        f"{quirk.name!r} is said to apply if {quirk.when or 'always'}"
    )
    if expected.verdict == "refuted":
        assert expected.issue == quirk.issue


@every_quirk
def test_a_quirk_that_applies_here_still_happens(quirk: Quirk) -> None:
    if not fits(quirk.when):
        pytest.skip(f"it applies if {quirk.when}")
    program, rules = SEEN_IN[quirk.name], rules_here(quirk.library)
    assert not departures(program, rules)
    without = replace(rules, quirks=rules.quirks - {quirk.name})
    assert departures(program, without), (
        f"nothing departs from the reference without it: delete {quirk.name!r} from QUIRKS, "
        f"or bound its condition {quirk.when!r}"
    )


def test_every_quirk_has_a_program_that_shows_it() -> None:
    assert set(SEEN_IN) == {quirk.name for quirk in QUIRKS}
