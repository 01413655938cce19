"""Which laws a statement builds on, and what follows for it when one of them fails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from conformance.backends.backend import Backend
from conformance.book import all_claims
from conformance.claim import Claim, Statement
from conformance.expectations.lookup import OnRecord
from conformance.verdict import Verdict, VerdictRecord

FIRST = "LAW-LOOP-01"
"""What everything on an event loop builds on, and so no claim names: callbacks are called."""


class Failed(NamedTuple):
    """The verdict on a law that others build on, and whether it is on record."""

    verdict: str
    on_record: bool


Failures = dict[str, dict[str, Failed]]
"""The laws that failed, by the backend's name and by id."""


@lru_cache(maxsize=1)
def _laws() -> Mapping[str, Claim]:
    return {claim.id: claim for claim in all_claims()}


def needed(statement: Statement) -> tuple[str, ...]:
    """The laws that ``statement`` builds on, straight or by way of others, the most basic first."""
    found: dict[str, None] = {}
    _collect((FIRST, *statement.builds_on), found, ())
    found.pop(statement.claim.id, None)
    return tuple(found)


def _collect(laws: Iterable[str], found: dict[str, None], above: tuple[str, ...]) -> None:
    for law in laws:
        if law not in found and law not in above and law in _laws():
            for statement in _laws()[law].statements.values():
                _collect(statement.builds_on, found, (*above, law))
            found[law] = None


def basic_first(statements: Iterable[Statement]) -> Iterator[Statement]:
    """The same statements, but those that others of them build on before these."""
    everything = list(statements)
    # needed() has the most basic first, so the first place at which a law is needed is early enough.
    place = {law: None for each in everything for law in needed(each)}
    for law in place:
        yield from (each for each in everything if each.claim.id == law)
    yield from (each for each in everything if each.claim.id not in place)


def note(failures: Failures, verdict: Verdict | VerdictRecord) -> None:
    """Keep in ``failures`` what ``verdict`` means for those that build on its claim."""
    record = verdict.record() if isinstance(verdict, Verdict) else verdict
    # What is blocked is so by something more basic, which blocks the others too.
    if record["verdict"] not in ("holds", "not-applicable", "blocked"):
        here = failures.setdefault(record["backend"], {})
        here.setdefault(record["claim"], Failed(record["verdict"], record["as_expected"]))


def blocked(
    statement: Statement,
    backend: Backend,
    failures: Failures,
    known: OnRecord,
) -> Verdict | None:
    """The verdict on a statement that builds on a law that failed there, or ``None``.

    ``known`` is what is on record for the statement.
    It is as expected if that failure is on record: what follows from a known bug is no news.
    """
    here = failures.get(backend.name)
    if not here:
        return None
    for law in needed(statement):
        if law in here:
            found, on_record = here[law]
            return Verdict(
                claim=statement.claim.id,
                library=statement.library,
                backend=backend.name,
                verdict="blocked",
                expected="blocked" if on_record else known.verdict,
                reason=f"it builds on {law}, which was found {found} here",
            )
    return None
