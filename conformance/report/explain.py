"""All there is to know of one claim: ``conformance explain ID``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from textwrap import dedent
from typing import Any

from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from conformance.claim import Claim, Expect, Library, Statement
from conformance.expectations.deviations import Deviation
from conformance.printable import counted
from conformance.report.closure import Constant, Helper, closure
from conformance.report.plain import clean, line, paragraph, rule
from conformance.results.runtimes import runtime_key
from conformance.verdict import Example, VerdictRecord


def explain(
    claim: Claim,
    console: Console,
    *,
    claims: Iterable[Claim] = (),
    verdicts: Iterable[VerdictRecord] = (),
    judged_on: str = "",
    examples: Iterable[tuple[str, Example]] = (),
    deviations: Iterable[Deviation] = (),
) -> None:
    """Print what ``claim`` says, what is on record about it, and its code.

    ``claims`` are all there are: the laws that are true instead, or the claims that a law stands in
    for, are looked up there.  ``verdicts`` are verdicts that were given (those of other claims are
    passed over): they are listed, and their counterexamples are shown; ``judged_on`` says where
    (``"Python 3.13, seed 0"``).  ``examples`` are of what the claim is judged on, each with its runtime.
    ``deviations`` are the claim's own, if it is a law that is known to be broken somewhere.
    """
    line(
        console,
        f"{claim.id}: {'a law' if claim.kind == 'law' else 'an article claim'}",
        "bold",
    )
    paragraph(console, claim.sentence)
    line(console)
    line(console, f"source: {claim.source}")
    rule(console, "verdicts on record")
    known = list(deviations)
    for library in claim.libraries:
        here = [each for each in known if each.library == library]
        _record(console, library, [*here, *claim.statements[library].on_record])
    given = sorted(
        (verdict for verdict in verdicts if verdict["claim"] == claim.id),
        key=lambda verdict: runtime_key(verdict["runtime"]),
    )
    if given:
        rule(console, f"verdicts given{f' on {judged_on}' if judged_on else ''}")
        for verdict in given:
            _given(console, verdict)
    _related(console, claim, list(claims))
    _counterexamples(console, given)
    for runtime, example in examples:
        rule(console, f"an example of what is judged on {runtime}")
        _program(console, example.text, example.script)
    _code(console, claim)


def _record(console: Console, library: Library, expectations: Sequence[Expect]) -> None:
    line(console, f"  {library}")
    if not expectations:
        line(console, "    none")
    for number, expect in enumerate(expectations):
        paragraph(console, expectation_text(expect, last=bool(number)), 4)


def expectation_text(expect: Expect, *, last: bool = False) -> str:
    """An expectation in one line; ``last`` says that others were tried before it."""
    text: str = expect.verdict
    if expect.where:
        text += f" {expect.where}"
    if expect.when:
        text += f" where {expect.when}"
    if last and not expect.on and not expect.when:
        text += " otherwise"
    if expect.why:
        text += f": {expect.why}"
    if expect.issue:
        text += f" ({expect.issue})"
    if isinstance(expect, Deviation):
        text += f" [a known deviation: {expect.lines}]"
    return text


def _given(console: Console, verdict: VerdictRecord) -> None:
    amount = (
        f"all {counted(verdict['examples'], 'case')}"
        if verdict["exhaustive"]
        else counted(verdict["examples"], "example")
    )
    text = f"{verdict['runtime']}: {verdict['verdict']} ({amount})"
    if not verdict["as_expected"]:
        text += f", expected {verdict['expected'] or 'nothing: none is on record'}"
    if verdict["reason"]:
        text += f": {verdict['reason']}"
    paragraph(console, text, 2, "" if verdict["as_expected"] else "bold red")


def _related(console: Console, claim: Claim, claims: Sequence[Claim]) -> None:
    by_id = {each.id: each for each in claims}
    if claim.instead:
        rule(console, "true instead")
        for law in claim.instead:
            sentence = f": {by_id[law].sentence}" if law in by_id else ""
            paragraph(console, f"{law}{sentence}", 2)
    replaced = [each for each in claims if claim.id in each.instead]
    if replaced:
        rule(console, "stands in for")
        for each in replaced:
            paragraph(console, f"{each.id}: {each.sentence}", 2)


def _counterexamples(console: Console, verdicts: Sequence[VerdictRecord]) -> None:
    """One counterexample a library: the other runtimes' differ in how they start their loop."""
    shown: set[str] = set()
    for verdict in verdicts:
        counterexample = verdict["counterexample"]
        if counterexample is None or verdict["library"] in shown:
            continue
        shown.add(verdict["library"])
        smallest = verdict["verdict"] in ("refuted", "qualified")
        what = "smallest counterexample" if smallest else "example"
        rule(console, f"the {what} on {verdict['runtime']}")
        _program(console, counterexample["text"], counterexample["script"])


def _program(console: Console, text: str, script: str) -> None:
    """A case in words, and as a program if it can be written as one."""
    for each in text.splitlines():
        line(console, f"  {each}")
    if script:
        line(console)
        line(console, "As a program that runs by itself:")
        line(console)
        show_code(console, script)


def show_code(console: Console, code: str) -> None:
    """Print ``code`` so that it can be pasted as it stands; in colour on a terminal alone."""
    code = code.rstrip("\n")
    if not console.is_terminal or console.no_color:
        console.out(clean(code, console.encoding), highlight=False)
        return
    highlighter = Syntax("", "python", theme="ansi_dark", background_color="default")
    text = highlighter.highlight(clean(code, console.encoding))
    text.rstrip()
    line(console, text)


def _code(console: Console, claim: Claim) -> None:
    groups: dict[Callable[..., Any], list[Statement]] = {}
    for statement in claim.statements.values():
        groups.setdefault(_function(statement), []).append(statement)
    for function, statements in groups.items():
        libraries = " and ".join(statement.library for statement in statements)
        if function.__module__ == Claim.__module__:
            # Claim.not_applicable made it: its reason is on record above, its code says nothing more.
            continue
        rule(console, f"the code for {libraries}")
        try:
            lines, number = inspect.getsourcelines(function)
        except (OSError, TypeError):
            line(console, f"  the source of {function.__module__} is not here")
            continue
        line(console, Text(f"# {function.__module__}, line {number}", "dim"))
        line(console)
        show_code(console, dedent("".join(lines)))
    _closure(console, groups)


def _closure(console: Console, functions: Iterable[Callable[..., Any]]) -> None:
    """What the code stands on, so that nobody needs another page."""
    found = closure(functions)
    if not found:
        return
    rule(console, "what it stands on")
    for each in found:
        if isinstance(each, Constant):
            show_code(console, f"{each.name} = {each.value}")
    for each in found:
        if isinstance(each, Helper):
            line(console)
            line(console, Text(f"# {each.module}", "dim"))
            show_code(console, each.source)


def _function(statement: Statement) -> Callable[..., Any]:
    """The function that was written: what Hypothesis wraps."""
    handle = getattr(statement.test, "hypothesis", None)
    function: Callable[..., Any] = statement.test if handle is None else handle.inner_test
    return function
