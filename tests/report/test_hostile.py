"""A record is written by others: whatever is in it, each report shows it as text and is done soon."""

from __future__ import annotations

import copy
import io
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from conformance.report import diff, terminal
from conformance.report.markdown import markdown
from conformance.results.compare import compare
from conformance.results.junit import junit
from conformance.results.merge import merge, single
from conformance.results.record import Record, problem
from tests.results.samples import claim, record, verdict

NASTY = "a|b`c`<b>d</b>[e](f)**g**&lt;\n# h\r\x1b[31m\u202e\u2028\u200b\ufeff\x85$i$:tada: ` ``` \\"


def honest() -> Record:
    """A record in which every field is filled."""
    made = record(
        [
            verdict(
                "LAW-A-01",
                "asyncio",
                "refuted",
                "refuted",
                reason="it is so",
                counterexample={"script": "print()", "text": "n = 1"},
            ),
            verdict("B-01", "asyncio", "hung", "holds", reason="it waits"),
            verdict("B-01", "anyio/asyncio", "blocked", "holds", reason="LAW-A-01 is refuted"),
        ],
        claims=[claim("LAW-A-01"), claim("B-01", instead=["LAW-A-01"])],
        why_not={"asyncio+x": "not installed"},
        size=2,
    )
    made["backends"][0]["package"] = "loop 1.0"
    made["backends"][0]["growth"] = {
        "descriptors": 1,
        "bytes": 2048,
        "claims": {"B-01[asyncio]": 1.5},
    }
    return made


def spoiled(made: Record, nasty: str = NASTY) -> Record:
    """``made`` with ``nasty`` at the end of every text that may be any."""
    fixed = ("kind", "library", "verdict", "expected", "started", "libraries")

    def spoil(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            free = nasty if key in ("packages", "claims", "antecedents") else ""
            return {f"{name}{free}": spoil(each, name) for name, each in value.items()}
        if isinstance(value, list):
            return [spoil(each, "") if key != "libraries" else each for each in value]
        return f"{value}{nasty}" if isinstance(value, str) and key not in fixed else value

    found = cast("Record", spoil(copy.deepcopy(made), ""))
    assert problem(found) is None
    return found


def on_terminal(made: Record) -> str:
    file = io.StringIO()
    terminal.show(merge([made, record()]), Console(file=file, width=100, highlight=False))
    return file.getvalue()


def as_difference(made: Record) -> str:
    file = io.StringIO()
    diff.show(compare(honest(), made), Console(file=file, width=100, highlight=False))
    return file.getvalue()


def as_page(made: Record) -> str:
    return markdown(single(made))


REPORTS: dict[str, Callable[[Record], str]] = {
    "terminal": on_terminal,
    "page": as_page,
    "junit": junit,
    "difference": as_difference,
}
each_report = pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)


def unseen(text: str) -> Iterator[str]:
    """The control and format characters of ``text``."""
    for char in text:
        if char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            yield char


@each_report
def test_nothing_unseen_is_shown(report: Callable[[Record], str]) -> None:
    text = report(spoiled(honest()))
    assert list(unseen(text)) == []
    assert "\\u202e\\u2028" in text.replace("\\\\", "\\")


@each_report
def test_no_line_begins_where_a_name_or_a_reason_says(report: Callable[[Record], str]) -> None:
    made = spoiled(honest())
    for each in made["verdicts"]:
        each["counterexample"] = None  # it alone has lines
    text = report(made)
    assert "# h" in text
    assert not re.search(r"^\s*# h", text, re.MULTILINE)


def test_a_page_has_no_markup_of_others() -> None:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

    def shape(page: str) -> list[str]:
        kinds = []
        for block in parser.parse(page):
            kinds.append(block.type)
            for token in block.children or ():
                if token.type not in ("text", "text_special", "code_inline", "softbreak"):
                    kinds.append(token.type)
        return kinds

    plain = honest()
    for each in plain["claims"]:
        each["source"] = "§1"
    assert shape(as_page(spoiled(plain))) == shape(as_page(plain))


def test_a_source_is_a_link_only_if_it_goes_where_it_says() -> None:
    def shown(source: str) -> str:
        page = as_page(record([verdict("A-01")], claims=[claim("A-01", source=source)]))
        (line,) = (line for line in page.splitlines() if line.startswith("- **A-01**"))
        return line.rpartition(" so. (")[2]

    assert shown("https://docs.python.org/3/#x") == "<https://docs.python.org/3/#x>)"
    for source in ("javascript://%0aalert(1)", "http://x><b>", "see https://x.org", "x://y"):
        assert not shown(source).startswith(f"<{source.split(':')[0]}")


@each_report
@pytest.mark.parametrize("piece", ["a", "a.", "`", "f(", "_", "é", "|", "\u202e"])
def test_a_long_text_takes_no_longer_than_its_length(
    report: Callable[[Record], str], piece: str
) -> None:
    # What takes the square of it takes minutes.
    made = honest()
    long = (piece * 100_000)[:300_000]
    for each in made["claims"]:
        each["sentence"] = each["source"] = long
    for one in made["verdicts"]:
        one["reason"] = long
    made["environment"]["platform"] = long
    assert report(made)


@each_report
def test_a_record_of_thousands_of_verdicts_is_shown(report: Callable[[Record], str]) -> None:
    ids = [f"LAW-MANY-{number}" for number in range(1_000)]
    backends = [f"asyncio+{number}" for number in range(10)]
    made = record([verdict(id, name, "refuted") for id in ids for name in backends])
    assert "LAW-MANY-999" in report(made)
