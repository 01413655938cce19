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
    parser.add_argument(
        "--measure",
        nargs="*",
        metavar="NAME",
        help="measure what is not on file: all, or those whose names have NAME in them",
    )
    parser.add_argument("--narrow", action="store_true", help="keep what is so on this Python too")
    asked = parser.parse_args()
    measures = asked.measure is not None
    if measures or asked.narrow:
        runtimes = measure.to_be_measured(wrong_runtimes())
        known = measure.on_file()
        kept = {wrong.key: known[wrong.key] for wrong in runtimes if wrong.key in known}
        new = [wrong for wrong in runtimes if measures and wrong.key not in known]
        if asked.measure:
            new = [wrong for wrong in new if any(name in wrong.key for name in asked.measure)]
            if not new:
                parser.error(f"nothing that is not on file is called {' or '.join(asked.measure)}")
        for some, narrow in ((new, False), (runtimes if asked.narrow else [], True)):
            for key, caught in measure.measure(some, narrow=narrow):
                kept[key] = caught
                measure.write(kept)  # what is interrupted has not been in vain
    if asked.write:
        PAGE.write_text(page(), encoding="utf-8")
    elif not (measures or asked.narrow):
        print(page())


if __name__ == "__main__":
    main()
