"""Which verdicts belong into one column, and which records are of one Python."""

from __future__ import annotations

import pytest

from conformance.results.merge import merge
from conformance.results.record import Record, problem
from tests.results.samples import claim, record, verdict


def of_loop(python: str, **facts: str) -> Record:
    """A record of a loop that is called the same whatever is known of it."""
    made = record(
        [verdict("NEST-01", "asyncio+loop"), verdict("NEST-01", "anyio/asyncio+loop")],
        python=python,
    )
    made["backends"][0].update(facts)  # type: ignore[typeddict-item]  # facts of a backend
    return made


@pytest.mark.parametrize(
    ("one", "other", "names"),
    [
        ({}, {}, ["asyncio+loop"]),
        ({"package": "p 1"}, {"package": "p 2"}, ["asyncio+loop"]),
        (
            {"loop": "p.L", "package": "p 1", "spec": "p:new"},
            {"loop": "p.L", "package": "p 2"},
            ["asyncio+loop"],
        ),
        ({"loop": "a.L", "spec": "a:L"}, {}, ["asyncio+loop"]),
        (
            {"loop": "a.L", "spec": "a:L"},
            {"loop": "b.L", "spec": "b:L"},
            ["asyncio+loop:a.L of a:L", "asyncio+loop:b.L of b:L"],
        ),
        (
            {"loop": "s.L", "spec": "a:new"},
            {"loop": "s.L", "spec": "b:new"},
            ["asyncio+loop:s.L of a:new", "asyncio+loop:s.L of b:new"],
        ),
        ({"package": "p 1"}, {"package": "q 1"}, ["asyncio+loop:p", "asyncio+loop:q"]),
    ],
)
def test_two_loops_of_one_name_are_two_columns(
    one: dict[str, str], other: dict[str, str], names: list[str]
) -> None:
    merged = merge([of_loop("3.13.1", **one), of_loop("3.12.1", **other)])
    # They are of two Pythons, and not of one Python that was judged twice.
    assert merged.labels == ("3.12", "3.13")
    backends = {each["name"] for run in merged.runs for each in run.record["backends"]}
    runtimes = {each["runtime"] for run in merged.runs for each in run.record["verdicts"]}
    assert backends == set(names)
    assert runtimes == {*names, *(f"anyio/{name}" for name in names)}
    for run in merged.runs:
        assert problem(run.record) is None


def test_records_of_one_python_s_backends_are_one() -> None:
    one = record([verdict("NEST-01", "asyncio+one")], why_not={"asyncio+two": "not installed"})
    two = record([verdict("NEST-01", "asyncio+two"), verdict("NEST-02", "trio")])
    two["run"]["started"], two["run"]["seconds"] = "2025-01-01T00:00:00+00:00", 3.0
    merged = merge([one, two])
    assert merged.labels == ("3.13",)
    (whole,) = (run.record for run in merged.runs)
    assert problem(whole) is None
    assert [each["id"] for each in whole["claims"]] == ["NEST-01", "NEST-02"]
    assert {each["name"]: each["available"] for each in whole["backends"]} == {
        "asyncio+one": True,
        "asyncio+two": True,
        "trio": True,
    }
    assert (whole["run"]["started"], whole["run"]["seconds"]) == (two["run"]["started"], 4.5)


@pytest.mark.parametrize(
    "other",
    [
        record([verdict("NEST-01", "asyncio+one", "refuted")]),
        record([verdict("NEST-01", "trio")], seed=1),
        record([verdict("NEST-01", "trio")], packages={"anyio": "5.0"}),
        record([verdict("NEST-01", "trio")], claims=[claim("NEST-01", sentence="Other words.")]),
    ],
)
def test_records_that_are_not_of_one_are_not_one(other: Record) -> None:
    assert len(merge([record([verdict("NEST-01", "asyncio+one")]), other]).runs) == 2


def test_two_loops_of_one_name_on_one_python_are_two_columns() -> None:
    merged = merge(
        [
            of_loop("3.13.1", loop="a.L", spec="a:new"),
            of_loop("3.13.1", loop="b.L", spec="b:new"),
        ]
    )
    assert merged.labels == ("3.13",)
