"""Text of others as Markdown: all of it is shown as it is, and quickly."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from conformance.printable import printable
from conformance.report.prose import grid, prose, word


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words, 3 < 4 * 5", "plain words, 3 `<` 4 `*` 5"),
        ("Ask asyncio.current_task().cancelled().", "Ask `asyncio.current_task().cancelled()`."),
        (
            "await wait_for(cleanup(), timeout=2.0) bounds it",
            "await `wait_for(cleanup(), timeout=2.0)` bounds it",
        ),
        ("an __aexit__ that awaits", "an `__aexit__` that awaits"),
        ("with return_exceptions=True, it", "with `return_exceptions=True`, it"),
        ("`a * b` and [x]", "`a * b` and \\[x\\]"),
        ("a lone ` tick\nand lines", "a lone \\` tick and lines"),
        ("(in words)", "(in words)"),
        ("see https://x.org/a-b#c, and go on", "see https://x.org/a-b#c, and go on"),
        ("(https://x.org/~a?b=1&c_d).", "(`https://x.org/~a?b=1&c_d`)."),
    ],
)
def test_code_is_set_as_code_and_the_rest_shows_as_it_is(text: str, shown: str) -> None:
    assert prose(text) == shown


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2)))
def test_a_tables_columns_line_up_whatever_is_in_them(rows: list[list[str]]) -> None:
    lines = grid(["a", "b"], rows).split("\n")
    assert len(lines) == len(rows) + 2
    assert len({len(line) for line in lines}) == 1
    assert all(line.replace("\\|", "").count("|") == 3 for line in lines)


MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

# Made of what Markdown gives a meaning to.
PIECES = (
    *"`*_~[]()<>&$|#+-=.:!\\ \t\n\u2028\x85",
    *("1. ", "## ", "---", "```", "<b>", "</b>", "<!--", "&lt;", "](x)", "!["),
    *("f(x)", "a_b", "a.b(", "http://x", "https://x/~a", "\n\n", ":tada:"),
)
hostile = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map("".join)


def visible(page: str) -> str:
    """What a reader sees of ``page``, without the ticks of code; nothing in it may be more than text."""
    seen = []
    for block in MARKDOWN.parse(page):
        assert block.type in (
            *("bullet_list_open", "list_item_open", "paragraph_open", "inline"),
            *("bullet_list_close", "list_item_close", "paragraph_close"),
        ), block
        for token in block.children or ():
            assert token.type in ("text", "text_special", "code_inline", "softbreak"), token
            seen.append(token.content)
    return "".join(seen).replace("`", "")


def bare(text: str) -> str:
    """The letters of ``text``: what is code loses its ticks, and a space at each end."""
    return re.sub(r"[\s`]", "", text)


@given(hostile)
def test_whatever_is_written_is_shown_and_does_nothing(text: str) -> None:
    shown = bare(printable(text))
    for page in (
        f"- {prose(text)}",
        f"- so: {prose(text)}",
        f"- {word(text)}",
        f"- ({word(text)})",
    ):
        assert shown in bare(visible(page)), page


@given(hostile)
def test_whatever_stands_in_a_cell_stays_in_it(text: str) -> None:
    tokens = MARKDOWN.parse(grid(["a", "b"], [[text, "next"]]))
    cells = [token.children or () for token in tokens if token.type == "inline"]
    assert len(cells) == 4
    assert {token.type for cell in cells for token in cell} <= {"text", "text_special"}
    assert bare("".join(token.content for token in cells[2])) == bare(printable(text))


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a.",
        "a..",
        "http://",
        "http://a_",
        "(",
        "`",
        "_",
        "<",
        "f(",
        "f(x) ",
        "f(x(y) ",
        "a=",
        "é",
        ": ",
        ":a",
        "-",
    ],
)
def test_a_sentence_of_megabytes_takes_no_longer_than_its_length(piece: str) -> None:
    # What looks at a word once for each of its letters takes minutes for this.
    text = (piece * 1_000_000)[:1_000_000]
    assert len(prose(text)) >= len(text.rstrip()) - 1
    assert len(word(text)) >= len(text.rstrip()) - 1
