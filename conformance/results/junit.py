"""A record as JUnit XML, for the CI systems that show it: a suite a runtime, a case a verdict."""

from __future__ import annotations

import os
import re
from xml.etree import ElementTree

from conformance.results.files import write_text
from conformance.results.record import Record
from conformance.results.runtimes import in_order, runtimes_of
from conformance.results.shown import shown
from conformance.verdict import ANSWERS, VerdictRecord

# What XML 1.0 cannot hold, escaped or not.
_UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(record: Record) -> str:
    """``record`` as JUnit XML.

    A verdict as expected passes, whatever it is, and says in ``system-out`` what it is.  An answer
    that is not the one on record is a failure, no answer is an error.  The runtimes of a backend that
    is not available are suites without a case, whose property says why.
    """
    record = shown(record)
    chapters = {claim["id"]: claim["chapter"] for claim in record["claims"]}
    why_not = {
        runtime: backend["reason"]
        for backend in record["backends"]
        if not backend["available"]
        for _, runtime in runtimes_of(backend["name"])
    }
    root = ElementTree.Element("testsuites", name="conformance")
    _count(root, record["verdicts"])
    for runtime in in_order([*why_not, *(each["runtime"] for each in record["verdicts"])]):
        verdicts = [each for each in record["verdicts"] if each["runtime"] == runtime]
        suite = ElementTree.SubElement(
            root, "testsuite", name=_fit(runtime), timestamp=record["run"]["started"]
        )
        _count(suite, verdicts)
        properties = ElementTree.SubElement(suite, "properties")
        for name, value in _properties(record, why_not.get(runtime)).items():
            ElementTree.SubElement(properties, "property", name=name, value=_fit(value))
        for verdict in verdicts:
            _case(suite, verdict, chapters[verdict["claim"]])
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f"<?xml version='1.0' encoding='utf-8'?>\n{text}\n"


def write_junit(record: Record, path: str | os.PathLike[str]) -> None:
    """Write ``record`` as JUnit XML to ``path``, whole or not at all.  Raises ``CannotWrite``."""
    write_text(path, junit(record))


def _properties(record: Record, why_not: str | None) -> dict[str, str]:
    where = record["environment"]
    properties = {
        "python": f"{where['implementation']} {where['python']}",
        "seed": str(record["run"]["seed"]),
        "profile": record["run"]["profile"],
    }
    if "size" in record["run"]:
        properties["size of programs"] = str(record["run"]["size"])
    if why_not is not None:
        properties["not available"] = why_not
    return properties


def _count(element: ElementTree.Element, verdicts: list[VerdictRecord]) -> None:
    wrong = [verdict for verdict in verdicts if not verdict["as_expected"]]
    failures = sum(verdict["verdict"] in ANSWERS for verdict in wrong)
    element.set("tests", str(len(verdicts)))
    element.set("failures", str(failures))
    element.set("errors", str(len(wrong) - failures))
    element.set("skipped", "0")
    element.set("time", f"{sum(verdict['seconds'] for verdict in verdicts):.3f}")


def _case(suite: ElementTree.Element, verdict: VerdictRecord, chapter: str) -> None:
    case = ElementTree.SubElement(
        suite,
        "testcase",
        name=_fit(f"{verdict['claim']}[{verdict['runtime']}]"),
        classname=_fit(chapter),
        time=f"{verdict['seconds']:.3f}",
    )
    expected = verdict["expected"] or "nothing on record"
    said = f"{verdict['verdict']} (expected: {expected})"
    if verdict["reason"]:
        said += f": {verdict['reason']}"
    details = [said]
    if verdict["counterexample"] is not None:
        details += [verdict["counterexample"]["text"], verdict["counterexample"]["script"]]
    text = _fit("\n\n".join(filter(None, details)))
    if verdict["as_expected"]:
        ElementTree.SubElement(case, "system-out").text = text
        return
    kind = "failure" if verdict["verdict"] in ANSWERS else "error"
    element = ElementTree.SubElement(case, kind, message=_fit(said), type=verdict["verdict"])
    element.text = text


def _fit(text: str) -> str:
    """``text`` with what XML cannot hold written as Python escapes it."""
    return _UNFIT.sub(lambda match: match.group().encode("unicode_escape").decode(), text)
