"""``conformance diff``: what changed between two records."""

from __future__ import annotations

import sys
from argparse import Namespace

from conformance.ending import AS_EXPECTED, UNEXPECTED
from conformance.report import diff as difference_report
from conformance.report.plain import console_for
from conformance.results.compare import compare
from conformance.results.record import read


def diff(options: Namespace) -> int:
    """What changed between two records."""
    difference = compare(read(options.old), read(options.new))
    difference_report.show(difference, console_for(sys.stdout))
    return UNEXPECTED if difference.any else AS_EXPECTED
