"""Loops that hang or crash: each run ends by itself, and what can be judged is."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from conformance import book
from conformance.backends.discovery import discover
from conformance.judging.effort import Effort
from conformance.judging.plan import Outcome, Plan
from conformance.judging.prerequisites import FIRST, needed
from conformance.judging.supervision.supervisor import supervise
from conformance.toolbox.loop_driver import PATIENCE
from conformance.verdict import VerdictRecord

TIMERS = "LAW-LOOP-02"
SOME = ("LAW-LOOP-0[12]", "LAW-DELIVER-10", "LAW-DELIVER-14", "LAW-GATHER-01", "NEST-03")

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="a crash has no signal's name on Windows"
)


def judged(loop: str, *patterns: str, patience: float = 3.0) -> dict[str, VerdictRecord]:
    """The verdicts in asyncio on a broken loop, by claim."""
    spec = f"tests.wrong.broken:{loop}"
    claims = tuple(each for each in book.all_claims() if book.matches(each.id, patterns))
    plan = Plan(
        (discover([spec])[-1],),
        claims,
        libraries=("asyncio",),
        effort=Effort(25),
        patience=patience,
    )
    outcome = Outcome()
    supervise(plan, outcome)
    assert outcome.failures == []
    assert len(outcome.verdicts) == plan.size
    return {each["claim"]: each for each in outcome.verdicts}


@pytest.mark.parametrize("loop", ["Spins", "HoldsTheLock"])
def test_a_loop_that_is_busy_for_ever_hangs_once_and_blocks_the_rest(loop: str) -> None:
    verdicts = judged(loop, *SOME)
    first = verdicts.pop(FIRST)
    assert first["verdict"] == "hung"
    assert first["reason"] == "no example was begun for 3 s"
    assert first["counterexample"] is not None
    # The stack ends in the loop, and begins where the example does.
    assert "run_forever" in first["counterexample"]["text"]
    assert "judging" not in first["counterexample"]["text"]
    assert {each["verdict"] for each in verdicts.values()} == {"blocked"}
    assert all(FIRST in str(each["reason"]) for each in verdicts.values())
    assert not any(each["as_expected"] for each in verdicts.values())


def test_a_loop_that_never_runs_timers_is_told_so_once() -> None:
    verdicts = judged("NeverRunsTimers", *SOME)
    assert verdicts[TIMERS]["verdict"] in ("refuted", "hung")
    statements = {each.id: each.statements for each in book.all_claims()}
    for claim, verdict in verdicts.items():
        if TIMERS in needed(statements[claim]["asyncio"]):
            assert verdict["verdict"] == "blocked"
        elif claim != TIMERS:
            assert verdict["as_expected"], verdict
    counts = Counter(each["verdict"] for each in verdicts.values())
    assert counts["blocked"] and counts["holds"]


def test_a_loop_that_eats_callbacks_blocks_what_builds_on_them() -> None:
    # It goes quiet, and an example then takes as long as the laws about loops wait.
    verdicts = judged("EatsCallbacks", *SOME, patience=PATIENCE + 7)
    assert verdicts.pop(FIRST)["verdict"] == "refuted"
    assert {each["verdict"] for each in verdicts.values()} == {"blocked"}


def test_a_crash_names_its_signal_its_example_and_its_stack() -> None:
    verdicts = judged("CrashesAtTheThirdTask", "LAW-LOOP-01", "NEST-03")
    assert verdicts[FIRST]["as_expected"]
    crashed = verdicts["NEST-03"]
    assert (crashed["verdict"], crashed["reason"]) == ("crashed", "SIGSEGV")
    assert crashed["counterexample"] is not None
    text = crashed["counterexample"]["text"]
    assert "instant = " in text
    assert "Segmentation fault" in text
    assert "create_task" in text
    assert "judging" not in text


def test_a_hang_names_the_tasks_that_wait() -> None:
    verdicts = judged("ForgetsToWake", "NEST-03", patience=2)
    # A loop that has gone quiet can still be told to stop, if there is the patience for it.
    hung = verdicts["NEST-03"]
    assert hung["verdict"] == "hung"
    assert hung["counterexample"] is not None
    assert "waits at:" in hung["counterexample"]["text"]
    assert "instant = " in hung["counterexample"]["text"]
