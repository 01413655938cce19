"""What is said of a verdict that is not the one on record."""

from __future__ import annotations

import inspect
import re
import shlex
from itertools import chain

from conformance.backends.backend import Backend
from conformance.claim import Claim, Expect, Statement
from conformance.expectations.deviations import Deviation, is_the_package_s, shown
from conformance.judging.effort import Effort, size_for
from conformance.outcomes.classify import NO_ROOM
from conformance.printable import counted
from conformance.verdict import ANSWERS, BREACHES, GONE, Explanation, Verdict


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
    if verdict.departs is not None:
        lines.append(f"            {verdict.departs}")
    if verdict.counterexample is not None:
        # What hung or crashed was not looked at any further.
        smallest = verdict.verdict in ("refuted", "qualified")
        lines += ["", f"  {'the smallest counterexample' if smallest else 'the example'}:"]
        lines += [f"    {line}" for line in verdict.counterexample.text.splitlines()]
        if verdict.counterexample.explanation is not None:
            lines += ["", *_explained(verdict.counterexample.explanation)]
        if verdict.counterexample.script:
            lines += ["", "  as a program that runs by itself:", ""]
            lines += [f"    {line}".rstrip() for line in verdict.counterexample.script.splitlines()]
    lines += ["", f"  what to do: {_advice(statement, verdict, expected, backend)}"]
    if claim.kind == "law" and verdict.verdict in BREACHES and not _lacks_room(verdict):
        lines += ["", "  if it is a known bug of the runtime, put it on record:"]
        lines += [f"    {record(claim, verdict, backend, effort)}"]
    command = again(claim, verdict, backend, effort)
    if isinstance(expected, Deviation) and not is_the_package_s(expected.file):
        # Without it something else would be expected.
        command += f" --deviations {shlex.quote(expected.file)}"
    lines += ["", "  again:", f"    {command}"]
    return "\n".join(lines)


def _explained(found: Explanation) -> list[str]:
    """The cases that fail, and what is said in all of them."""
    where = f": those in which {found.region}" if found.region else ""
    return [
        f"  it fails in {found.failed:,} of {counted(found.cases, 'case')}{where}",
        *(f"  saying: {line}" for line in found.message.splitlines()[:1]),
    ]


def again(claim: Claim, verdict: Verdict, backend: Backend, effort: Effort) -> str:
    """The command that judges just this once more, quoted for a shell."""
    return shlex.join(["conformance", "run", *_just_this(claim, verdict, backend, effort)])


def record(claim: Claim, verdict: Verdict, backend: Backend, effort: Effort) -> str:
    """The command that puts just this on record as a deviation, in a file of one's own."""
    just_this = _just_this(claim, verdict, backend, effort)
    return shlex.join(
        ["conformance", "deviations", "update", *just_this, "--deviations", "deviations.toml"]
    )


def _just_this(claim: Claim, verdict: Verdict, backend: Backend, effort: Effort) -> list[str]:
    options = {
        # Its name may be due to which others there were.
        "--loop": backend.spec,
        "--backend": None if backend.spec else backend.name,
        "--library": verdict.library,
        "--examples": str(effort.examples),
        "--seed": str(effort.seed),
    }
    # Judged alone, a claim about programs is judged on more of them, if nothing else is said.
    if effort.size != size_for([claim]):
        options["--size"] = str(effort.size)
    words = ((option, value) for option, value in options.items() if value is not None)
    return [verdict.claim, *chain.from_iterable(words)]


def _gist(verdict: Verdict) -> str:
    if verdict.expected is None:
        return f"it is {verdict.verdict}, and nothing is on record to compare that with"
    if verdict.departs is not None and verdict.verdict == verdict.expected:
        return f"{verdict.verdict} as expected, but not as it is on record"
    return f"expected {verdict.expected}, found {verdict.verdict}"


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
    if isinstance(expected, Deviation):
        parts.append(f"on record in {expected.lines}")
    return " ".join(parts)


def _found(verdict: Verdict, expected: Expect | None) -> str:
    amount = (
        f"all {counted(verdict.examples, 'case')}"
        if verdict.exhaustive
        else counted(verdict.examples, "example")
    )
    reason = verdict.reason
    if reason is None or (expected is not None and reason == expected.why):
        return f" ({amount})"
    return f" ({amount}): {reason}"


