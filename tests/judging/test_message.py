"""What is said of a verdict that is not the one on record, and how it is seen once more."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from conformance.backends.discovery import builtin_backends
from conformance.claim import Claim
from conformance.judging.effort import LARGE, SMALL, Effort
from conformance.judging.message import again, record, unexpected
from conformance.outcomes.classify import NO_ROOM
from conformance.verdict import Verdict, VerdictName
from tests.judging.laws import ARTICLE, LAW


@pytest.mark.parametrize(
    ("chapter", "size", "says"),
    [
        ("gather", SMALL, ""),
        ("programs", LARGE, ""),
        # Of the whole book it was judged on fewer programs than it is alone.
        ("programs", SMALL, f" --size {SMALL}"),
        ("programs", LARGE + 1, f" --size {LARGE + 1}"),
    ],
)
def test_the_command_judges_the_same_programs_again(chapter: str, size: int, says: str) -> None:
    claim = Claim("ONE-01", "It is so.", "§1")
    claim.module = f"conformance.claims.{chapter}.one"
    (asyncio, *_) = builtin_backends()
    verdict = Verdict("ONE-01", "asyncio", asyncio.name, "refuted", "holds")
    command = again(claim, verdict, asyncio, Effort(seed=3, size=size))
    assert command == (
        f"conformance run ONE-01 --backend asyncio --library asyncio --examples 100 --seed 3{says}"
    )


ASYNCIO = builtin_backends()[0]
THEIRS = replace(ASYNCIO, name="asyncio+a b", spec="my tests/conftest.py::a b", foreign=True)


def test_what_is_printed_to_be_pasted_is_quoted_for_a_shell() -> None:
    verdict = Verdict(LAW.id, "asyncio", THEIRS.name, "refuted", "holds")
    for command in (again, record):
        words = shlex.split(command(LAW, verdict, THEIRS, Effort()))
        assert words[words.index("--loop") + 1] == "my tests/conftest.py::a b"
        assert "--backend" not in words


@pytest.mark.parametrize(
    ("claim", "name", "says"),
    [
        (LAW, "refuted", "your loop breaks this law. Mend it, or put it on record"),
        (LAW, "hung", "your loop breaks this law: the example can never end"),
        (LAW, "crashed", "your loop breaks this law: the process died"),
        (LAW, "error", "nothing that this law allows"),
        (ARTICLE, "holds", "your loop does otherwise than the loops that are on record"),
        (LAW, "vacuous", "give it more examples"),
    ],
)
def test_the_author_of_a_loop_is_not_sent_into_our_files(
    claim: Claim, name: VerdictName, says: str
) -> None:
    verdict = Verdict(claim.id, "asyncio", THEIRS.name, name, "holds", examples=1)
    statement = claim.statements["asyncio"]
    message = unexpected(statement, verdict, statement.expect[0], THEIRS, Effort())
    assert says in message
    assert "laws.py" not in message
    ours = unexpected(statement, verdict, statement.expect[0], ASYNCIO, Effort())
    assert "your loop" not in ours


def test_what_says_nothing_of_the_runtime_is_not_to_be_put_on_record() -> None:
    reason = f"{NO_ROOM}memory"
    verdict = Verdict(LAW.id, "asyncio", THEIRS.name, "error", "holds", reason=reason)
    statement = LAW.statements["asyncio"]
    message = unexpected(statement, verdict, statement.expect[0], THEIRS, Effort())
    assert "give the process more of it" in message
    assert "deviations update" not in message


def test_a_law_that_needs_a_newer_version_is_told_how_to_say_so() -> None:
    reason = "AttributeError: module 'asyncio' has no attribute 'TaskGroup'"
    verdict = Verdict(LAW.id, "asyncio", ASYNCIO.name, "error", "holds", reason=reason)
    statement = LAW.statements["asyncio"]
    message = unexpected(statement, verdict, statement.expect[0], ASYNCIO, Effort())
    assert (
        "asyncio.TaskGroup is not in the asyncio that is here. If it came with a later version, say "
        f'exists="asyncio.TaskGroup" where {LAW.id} is stated, in '
    ) in message
    assert "laws.py" in message
