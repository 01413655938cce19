"""``python -m tests.programs.counterexamples``: what PROGRAM-01 finds in ten wrong runtimes.

For each it prints how long it took, the program and its schedule, the predicted and the seen trace side
by side, and the script.
"""

from __future__ import annotations

import ast

from conformance.book import all_claims
from conformance.claim import Statement
from conformance.conditions import fits
from conformance.judging.effort import Effort, size_for
from conformance.judging.judge import judge
from conformance.verdict import Verdict
from tests.wrong.kit import Wrong
from tests.wrong.programs_named import WRONG


def statement_for(wrong: Wrong) -> Statement:
    """PROGRAM-01 in the library that is wrong."""
    (claim,) = (claim for claim in all_claims() if claim.id == "PROGRAM-01")
    return claim.statements[wrong.library]


def judged(wrong: Wrong) -> Verdict:
    """PROGRAM-01 on the wrong runtime, as ``conformance run PROGRAM-01`` would judge it."""
    statement = statement_for(wrong)
    with wrong.patch():
        return judge(
            statement, wrong.backend, Effort(size=size_for([statement.claim])), explain=False
        )


def lines_of_code(script: str) -> int:
    """The lines of ``script`` that are neither blank nor its docstring."""
    docstring = ast.parse(script).body[0]
    rest = script.splitlines()[docstring.end_lineno :]
    return sum(bool(line.strip()) for line in rest)


def main() -> None:
    """Print what is found in each."""
    for wrong in filter(lambda each: fits(each.when), WRONG):
        verdict = judged(wrong)
        found = verdict.counterexample
        assert found is not None, wrong.name
        print(
            f"== {wrong.name} ({wrong.library})\n"
            f"   {verdict.verdict} after {verdict.examples:,} examples, {verdict.seconds:.1f} s, "
            f"by a script of {lines_of_code(found.script)} lines\n\n{found.text}\n\n{found.script}\n"
        )


if __name__ == "__main__":
    main()
