"""``python -m tests.wrong``: the page on falsifiability; ``--write`` puts it into ``docs``.

``--measure`` finds what else catches the wrong runtimes of which that is not on file, ``--narrow``
keeps of what is on file what is so on this Python too.  ``tests/test_wrong.py`` judges the kills.
"""

from __future__ import annotations

import argparse

from tests.wrong import measure
from tests.wrong.catalogue import wrong_runtimes
from tests.wrong.table import PAGE, page


def main() -> None:
    """Do what the arguments ask for, or print the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.wrong")
    parser.add_argument("--write", action="store_true", help="write docs/falsifiability.md")
    parser.add_argument("--measure", action="store_true", help="measure what is not on file")
    parser.add_argument("--narrow", action="store_true", help="keep what is so on this Python too")
    asked = parser.parse_args()
    if asked.measure or asked.narrow:
        runtimes = measure.to_be_measured(wrong_runtimes())
        known = measure.on_file()
        kept = {wrong.key: known[wrong.key] for wrong in runtimes if wrong.key in known}
        if asked.measure:
            new = [wrong for wrong in runtimes if wrong.key not in known]
            kept |= measure.measure(new, narrow=False)
            measure.write(kept)
        if asked.narrow:
            measure.write(measure.measure(runtimes, narrow=True))
    if asked.write:
        PAGE.write_text(page(), encoding="utf-8")
    elif not (asked.measure or asked.narrow):
        print(page())


if __name__ == "__main__":
    main()
