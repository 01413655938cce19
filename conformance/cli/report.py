"""``conformance report``: one matrix from many records."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from conformance.ending import AS_EXPECTED, say
from conformance.report.markdown import markdown
from conformance.report.plain import console_for
from conformance.report.terminal import show
from conformance.results.files import make_folder, write_text
from conformance.results.gather import gather
from conformance.results.merge import merge


def report(options: Namespace) -> int:
    """Merge records into MATRIX.md, and show the matrix."""
    found = gather(options.records)
    for note in found.notes:
        say(f"conformance report: {note}")
    merged = merge(found.records, options.python)
    folder = Path(options.output)
    make_folder(folder)
    write_text(folder / "MATRIX.md", markdown(merged))
    show(merged, console_for(sys.stdout))
    return AS_EXPECTED
