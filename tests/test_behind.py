"""A known bug hides no other: the law that is broken in another way besides is not as on record."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.backends.discovery import choose, usable_here
from conformance.claim import exists
from conformance.expectations.lookup import on_record
from conformance.judging.effort import Effort
from conformance.judging.judge import judge
from tests.test_wrong import KILLS, LAWS
from tests.wrong.behind import BEHIND, Behind
from tests.wrong.kit import Wrong

THE_SAME = (
    "wait_for() does not wait for what it cancelled",
    "wait_for() drops a cancel that comes with the result",
    "a cancelled sock_accept() goes on accepting",
    "an accept() of anyio's that is cancelled keeps a connection",
)
"""Wrong runtimes that make the known bug of an older Python again: there they are nothing new."""

OLD = [
    (wrong, law)
    for wrong, law in KILLS
    if wrong.name not in THE_SAME
    and (wrong.breaks != "barrier" or exists("asyncio.Barrier"))
    and on_record(LAWS[law].statements[wrong.library], wrong.backend.known_as).has_counterexamples
]
"""What kills a law that this Python breaks by itself: none where all is mended."""


@pytest.mark.parametrize("behind", BEHIND, ids=str)
def test_a_mistake_behind_a_known_bug_is_found(behind: Behind) -> None:
    (backend,) = choose([behind.backend], [])
    if usable_here(backend) is not None:
        pytest.skip(f"{backend.name} cannot be used here: {usable_here(backend)}")
    statement = LAWS[behind.law].statements[behind.library]
    known = on_record(statement, backend.known_as)
    assert known.has_counterexamples, "the known bug is mended: take this out"
    if behind.loop is not None:
        assert backend.loop is not None
        wrong = behind.loop(backend.loop)
        backend = replace(backend, loop=wrong, io_loop=wrong)
    with behind.patch():
        verdict = judge(statement, backend, Effort(size=1), explain=False)
    assert (verdict.verdict, verdict.expected) == ("refuted", "refuted")
    assert not verdict.as_expected
    assert verdict.departs is not None
    assert verdict.counterexample is not None
    assert behind.says in verdict.counterexample.text, verdict.counterexample.text


@pytest.mark.parametrize(("wrong", "law"), OLD, ids=[f"{law}-{wrong}" for wrong, law in OLD])
def test_a_mistake_behind_a_known_bug_of_an_older_python_is_found(wrong: Wrong, law: str) -> None:
    with wrong.patch():
        verdict = judge(LAWS[law].statements[wrong.library], wrong.backend, explain=False)
    assert not verdict.as_expected, verdict.counterexample
