"""How wide a console is, and what reaches it."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

import pytest

from conformance.report.plain import PIPED, console_for, line, paragraph


class _Terminal(io.StringIO):
    """A terminal of so many columns."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor


@pytest.mark.parametrize(
    ("columns", "width"),
    [
        (None, PIPED),
        ("60", 60),
        ("20", 20),
        ("", PIPED),
        ("abc", PIPED),
        ("0", PIPED),
        ("9" * 11, 1000),
    ],
)
def test_what_is_piped_is_of_one_width_unless_somebody_says_otherwise(
    columns: str | None, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.StringIO()
    # Put back at once: pytest's own report of this test is as wide as COLUMNS says.
    with monkeypatch.context() as patch:
        patch.delenv("COLUMNS", raising=False)
        if columns is not None:
            patch.setenv("COLUMNS", columns)
        console = console_for(file)
    assert console.width == width
    paragraph(console, "word " * 400, 2)
    assert max(map(len, file.getvalue().splitlines())) <= max(width, 22)


@pytest.mark.skipif(sys.platform == "win32", reason="terminals are POSIX's")
@pytest.mark.parametrize(("columns", "width"), [(80, 80), (0, PIPED), (250, 250)])
@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_terminal_says_how_wide_it_is(
    columns: int, width: int, term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl
    import pty
    import struct
    import termios

    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("TERM", term)
    ours, theirs = pty.openpty()
    fcntl.ioctl(
        theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40 if columns else 0, columns, 0, 0)
    )
    terminal: TextIO = _Terminal(theirs)
    try:
        assert console_for(terminal).width == width
    finally:
        os.close(ours)
        os.close(theirs)


def test_nothing_foreign_reaches_it_raw() -> None:
    file = io.StringIO()
    console = console_for(file)
    for text in (
        "\x1b[31mred",
        "\x9b31m",
        "a\rb",
        "title\x07",
        "\u202eturned",
        "[bold]no style[/]",
    ):
        line(console, text)
        paragraph(console, text)
    assert all(each.isprintable() for each in file.getvalue().splitlines())
    assert "[bold]no style[/]" in file.getvalue()
