"""How a verdict that is not the one on record is seen once more."""

from __future__ import annotations

import pytest

from conformance.backends.discovery import builtin_backends
from conformance.claim import Claim
from conformance.judging.effort import LARGE, SMALL, Effort
from conformance.judging.message import again
from conformance.verdict import Verdict


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
