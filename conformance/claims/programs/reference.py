"""The reference predicts what every program does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import TASKS, TIMERS
from conformance.programs.cases import Case, runs

PREDICTED = law(
    "PROGRAM-01",
    "Whatever a small program awaits and wherever a cancel reaches it, it does nothing but what the "
    "reference semantics allows.",
    source="https://docs.python.org/3/library/asyncio-task.html#task-cancellation, "
    "https://trio.readthedocs.io/en/stable/reference-core.html#cancellation-semantics, "
    "https://anyio.readthedocs.io/en/stable/cancellation.html",
)


@PREDICTED.states(
    "asyncio",
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("a task was cancelled", "something else happened in the turn of the cancel"),
    builds_on=(TIMERS, TASKS),
)
@given(case=runs(largest=3))
def test_the_reference_allows_what_is_seen(case: Case, run: Callable[[Any], object]) -> None:
    seen = case.perform(run)
    if case.cancels:
        antecedent("a task was cancelled")
    if case.races:
        antecedent("something else happened in the turn of the cancel")
    assert case.allows(seen), f"the reference does not allow it:\n{case.compared(seen)}"
