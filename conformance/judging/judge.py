"""A claim on a runtime gives a verdict.

Nothing here knows what any claim says.
"""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from conformance.backends.backend import Backend
from conformance.claim import Expect, Region, Statement, counting
from conformance.expectations.deviations import Deviation, Deviations
from conformance.expectations.lookup import (
    NOTHING,
    OnRecord,
    applied,
    on_record,
    reason_for,
)
from conformance.judging.effort import SMALL, Effort
from conformance.judging.explaining import explanation
from conformance.judging.search import (
    Failure,
    Only,
    Pulse,
    Search,
    Subject,
    Values,
    anything,
    missed,
)
from conformance.outcomes.classify import classify, describe
from conformance.scripts.script import NoScript, script
from conformance.verdict import (
    GONE,
    OTHER_CASE,
    OTHER_MESSAGE,
    Counterexample,
    Example,
    Explanation,
    Verdict,
    VerdictName,
)


def judge(
    statement: Statement,
    backend: Backend,
    effort: Effort | None = None,
    memory: dict[Any, Any] | None = None,
    pulse: Pulse | None = None,
    deviations: Deviations | None = None,
    known: OnRecord | None = None,
    *,
    explain: bool = True,
) -> Verdict:
    """The verdict on ``statement`` on ``backend``, held against what is on record.

    ``pulse`` hears of every example before it is run.
    ``known`` is what is on record; it is looked up if it is not given, in ``deviations`` or, if these
    are not given either, the package's own.
    ``explain`` looks for what would explain a counterexample that is not on record, which takes a run
    of every case.
    ``memory`` is handed from one claim to the next that is judged on the same backend in the same
    process: claims that range over the same runs of programs have them made once.
    """
    effort = effort or Effort()
    started = time.perf_counter()
    if known is None:
        known = on_record(statement, backend.known_as, deviations)
    absent = statement.absence(backend.known_as)
    if absent is not None:
        found, explained = _Found("not-applicable", Search(), absent), None
    else:
        with _in_peace():
            subject = Subject(statement, backend, memory, pulse)
            found = _decide(subject, effort, known)
            explained = _explained(subject, effort, known, found) if explain else None
            subject.tell(None)
    search, shown = found.search, found.shown
    counterexample = None
    if shown is not None and found.verdict in ("refuted", "qualified", "hung", "error"):
        shows = found.verdict in ("refuted", "qualified", "error")
        text, why_not = _script(statement, backend, shown.values) if shows else ("", None)
        counterexample = Counterexample(
            script=text,
            text="\n".join(filter(None, (describe(shown.values, shown.error), why_not))),
            explanation=explained,
        )
    return Verdict(
        claim=statement.claim.id,
        library=statement.library,
        backend=backend.name,
        verdict=found.verdict,
        expected=known.verdict,
        departs=found.departs,
        examples=search.examples - search.beyond,
        exhaustive=search.exhaustive and found.verdict == "holds",
        antecedents=dict(sorted(search.antecedents.items())),
        seconds=time.perf_counter() - started,
        reason=reason_for(found.verdict, found.reason, known.expected),
        counterexample=counterexample,
    )


def _script(statement: Statement, backend: Backend, values: Values) -> tuple[str, str | None]:
    """The case as a program that runs by itself, or an empty text and why there is none."""
    try:
        return script(statement, backend.script_style, values), None
    except NoScript as reason:
        return "", f"there is no script: {reason}"


@dataclass(frozen=True)
class _Found:
    """What was found: the verdict, the search that shows it, and the reason if it is not on record.

    ``shown`` is the counterexample; ``departs`` says in what it is another than those on record.
    """

    verdict: VerdictName
    search: Search
    reason: str | None = None
    shown: Failure | None = None
    departs: str | None = None


def _decide(subject: Subject, effort: Effort, known: OnRecord) -> _Found:
    statement = subject.statement
    fair = statement.fair
    qualified = known.verdict == "qualified"
    search = subject.search(effort, _fits(fair), NOTHING if qualified else known)
    if search.failure is not None or search.explained:
        return _failed(search, known, NOTHING if qualified else known)
    lacking = missed(search, statement.floors, effort.examples)
    if lacking:
        return _Found(
            "vacuous", search, lacking if fair is None else f"in its fair reading: {lacking}"
        )
    if fair is None:
        return _Found("holds", search, search.note)
    # The fair reading holds: is the widest one false?
    within = _fits(fair)
    rest = subject.search(
        effort, lambda **values: not within(**values), known if qualified else NOTHING
    )
    rest.examples += search.examples
    if rest.failure is None and not rest.explained:
        rest.antecedents.update(search.antecedents)
        return _Found("holds", rest)
    found = _failed(rest, known, known if qualified else NOTHING)
    if found.verdict != "refuted":
        return found
    rest.antecedents = search.antecedents
    return replace(found, verdict="qualified", reason=statement.qualification)


def _explained(
    subject: Subject, effort: Effort, known: OnRecord, found: _Found
) -> Explanation | None:
    """What would explain a counterexample that is not on record."""
    as_expected = found.verdict == known.verdict and found.departs is None
    if as_expected or found.shown is None or found.verdict not in ("refuted", "qualified"):
        return None
    fair = _fits(subject.statement.fair)
    only = (lambda **values: not fair(**values)) if found.verdict == "qualified" else fair
    return explanation(subject, effort, only, known)


def _fits(fair: Region | None) -> Only:
    """Whether a case is one of the fair reading; every case if there is none."""
    return anything if fair is None else partial(applied, fair)


def _failed(search: Search, known: OnRecord, explaining: OnRecord) -> _Found:
    """What a search means that found counterexamples, those that ``explaining`` explains among them."""
    if search.failure is not None:
        verdict, reason = classify(search.failure.error)
        departs = None
        if known.has_counterexamples:
            covered = explaining.covers(search.failure.values)
            departs = OTHER_MESSAGE if covered else OTHER_CASE
        return _Found(verdict, search, reason, search.failure, departs)
    shown = next(iter(search.explained.values()))
    verdict, reason = classify(shown.error)
    gone = [each for each in explaining.entries if each not in search.explained]
    departs = GONE.format(" and ".join(map(_place, gone))) if gone else None
    return _Found(verdict, search, reason, shown, departs)


def _place(entry: Expect) -> str:
    return entry.lines if isinstance(entry, Deviation) else "the expectation"


def example(statement: Statement, backend: Backend) -> Example | None:
    """One of the cases of a streamed space as a program that runs by itself.

    It is the first in which every antecedent came true and the claim held.  ``None`` if the statement
    draws from no such space, or if there is no such case among the smallest.
    """
    subject = Subject(statement, backend)
    if subject.streamed is None:
        return None
    name, streamed = subject.streamed
    with _in_peace():
        for number, element in enumerate(streamed.stream(subject.place, SMALL)):
            found: Counter[str] = Counter()
            try:
                with counting(found):
                    subject.run({name: element}, number)
            except Exception:  # noqa: S112  # the verdict says what is wrong with it
                continue
            if found.keys() >= statement.floors.keys():
                text, _ = _script(statement, backend, {name: element})
                return Example(text, streamed.describe(element))
    return None


@contextmanager
def _in_peace() -> Iterator[None]:
    """Keep what the examples leave behind (warnings, asyncio's log) out of the run's own output."""
    import logging

    log = logging.getLogger("asyncio")
    propagate, log.propagate = log.propagate, False
    silent = logging.NullHandler()
    log.addHandler(silent)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.removeHandler(silent)
        log.propagate = propagate
