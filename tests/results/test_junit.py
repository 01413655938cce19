"""A record as JUnit XML."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given

from conformance.results.files import CannotWrite
from conformance.results.junit import junit, write_junit
from conformance.results.record import Record
from conformance.results.runtimes import in_order
from conformance.verdict import ANSWERS
from tests.results.samples import record, records, verdict


def cases(made: Record) -> dict[str, ElementTree.Element]:
    root = ElementTree.fromstring(junit(made))
    return {str(case.get("name")): case for case in root.iter("testcase")}


def test_each_verdict_is_a_case_of_its_runtime() -> None:
    made = record(
        [
            verdict("GATHER-04", "asyncio+uvloop", "refuted", "refuted", reason="it is so"),
            verdict("GATHER-04", "trio", "not-applicable", "not-applicable"),
        ],
        why_not={"asyncio+eager": "came with Python 3.12"},
    )
    root = ElementTree.fromstring(junit(made))
    assert [suite.get("name") for suite in root.iter("testsuite")] == [
        "asyncio+eager",
        "asyncio+uvloop",
        "anyio/asyncio+eager",
        "trio",
    ]
    reasons = [
        each.get("value") for each in root.iter("property") if each.get("name") == "not available"
    ]
    assert reasons == ["came with Python 3.12"] * 2
    found = cases(made)
    assert list(found) == ["GATHER-04[asyncio+uvloop]", "GATHER-04[trio]"]
    assert {case.get("classname") for case in found.values()} == {"gather"}
    assert [child.tag for child in found["GATHER-04[trio]"]] == ["system-out"]
    assert "refuted (expected: refuted): it is so" in str(
        found["GATHER-04[asyncio+uvloop]"].findtext("system-out")
    )


@given(records())
def test_it_is_xml_whatever_was_drawn_and_fails_what_is_not_as_expected(made: Record) -> None:
    found = cases(made)
    assert len(found) == len(made["verdicts"])
    for each in made["verdicts"]:
        (child,) = found[f"{each['claim']}[{each['runtime']}]"]
        if each["as_expected"]:
            assert child.tag == "system-out"
        else:
            assert child.tag == ("failure" if each["verdict"] in ANSWERS else "error")
            assert child.get("type") == each["verdict"]
    root = ElementTree.fromstring(junit(made))
    wrong = sum(not each["as_expected"] for each in made["verdicts"])
    for level in ([root], root.findall("testsuite")):
        assert sum(int(each.attrib["tests"]) for each in level) == len(found)
        assert (
            sum(int(each.attrib["failures"]) + int(each.attrib["errors"]) for each in level)
            == wrong
        )
    names = [str(suite.get("name")) for suite in root.iter("testsuite")]
    assert names == in_order(names)


def test_it_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_junit(record([verdict("NEST-01")]), tmp_path / "junit.xml")
    assert os.listdir(tmp_path) == ["junit.xml"]
    with pytest.raises(CannotWrite):
        write_junit(record(), tmp_path / "none" / "junit.xml")
