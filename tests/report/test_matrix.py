"""The model of the table: which rows and columns there are, and what a cell says."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from conformance.report.matrix import (
    VERDICTS,
    Cell,
    Known,
    blocked_together,
    by_python,
    findings,
    known_deviations,
    matrix,
    ranges,
    unexpected_together,
)
from conformance.results.merge import merge, parse_label, single
from conformance.results.record import Record
from conformance.results.runtimes import runtime_key, runtimes_of, split
from conformance.verdict import VERDICT_NAMES, runtime_name
from tests.results.samples import BACKENDS, claim, record, records, verdict

CPYTHONS = [f"3.{minor}" for minor in range(9, 16)]
LABELS = [
    *CPYTHONS,
    *(f"{label}t" for label in CPYTHONS),
    "PyPy 3.10",
    "PyPy 3.11",
    "3.13.5 (run 2)",
]


def unfolded(text: str) -> list[str]:
    """The labels that ``ranges`` wrote in short."""
    labels = []
    for span in text.split(" and "):
        first, dash, last = span.partition("–")
        if not dash:
            labels.append(first)
            continue
        (family, (major, low)), (_, (_, high)) = _parsed(first), _parsed(last)
        implementation, threads = family.split(" ")
        lead = f"{implementation} " if implementation else ""
        labels += [f"{lead}{major}.{minor}{threads}" for minor in range(low, high + 1)]
    return labels


def _parsed(label: str) -> tuple[str, tuple[int, int]]:
    parsed = parse_label(label)
    assert parsed is not None, label
    return parsed


def test_every_verdict_is_in_the_legend() -> None:
    assert tuple(VERDICTS) == VERDICT_NAMES


def test_versions_are_told_in_ranges_of_neighbours() -> None:
    assert ranges(["3.10", "3.11", "3.12"]) == "3.10–3.12"
    assert ranges(["3.10", "3.12", "3.13t", "PyPy 3.11"]) == "3.10 and 3.12 and 3.13t and PyPy 3.11"


@given(st.sets(st.sampled_from(LABELS)))
def test_ranges_name_exactly_the_versions_that_they_were_made_of(chosen: set[str]) -> None:
    labels = [label for label in LABELS if label in chosen]
    assert unfolded(ranges(labels)) == labels if labels else ranges(labels) == ""


def test_a_cell_says_the_verdict_once_if_all_agree_and_by_version_if_not() -> None:
    right = verdict("NEST-01")
    wrong = verdict("NEST-01", verdict="refuted")
    other = verdict("NEST-01", verdict="refuted", expected="refuted")
    assert Cell().text == ""
    assert Cell((("3.10", right), ("3.11", right))).text == "holds"
    assert Cell((("3.10", wrong),)).text == "refuted!"
    assert (
        Cell((("3.10", other), ("3.11", other), ("3.12", right), ("3.13", wrong))).text
        == "refuted 3.10–3.11, holds 3.12, refuted! 3.13"
    )
    assert Cell((("3.10", right), ("3.12", right)), missed=("3.11",)).text == "holds 3.10 and 3.12"


@given(st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(VERDICT_NAMES))))
def test_a_cell_can_be_read_back(given: list[tuple[str, str]]) -> None:
    by_label = dict(given)
    labels = [label for label in LABELS if label in by_label]
    cell = Cell(
        tuple(
            (label, verdict("NEST-01", verdict=by_label[label], expected=by_label[label]))
            for label in labels
        )
    )
    if len(set(by_label.values())) <= 1:
        assert cell.text == "".join(set(by_label.values()))
        return
    read = {}
    for part in cell.text.split(", "):
        name, _, versions = part.partition(" ")
        read.update(dict.fromkeys(unfolded(versions), name))
    assert read == by_label


def test_columns_stand_in_one_order_and_rows_by_chapter_with_laws_last() -> None:
    runtimes = [runtime for backend in BACKENDS for _, runtime in runtimes_of(backend)]
    made = record(
        [verdict("LAW-GATHER-01", runtime) for runtime in reversed(runtimes)],
        claims=[claim("LAW-GATHER-01"), claim("GATHER-02"), claim("GATHER-01"), claim("NEST-01")],
    )
    table = matrix(single(made))
    assert table.runtimes == (
        "asyncio",
        "asyncio+pytask",
        "asyncio+debug",
        "asyncio+eager",
        "asyncio+uvloop",
        "asyncio+new_event_loop",
        "anyio/asyncio",
        "anyio/asyncio+pytask",
        "anyio/asyncio+debug",
        "anyio/asyncio+eager",
        "anyio/asyncio+uvloop",
        "anyio/asyncio+new_event_loop",
        "anyio/trio",
        "trio",
    )
    assert [(each.name, [row.claim["id"] for row in each.rows]) for each in table.chapters] == [
        ("gather", ["GATHER-02", "GATHER-01", "LAW-GATHER-01"]),
        ("nest", ["NEST-01"]),
    ]


@given(st.sampled_from(BACKENDS))
def test_a_runtimes_name_can_be_taken_apart(backend: str) -> None:
    for library, runtime in runtimes_of(backend):
        assert split(runtime) == (library, backend)
        assert runtime_name(library, backend) == runtime
        assert runtime_key(runtime)[0] == ["asyncio", "anyio", "trio"].index(library)


def test_what_was_not_judged_is_listed_with_its_reason() -> None:
    old = record(
        [verdict("NEST-01"), verdict("NEST-01", "anyio/asyncio")],
        claims=[claim("NEST-01"), claim("LAW-NEST-01", libraries=["asyncio"])],
        why_not={"asyncio+eager": "came with 3.12"},
        python="3.11.1",
    )
    new = record(
        [
            verdict("NEST-01"),
            verdict("LAW-NEST-01"),
            verdict("NEST-01", "asyncio+eager"),
            verdict("LAW-NEST-01", "asyncio+eager"),
            verdict("NEST-01", "anyio/asyncio+eager"),
        ],
        claims=old["claims"],
        python="3.12.1",
    )
    table = matrix(merge([old, new], asked=["3.15"]))
    why = "not judged: not asked for, or the run was stopped before"
    assert [gap.text for gap in table.gaps] == [
        "asyncio+eager (3.11): came with 3.12",
        f"LAW-NEST-01 on asyncio (3.11): {why}",
        f"anyio/asyncio (3.12): {why}",
        "LAW-NEST-01: not stated in anyio and trio",
        "Python 3.15: not found, skipped",
    ]
    cells = dict(zip(table.runtimes, list(table.rows)[1].cells, strict=True))
    assert cells["asyncio"].text == "holds 3.12"
    assert cells["asyncio+eager"].text == "holds"  # 3.11 could not judge any claim there


def test_a_backend_that_is_not_available_has_no_column_and_is_listed_with_its_reason() -> None:
    made = record([verdict("NEST-01")], why_not={"asyncio+uvloop": "not installed"})
    table = matrix(single(made))
    assert table.runtimes == ("asyncio",)
    assert "asyncio+uvloop: not installed" in [gap.text for gap in table.gaps]


def test_neighbouring_ids_that_are_not_stated_make_a_range() -> None:
    ids = [f"LAW-LOOP-{number:02}" for number in (1, 2, 3, 5, 6, 9)]
    made = record(
        [verdict(id) for id in ids], claims=[claim(id, libraries=["asyncio"]) for id in ids]
    )
    assert [gap.text for gap in matrix(single(made)).gaps] == [
        "LAW-LOOP-01 to 03, LAW-LOOP-05, LAW-LOOP-06, LAW-LOOP-09: not stated in anyio and trio"
    ]


def test_pythons_that_agree_share_a_row() -> None:
    def of(python: str, on_asyncio: str, **more: str) -> Record:
        runtimes = {"asyncio": on_asyncio, **{f"asyncio+{name}": it for name, it in more.items()}}
        made = [verdict("NEST-01", runtime, it, it) for runtime, it in runtimes.items()]
        return record(made, python=python)

    merged = merge(
        [
            of("3.10.1", "refuted"),
            of("3.11.1", "refuted", eager="refuted"),
            of("3.12.1", "holds", eager="holds"),
        ]
    )
    table = matrix(merged)
    assert by_python(next(table.rows), table.labels) == [
        (("3.10", "3.11"), ["refuted", "refuted"]),
        (("3.12",), ["holds", "holds"]),
    ]


@given(st.lists(records(), max_size=3))
def test_no_verdict_is_lost_between_the_records_and_the_table(made: list[Record]) -> None:
    merged = merge(made)
    table = matrix(merged)
    shown = sorted(
        (label, each["claim"], each["runtime"], each["verdict"]) for label, each in table.verdicts
    )
    assert shown == sorted(
        (run.label, each["claim"], each["runtime"], each["verdict"])
        for run in merged.runs
        for each in run.record["verdicts"]
    )
    wrong = [
        each for run in merged.runs for each in run.record["verdicts"] if not each["as_expected"]
    ]
    assert len(table.unexpected) == len(wrong)
    blocked = [each for each in wrong if each["verdict"] == "blocked"]
    listed = sum(len(labels) for _, labels in unexpected_together(table))
    assert listed == len(wrong) - len(blocked)
    said = " ".join(blocked_together(table))
    assert all(f"{each['claim']}[{each['runtime']}]" in said for each in blocked)
    assert f"{len(wrong)} not as expected" in table.summary


@given(st.lists(records(), max_size=3))
def test_the_rows_by_python_say_what_the_cells_say(made: list[Record]) -> None:
    table = matrix(merge(made))
    for row in table.rows:
        groups = by_python(row, table.labels)
        assert sorted(label for labels, _ in groups for label in labels) == sorted(table.labels)
        for labels, texts in groups:
            for cell, text in zip(row.cells, texts, strict=True):
                for label, each in cell.verdicts:
                    if label in labels:
                        assert text == each["verdict"] + ("" if each["as_expected"] else "!")


@given(st.lists(records(), max_size=3))
def test_a_row_in_words_names_every_runtime_that_was_judged(made: list[Record]) -> None:
    table = matrix(merge(made))
    for row in table.rows:
        judged = [
            runtime for runtime, cell in zip(table.runtimes, row.cells, strict=True) if cell.text
        ]
        named = []
        for finding in findings(row, table.runtimes):
            for where in finding.where.split(", "):
                if where.endswith(" (all)"):
                    base = where.removesuffix(" (all)")
                    named += [each for each in judged if re.match(rf"{base}(\+|$)", each)]
                else:
                    named.append(where)
        assert sorted(named) == sorted(judged)


def test_the_known_deviations_are_told_together() -> None:
    why = "a known deviation: it forgets"
    made = [
        verdict("LAW-NEST-03", "asyncio", "hung", "hung", reason=why),
        verdict("LAW-NEST-03", "asyncio+debug", "hung", "hung", reason=why),
        verdict("LAW-NEST-03", "anyio/trio", "refuted", "refuted"),
        verdict("LAW-NEST-03", "trio", "refuted", "holds"),
        verdict("LAW-NEST-04", "asyncio", "blocked", "blocked"),
        verdict("NEST-03", "asyncio", "refuted", "refuted"),
    ]
    new = record(made, python="3.13.1")
    old = record(made[:1] + made[2:], python="3.12.1")
    assert known_deviations(matrix(merge([new, old]))) == [
        Known("LAW-NEST-03", "hung", "asyncio (all)", ("3.12", "3.13"), why),
        Known("LAW-NEST-03", "refuted", "anyio/trio", ("3.12", "3.13"), ""),
    ]
