"""What judging gives for claims whose truth is known."""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.backends.backend import Backend
from conformance.backends.virtual import VirtualLoop
from conformance.claim import Claim, Expect
from conformance.judging import explaining
from conformance.judging.effort import Effort
from conformance.judging.judge import judge
from conformance.verdict import Verdict
from tests.judging import example
from tests.judging.laws import LAW

ASYNCIO = Backend("asyncio", loop=VirtualLoop)
TRIO = Backend("trio", kind="trio", script_style="trio")


def judged(claim: Claim, library: Any = "asyncio", **effort: int) -> Verdict:
    backend = TRIO if library == "trio" else ASYNCIO
    return judge(claim.statements[library], backend, Effort(**effort))


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        (example.TRUE, "holds"),
        (example.FALSE, "refuted"),
        (example.FALSE_ENUMERATED, "refuted"),
        (example.LOOSE, "qualified"),
        (example.UNFAIR, "refuted"),
        (example.VACUOUS, "vacuous"),
        (example.QUIET, "hung"),
        (example.BROKEN, "error"),
        (example.ESCAPING, "error"),
        (example.MISSING, "not-applicable"),
    ],
    ids=lambda thing: thing.id if isinstance(thing, Claim) else thing,
)
def test_the_verdict(claim: Claim, verdict: str) -> None:
    assert judged(claim).verdict == verdict


def test_a_small_space_is_run_whole() -> None:
    verdict = judged(example.TRUE)
    assert (verdict.exhaustive, verdict.examples) == (True, 12)
    assert verdict.antecedents == {"slept": 12}


def test_where_order_is_drawn_each_case_is_run_in_several() -> None:
    verdict = judged(example.TRUE, "trio")
    assert (verdict.exhaustive, verdict.examples) == (True, 36)


def test_a_small_space_is_run_whole_however_few_examples_are_asked_for() -> None:
    verdict = judged(example.TRUE, examples=1)
    assert (verdict.exhaustive, verdict.examples) == (True, 12)


@pytest.mark.parametrize("seed", range(5))
def test_the_search_goes_on_until_no_floor_is_missed(seed: int) -> None:
    """One case in ten thousand has it: the search comes to it, whatever the seed."""
    verdict = judged(example.BIG, examples=10, seed=seed)
    assert (verdict.verdict, verdict.exhaustive) == ("holds", False)
    assert verdict.antecedents["both are the last"] == 1
    assert verdict.examples > 10


def test_a_floor_that_is_missed_was_missed_by_the_whole_space() -> None:
    statement = replace(example.BIG.statements["asyncio"], floors={"both are the last": 0.5})
    verdict = judge(statement, ASYNCIO, Effort(examples=10))
    assert verdict.verdict == "vacuous"
    assert verdict.reason == (
        "'both are the last' came true in 1 of 10,000 examples: at least 5 must"
    )


@pytest.mark.parametrize("library", ["asyncio", "anyio", "trio"])
def test_the_counterexample_is_the_smallest(library: str) -> None:
    verdict = judged(example.FALSE, library)
    assert verdict.counterexample is not None
    assert verdict.counterexample.text == "number = 4\n4 is above three"


def test_an_enumerated_counterexample_is_the_first() -> None:
    counterexample = judged(example.FALSE_ENUMERATED).counterexample
    assert counterexample is not None
    assert counterexample.text == "letter = 'a'\nnumber = 4\n4 is above three"


def test_qualified_comes_with_the_counterexample_and_the_qualification() -> None:
    verdict = judged(example.LOOSE)
    assert verdict.reason == "It is so for the numbers below three."
    assert verdict.counterexample is not None
    assert "4 is above three" in verdict.counterexample.text


def test_a_fair_reading_that_fails_is_refuted_by_its_own_counterexample() -> None:
    counterexample = judged(example.UNFAIR).counterexample
    assert counterexample is not None
    assert "number = 4" in counterexample.text


