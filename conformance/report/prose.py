"""Text that others wrote as Markdown that shows all of it as it is: no link, no HTML, no table of theirs.

Everything here takes time in proportion to its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from conformance.printable import one_line

# What is set as code already; an address; a call, with one call deep inside at most; or a word that
# Markdown would take for something else.  Each can only begin where the word that it is in does, so that no word is
# looked at more than once.
_CODE = re.compile(
    r"""
    (?<!`)`(?P<set>[^`]+)`(?!`)
    | (?P<address>https?://[^\s`<>()\[\]]+)
    | (?P<call>
        (?<!\w)(?<!\w\.)@?[A-Za-z_]\w*(?:\.\w+)*
        \([^()`]*(?:\([^()`]*\)[^()`]*)*\)
        (?:\.\w+(?:\(\))?)*
      )
    | (?P<word>(?<![\w.=+-])(?=[\w.=+-]*[_*<>])[\w.=+*<>-]+)
    """,
    re.VERBOSE,
)
# Punctuation that means something to Markdown as GitHub reads it, also in the middle of a line.
_MEANS = re.compile(r"[\\`*_~\[\]<>&$]|:(?=[\w+-]+:)")
# What makes a line a heading, a list, a rule, or the line under a heading; where to put the backslash.
_BEGINS = re.compile(
    r"\A(\d{0,9})(?=[.)](?: |\Z)|(?<!\d)(?:#{1,6}|[+-])(?: |\Z)|(?<!\d)(?:-[- ]*|=+)\Z)"
)


def prose(text: str) -> str:
    """``text`` in one line, with code set as code, so that Markdown shows all of it as it is."""
    pieces: list[tuple[bool, str]] = []
    for is_code, piece in _pieces(one_line(text)):
        if is_code and pieces and pieces[-1][0]:
            # Two that touch would be read as one, with their ticks in it.
            piece = pieces.pop()[1] + piece
        pieces.append((is_code, piece))
    return _at_the_start(
        "".join(f"`{piece}`" if is_code else _escaped(piece) for is_code, piece in pieces)
    )


def word(text: str) -> str:
    """A name in one line, so that Markdown shows it as it is; where there is nothing to escape, itself."""
    return _at_the_start(_escaped(one_line(text)))


def _pieces(text: str) -> Iterator[tuple[bool, str]]:
    """``text`` in pieces, each with whether it is code."""
    end = 0
    for match in _CODE.finditer(text):
        code = match["set"] or match.group()
        # A full stop after a name ends the sentence.
        tail = "" if match["set"] else code[len(code.rstrip(".,;:")) :]
        yield False, text[end : match.start()]
        # An address is a link, unless it would have to be escaped.
        yield (match["address"] is None or _MEANS.search(code) is not None), code.removesuffix(tail)
        yield False, tail
        end = match.end()
    yield False, text[end:]


def _escaped(text: str) -> str:
    return _MEANS.sub(r"\\\g<0>", text)


def _at_the_start(text: str) -> str:
    """``text`` so that it is a paragraph, also where it begins a line."""
    return _BEGINS.sub(r"\1\\", text, count=1)


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns line up."""
    lines = [[_in_cell(text) for text in each] for each in (head, *rows)]
    widths = [max(3, *(len(each[i]) for each in lines)) for i in range(len(head))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| "
        + " | ".join(text.ljust(width) for text, width in zip(each, widths, strict=True))
        + " |"
        for each in lines
    )


def _in_cell(text: str) -> str:
    return word(text).replace("|", "\\|")
