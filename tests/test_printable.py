"""No control code of others reaches a terminal or a page, and nothing is there without being seen."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from conformance.printable import one_line, printable

# Format characters that have a shape of their own.
SEEN = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
HIEROGLYPHS = range(0x13430, 0x13440)


def test_whatever_is_not_seen_is_escaped() -> None:
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        unseen = unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        if unseen and char not in "\t\n" and code not in SEEN and code not in HIEROGLYPHS:
            assert printable(char) == char.encode("unicode_escape").decode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, 中文 – “quoted”\n\tand indented", "plain, 中文 – “quoted”\n\tand indented"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("up\u202enwod", "up\\u202enwod"),
        ("one\u2028two\x85three", "one\\u2028two\\x85three"),
        ("\ufeff\u200bzero", "\\ufeff\\u200bzero"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_one_line_is_one_line() -> None:
    assert one_line(ValueError("not\n  today\u2028\x0bever")) == "not today\\u2028\\x0bever"