def _advice(
    statement: Statement, verdict: Verdict, expected: Expect | None, backend: Backend
) -> str:
    if verdict.departs is not None and verdict.verdict == verdict.expected:
        if isinstance(expected, Deviation) and verdict.departs == GONE.format(expected.lines):
            return f"delete {expected.lines}."
        return (
            "what is on record stays as it is, and does not explain this: find out what is wrong here. "
            "A further known bug gets an entry of its own, with its region and its message."
        )
    if _lacks_room(verdict):
        return "give the process more of it, and judge this again: nothing is known of the runtime."
    if isinstance(expected, Deviation) and verdict.verdict != "vacuous":
        return _advice_on_deviation(verdict, expected)
    if backend.spec is not None and verdict.verdict in BREACHES | ANSWERS:
        return _advice_to_its_author(statement, verdict)
    place = shown(str(inspect.getsourcefile(inspect.unwrap(statement.test))))
    where = f"the expect= of {verdict.claim} in {place}"
    if verdict.expected is None:
        return f"if what was found is right, say so in {where}, and why."
    if statement.claim.kind == "law" and verdict.verdict == "refuted":
        return (
            "find out which is wrong, the runtime or the law. A law is to hold wherever it applies: "
            f"{where} says where it does not apply."
        )
    if verdict.verdict in ("holds", "refuted", "qualified", "not-applicable"):
        return (
            "find out which is wrong, the runtime or the record. If the runtime changed on purpose, "
            f"change {where} and give the version and the upstream issue."
        )
    if verdict.verdict == "vacuous":
        return "the claim was not tested: give it more examples, or draw what makes its antecedent true."
    if verdict.verdict == "hung":
        return "the example can never end: the runtime lost a wake-up, or the claim waits for what it must not."
    if verdict.verdict == "crashed":
        return (
            "the process that judged it died: the stack says where. A signal such as SIGSEGV is "
            "compiled code's doing, SIGKILL may be that of a machine without memory."
        )
    if verdict.verdict == "blocked":
        return "mend that first, and judge this again."
    lacks = _LACKS.search(verdict.reason or "")
    if lacks is not None:
        name = ".".join(lacks.groups())
        return (
            f"{name} is not in the {lacks[1].partition('.')[0]} that is here. If it came with a later "
            f'version, say exists="{name}" where {verdict.claim} is stated, in {place}.'
        )
    return (
        "the claim's own code failed, or what it called raised what it must not: see the traceback."
    )


_LACKS = re.compile(
    r"AttributeError: module '((?:asyncio|anyio|trio)(?:\.\w+)*)' has no attribute '(\w+)'"
)


def _lacks_room(verdict: Verdict) -> bool:
    return verdict.verdict == "error" and (verdict.reason or "").startswith(NO_ROOM)


def _advice_to_its_author(statement: Statement, verdict: Verdict) -> str:
    """What follows for whoever handed over a loop: our files are none of theirs."""
    if statement.claim.kind == "law" and verdict.verdict in BREACHES:
        what = {
            "refuted": "your loop breaks this law",
            "hung": "your loop breaks this law: the example can never end, the stack says where it stands",
            "crashed": "your loop breaks this law: the process died, the stack says where",
        }.get(verdict.verdict, "what your loop raised is nothing that this law allows")
        return f"{what}. Mend it, or put it on record with the command below."
    return (
        "your loop does otherwise than the loops that are on record. Mend it; if it is right, report "
        "that to this package."
    )


def _advice_on_deviation(verdict: Verdict, known: Deviation) -> str:
    """What follows for a deviation where something else is seen."""
    runtime = f"{verdict.claim} is {verdict.verdict} on {verdict.runtime}"
    if verdict.verdict in BREACHES:
        return f"{runtime} now: change seen to {verdict.verdict!r} in {known.lines}."
    if verdict.verdict == "holds":
        runtime = f"{verdict.claim} holds on {verdict.runtime}"
    advice = f"delete {known.lines}: {runtime}"
    pinned = known.on == (verdict.backend,) and "==" in known.when
    return (
        f"{advice}."
        if pinned
        else f"{advice}. If it still happens elsewhere, narrow its backend or when instead."
    )
