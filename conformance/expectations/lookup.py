"""The verdict on record for a claim on a runtime and version, and what it explains."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from conformance.claim import Expect, Region, Statement
from conformance.conditions import fits
from conformance.expectations.deviations import Deviation, Deviations, package_deviations
from conformance.outcomes.classify import classify, message
from conformance.verdict import VerdictName

ANYTHING = "…"
"""What stands for any text in a message on record."""


@dataclass(frozen=True)
class OnRecord:
    """What is on record for a statement on a backend, with the versions that are here.

    There is one entry, or none, or several known bugs of one law, each with its own cases: then all of
    them have to be seen.
    """

    entries: tuple[Expect, ...] = ()

    @property
    def expected(self) -> Expect | None:
        """The entry that says which verdict is right, if there is one."""
        return self.entries[0] if self.entries else None

    @property
    def verdict(self) -> VerdictName | None:
        """The verdict that is right, ``None`` if nothing is on record."""
        return self.entries[0].verdict if self.entries else None

    @property
    def has_counterexamples(self) -> bool:
        """Whether it says that the claim is false."""
        return any(entry.has_counterexamples for entry in self.entries)

    def covers(self, values: Mapping[str, Any]) -> bool:
        """Whether the case is in the region of some entry."""
        return any(entry.has_counterexamples and covers(entry, values) for entry in self.entries)

    def explaining(self, values: Mapping[str, Any], error: BaseException) -> Expect | None:
        """The entry that explains why the example failed, if one does: it has the case and the message."""
        return next((entry for entry in self.entries if explains(entry, values, error)), None)


NOTHING = OnRecord()


def explains(entry: Expect, values: Mapping[str, Any], error: BaseException) -> bool:
    """Whether ``entry`` has on record that the example of these values ends with this error."""
    if not entry.has_counterexamples:
        return False
    verdict, _ = classify(error)
    # Outside of its fair reading a claim that is qualified is refuted.
    expected = "refuted" if entry.verdict == "qualified" else entry.verdict
    return verdict == expected and covers(entry, values) and says(entry, message(error))


def covers(entry: Expect, values: Mapping[str, Any]) -> bool:
    """Whether the case is in the region of ``entry``."""
    return entry.region is None or applied(entry.region, **values)


def applied(region: Region, **values: Any) -> bool:
    """Whether the case is in ``region``, which is asked by the values that it takes alone."""
    names = _parameters(region)
    return bool(region(**(values if names is None else {name: values[name] for name in names})))


@cache
def _parameters(region: Callable[..., bool]) -> tuple[str, ...] | None:
    """The names of the drawn values that ``region`` takes; ``None`` if it takes them all."""
    parameters = inspect.signature(region).parameters.values()
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters):
        return None
    return tuple(each.name for each in parameters)


def says(entry: Expect, text: str) -> bool:
    """Whether ``text`` is one of the messages that ``entry`` has on record."""
    return not entry.messages or any(_pattern(each).fullmatch(text) for each in entry.messages)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    # Where a line was broken in the file says nothing.
    parts = (re.escape(part) for part in text.strip().split(ANYTHING))
    return re.compile(".*".join(parts), re.DOTALL)


def on_record(
    statement: Statement, backend: str | Sequence[str], deviations: Deviations | None = None
) -> OnRecord:
    """What is on record for ``statement`` on ``backend``, here.

    A backend may be known by several names (:attr:`Backend.known_as`).

    Of a law those are its deviations if there are some, of ``deviations`` or, if none are given, of
    the package's own; else it is the first expectation of the statement itself that fits.
    """
    names = (backend,) if isinstance(backend, str) else tuple(backend)
    if statement.claim.kind == "law":
        everything = package_deviations() if deviations is None else deviations
        law, library = statement.claim.id, statement.library
        every = (each for name in names for each in everything.all(law, library, name))
        known = list(dict.fromkeys(every))
        if known:
            return OnRecord(tuple(each for each in known if each.verdict == known[0].verdict))
    plain = without_deviations(statement, names)
    return OnRecord(() if plain is None else (plain,))


def expectation(
    statement: Statement, backend: str | Sequence[str], deviations: Deviations | None = None
) -> Expect | None:
    """The entry of :func:`on_record` that says which verdict is right, if there is one."""
    return on_record(statement, backend, deviations).expected


def without_deviations(statement: Statement, backend: str | Sequence[str]) -> Expect | None:
    """What the statement itself says of ``backend``, here."""
    names = (backend,) if isinstance(backend, str) else tuple(backend)
    absent = statement.expected_absence(names)
    if absent is not None:
        return absent
    for expect in statement.expect:
        if (not expect.on or set(expect.on).intersection(names)) and fits(expect.when):
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
