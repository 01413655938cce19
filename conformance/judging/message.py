"""What is said of a verdict that is not the one on record."""

from __future__ import annotations

import inspect
from pathlib import Path

from conformance.backends.backend import Backend
from conformance.claim import Claim, Expect, Statement
from conformance.judging.effort import Effort, size_for
from conformance.verdict import Verdict


def unexpected(
    statement: Statement,
    verdict: Verdict,
    expected: Expect | None,
    backend: Backend,
    effort: Effort,
) -> str:
    """The sentence, the source, expected and found, the counterexample, and how to see it again."""
    claim = statement.claim
    lines = [
        f"{claim.id} on {verdict.runtime}: {_gist(verdict)}",
        "",
        f"  claim     {claim.sentence}",
        f"  source    {claim.source}",
        f"  expected  {_expected(expected)}",
        f"  found     {verdict.verdict}{_found(verdict, expected)}",
    ]
    if verdict.counterexample is not None:
        lines += ["", "  the smallest counterexample:"]
        lines += [f"    {line}" for line in verdict.counterexample.text.splitlines()]
        if verdict.counterexample.script:
            lines += ["", "  as a program that runs by itself:", ""]
            lines += [f"    {line}".rstrip() for line in verdict.counterexample.script.splitlines()]
    lines += ["", f"  what to do: {_advice(statement, verdict)}", "", "  again:"]
    lines += [f"    {again(claim, verdict, backend, effort)}"]
    return "\n".join(lines)


def again(claim: Claim, verdict: Verdict, backend: Backend, effort: Effort) -> str:
    """The command that judges just this once more."""
    # Judged alone, a claim about programs is judged on more of them, if nothing else is said.
    size = "" if effort.size == size_for([claim]) else f" --size {effort.size}"
    loop = f"--loop {backend.spec} " if backend.spec else ""
    return (
        f"conformance run {verdict.claim} {loop}--backend {backend.name} "
        f"--library {verdict.library} --examples {effort.examples} --seed {effort.seed}{size}"
    )


def _gist(verdict: Verdict) -> str:
    if verdict.expected is None:
        return f"it is {verdict.verdict}, and nothing is on record to compare that with"
    return f"it should be {verdict.expected}, and is {verdict.verdict}"


def _expected(expected: Expect | None) -> str:
    if expected is None:
        return "nothing: the claim has no expectation that fits this backend and these versions"
    parts: list[str] = [expected.verdict]
    if expected.when:
        parts.append(f"where {expected.when}")
    if expected.why:
        parts.append(f"because {expected.why}")
    if expected.issue:
        parts.append(f"({expected.issue})")
    return " ".join(parts)


def _found(verdict: Verdict, expected: Expect | None) -> str:
    amount = (
        f"all {verdict.examples:,} cases"
        if verdict.exhaustive
        else f"{verdict.examples:,} examples"
    )
    reason = verdict.reason
    if reason is None or (expected is not None and reason == expected.why):
        return f" ({amount})"
    return f" ({amount}): {reason}"


def _advice(statement: Statement, verdict: Verdict) -> str:
    place = Path(str(inspect.getsourcefile(inspect.unwrap(statement.test)))).name
    where = f"the expect= of {verdict.claim} in {place}"
    if verdict.expected is None:
        return f"if what was found is right, say so in {where}, and why."
    if verdict.verdict in ("holds", "refuted", "qualified", "not-applicable"):
        return (
            "find out which is wrong, the runtime or the record. If the runtime changed on purpose, "
            f"change {where} and give the version and the upstream issue."
        )
    if verdict.verdict == "vacuous":
        return "the claim was not tested: give it more examples, or draw what makes its antecedent true."
    if verdict.verdict == "hung":
        return "the example can never end: the runtime lost a wake-up, or the claim waits for what it must not."
    return "the claim's own code failed: this says nothing about the runtime."
