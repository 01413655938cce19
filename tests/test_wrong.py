"""Every law can fail: each wrong runtime is refuted by the laws it names, and every law has one."""

from __future__ import annotations

import pytest

from conformance.claim import Claim
from conformance.conditions import fits
from conformance.judging.collect import all_claims
from conformance.judging.effort import Effort, size_for
from conformance.judging.expectations import expectation
from conformance.judging.judge import judge
from conformance.verdict import Verdict
from tests.wrong.catalogue import wrong_runtimes
from tests.wrong.kit import Wrong

LAWS = {claim.id: claim for claim in all_claims() if claim.kind == "law"}


WRONG = wrong_runtimes()
KILLS = [(wrong, law) for wrong in WRONG for law in wrong.kills]


_right: dict[tuple[str, str], Verdict] = {}


def judged_rightly(law: str, wrong: Wrong) -> Verdict:
    """The verdict on the backend without the mistake, judged once for all the mistakes in it."""
    key = (law, wrong.library)
    if key not in _right:
        backend = wrong.backend_without_the_mistake
        _right[key] = judge(LAWS[law].statements[wrong.library], backend, Effort())
    return _right[key]


@pytest.mark.parametrize(("wrong", "law"), KILLS, ids=[f"{law}-{wrong}" for wrong, law in KILLS])
def test_a_wrong_runtime_is_refuted_by_the_law(wrong: Wrong, law: str) -> None:
    """The law finds what is wrong, and says so: it does not merely crash."""
    if not fits(wrong.when):
        pytest.skip(f"this wrong runtime needs {wrong.when}")
    statement = LAWS[law].statements[wrong.library]
    right = judged_rightly(law, wrong)
    expected = expectation(statement, right.backend)
    assert expected is not None
    assert right.verdict == expected.verdict == "holds", "the law must hold where nothing is wrong"
    with wrong.patch():
        verdict = judge(statement, wrong.backend, Effort(size=size_for([statement.claim])))
    assert verdict.verdict in ("refuted", "hung"), (
        f"{law} does not see that {wrong.name}: {verdict.verdict} ({verdict.reason})"
    )
    assert verdict.counterexample is not None
    assert verdict.counterexample.text


@pytest.mark.parametrize("law", LAWS.values(), ids=lambda law: law.id)
def test_every_law_has_a_killer(law: Claim) -> None:
    """A law that nothing can refute proves nothing."""
    assert any(law.id in wrong.kills for wrong in WRONG), f"no wrong runtime refutes {law.id}"


def test_every_kill_names_a_law() -> None:
    """A wrong runtime that names no law, or one that there is not, is dead code."""
    for wrong in WRONG:
        assert wrong.kills, wrong.name
        for law in wrong.kills:
            assert wrong.library in LAWS[law].statements, f"{law} is not stated in {wrong.library}"
