"""``conformance list``: every claim, with its expectations."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from typing import Any

from conformance.claim import Claim, Expect, Library
from conformance.cli.asked import chosen_claims, known_deviations
from conformance.ending import AS_EXPECTED
from conformance.expectations.deviations import Deviation, Deviations
from conformance.report.plain import console_for, line
from conformance.results.record import claim_record


def list_claims(options: Namespace) -> int:
    """Every claim: id, sentence, source, libraries, expectations."""
    claims = chosen_claims(options.patterns)
    deviations = known_deviations(options)
    if options.json:
        # ASCII only, like a record: it reads the same in any locale.
        print(json.dumps([_listed(claim, deviations) for claim in claims], indent=2))
        return AS_EXPECTED
    console = console_for(sys.stdout)
    for claim in claims:
        line(console, f"{claim.id}  ({claim.kind}; {claim.source})")
        line(console, f"    {claim.sentence}")
        for library in claim.libraries:
            verdicts = "; ".join(
                " ".join(
                    filter(
                        None,
                        (
                            each.verdict,
                            f"if {each.when}" if each.when else "",
                            each.where,
                        ),
                    )
                )
                for each in _expectations(claim, library, deviations)
            )
            line(console, f"    {library:<8} {verdicts}")
    return AS_EXPECTED


def _expectations(claim: Claim, library: Library, deviations: Deviations) -> list[Expect]:
    """The verdicts on record, in the order in which they are tried."""
    return [*deviations.of(claim.id, library), *claim.statements[library].on_record]


def _listed(claim: Claim, deviations: Deviations) -> dict[str, Any]:
    expectations = {
        library: [
            {
                "verdict": each.verdict,
                "why": each.why,
                "when": each.when,
                "on": list(each.on),
                "issue": each.issue,
                "deviation": isinstance(each, Deviation),
            }
            for each in _expectations(claim, library, deviations)
        ]
        for library in claim.libraries
    }
    return {**claim_record(claim), "expectations": expectations}
