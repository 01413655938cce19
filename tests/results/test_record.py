"""The record: made, checked, written whole or not at all, and read back or refused in one line."""

from __future__ import annotations

import copy
import json
import os
import stat
import sys
import threading
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

from conformance.claim import Claim, Statement
from conformance.results import record as results
from conformance.results.files import CannotWrite, check_writable, write_text
from conformance.results.record import BadRecord, Record, problem, read, write
from conformance.verdict import OTHER_CASE, OTHER_MESSAGE, VERDICT_NAMES, Counterexample, Verdict
from tests.results.samples import claim, record, records, verdict


def refusal(path: Path) -> str:
    """The line that ``read`` refuses ``path`` with."""
    with pytest.raises(BadRecord) as caught:
        read(path)
    line = str(caught.value)
    assert "\n" not in line
    assert str(path) in line
    return line


def test_the_schema_is_a_schema_and_knows_every_verdict() -> None:
    Draft202012Validator.check_schema(results.schema())
    verdicts = results.schema()["$defs"]["verdict"]["properties"]["verdict"]["enum"]
    assert tuple(verdicts) == VERDICT_NAMES


@given(records())
def test_what_is_written_is_read_back(made: Record) -> None:
    assert problem(made) is None
    # Through text, as a file has it.
    assert json.loads(json.dumps(made)) == made


@pytest.mark.parametrize(
    ("name", "shown", "as_expected", "right"),
    [
        ("refuted", {"departs": OTHER_CASE}, False, True),
        ("refuted", {"departs": OTHER_CASE}, True, False),
        ("refuted", {}, False, False),
        ("qualified", {"departs": OTHER_MESSAGE}, False, True),
        ("hung", None, False, True),
        ("hung", None, True, True),
    ],
)
def test_the_verdict_on_record_is_not_as_expected_where_its_counterexample_departs(
    name: str, shown: dict[str, str] | None, as_expected: bool, right: bool
) -> None:
    counterexample = None if shown is None else {"script": "", "text": "1 != 2", **shown}
    judged = verdict("LAW-IO-01", counterexample=counterexample, as_expected=as_expected)
    judged["verdict"] = name
    judged["expected"] = name
    assert (problem(record([judged])) is None) is right


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(records())
def test_a_record_survives_its_file(tmp_path: Path, made: Record) -> None:
    path = tmp_path / "record.json"
    write(made, path)
    assert read(path) == made
    assert os.listdir(tmp_path) == ["record.json"]


def test_a_record_is_made_of_claims_and_verdicts_in_one_order() -> None:
    first, second = Claim("GATHER-01", "…", "§3", ("LAW-GATHER-01",)), Claim("NEST-01", "…", "§4")
    for each in (first, second):
        each.statements["asyncio"] = Statement(each, "asyncio", lambda: None, (), {})
    counterexample = Counterexample("print()", "delay = 0")
    given = [
        Verdict("NEST-01", "asyncio", "asyncio", "refuted", None, counterexample=counterexample),
        Verdict("GATHER-01", "trio", "trio", "holds", "holds"),
        Verdict("GATHER-01", "anyio", "asyncio", "holds", "holds"),
        Verdict("GATHER-01", "asyncio", "asyncio+zloop", "holds", "holds"),
        Verdict("GATHER-01", "asyncio", "asyncio+pytask", "holds", "holds"),
        Verdict("GATHER-01", "asyncio", "asyncio", "holds", "holds"),
    ]
    names = ["asyncio", "asyncio+pytask", "asyncio+zloop", "trio"]
    east = timezone(timedelta(hours=9))
    made = results.make_record(
        [each.record() for each in given],
        [first, second],
        [
            *(results.backend_record(name, None) for name in names),
            results.backend_record("asyncio+uvloop", "not installed"),
        ],
        results.run_record(
            seed=7,
            profile="quick",
            size=2,
            started=datetime(2026, 1, 1, tzinfo=east),
            seconds=2,
        ),
    )
    assert problem(made) is None
    assert [f"{each['claim']}[{each['runtime']}]" for each in made["verdicts"]] == [
        "GATHER-01[asyncio]",
        "GATHER-01[asyncio+pytask]",
        "GATHER-01[asyncio+zloop]",
        "GATHER-01[anyio/asyncio]",
        "GATHER-01[trio]",
        "NEST-01[asyncio]",
    ]
    assert made["run"]["started"] == "2025-12-31T15:00:00+00:00"
    assert made["run"]["size"] == 2
    assert made["claims"][0]["instead"] == ["LAW-GATHER-01"]
    assert made["backends"][-1] == {
        "name": "asyncio+uvloop",
        "available": False,
        "reason": "not installed",
    }


def test_the_environment_is_this_one() -> None:
    here = results.environment()
    assert here["python"].startswith(f"{sys.version_info[0]}.{sys.version_info[1]}.")
    assert here["gil"] is getattr(sys, "_is_gil_enabled", lambda: True)()
    assert {"anyio", "trio", "hypothesis"} <= here["packages"].keys()


def test_a_version_is_given_though_nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "DISTRIBUTION", "no-such-distribution")
    assert results.conformance_version() == "unknown"


