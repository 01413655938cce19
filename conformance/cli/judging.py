"""Judging a plan from the command line, with a progress bar."""

from __future__ import annotations

import sys
from argparse import Namespace

from conformance.ending import say
from conformance.judging.plan import Outcome, Plan
from conformance.judging.supervision.supervisor import in_one_process, supervise
from conformance.printable import counted
from conformance.report.progress import progress


def judged(plan: Plan, outcome: Outcome, options: Namespace) -> KeyboardInterrupt | None:
    """Judge what ``plan`` says, and fill ``outcome``; what interrupted it, if it was interrupted."""
    try:
        with progress(plan, sys.stderr) as listen:
            if options.no_supervision:
                in_one_process(plan, outcome, listen)
            else:
                supervise(plan, outcome, jobs=options.jobs, listen=listen)
    except KeyboardInterrupt as interrupt:
        return interrupt
    return None


def is_complete(outcome: Outcome, plan: Plan) -> bool:
    """Whether every verdict was had; if not, a line to standard error says so."""
    missing = plan.size - len(outcome.verdicts)
    if missing or outcome.failures:
        why = f"{missing} of {counted(plan.size, 'verdict')} missing" if missing else "see above"
        say(f"the run could not be completed: {why}")
    return not missing and not outcome.failures
