"""What changed from one record to another, in words: ``conformance diff``."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from conformance.report.plain import line, paragraph, rule
from conformance.results.compare import Change, Difference
from conformance.verdict import VerdictRecord


def show(difference: Difference, console: Console) -> None:
    """Print what changed, kind by kind, then what differs around it."""
    for title, changes in (
        ("the verdict changed", difference.changed),
        ("the verdict is the same, the expectation changed", difference.expectations),
        ("only in the new record", difference.appeared),
        ("only in the old record", difference.vanished),
    ):
        if changes:
            rule(console, f"{title} ({len(changes)})")
            for change in changes:
                _change(console, change)
    if difference.information:
        rule(console, "for information: where and how they were judged")
        for name, old, new in difference.information:
            paragraph(console, f"{name}: {old} -> {new}", 2)
    line(console)
    line(console, summary(difference), "bold red" if difference.any else "bold green")


def summary(difference: Difference) -> str:
    """How much changed, in one line."""
    if not difference.any:
        return "nothing changed"
    kinds: Sequence[tuple[int, str]] = (
        (len(difference.changed), "changed"),
        (len(difference.expectations), "expected otherwise"),
        (len(difference.appeared), "appeared"),
        (len(difference.vanished), "vanished"),
    )
    return "verdicts: " + ", ".join(f"{count:,} {kind}" for count, kind in kinds if count)


def _change(console: Console, change: Change) -> None:
    paragraph(console, f"{change.name}: {_told(change)}", 2)
    new, old = change.new, change.old
    if new is None or old is None or new["verdict"] == old["verdict"]:
        return
    if new["reason"] and new["reason"] != old["reason"]:
        paragraph(console, new["reason"], 6)
    if new["counterexample"] is not None:
        for each in new["counterexample"]["text"].splitlines():
            line(console, f"      {each}")


def _told(change: Change) -> str:
    old, new = change.old, change.new
    if old is None or new is None:
        verdict = new or old
        return "" if verdict is None else f"{verdict['verdict']} ({_expected(verdict)})"
    if old["verdict"] == new["verdict"]:
        return (
            f"{new['verdict']}, expected {old['expected'] or 'nothing'} -> "
            f"{new['expected'] or 'nothing'}"
        )
    return f"{old['verdict']} -> {new['verdict']} ({_expected(new)})"


def _expected(verdict: VerdictRecord) -> str:
    if verdict["as_expected"]:
        return "as expected"
    return f"expected {verdict['expected'] or 'nothing'}"
