"""The verdict on record for a claim on a runtime and version."""

from __future__ import annotations

from conformance.claim import Expect, Statement
from conformance.conditions import fits


def expectation(statement: Statement, backend: str) -> Expect | None:
    """What is on record for ``statement`` on ``backend``, here: the first that fits, if any does."""
    for expect in statement.expect:
        if (not expect.on or backend in expect.on) and fits(expect.when):
            return expect
    return None
