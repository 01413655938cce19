"""The matrix as Markdown that also reads well as plain text, and is the same for the same records."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from conformance.claim import ARTICLE
from conformance.report.matrix import (
    VERDICTS,
    Chapter,
    Matrix,
    Row,
    blocked_together,
    by_python,
    findings,
    known_deviations,
    matrix,
    ranges,
    unexpected_together,
)
from conformance.report.plain import clean
from conformance.report.prose import grid, prose, word
from conformance.results.merge import Merged, Run

SHORT = {"not-applicable": "n/a"}
"""Verdicts that are abbreviated in a table's cell."""

# What can be written between < and > as a link that goes where it says.
_LINK = re.compile(r"https?://[^\s<>]+")


def markdown(merged: Merged, title: str = "The article on trial") -> str:
    """One or many records as a page: environments, a table a chapter, what each claim says, the rest.

    Nothing in it depends on the time of day or on how long a run took.
    """
    table = matrix(merged)
    blocks = [
        f"# {title}",
        f"{word(table.summary)}.",
        *_environments(merged),
        *_legend(table),
        *(block for chapter in table.chapters for block in _chapter(chapter, table)),
        "## Not as expected",
        "\n".join(_unexpected(table)) or "Nothing: every verdict is the one on record.",
        *_growth(table),
        "## Not judged, and why",
        "\n".join(f"- {prose(gap.text)}" for gap in table.gaps) or "Nothing: no cell is missing.",
    ]
    return clean("\n\n".join(blocks)) + "\n"


def _growth(table: Matrix) -> list[str]:
    if not table.growth:
        return []
    lines = "\n".join(f"- {prose(text)}" for text in table.growth)
    return ["## What grows from example to example", lines]


def _environments(merged: Merged) -> Iterator[str]:
    runs = merged.runs
    pythons = [
        f"{run.label} ({_implementation(run)}{'' if run.record['environment']['gil'] else ', no lock'})"
        for run in runs
    ]
    pythons += [f"{label} (not found, skipped)" for label in merged.skipped]
    names = sorted({name for run in runs for name in run.record["environment"]["packages"]})
    facts = {
        "Python": ", ".join(pythons),
        "platform": _by_value(runs, lambda run: run.record["environment"]["platform"]),
        "conformance": _by_value(runs, lambda run: run.record["run"]["conformance"]),
        "profile": _by_value(runs, lambda run: run.record["run"]["profile"]),
        "seed": _by_value(runs, lambda run: str(run.record["run"]["seed"])),
    }
    if any("size" in run.record["run"] for run in runs):
        facts["programs"] = _by_value(runs, _size)
    for name in names:
        facts[f"package {name}" if name in facts else name] = _by_value(
            runs, partial(_package, name)
        )
    yield "## Where"
    yield "\n".join(f"- {word(name)}: {prose(value)}" for name, value in facts.items())


def _package(name: str, run: Run) -> str:
    return run.record["environment"]["packages"].get(name, "none")


def _size(run: Run) -> str:
    size = run.record["run"].get("size")
    return "none" if size is None else f"all up to size {size}"


def _implementation(run: Run) -> str:
    where = run.record["environment"]
    return f"{where['implementation']} {where['python']}"


def _by_value(runs: Sequence[Run], value: Callable[[Run], str]) -> str:
    """What ``value`` gives: once if it is the same everywhere, else with the Pythons."""
    groups: dict[str, list[str]] = {}
    for run in runs:
        groups.setdefault(value(run), []).append(run.label)
    if len(groups) == 1:
        return next(iter(groups))
    return ", ".join(f"{text} ({ranges(labels)})" for text, labels in groups.items())


def _legend(table: Matrix) -> Iterator[str]:
    used = {name for row in table.rows for cell in row.cells for name, *_ in cell.parts}
    yield "## How to read it"
    notes = [
        f"- **{SHORT.get(name, name)}**{f' ({name})' if name in SHORT else ''}: {meaning}"
        for name, meaning in VERDICTS.items()
        if name in used
    ]
    notes += ["- **!** after a verdict: it is not the one on record"]
    if known_deviations(table):
        notes += [
            "- a law that is broken without **!**: a known deviation, told with its issue under the table"
        ]
    if any(runtime.partition("+")[2] for runtime in table.runtimes):
        notes += ["- a column **+name** is the backend to its left with that option or loop"]
    if len(table.labels) > 1:
        notes += ["- a claim has several rows where the Pythons do not agree"]
    notes += ["- an empty cell was not judged: the last section says why"]
    if any(row.claim["source"].startswith(ARTICLE) for row in table.rows):
        notes += [f"- a claim of kind *article* is from: {ARTICLE}"]
    yield "\n".join(notes)


def _chapter(chapter: Chapter, table: Matrix) -> Iterator[str]:
    yield f"## {word(chapter.name)}"
    several = len(table.labels) > 1
    rows = []
    for row in chapter.rows:
        groups = by_python(row, table.labels)
        for labels, cells in groups:
            pythons = "all" if len(groups) == 1 else ranges(labels)
            lead = [row.claim["id"], pythons] if several else [row.claim["id"]]
            rows.append([*lead, *map(_abbreviated, cells)])
    lead = ["claim", "Python"] if several else ["claim"]
    yield grid([*lead, *heads(table.runtimes)], rows)
    for row in chapter.rows:
        yield "\n".join(_claim(row, table.runtimes))


def heads(runtimes: Sequence[str]) -> list[str]:
    """The head of each column: the runtime's name, or its option alone if the one before tells the rest."""
    shown: list[str] = []
    family = ""
    for runtime in runtimes:
        base, plus, option = runtime.partition("+")
        shown.append(f"+{option}" if plus and base == family else runtime)
        family = base
    return shown


def _abbreviated(text: str) -> str:
    for name, short in SHORT.items():
        text = text.replace(name, short)
    return text


def _claim(row: Row, runtimes: Sequence[str]) -> Iterator[str]:
    claim = row.claim
    source = claim["source"].removeprefix(f"{ARTICLE}, ")
    if _LINK.fullmatch(clean(source)):
        source = f"<{source}>"
    else:
        source = f"{'' if source == claim['source'] else 'article, '}{prose(source)}"
    yield f"- **{word(claim['id'])}**: {prose(claim['sentence'])} ({source})"
    for finding in findings(row, runtimes):
        reasons = f": {prose('; '.join(finding.reasons))}" if finding.reasons else ""
        yield f"  - {word(finding.text)} on {word(finding.where)}{reasons}"
    if claim["instead"]:
        yield f"  - true instead: {word(', '.join(claim['instead']))}"


def _unexpected(table: Matrix) -> Iterator[str]:
    for verdict, labels in unexpected_together(table):
        where = f" on Python {word(ranges(labels))}" if len(table.labels) > 1 else ""
        reason = f": {prose(verdict['reason'])}" if verdict["reason"] else ""
        yield (
            f"- **{word(verdict['claim'])}[{word(verdict['runtime'])}]**{where}: expected "
            f"{verdict['expected'] or 'nothing (none is on record)'}, found {verdict['verdict']}{reason}"
        )
    for text in blocked_together(table):
        yield f"- {prose(text)}"
