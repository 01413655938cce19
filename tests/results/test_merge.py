"""Records of several Pythons, side by side."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.results.merge import asked_label, label, merge, parse_label, single
from conformance.results.record import Record
from conformance.results.shown import shown
from tests.results.samples import environment, record, records, verdict


def test_pythons_stand_by_implementation_then_threads_then_version() -> None:
    given = [
        record(python="3.11.13", implementation="PyPy"),
        record(python="3.13.5", gil=False),
        record(python="3.9.1"),
        record(python="3.14.0rc1"),
        record(python="3.10.4"),
    ]
    merged = merge(given, asked=["py310", "3.15", "3.14t", "pypy3.10", "py311"])
    assert merged.labels == ("3.9", "3.10", "3.14", "3.13t", "PyPy 3.11")
    assert merged.skipped == ("3.11", "3.15", "3.14t", "PyPy 3.10")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("py310", "3.10"),
        ("3.13", "3.13"),
        ("python3.12", "3.12"),
        ("py313t", "3.13t"),
        ("3.14T", "3.14t"),
        ("pypy3.11", "PyPy 3.11"),
        ("pypy311", "PyPy 3.11"),
        ("PyPy 3.11", "PyPy 3.11"),
        ("jython", "jython"),
    ],
)
def test_a_python_may_be_asked_for_as_tox_names_it(name: str, shown: str) -> None:
    assert asked_label(name) == shown
    assert asked_label(shown) == shown


def test_pythons_of_one_version_are_told_apart() -> None:
    one = [verdict("NEST-01")]
    merged = merge(
        [record(one, python="3.13.5"), record(one, python="3.13.1"), record(one, python="3.13.5")]
    )
    assert merged.labels == ("3.13.1", "3.13.5", "3.13.5 (run 2)")


def test_what_was_asked_for_and_run_is_not_skipped_though_it_ran_twice() -> None:
    assert merge([record(), record()], asked=["3.13"]).skipped == ()


@given(st.lists(records(), max_size=3))
def test_every_verdict_is_kept_once_under_the_label_of_its_python(made: list[Record]) -> None:
    merged = merge(made)
    assert len(set(merged.labels)) == len(merged.runs) <= len(made)
    kept = [each for run in merged.runs for each in run.record["verdicts"]]
    given = [each for one in made for each in shown(one)["verdicts"]]
    assert sorted(map(json.dumps, kept)) == sorted(map(json.dumps, given))


@given(st.lists(records(), max_size=3), st.randoms(use_true_random=False))
def test_the_order_of_the_records_does_not_matter(made: list[Record], random: object) -> None:
    shuffled = list(made)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    assert merge(shuffled).labels == merge(made).labels


@given(records())
def test_a_single_record_has_the_label_of_its_python(made: Record) -> None:
    assert single(made).labels == (label(made["environment"]),)


def test_a_label_says_its_family_and_version() -> None:
    assert parse_label(label(environment("3.13.1"))) == (" ", (3, 13))
    assert parse_label(label(environment("3.13.1", gil=False))) == (" t", (3, 13))
    assert parse_label(label(environment("3.11.1", implementation="PyPy"))) == ("PyPy ", (3, 11))
    assert parse_label("3.13.5 (run 2)") is None


def test_pypy_without_a_version_is_any_pypy() -> None:
    pypy = record(python="3.11.13", implementation="PyPy")
    assert merge([pypy], asked=["pypy3"]).skipped == ()
    assert merge([record()], asked=["pypy3"]).skipped == ("PyPy",)
