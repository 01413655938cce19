"""The verdict on record for a claim on a runtime and version."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.claim import Expect, Statement
from conformance.conditions import fits
from conformance.judging.deviations import Deviation, Deviations, package_deviations
from conformance.verdict import VerdictName


def expectation(
    statement: Statement, backend: str | Sequence[str], deviations: Deviations | None = None
) -> Expect | None:
    """What is on record for ``statement`` on ``backend``, here: the first that fits, if any does.

    A backend may be known by several names (:attr:`Backend.known_as`).

    Of a law that is a deviation if there is one, of ``deviations`` or, if none are given, of the
    package's own; else it is an expectation of the statement itself.
    """
    names = (backend,) if isinstance(backend, str) else backend
    known = None
    if statement.claim.kind == "law":
        everything = package_deviations() if deviations is None else deviations
        law, library = statement.claim.id, statement.library
        found = (everything.find(law, library, name) for name in names)
        known = next(filter(None, found), None)
    return known or without_deviations(statement, names)


def without_deviations(statement: Statement, backend: str | Sequence[str]) -> Expect | None:
    """What the statement itself says of ``backend``, here."""
    names = {backend} if isinstance(backend, str) else set(backend)
    for expect in statement.expect:
        if (not expect.on or names.intersection(expect.on)) and fits(expect.when):
            return expect
    return None


def reason_for(verdict: VerdictName, reason: str | None, expected: Expect | None) -> str | None:
    """The reason of a verdict for which judging gave ``reason``, where ``expected`` was on record.

    Why another verdict was expected is no reason for this one.
    """
    if expected is None or expected.verdict != verdict:
        return reason
    if isinstance(expected, Deviation):
        return f"{expected.reason}; {reason}" if reason else expected.reason
    return reason or expected.why or None
