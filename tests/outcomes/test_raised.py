"""Where an example raised what it must not, and what is no fault of the example's."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable

import pytest

from conformance.backends.discovery import builtin_backends
from conformance.judging.effort import Effort
from conformance.judging.judge import judge
from conformance.outcomes import lacking
from conformance.outcomes.classify import NO_ROOM, classify, describe
from conformance.outcomes.raised import where_raised
from tests.judging import example

ASYNCIO = builtin_backends()[0]


def raised(function: Callable[[], object]) -> Exception:
    """What ``function`` raises."""
    try:
        function()
    except Exception as error:
        return error
    raise AssertionError("it raised nothing")


def test_an_error_has_the_traceback_of_the_example() -> None:
    statement = example.BROKEN.statements["asyncio"]
    verdict = judge(statement, ASYNCIO, Effort(10))
    assert verdict.verdict == "error"
    assert verdict.counterexample is not None
    text = verdict.counterexample.text
    assert text.startswith("number = 0\nnumber 0\n\nTraceback (most recent call last):\n")
    assert 'in test_broken\n    raise ZeroDivisionError(f"number {number}")' in text
    assert text.endswith("ZeroDivisionError: number 0")
    # Nothing of what judges it.
    for ours in ("judging/judge.py", "judging/search.py", "backends/backend.py", "hypothesis"):
        assert ours not in text


def test_a_refutation_has_none() -> None:
    text = describe({"number": 0}, AssertionError("it is so"))
    assert text == "number = 0\nit is so"


def test_causes_and_members_are_told_from_the_example_on() -> None:
    def deep(depth: int) -> None:
        if depth:
            deep(depth - 1)
        raise KeyError("deep")

    def fail() -> None:
        try:
            deep(200)
        except KeyError as error:
            raise ValueError("shallow") from error

    text = where_raised(raised(fail))
    assert text.count("in deep") <= 20
    assert "KeyError: 'deep'" in text
    assert text.endswith("ValueError: shallow")


def short(monkeypatch: pytest.MonkeyPatch, *, is_short: bool) -> None:
    monkeypatch.setattr(lacking, "is_short_of_memory", lambda: is_short)


def from_a_memory_error() -> None:
    try:
        raise MemoryError
    except MemoryError as error:
        raise AssertionError("the loop raised MemoryError in run_forever()") from error


def no_thread() -> None:
    raise RuntimeError("can't start new thread")


def no_memory() -> None:
    raise OSError(errno.ENOMEM, "Cannot allocate memory")


@pytest.mark.parametrize("fail", [from_a_memory_error, no_thread, no_memory])
def test_without_memory_nothing_is_said_of_the_claim(
    fail: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    error = raised(fail)
    short(monkeypatch, is_short=True)
    verdict, reason = classify(error)
    assert (verdict, str(reason).startswith(NO_ROOM)) == ("error", True)
    # With memory enough it is the loop's own.
    short(monkeypatch, is_short=False)
    verdict, reason = classify(error)
    assert not str(reason).startswith(NO_ROOM)


def test_what_there_is_no_more_of() -> None:
    assert lacking.lacking(OSError(errno.EMFILE, "Too many open files")) == "open files (ulimit -n)"
    assert lacking.lacking(OSError(errno.ENOSPC, "No space left")) == "room on the disk"
    assert lacking.lacking(ValueError("it is wrong")) is None
    looped = ValueError("it was raised from itself")
    looped.__cause__ = looped
    assert lacking.lacking(looped) is None
    assert lacking.said_in("Traceback ...\nMemoryError\n") == lacking.MEMORY
    assert lacking.said_in("Segmentation fault") is None


def test_this_machine_has_memory() -> None:
    before = threading.active_count()
    assert not lacking.is_short_of_memory()
    assert threading.active_count() == before
