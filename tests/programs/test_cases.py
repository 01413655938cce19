"""Runs of programs as claims draw them: what cannot be run somewhere is told."""

from __future__ import annotations

import sys
from dataclasses import replace

from hypothesis import given

from conformance.backends.discovery import builtin_backends
from conformance.claim import Claim, antecedent, holds
from conformance.judging.effort import Effort
from conformance.judging.judge import judge
from conformance.programs.cases import Case, runs
from conformance.programs.generate import missing
from conformance.toolbox.spaces import Place, stream_of

ALL = {"case": runs()}

CLAIM = Claim("TEST-RUNS", "There are programs.", source="a test")


@CLAIM.states("asyncio", expect=holds(), antecedents=("drawn",))
@given(**ALL)
def test_nothing(case: Case) -> None:
    antecedent("drawn")


def left_out(place: Place) -> list[str]:
    found = stream_of(ALL)
    assert found is not None
    return found[1].left_out(place)


def test_what_a_python_lacks_is_told() -> None:
    told = left_out(Place("asyncio"))
    for kind, why in missing("asyncio").items():
        assert any(kind.__name__ in line and line.endswith(why) for line in told)
    assert bool(told) is (sys.version_info < (3, 12))


def test_what_a_library_lacks_is_told_once() -> None:
    assert left_out(Place("trio")) == [
        "WaitFor, Gather, WaitAll, AsCompleted, Start: trio has nothing like it"
    ]


def test_on_a_real_clock_no_time_passes() -> None:
    told = left_out(Place("asyncio", real_clock=True))
    assert told == [*left_out(Place("asyncio")), "letting time pass: the clock is real"]


def test_the_verdict_says_what_was_left_out() -> None:
    backend = next(each for each in builtin_backends() if each.name == "asyncio")
    statement = CLAIM.statements["asyncio"]
    verdict = judge(statement, backend, Effort(examples=5, size=1))
    told = left_out(Place("asyncio"))
    assert verdict.verdict == "holds"
    assert verdict.reason is not None
    assert verdict.reason.endswith(f"; left out: {'; '.join(told)}" if told else "more were drawn")
    real = replace(backend, virtual=False)
    reason = judge(statement, real, Effort(examples=5, size=1)).reason
    assert reason is not None
    assert reason.endswith("letting time pass: the clock is real")
