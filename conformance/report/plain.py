"""Printing what others wrote: nothing in it is taken for markup, a control code or a colour."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.text import Text

from conformance.printable import printable


class _Console(Console):
    """A console that leaves it to its caller what a reader's end means; rich ends the process."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console_for(file: TextIO) -> Console:
    """A console on ``file``.  Printing raises ``BrokenPipeError`` when nobody reads on."""
    return _Console(file=file, highlight=False)


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
    """Print ``text`` wrapped to the width of a terminal, indented; as one line where there is none.

    What is piped is read by programs: ``grep`` should find a sentence whole.
    """
    pad = " " * indent
    if not console.is_terminal:
        line(console, pad + text, style)
        return
    shown = Text(clean(text, console.encoding), style=style)
    for part in shown.wrap(console, max(20, console.width - indent)):
        part.rstrip()
        line(console, Text(pad) + part)


def rule(console: Console, title: str) -> None:
    """Print the heading of a section."""
    line(console)
    line(console, title, "bold")
