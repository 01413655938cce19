"""The matrix on a terminal, or as plain text where there is none."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

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
from conformance.verdict import VerdictRecord

SIGNS = {
    "holds": ("✓", "+", "green"),
    "refuted": ("✗", "x", "red"),
    "qualified": ("~", "~", "yellow"),
    "not-applicable": ("-", "-", "bright_black"),
    "hung": ("H", "H", "magenta"),
    "crashed": ("C", "C", "magenta"),
    "blocked": ("B", "B", "magenta"),
    "vacuous": ("V", "V", "magenta"),
    "error": ("E", "E", "magenta"),
}
"""A verdict's sign, its sign in ASCII, and its colour, which says nothing that the sign does not."""

DIFFERS = "*"
UNEXPECTED = "!"

_SHORT = {
    "asyncio": "asy",
    "asyncio+pytask": "pyt",
    "asyncio+debug": "dbg",
    "asyncio+eager": "eag",
    "asyncio+uvloop": "uvl",
    "trio": "tri",
}
_COLUMN = 4
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
        self.margin = max(map(len, [*ids, ""])) + 4
        self.heads = heads(table.runtimes)

    def show(self) -> None:
        fit = max(1, (self.console.width - self.margin) // _COLUMN)
        count = len(self.table.runtimes)
        for first in range(0, count, fit):
            self._block(range(first, min(first + fit, count)))
        self._legend()

    def _block(self, columns: Sequence[int]) -> None:
        runtimes = self.table.runtimes
        line(self.console, " " * self.margin + self._libraries([runtimes[i] for i in columns]))
        head = "".join(f"{self.heads[runtimes[i]]:<{_COLUMN}}" for i in columns)
        line(self.console, (" " * self.margin + head).rstrip(), "bold")
        left = self.console.width - self.margin - _COLUMN * len(columns)
        for chapter in self.table.chapters:
            line(self.console, chapter.name, "bold")
            for row in chapter.rows:
                line(self.console, self._row(row, columns, left))

    def _libraries(self, runtimes: Sequence[str]) -> str:
        """The upper line of the head: ``asyncio`` over its columns, ``anyio/`` over anyio's."""
        head = ""
        for place, runtime in enumerate(runtimes):
            family = _family(runtime)
            if place == 0 or family != _family(runtimes[place - 1]):
                head = head.ljust(place * _COLUMN)
                width = _COLUMN * sum(_family(each) == family for each in runtimes)
                last = place + width // _COLUMN == len(runtimes)
                head += family if last else family[: width - 1]
        return head

    def _row(self, row: Row, columns: Sequence[int], left: int) -> Text:
        text = Text(f"  {clean(row.claim['id'], self.console.encoding):<{self.margin - 2}}")
        for i in columns:
            cell = row.cells[i]
            sign, style = self._sign(cell)
            text.append(sign, style)
            text.append(" " * (_COLUMN - len(sign)))
        if left >= _SENTENCE:
            sentence = Text(clean(row.claim["sentence"], self.console.encoding), "dim")
            # ASCII dots where there may be nothing else.
            if sentence.cell_len > left:
                sentence.truncate(left - 3)
                sentence.append("...")
            text.append_text(sentence)
        text.rstrip()
        return text

    def _sign(self, cell: Cell) -> tuple[str, str]:
        parts = cell.parts
        if not parts:
            return "", ""
        mark = UNEXPECTED if cell.unexpected else ""
        names = {name for name, _, _ in parts}
        if len(names) > 1:
            return DIFFERS + mark, "bold reverse" if mark else "cyan"
        fancy, simple, colour = SIGNS[names.pop()]
        return (
            simple if self.plain else fancy
        ) + mark, f"bold reverse {colour}" if mark else colour

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
            line(self.console, f"  {UNEXPECTED}  not the verdict on record")
        by_name = {
            self.heads[runtime]: runtime.removeprefix("anyio/") for runtime in self.table.runtimes
        }
        paragraph(
            self.console,
            "columns: " + ", ".join(f"{short} {name}" for short, name in by_name.items()),
            2,
        )


def heads(runtimes: Sequence[str]) -> dict[str, str]:
    """A head of at most three characters for each runtime, the same for the same backend."""
    short: dict[str, str] = {}
    for runtime in runtimes:
        backend = runtime.removeprefix("anyio/")
        if backend in short:
            continue
        text = _SHORT.get(backend) or backend.rpartition("+")[2].rpartition(":")[2][:3]
        number = 1
        base = text
        while text in short.values() or (backend not in _SHORT and text in _SHORT.values()):
            number += 1
            text = f"{base[: 3 - len(str(number))]}{number}"
        short[backend] = text
    return {runtime: short[runtime.removeprefix("anyio/")] for runtime in runtimes}


def _family(runtime: str) -> str:
    if runtime.startswith("anyio/"):
        return "anyio on"
    return "trio" if runtime == "trio" else "asyncio"


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
