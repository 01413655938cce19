"""The words for what judging a claim gives.

A verdict is what judging one claim on one runtime gave; an expectation is the verdict on record.
The two are compared word by word: a difference in either direction fails the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypedDict, get_args

VerdictName = Literal[
    "holds",
    "refuted",
    "qualified",
    "not-applicable",
    "hung",
    "crashed",
    "blocked",
    "vacuous",
    "error",
]
"""Every verdict there is.  The first four are answers, the others are not."""

VERDICT_NAMES: tuple[VerdictName, ...] = get_args(VerdictName)

ANSWERS: frozenset[VerdictName] = frozenset({"holds", "refuted", "qualified", "not-applicable"})
"""The verdicts that a claim may expect: an outcome that is no answer is never right."""

BREACHES: frozenset[VerdictName] = frozenset({"refuted", "hung", "crashed", "error"})
"""How a law is seen to be broken: the verdicts that a deviation may have on record, though never right."""


class _CounterexampleRecord(TypedDict):
    script: str
    text: str


class CounterexampleRecord(_CounterexampleRecord, total=False):
    """A counterexample as it stands in a record.

    ``region``, ``message``, ``failed`` and ``cases`` are there if it is not on record: they say what
    would explain it (:class:`Explanation`).  So is ``departs``, if another one is on record.
    """

    region: str
    message: str
    failed: int
    cases: int
    departs: str


class VerdictRecord(TypedDict):
    """A verdict as it stands in a record (``conformance run --json``)."""

    claim: str
    runtime: str
    library: str
    backend: str
    verdict: str
    expected: str | None
    as_expected: bool
    examples: int
    exhaustive: bool
    antecedents: dict[str, int]
    seconds: float
    reason: str | None
    counterexample: CounterexampleRecord | None


class GrowthRecord(TypedDict):
    """What grows on a backend from example to example, as it stands in a record.

    ``descriptors`` and ``bytes`` of memory are what an empty example leaves behind; ``claims`` are
    the file descriptors that an example left behind of a claim on a runtime, where it left any.
    """

    descriptors: float
    bytes: float
    claims: dict[str, float]


OTHER_CASE = "this case is not one of those on record, where the claim holds but for known cases"
OTHER_MESSAGE = "this case is on record, but what is seen in it is something else"
"""In what a counterexample is another than those on record."""

GONE = "what {} has on record happens no more"
"""What is said of one of several known bugs that is not seen any more."""


@dataclass(frozen=True)
class Counterexample:
    """A program that shows a claim false.

    ``script`` is a standalone program in the claim's library; ``text`` says in words which case it
    is and what was seen.  ``explanation`` is what would explain it, if nothing on record does.
    """

    script: str
    text: str
    explanation: Explanation | None = None


@dataclass(frozen=True)
class Explanation:
    """What would explain a counterexample: the smallest region of the cases that fail.

    ``region`` is in words, empty if every case fails; ``message`` is what is said in all of them, with
    ``…`` for what differs.  ``failed`` of ``cases`` that were run are in it.
    """

    region: str
    message: str
    failed: int
    cases: int


@dataclass(frozen=True)
class Example:
    """A program that a claim is judged on: ``script`` and ``text`` as of a counterexample."""

    script: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """What judging one claim on one runtime gave.

    ``expected`` is ``None`` where no expectation is on record, which is never as expected.
    ``departs`` says in what the counterexample is another than those on record, ``None`` that it is not:
    a claim that is known to be false may be so for another reason.
    """

    claim: str
    library: str
    backend: str
    verdict: VerdictName
    expected: VerdictName | None
    departs: str | None = None
    examples: int = 0
    exhaustive: bool = False
    antecedents: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    reason: str | None = None
    counterexample: Counterexample | None = None

    @property
    def runtime(self) -> str:
        """The library on the backend, as in ``anyio/asyncio+uvloop``."""
        return runtime_name(self.library, self.backend)

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the one on record, and so is its counterexample."""
        return self.verdict == self.expected and self.departs is None

    def record(self) -> VerdictRecord:
        """The verdict as it stands in a record."""
        counterexample = self.counterexample
        return VerdictRecord(
            claim=self.claim,
            runtime=self.runtime,
            library=self.library,
            backend=self.backend,
            verdict=self.verdict,
            expected=self.expected,
            as_expected=self.as_expected,
            examples=self.examples,
            exhaustive=self.exhaustive,
            antecedents=dict(self.antecedents),
            seconds=round(self.seconds, 6),
            reason=self.reason,
            counterexample=None
            if counterexample is None
            else counterexample_record(counterexample, self.departs),
        )


def counterexample_record(
    counterexample: Counterexample, departs: str | None
) -> CounterexampleRecord:
    """A counterexample as it stands in a record."""
    found = CounterexampleRecord(script=counterexample.script, text=counterexample.text)
    explanation = counterexample.explanation
    if explanation is not None:
        found["region"], found["message"] = explanation.region, explanation.message
        found["failed"], found["cases"] = explanation.failed, explanation.cases
    if departs is not None:
        found["departs"] = departs
    return found


def runtime_name(library: str, backend: str) -> str:
    """The name of ``library`` on ``backend``: the column of every table.

    asyncio and trio run on themselves, so their runtimes are named after the backend alone;
    anyio's are ``anyio/BACKEND``.
    """
    return f"anyio/{backend}" if library == "anyio" else backend
