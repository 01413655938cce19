"""What ``conformance diff`` prints."""

from __future__ import annotations

import io

from hypothesis import given
from rich.console import Console

from conformance.report.diff import show, summary
from conformance.results.compare import compare
from conformance.results.record import Record
from tests.results.samples import record, records, verdict


def shown(old: Record, new: Record) -> str:
    file = io.StringIO()
    show(compare(old, new), Console(file=file, width=80))
    return file.getvalue()


def test_each_change_is_one_line() -> None:
    old = record(
        [
            verdict("GATHER-01"),
            verdict("GATHER-02"),
            verdict("GATHER-03", "trio", "refuted", "refuted"),
        ]
    )
    new = record(
        [
            verdict(
                "GATHER-01",
                verdict="refuted",
                reason="it is not so [here]",
                counterexample={"script": "print()\n", "text": "delay = 0\nsaw nothing"},
            ),
            verdict("GATHER-02", expected=None),
            verdict("GATHER-04", "anyio/trio"),
        ],
        python="3.14.0",
    )
    assert shown(old, new).splitlines() == [
        "",
        "the verdict changed (1)",
        "  GATHER-01[asyncio]: holds -> refuted (expected holds)",
        "      it is not so [here]",
        "      delay = 0",
        "      saw nothing",
        "",
        "the verdict is the same, the expectation changed (1)",
        "  GATHER-02[asyncio]: holds, expected holds -> nothing",
        "",
        "only in the new record (1)",
        "  GATHER-04[anyio/trio]: holds (as expected)",
        "",
        "only in the old record (1)",
        "  GATHER-03[trio]: refuted (as expected)",
        "",
        "for information: where and how they were judged",
        "  python: CPython 3.13.1 -> CPython 3.14.0",
        "",
        "verdicts: 1 changed, 1 expected otherwise, 1 appeared, 1 vanished",
    ]


@given(records(), records())
def test_nothing_changed_is_said_only_if_it_is_so(old: Record, new: Record) -> None:
    difference = compare(old, new)
    last = shown(old, new).splitlines()[-1]
    assert last == summary(difference)
    assert (last == "nothing changed") is not difference.any
