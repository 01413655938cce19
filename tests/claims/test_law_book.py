"""What holds for every claim in the book."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import conformance.claims
from conformance.book import all_claims
from conformance.claim import ARTICLE as THE_ARTICLE
from conformance.claim import LIBRARIES, Claim, Statement

CLAIMS = all_claims()
LAWS = {claim.id: claim for claim in CLAIMS if claim.kind == "law"}
ARTICLE = [claim for claim in CLAIMS if claim.kind == "article"]
ROOT = Path(__file__).parents[2]
BOOK = Path(str(conformance.claims.__file__)).parent
ALL = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)


def refutable(claim: Claim) -> list[Statement]:
    """The statements for which a counterexample is on record, in some version at least."""
    return [
        statement
        for statement in claim.statements.values()
        if any(expect.verdict in ("refuted", "qualified") for expect in statement.expect)
    ]


def test_the_article_makes_46_claims() -> None:
    assert len(ARTICLE) == 46


@ALL
def test_every_claim_is_judged_in_every_library_or_is_not_applicable(claim: Claim) -> None:
    # An event loop has asyncio's interface, whichever library runs on it.
    assert claim.libraries == (("asyncio",) if claim.chapter == "loop" else LIBRARIES)


@pytest.mark.parametrize("claim", ARTICLE, ids=lambda claim: claim.id)
def test_a_claim_that_does_not_plainly_hold_names_a_law(claim: Claim) -> None:
    if refutable(claim):
        assert claim.instead, f"{claim.id} is false somewhere: which law is true instead?"


@pytest.mark.parametrize("claim", ARTICLE, ids=lambda claim: claim.id)
def test_what_is_named_is_a_law(claim: Claim) -> None:
    for law in claim.instead:
        assert law in LAWS, f"{claim.id} names {law}, which is no law"


@ALL
def test_the_source_is_the_article_or_can_be_opened(claim: Claim) -> None:
    # A document of ours is in no wheel.
    assert (claim.kind == "article") == claim.source.startswith(THE_ARTICLE)
    if claim.kind == "law":
        assert re.match(r"https?://\S+\.\S+", claim.source), claim.source


@ALL
def test_the_sentence_is_one_sentence(claim: Claim) -> None:
    assert claim.sentence.endswith("."), claim.sentence
    assert "\n" not in claim.sentence
    first = claim.sentence.split()[0]
    # A name is spelled as it is, also where a sentence begins with it.
    assert first[0].isupper() or first in LIBRARIES or re.search(r"[._()`]", first), first


@ALL
def test_the_source_says_where_to_look(claim: Claim) -> None:
    if claim.kind == "article":
        assert re.search(r", (summary|§[1-4])", claim.source), claim.source
    else:
        assert claim.source, f"{claim.id} has no source"


@ALL
def test_everything_on_record_has_its_reason(claim: Claim) -> None:
    for statement in claim.statements.values():
        assert statement.expect, f"{claim.id} has no expectation in {statement.library}"
        for expect in statement.expect:
            assert expect.why or expect.verdict == "holds", f"{claim.id}: {expect}"
        last = statement.expect[-1]
        assert not last.when, f"{claim.id}: what is expected in {statement.library} otherwise?"
        assert not last.on, f"{claim.id}: what is expected in {statement.library} elsewhere?"


@pytest.mark.parametrize("claim", LAWS.values(), ids=lambda claim: claim.id)
def test_a_law_that_some_version_breaks_names_the_upstream_issue(claim: Claim) -> None:
    for statement in claim.statements.values():
        for expect in statement.expect:
            assert expect.verdict != "qualified", f"{claim.id}: a law is not qualified"
            if expect.verdict == "refuted":
                where = str(expect.issue)
                assert where.startswith("https://") or (ROOT / where).is_file(), (
                    f"{claim.id}: where is it known that {expect.why}?"
                )


@pytest.mark.parametrize("claim", LAWS.values(), ids=lambda claim: claim.id)
def test_a_law_holds_somewhere(claim: Claim) -> None:
    """A library may break a law in all its versions; what none keeps is no law."""
    expected = {each.verdict for said in claim.statements.values() for each in said.expect}
    assert "holds" in expected, f"{claim.id} holds nowhere: {expected}"


@ALL
def test_what_is_false_says_what_its_counterexamples_say(claim: Claim) -> None:
    for statement in claim.statements.values():
        for expect in statement.expect:
            assert bool(expect.messages) == expect.has_counterexamples, f"{claim.id}: {expect.why}"


@ALL
def test_a_claim_draws_what_it_quantifies_over(claim: Claim) -> None:
    for statement in claim.statements.values():
        if all(expect.verdict == "not-applicable" for expect in statement.expect):
            continue
        handle = getattr(statement.test, "hypothesis", None)
        assert handle is not None, f"{claim.id} in {statement.library} is no Hypothesis test"
        assert statement.floors, f"{claim.id} in {statement.library} names no antecedent"


def test_no_claim_looks_at_a_clock() -> None:
    for path in BOOK.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert not re.search(r"\btime\.(monotonic|perf_counter|time)\(", source), path


def test_the_modules_are_short() -> None:
    for path in BOOK.rglob("*.py"):
        lines = len(inspect.cleandoc(path.read_text(encoding="utf-8")).splitlines())
        assert lines <= 500, f"{path.relative_to(BOOK)} has {lines} lines: split it"
