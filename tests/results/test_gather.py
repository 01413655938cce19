"""The records of files and folders: what is no record is passed over and told, what disagrees is told."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from conformance.results.gather import Gathered, gather
from conformance.results.record import BadRecord, Record, write
from tests.results.samples import claim, record, verdict

ONE = record([verdict("NEST-01"), verdict("NEST-02")], python="3.12.1")
TWO = record([verdict("NEST-01"), verdict("NEST-02")], python="3.13.1")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "records" / "more").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    write(ONE, "records/one.json")
    write(TWO, "records/more/two.json")
    return tmp_path / "records"


def refusal(*names: str) -> str:
    with pytest.raises(BadRecord) as caught:
        gather(names)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def paths(found: Gathered) -> list[str]:
    return [Path(source.path).as_posix() for source in found.sources]


def test_a_folder_is_looked_through(folder: Path) -> None:
    found = gather(["records"])
    assert paths(found) == ["records/one.json", "records/more/two.json"]
    assert found.records == [ONE, TWO]
    assert found.notes == []


def test_what_is_no_record_is_passed_over_in_a_folder_and_refused_by_name(folder: Path) -> None:
    (folder / "package.json").write_text('{"name": "of somebody else"}')
    (folder / "broken.json").write_text('{"schema_version": 1')
    (folder / "newer.json").write_text('{"schema_version": 2}')
    (folder / "folder.json").mkdir()
    found = gather(["records"])
    assert found.records == [ONE, TWO]
    assert [note.partition(".json ")[0] for note in found.notes] == [
        f"passed over: {os.path.join('records', name)}" for name in ("broken", "newer", "package")
    ]
    assert "is not JSON" in found.notes[0]
    assert "pip install --upgrade" in found.notes[1]
    assert "is not a valid record" in found.notes[2]
    assert "package.json is not a valid record" in refusal("records", "records/package.json")


@pytest.mark.parametrize("foreign", [False, True])
def test_a_folder_without_a_record_is_refused(tmp_path: Path, foreign: bool) -> None:
    if foreign:
        (tmp_path / "foreign.json").write_text("[]")
    line = refusal(str(tmp_path))
    assert line.startswith(f"no records in {tmp_path}")
    assert ("foreign.json is not a valid record" in line) is foreign
    assert "conformance run --json" in line


def test_a_folder_that_cannot_be_read_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def closed(path: Any) -> Any:
        if str(path).endswith("more"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    more = os.path.join("records", "more")
    assert gather(["records"]).notes == [f"passed over: cannot read {more}: Permission denied"]
    assert f"no records in {more} (cannot read {more}: Permission denied)" in refusal(more)


def test_a_record_is_taken_once(folder: Path) -> None:
    write(ONE, "records/copy.json")
    found = gather(["records/one.json", "records"])
    assert found.records == [ONE, TWO]
    copy, one = (os.path.join("records", name) for name in ("copy.json", "one.json"))
    assert found.notes == [
        f"taken once: {copy} is the record that records/one.json is",
        f"taken once: {one} is named twice",
    ]


def test_records_that_disagree_are_told(folder: Path) -> None:
    def changed(name: str, made: Record, seconds: float) -> None:
        made["run"]["seconds"] = seconds
        write(made, f"records/{name}.json")

    names = ["refuted", "holds"]
    changed("same", record([verdict("NEST-01"), verdict("NEST-02")], python="3.12.1"), 2.0)
    changed("words", record(claims=[claim("NEST-01", sentence="Other words.")]), 3.0)
    changed("flaky", record([verdict("NEST-02", "asyncio", *names)], python="3.12.1"), 4.0)
    changed("seed", record([verdict("NEST-02", "asyncio", *names)], python="3.12.1", seed=1), 5.0)
    flaky, one, words = (
        os.path.join("records", f"{name}.json") for name in ("flaky", "one", "words")
    )
    assert gather(["records"]).notes == [
        f"NEST-01 read otherwise in {one} and {words}",
        f"{flaky} and {one} were made in the same way and disagree on NEST-02[asyncio]",
        f"{flaky} and {os.path.join('records', 'same.json')} were made in the same way and disagree "
        "on NEST-02[asyncio]",
    ]


def test_of_many_a_few_are_named(folder: Path) -> None:
    ids = [f"NEST-{number:02}" for number in range(1, 6)]
    write(record(claims=[claim(id) for id in ids]), "a.json")
    write(record(claims=[claim(id, sentence="Other words.") for id in ids]), "b.json")
    assert gather(["a.json", "b.json"]).notes == [
        "NEST-01, NEST-02, NEST-03 and 2 more read otherwise in a.json and b.json"
    ]


def test_a_record_may_come_out_of_a_pipe(folder: Path) -> None:
    if not os.path.exists("/dev/fd"):
        pytest.skip("there is no /dev/fd")
    reading, writing = os.pipe()
    os.write(writing, json.dumps(ONE).encode())
    os.close(writing)
    try:
        assert gather([f"/dev/fd/{reading}"]).records == [ONE]
    finally:
        os.close(reading)
