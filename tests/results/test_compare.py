"""What changed from one record to another."""

from __future__ import annotations

import copy

from hypothesis import given

from conformance.results.compare import compare
from conformance.results.record import Record
from conformance.verdict import VerdictRecord
from tests.results.samples import record, records, verdict


def test_each_kind_of_change_is_told_apart() -> None:
    old = record(
        [
            verdict("GATHER-01"),
            verdict("GATHER-02"),
            verdict("GATHER-03", "trio", "refuted", "refuted"),
            verdict("GATHER-04"),
        ]
    )
    new = record(
        [
            verdict("GATHER-01", verdict="hung"),
            verdict("GATHER-02", expected=None),
            verdict("GATHER-04", seconds=9.0, examples=3, reason="other words"),
            verdict("GATHER-05"),
        ],
        python="3.14.0",
    )
    difference = compare(old, new)
    assert [each.name for each in difference.changed] == ["GATHER-01[asyncio]"]
    assert [each.name for each in difference.expectations] == ["GATHER-02[asyncio]"]
    assert [each.name for each in difference.appeared] == ["GATHER-05[asyncio]"]
    assert [each.name for each in difference.vanished] == ["GATHER-03[trio]"]
    assert ("python", "CPython 3.13.1", "CPython 3.14.0") in difference.information
    assert ("backend trio", "available", "none") in difference.information
    assert difference.any


def test_another_environment_is_no_change() -> None:
    difference = compare(
        record([verdict("NEST-01")], packages={"anyio": "4.0"}),
        record([verdict("NEST-01")], packages={"anyio": "4.1", "uvloop": "0.22"}, seed=3, size=2),
    )
    assert not difference.any
    assert difference.information == (
        ("seed", "0", "3"),
        ("anyio", "4.0", "4.1"),
        ("size of programs", "none", "2"),
        ("uvloop", "none", "0.22"),
    )


@given(records())
def test_nothing_changed_from_a_record_to_itself(made: Record) -> None:
    difference = compare(made, copy.deepcopy(made))
    assert not difference.any
    assert difference.information == ()


@given(records(), records())
def test_the_other_way_round_old_and_new_change_places(one: Record, other: Record) -> None:
    there, back = compare(one, other), compare(other, one)
    assert {each.name for each in there.changed} == {each.name for each in back.changed}
    assert {each.name for each in there.expectations} == {each.name for each in back.expectations}
    assert {each.name for each in there.appeared} == {each.name for each in back.vanished}
    assert there.any == back.any


@given(records(), records())
def test_the_difference_turns_the_old_verdicts_into_the_new(old: Record, new: Record) -> None:
    difference = compare(old, new)
    patched = {_cell(each): (each["verdict"], each["expected"]) for each in old["verdicts"]}
    for change in difference.vanished:
        del patched[change.claim, change.runtime]
    for change in (*difference.changed, *difference.expectations, *difference.appeared):
        assert change.new is not None
        patched[change.claim, change.runtime] = (change.new["verdict"], change.new["expected"])
    assert patched == {_cell(each): (each["verdict"], each["expected"]) for each in new["verdicts"]}


def _cell(verdict: VerdictRecord) -> tuple[str, str]:
    return verdict["claim"], verdict["runtime"]


def test_another_loop_of_the_same_name_is_told() -> None:
    def of(**facts: str) -> Record:
        made = record([verdict("NEST-01", "asyncio+loop")])
        made["backends"][0].update(facts)  # type: ignore[typeddict-item]  # facts of a backend
        return made

    one, other = of(loop="a.Loop", package="a 1"), of(loop="b.Loop", package="b 1")
    assert compare(one, other).information == (
        ("loop of asyncio+loop", "a.Loop of a", "b.Loop of b"),
    )
    # Where one of them does not say, nothing is known to differ.
    for same in (of(), of(loop="a.Loop", package="a 2")):
        assert compare(one, same).information == compare(same, one).information == ()


def test_a_package_may_have_any_name() -> None:
    one, other = (record(packages={"seed": version}) for version in ("1", "2"))
    assert compare(one, other).information == (("package seed", "1", "2"),)
