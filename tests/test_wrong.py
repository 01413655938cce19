"""Every law can fail: each wrong runtime is refuted by the laws it names, and every law has one.

The other direction is measured (``tests/wrong/measure.py``): here a part of it is judged again, and
the page that says all of it must be in step with the catalogue.
"""

from __future__ import annotations

import re
from zlib import crc32

import pytest

from conformance.book import all_claims
from conformance.claim import Claim
from conformance.conditions import fits
from conformance.expectations.lookup import expectation
from conformance.judging.effort import Effort, size_for
from conformance.judging.judge import judge
from conformance.verdict import Verdict
from tests.wrong.catalogue import wrong_runtimes
from tests.wrong.kit import PARTS, Wrong
from tests.wrong.measure import on_file, to_be_measured
from tests.wrong.table import PAGE, WITHOUT_A_KILLER, page, pairs_without_a_killer

LAWS = {claim.id: claim for claim in all_claims() if claim.kind == "law"}


WRONG = wrong_runtimes()
KILLS = [(wrong, law) for wrong in WRONG for law in wrong.kills]

ALSO = [
    (wrong, law)
    for wrong in WRONG
    for law in on_file().get(wrong.key, ())
    if law not in wrong.kills and crc32(f"{wrong.key}{law}".encode()) % 10 == 0
]
"""A tenth of what else catches wrong runtimes, always the same."""

_right: dict[tuple[str, str], Verdict] = {}


def judged_rightly(law: str, wrong: Wrong) -> Verdict:
    """The verdict on the backend without the mistake, judged once for all the mistakes in it."""
    key = (law, wrong.library)
    if key not in _right:
        backend = wrong.backend_without_the_mistake
        _right[key] = judge(LAWS[law].statements[wrong.library], backend, Effort())
    return _right[key]


def judged_wrongly(law: str, wrong: Wrong) -> Verdict:
    """The verdict of a law on a wrong runtime; skips where that cannot be built."""
    if not fits(wrong.when):
        pytest.skip(f"this wrong runtime needs {wrong.when}")
    statement = LAWS[law].statements[wrong.library]
    with wrong.patch():
        effort = Effort(size=size_for([statement.claim]))
        return judge(statement, wrong.backend, effort, explain=False)


@pytest.mark.parametrize(("wrong", "law"), KILLS, ids=[f"{law}-{wrong}" for wrong, law in KILLS])
def test_a_wrong_runtime_is_refuted_by_the_law(wrong: Wrong, law: str) -> None:
    """The law finds what is wrong, and says so: it does not merely crash."""
    verdict = judged_wrongly(law, wrong)
    right = judged_rightly(law, wrong)
    expected = expectation(LAWS[law].statements[wrong.library], right.backend)
    assert expected is not None
    assert right.verdict == expected.verdict == "holds", "the law must hold where nothing is wrong"
    assert verdict.verdict in ("refuted", "hung"), (
        f"{law} does not see that {wrong.name}: {verdict.verdict} ({verdict.reason})"
    )
    assert verdict.counterexample is not None
    text = verdict.counterexample.text
    check_that_a_stranger_understands(text, law, wrong)
    assert wrong.says.get(law, "") in text, f"{text}\ndoes not say {wrong.says[law]!r}"


INTERNAL = re.compile(r" at 0x|<function |<bound method |Traceback|_pytest|pluggy|\bassert ")
"""What is of no use in a message: addresses, functions, and what pytest is made of."""

VALUE = re.compile(r"\w+ = .*")


def check_that_a_stranger_understands(text: str, law: str, wrong: Wrong) -> None:
    """The text names everything that was drawn, and has a sentence of what was seen."""
    assert not INTERNAL.search(text), text
    test = LAWS[law].statements[wrong.library].test
    drawn = test.hypothesis.inner_test.__code__.co_varnames  # type: ignore[attr-defined]  # what @given makes has it
    lines = text.splitlines()
    if lines[0] != "program:":
        named = [line.partition(" = ")[0] for line in lines if VALUE.fullmatch(line)]
        assert set(named) <= set(drawn), f"{named} are no names of what was drawn"
        assert named, f"the case is not named:\n{text}"
    sentences = [line for line in lines if not VALUE.fullmatch(line) and len(line.split()) > 3]
    assert sentences, f"there is no sentence in:\n{text}"


@pytest.mark.parametrize(("wrong", "law"), ALSO, ids=[f"{law}-{wrong}" for wrong, law in ALSO])
def test_what_was_measured_is_so(wrong: Wrong, law: str) -> None:
    """What catches a wrong runtime as well, as the page has it."""
    verdict = judged_wrongly(law, wrong)
    expected = expectation(LAWS[law].statements[wrong.library], verdict.backend)
    if expected is None or expected.verdict != "holds":
        pytest.skip("the law does not hold here without the mistake either")
    assert verdict.verdict in ("refuted", "hung")


@pytest.mark.parametrize("law", LAWS.values(), ids=lambda law: law.id)
def test_every_law_has_a_killer(law: Claim) -> None:
    """A law that nothing can refute proves nothing."""
    assert any(law.id in wrong.kills for wrong in WRONG), f"no wrong runtime refutes {law.id}"


def test_no_more_laws_are_without_a_killer_in_a_library() -> None:
    """A law that is stated in three libraries can fail in three: where it cannot, it is on record."""
    without = pairs_without_a_killer()
    assert set(without) <= set(WITHOUT_A_KILLER)
    assert all(WITHOUT_A_KILLER.values())
    killed = {(law, wrong.library) for wrong, law in KILLS}
    assert not killed & set(WITHOUT_A_KILLER), "these have a killer by now"


def test_every_law_is_told_by_a_killer() -> None:
    """For each law there is a mistake that its counterexample must name, in words on record."""
    told = {law for wrong in WRONG for law in wrong.says}
    # The chapter on I/O has no fragments on record yet.
    assert {law.id for law in LAWS.values() if law.chapter != "io"} <= told
    for wrong in WRONG:
        assert set(wrong.says) <= set(wrong.kills), wrong.name


def test_every_kill_names_a_law() -> None:
    """A wrong runtime that names no law, or one that there is not, is dead code."""
    for wrong in WRONG:
        assert wrong.kills, wrong.name
        for law in wrong.kills:
            assert wrong.library in LAWS[law].statements, f"{law} is not stated in {wrong.library}"


def test_no_two_wrong_runtimes_have_one_name() -> None:
    """The name says which it is, on the page and on file."""
    assert len({wrong.key for wrong in WRONG}) == len(WRONG)


def test_every_part_of_a_runtime_is_broken() -> None:
    """Nothing that the laws speak of is beyond doubt."""
    assert {wrong.breaks for wrong in WRONG} == set(PARTS)


def test_what_is_on_file_exists() -> None:
    """``python -m tests.wrong --measure`` adds what is missing, and drops what is no more."""
    caught = on_file()
    assert set(caught) <= {wrong.key for wrong in to_be_measured(WRONG)}
    for key, laws in caught.items():
        assert set(laws) <= set(LAWS), key


def test_the_page_is_in_step() -> None:
    """``python -m tests.wrong --write`` writes it."""
    assert PAGE.read_text(encoding="utf-8") == page(), test_the_page_is_in_step.__doc__
