"""What others wrote, made fit to be shown: no control code of theirs reaches a terminal or a page."""

from __future__ import annotations

_UNSEEN = (
    # C0 but for tab and line feed, DEL and C1.
    *(range(0x09), range(0x0B, 0x20), range(0x7F, 0xA0)),
    # Surrogates, which nothing can encode.
    range(0xD800, 0xE000),
    # What breaks lines, turns the direction of what follows, or is there without being seen.
    *(range(0xAD, 0xAE), range(0x61C, 0x61D), range(0x180E, 0x180F), range(0x200B, 0x2010)),
    *(range(0x2028, 0x202F), range(0x2060, 0x2070), range(0xFEFF, 0xFF00), range(0xFFF9, 0xFFFC)),
    *(range(0x1BCA0, 0x1BCA4), range(0x1D173, 0x1D17B), range(0xE0000, 0xE0080)),
)
_ESCAPES = {
    code: chr(code).encode("unicode_escape").decode() for codes in _UNSEEN for code in codes
}


def printable(text: str) -> str:
    """``text`` with what a terminal would obey, and what nobody would see, as Python escapes it.

    Tabs and line feeds stay.
    """
    return text if text.isprintable() else text.translate(_ESCAPES)


def one_line(text: object) -> str:
    """The text of ``text`` in one line that is fit to be shown."""
    # Escaped first: some of them break lines.
    return " ".join(printable(str(text)).split())


def counted(number: int, noun: str) -> str:
    """``1 example``, ``1,000 examples``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
