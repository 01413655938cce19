"""The matrix on a terminal, or as plain text where there is none."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from conformance.report.columns import Column, blocks, heads_for
from conformance.report.matrix import (
    VERDICTS,
    Cell,
    Matrix,
    Row,
    blocked_together,
    findings,
    known_deviations,
    matrix,
    ranges,
    unexpected_together,
)
from conformance.report.plain import clean, line, paragraph, rule
from conformance.results.merge import Merged
from conformance.verdict import BREACHES, VerdictRecord

SIGNS = {
    "holds": ("✓", "+", "green"),
    "refuted": ("✗", "x", "blue"),
    "qualified": ("~", "~", "cyan"),
    "not-applicable": ("-", "-", "bright_black"),
    "hung": ("H", "H", "yellow"),
    "crashed": ("C", "C", "yellow"),
    "blocked": ("B", "B", "yellow"),
    "vacuous": ("V", "V", "yellow"),
    "error": ("E", "E", "yellow"),
}
"""A verdict's sign, its sign in ASCII, and its colour where it is the one on record.

No colour says what the sign does not.  What is not on record is red whatever it is, and has a mark; an
article claim that is refuted as it is on record to be is nothing to look at.
"""

KNOWN_BUG = "yellow"
"""The colour of a law that is broken as it is on record to be."""

ALARM = "bold white on red"
"""The style of a verdict that is not the one on record."""

DIFFERS = "*"
UNEXPECTED = "!"

_SENTENCE = 28  # a column of sentences narrower than this says nothing


def show(merged: Merged, console: Console) -> None:
    """Print the matrix of ``merged``, its legend, what is not as expected and what did not run."""
    table = matrix(merged)
    if not table.runtimes:
        line(console, "nothing was judged")
    else:
        _Table(table, console).show()
        _by_version(table, console)
    known = known_deviations(table)
    if known:
        rule(console, "laws that are known to be broken")
        for each in known:
            pythons = f" on Python {ranges(each.labels)}" if len(table.labels) > 1 else ""
            text = f"{each.claim} {each.verdict} on {each.where}{pythons}"
            paragraph(console, f"{text}: {each.reason}" if each.reason else text, 2)
    if table.unexpected:
        rule(console, "not as expected")
        for verdict, labels in unexpected_together(table):
            _unexpected(console, verdict, ranges(labels) if len(table.labels) > 1 else "")
        for text in blocked_together(table):
            paragraph(console, text, 2)
    if table.growth:
        rule(console, "what grows from example to example")
        for text in table.growth:
            paragraph(console, text, 2)
    if table.gaps:
        rule(console, "not judged, and why")
        for gap in table.gaps:
            paragraph(console, gap.text, 2)
    line(console)
    line(console, table.summary, "bold red" if table.unexpected else "bold green")


class _Table:
    """The matrix in signs, in as many blocks of columns as the width asks for."""

    def __init__(self, table: Matrix, console: Console) -> None:
        self.table, self.console = table, console
        self.plain = clean("✓✗", console.encoding) != "✓✗"
        ids = [row.claim["id"] for row in table.rows]
        self.margin = max(map(cell_len, [*ids, ""])) + 4
        self.heads = heads_for(table.runtimes, console.width, self.margin, _SENTENCE)
        self.place = {runtime: place for place, runtime in enumerate(table.runtimes)}

    def show(self) -> None:
        for columns in blocks(self.heads, self.console.width - self.margin):
            self._block(columns)
        self._legend()

    def _block(self, columns: Sequence[Column]) -> None:
        for style, texts in (
            ("", [column.family for column in columns]),
            ("bold", [column.head for column in columns]),
        ):
            head = Text(" " * self.margin, style)
            for column, text in zip(columns, texts, strict=True):
                # A library stands over several columns.
                head.pad_right(max(0, self._left_of(column, columns) - head.cell_len))
                head.append(clean(text, self.console.encoding))
            head.rstrip()
            line(self.console, head)
        left = self.console.width - self.margin - sum(column.width for column in columns)
        for chapter in self.table.chapters:
            line(self.console, chapter.name, "bold")
            for row in chapter.rows:
                line(self.console, self._row(row, columns, left))

    def _left_of(self, column: Column, columns: Sequence[Column]) -> int:
        place = columns.index(column)
        return self.margin + sum(each.width for each in columns[:place])

    def _row(self, row: Row, columns: Sequence[Column], left: int) -> Text:
        text = Text("  ").append(clean(row.claim["id"], self.console.encoding))
        text.pad_right(self.margin - text.cell_len)
        for column in columns:
            sign, style = self._sign(row, row.cells[self.place[column.runtime]])
            text.append(sign, style)
            text.append(" " * (column.width - len(sign)))
        if left >= _SENTENCE:
            sentence = Text(clean(row.claim["sentence"], self.console.encoding), "dim")
            # ASCII dots where there may be nothing else.
            if sentence.cell_len > left:
                sentence.truncate(left - 3)
                sentence.append("...")
            text.append_text(sentence)
        text.rstrip()
        return text

    def _sign(self, row: Row, cell: Cell) -> tuple[str, str]:
        parts = cell.parts
        if not parts:
            return "", ""
        mark = UNEXPECTED if cell.unexpected else ""
        names = {name for name, _, _ in parts}
        if len(names) > 1:
            sign, colour = DIFFERS, "cyan"
        else:
            name = names.pop()
            fancy, simple, colour = SIGNS[name]
            sign = simple if self.plain else fancy
            if row.claim["kind"] == "law" and name in BREACHES:
                colour = KNOWN_BUG
        return sign + mark, ALARM if mark else colour

    def _legend(self) -> None:
        used = {name for row in self.table.rows for cell in row.cells for name, *_ in cell.parts}
        line(self.console)
        for name, meaning in VERDICTS.items():
            if name in used:
                fancy, simple, colour = SIGNS[name]
                text = Text("  ").append(simple if self.plain else fancy, colour)
                line(self.console, text.append(f"  {name:<15}{meaning}"))
        if any(
            len({n for n, *_ in cell.parts}) > 1 for row in self.table.rows for cell in row.cells
        ):
            line(self.console, f"  {DIFFERS}  differs by version, see below")
        if self.table.unexpected:
            text = Text("  ").append(UNEXPECTED, ALARM)
            line(self.console, text.append("  not the verdict on record"))
        columns = ", ".join(f"{head} = {name}" for head, name in self.heads.legend.items())
        if columns:
            paragraph(self.console, f"columns: {columns}", 2)


def _by_version(table: Matrix, console: Console) -> None:
    """The rows whose cells differ by version, in words."""
    rows = [row for row in table.rows if any(len(cell.parts) > 1 for cell in row.cells)]
    if rows:
        rule(console, "by version")
        for row in rows:
            said = [f"{each.text} on {each.where}" for each in findings(row, table.runtimes)]
            paragraph(console, f"{row.claim['id']}: {'; '.join(said)}", 2)


def _unexpected(console: Console, verdict: VerdictRecord, pythons: str) -> None:
    where = f" on Python {pythons}" if pythons else ""
    expected = verdict["expected"] or "nothing on record"
    reason = f": {verdict['reason']}" if verdict["reason"] else ""
    paragraph(
        console,
        f"{verdict['claim']}[{verdict['runtime']}]{where}: expected {expected}, "
        f"found {verdict['verdict']}{reason}",
        2,
    )
    if verdict["counterexample"] is not None:
        for each in verdict["counterexample"]["text"].splitlines():
            line(console, f"      {each}")
