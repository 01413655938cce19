"""Printing what others wrote: nothing in it is taken for markup, a control code or a colour."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TextIO

from rich.console import Console
from rich.text import Text

from conformance.printable import printable

PIPED = 100
"""Columns of what is read in a file, a pager or the log of a CI, where nothing says how many there are."""


_MOST = 1000


def console_for(file: TextIO) -> Console:
    """A console on ``file``, as wide as its terminal, or as ``COLUMNS`` says."""
    # rich would ask any terminal that there is, and take a dumb one for 80 columns wide.
    width, height = PIPED, 25
    with suppress(OSError, ValueError):  # it is no terminal
        size = os.get_terminal_size(file.fileno())
        # Some that are none in truth say 0.
        width, height = size.columns or width, size.lines or height
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        width = min(int(columns), _MOST)
    return Console(file=file, width=width, height=height, highlight=False)


def clean(text: str, encoding: str = "utf-8") -> str:
    """``text`` without control characters, and with what ``encoding`` lacks as Python escapes it."""
    shown = printable(text)
    try:
        shown.encode(encoding)
    except UnicodeEncodeError:
        for fancy, simple in (("–", "-"), ("…", "...")):
            shown = shown.replace(fancy, simple)
        shown = shown.encode(encoding, "backslashreplace").decode(encoding)
    return shown


def line(console: Console, text: str | Text = "", style: str = "", *, wrap: bool = False) -> None:
    """Print one line, or with ``wrap`` one paragraph, exactly as it is."""
    if isinstance(text, str):
        text = Text(clean(text, console.encoding), style=style)
    console.print(text, soft_wrap=not wrap, markup=False, highlight=False, emoji=False)


def paragraph(console: Console, text: str, indent: int = 0, style: str = "") -> None:
    """Print ``text`` wrapped to the console's width, indented."""
    pad = " " * indent
    shown = Text(clean(text, console.encoding), style=style)
    for part in shown.wrap(console, max(20, console.width - indent)):
        part.rstrip()
        line(console, Text(pad) + part)


def rule(console: Console, title: str) -> None:
    """Print the heading of a section."""
    line(console)
    line(console, title, "bold")
