"""``python -m tools.regenerate``: write everything in this repository that is made from its code.

MATRIX.md is not: it is made from the records of all Pythons, by ``tox``.
"""

from __future__ import annotations

from tests.wrong import table
from tools import structure

PAGES = {structure.PAGE: structure.made, table.PAGE: table.page}


def main() -> None:
    """Write each page that is not up to date, and say so."""
    for page, made in PAGES.items():
        text = made()
        if text != page.read_text(encoding="utf-8"):
            page.write_text(text, encoding="utf-8")
            print(f"written: {page}")


if __name__ == "__main__":
    main()
