"""What a claim stands on is shown with it, and nothing else is."""

from __future__ import annotations

from conformance.book import all_claims
from conformance.report.closure import Constant, Helper, closure

CLAIMS = {claim.id: claim for claim in all_claims()}


def names_of(claim: str, library: str) -> dict[str, Helper | Constant]:
    test = CLAIMS[claim].statements[library].test.hypothesis.inner_test  # type: ignore[index,attr-defined]  # a library, by name
    return {each.name: each for each in closure([test])}


def test_the_helper_that_has_the_assertion_is_there() -> None:
    found = names_of("LAW-IO-05", "asyncio")
    helper = found["cancel_some_accepts"]
    assert isinstance(helper, Helper)
    assert "strand" in helper.source
    assert helper.module == "conformance.claims.io.connecting"


def test_helpers_of_helpers_and_constants_are_there_and_no_more() -> None:
    found = names_of("LAW-IO-05", "asyncio")
    assert {"attempt", "is_cut", "cancel_at"} <= found.keys()
    assert found["TURNS_OF_A_CLOSE"] == Constant("TURNS_OF_A_CLOSE", "10")
    # An attribute that is called like a helper is none; what every reader knows is not shown again.
    assert not {"close", "antecedent", "up_to", "__name__"} & found.keys()


def test_every_claim_has_one() -> None:
    for claim in CLAIMS.values():
        for statement in claim.statements.values():
            handle = getattr(statement.test, "hypothesis", None)
            if handle is not None:
                closure([handle.inner_test])
