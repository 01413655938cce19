"""``conformance explain``: all that there is to say of one claim."""

from __future__ import annotations

import platform
import sys
from argparse import Namespace

from conformance import book
from conformance.backends.backend import Backend
from conformance.backends.discovery import choose, usable_here
from conformance.backends.interpreter import has_assertions
from conformance.claim import Library
from conformance.cli.asked import BadCall, known_deviations, one_claim
from conformance.ending import AS_EXPECTED, NO_ANSWER, UNEXPECTED
from conformance.judging.judge import example, judge
from conformance.judging.plan import Outcome, Plan
from conformance.judging.supervision.supervisor import supervise
from conformance.printable import printable
from conformance.report.explain import explain as print_explanation
from conformance.report.plain import console_for
from conformance.verdict import Example, VerdictRecord, runtime_name


def explain(options: Namespace) -> int:
    """All that there is to say of one claim, judged here and now."""
    everything = book.all_claims()
    claim = one_claim(everything, options.id)
    deviations = known_deviations(options)
    verdicts: list[VerdictRecord] = []
    examples: dict[Library, tuple[str, Example]] = {}
    apart: list[Backend] = []
    backends = choose(options.backend, options.loop, apart=True)
    if not any(book.statements_on(claim, each, options.library) for each in backends):
        raise BadCall(
            f"{claim.id} is stated in {' and '.join(claim.libraries)}, not in "
            f"{' or '.join(options.library) or 'a library'} on "
            f"{', '.join(each.name for each in backends)}"
        )
    for backend in backends:
        # In this very process, for one claim is quick, but for loops that may hang or crash it, and
        # under -O, which takes away what claims are made of.
        if usable_here(backend) is None and not backend.foreign and has_assertions():
            for statement in book.statements_on(claim, backend, options.library):
                verdicts.append(judge(statement, backend, deviations=deviations).record())
                if statement.library not in examples:
                    found = example(statement, backend)
                    if found is not None:
                        runtime = runtime_name(statement.library, backend.name)
                        examples[statement.library] = (runtime, found)
        elif backend.why_not is None:
            apart.append(backend)
    outcome = Outcome()
    plan = Plan(
        tuple(apart),
        (claim,),
        tuple(options.library),
        deviations=tuple(options.deviations),
    )
    supervise(plan, outcome)
    verdicts += outcome.verdicts
    print_explanation(
        claim,
        console_for(sys.stdout),
        claims=everything,
        verdicts=verdicts,
        judged_on=f"{platform.python_implementation()} {platform.python_version()}",
        examples=examples.values(),
        deviations=deviations.of(claim.id),
    )
    for failure in outcome.failures:
        print(printable(failure), file=sys.stderr)
    if outcome.failures:
        return NO_ANSWER
    return AS_EXPECTED if all(each["as_expected"] for each in verdicts) else UNEXPECTED