def test_vacuous_says_what_came_true_too_seldom() -> None:
    reason = judged(example.VACUOUS).reason
    assert reason == "'it happened' came true in 1 of 10 examples: at least 5 must"


@pytest.mark.parametrize("library", ["asyncio", "anyio", "trio"])
def test_hung_names_the_example(library: str) -> None:
    verdict = judged(example.QUIET, library)
    assert verdict.verdict == "hung"
    assert verdict.reason == "every task waits, nothing is scheduled and no timer is set"
    assert verdict.counterexample is not None
    assert verdict.counterexample.text.startswith("number = 2\n")


def test_an_error_says_what_was_raised() -> None:
    assert judged(example.BROKEN).reason == "ZeroDivisionError: number 0"
    assert "CancelledError got out of the example" in str(judged(example.ESCAPING).reason)


def test_the_script_of_an_error_raises_it(tmp_path: Path) -> None:
    counterexample = judged(example.BROKEN).counterexample
    assert counterexample is not None
    script = tmp_path / "script.py"
    script.write_text(counterexample.script, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-I", script], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (1, "ZeroDivisionError: number 0")


def test_not_applicable_is_looked_up() -> None:
    assert judged(example.MISSING, "trio").verdict == "not-applicable"
    present = judged(example.MISSING, "anyio")
    assert present.verdict == "refuted"
    assert present.counterexample is not None
    assert "anyio.sleep should not exist, but does" in present.counterexample.text


def test_without_an_expectation_nothing_is_as_expected() -> None:
    verdict = judged(example.UNRECORDED)
    assert (verdict.verdict, verdict.expected, verdict.as_expected) == ("holds", None, False)


@pytest.mark.parametrize("library", ["asyncio", "trio"])
def test_the_same_seed_draws_the_same_examples(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Any, int]] = []
    run = Backend.run

    def recorded(self: Backend, each: Any, *, order: int = 0, io: bool = False) -> None:
        seen.append((dict(each.keywords), order))
        run(self, each, order=order, io=io)

    monkeypatch.setattr(Backend, "run", recorded)

    def drawn(seed: int) -> list[tuple[Any, int]]:
        seen.clear()
        judged(example.FALSE, library, seed=seed)
        return list(seen)

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_what_is_drawn_does_not_follow_from_the_modules_that_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hypothesis reads numbers off the source of what was imported; a seed must mean one thing."""
    seen: list[dict[str, Any]] = []
    run = Backend.run

    def recorded(self: Backend, each: Any, *, order: int = 0, io: bool = False) -> None:
        seen.append(dict(each.keywords))
        run(self, each, order=order, io=io)

    monkeypatch.setattr(Backend, "run", recorded)

    def drawn() -> list[dict[str, Any]]:
        seen.clear()
        judged(example.FALSE, "trio", seed=5)
        return list(seen)

    before = drawn()
    (tmp_path / "full_of_numbers.py").write_text(f"NUMBERS = {list(range(1000, 60000, 7))}\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("full_of_numbers")
    assert drawn() == before


def test_why_one_verdict_was_expected_is_no_reason_for_another() -> None:
    statement = example.FALSE.statements["asyncio"]
    expect = (Expect("holds", "the documentation says so"),)
    verdict = judge(replace(statement, expect=expect), ASYNCIO)
    assert (verdict.verdict, verdict.reason) == ("refuted", None)


def test_looking_for_a_region_is_told_of_and_takes_no_longer_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    statement, heard = LAW.statements["asyncio"], list[Any]()
    verdict = judge(statement, ASYNCIO, pulse=lambda _, values: heard.append(values))
    assert verdict.counterexample is not None
    assert verdict.counterexample.explanation is not None
    assert len(heard) > 10, "the ten cases were run once more"
    monkeypatch.setattr(explaining, "SECONDS", -1.0)
    verdict = judge(statement, ASYNCIO)
    assert verdict.counterexample is not None
    assert verdict.counterexample.explanation is None