# What makes a record wrong, and what is said of it.
WRONG = {
    "no-expectation-is-null": ("verdicts", 0, "expected", "no"),
    "unknown-verdict": ("verdicts", 0, "verdict", "perhaps"),
    "no-answer-expected": ("verdicts", 0, "expected", "hung"),
    "negative": ("verdicts", 0, "examples", -1),
    "unknown-library": ("verdicts", 0, "library", "curio"),
    "runtime-of-another-backend": ("verdicts", 0, "runtime", "trio"),
    "backend-not-listed": ("verdicts", 0, "backend", "asyncio+uvloop"),
    "claim-not-listed": ("verdicts", 0, "claim", "NEST-01"),
    "fields-that-disagree": ("verdicts", 0, "as_expected", False),
    "extra": ("verdicts", 0, "colour", "red"),
    "unavailable-for-no-reason": ("backends", 0, "available", False),
    "available-for-a-reason": ("backends", 0, "reason", "why not"),
    "no-time": ("run", None, "started", "yesterday"),
    "number-for-text": ("environment", None, "python", 3.13),
}


@pytest.mark.parametrize(("part", "place", "key", "value"), WRONG.values(), ids=WRONG)
def test_a_record_that_is_wrong_is_neither_written_nor_read(
    tmp_path: Path, part: str, place: int | None, key: str, value: object
) -> None:
    made = record([verdict("GATHER-01")])
    where: Any = cast("dict[str, Any]", made)[part]
    (where if place is None else where[place])[key] = value
    path = tmp_path / "record.json"
    with pytest.raises(BadRecord):
        write(made, path)
    assert not path.exists()
    path.write_text(json.dumps(made))
    line = refusal(path)
    assert part in line
    assert "conformance run --json" in line


@pytest.mark.parametrize("part", ["claims", "backends", "verdicts"])
def test_nothing_is_listed_twice(part: str) -> None:
    made = cast("dict[str, Any]", record([verdict("GATHER-01")]))
    made[part].append(copy.deepcopy(made[part][0]))
    assert "twice" in (problem(made) or "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is not JSON"),
        (b'{"schema_version": 1', "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"NaN", "is not JSON"),
        (b"[" * 200_000, "is nested too deeply"),
        (b'{"a": {"b": 1, "c": 2, "b": 1}}', "'b' is there twice in one object"),
        (b'{"a": -Infinity}', "-Infinity is no number of JSON's"),
        (b'{"a": 1e400}', "1e400 is too large a number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON"),
        ('{"\u202e\\u001b[31m": 1}'.encode(), "\\u202e\\x1b[31m"),
        (b"[]", "not a valid record"),
        (b"null", "not a valid record"),
        (b"{}", "not a valid record"),
        (b'{"schema_version": 0}', "not a valid record"),
        (b'{"schema_version": true}', "not a valid record"),
        (b'{"schema_version": 2}', "pip install --upgrade"),
    ],
)
def test_what_is_no_record_is_refused_in_one_line(tmp_path: Path, text: bytes, said: str) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(text)
    line = refusal(path)
    assert said in line
    assert len(line) < len(str(path)) + 400


def test_a_mark_of_the_encoding_is_no_part_of_a_record(tmp_path: Path) -> None:
    made = record([verdict("NEST-01")])
    path = tmp_path / "record.json"
    path.write_text(json.dumps(made), encoding="utf-8-sig")
    assert read(path) == made


@pytest.mark.parametrize(
    ("part", "place", "key", "value"),
    [
        ("claims", 0, "id", "x" * 1001),
        ("claims", 0, "chapter", " "),
        ("claims", 0, "libraries", ["trio", "trio"]),
        ("verdicts", 0, "seconds", 10**400),
        ("verdicts", 0, "examples", 10**20),
        ("run", None, "seconds", 1e300),
        ("environment", None, "packages", {"": "1.0"}),
    ],
)
def test_what_no_table_can_show_is_no_record(
    part: str, place: int | None, key: str, value: object
) -> None:
    made = record([verdict("NEST-01")])
    where: Any = cast("dict[str, Any]", made)[part]
    (where if place is None else where[place])[key] = value
    assert part in (problem(made) or "")


def test_a_record_that_is_missing_or_a_directory_is_refused(tmp_path: Path) -> None:
    assert "there is no record" in refusal(tmp_path / "none.json")
    assert "cannot read" in refusal(tmp_path)


def test_what_cannot_be_written_is_said_before_and_after(tmp_path: Path) -> None:
    for path, said in (
        (tmp_path, "it is a directory"),
        (tmp_path / "none" / "record.json", "there is no directory"),
    ):
        for attempt in (partial(check_writable, path), partial(write, record(), path)):
            with pytest.raises(CannotWrite, match=said) as caught:
                attempt()
            assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_seeing_that_a_file_can_be_written_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    check_writable(path)
    assert os.listdir(tmp_path) == []
    path.write_text("before")
    check_writable(path)
    assert path.read_text() == "before"


def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "record.json"
    path.write_text("before")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(CannotWrite, match="No space left"):
        write(record(), path)
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["record.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions, links and pipes are POSIX's")
def test_a_file_keeps_its_permissions_and_a_link_stays_one(tmp_path: Path) -> None:
    path, link = tmp_path / "record.json", tmp_path / "link.json"
    write_text(path, "one")
    fresh = tmp_path / "fresh"
    fresh.write_text("")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(fresh.stat().st_mode)
    path.chmod(0o640)
    link.symlink_to(path)
    write_text(link, "two")
    assert link.is_symlink()
    assert path.read_text() == "two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(sys.platform == "win32", reason="permissions, links and pipes are POSIX's")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()), daemon=True)
    reader.start()
    check_writable(pipe)
    write_text(pipe, "text")
    reader.join(10)
    assert got == ["text"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_claim_without_a_statement_has_no_libraries() -> None:
    assert claim("NEST-01", libraries=[])["libraries"] == []
    assert problem(record(claims=[claim("NEST-01", libraries=[])])) is None
