"""What ``conformance deviations`` does: show what is on record, and put on record what is seen."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from rich.console import Console

from conformance.backends.backend import Backend
from conformance.backends.discovery import choose
from conformance.cli.asked import BadCall, chosen_backends, chosen_claims, known_deviations, planned
from conformance.cli.judging import is_complete, judged
from conformance.ending import AS_EXPECTED, NO_ANSWER, UNEXPECTED, exit_code, in_words, say
from conformance.expectations.deviations import (
    PACKAGE_FILE,
    Deviation,
    is_the_package_s,
    parse,
    runtimes,
    shown,
)
from conformance.expectations.edit import edited, update
from conformance.judging.plan import Outcome
from conformance.printable import counted
from conformance.report.plain import console_for, line, paragraph
from conformance.results.files import check_writable, write_text

HERE = "*"
"""The mark of a deviation that is the verdict on record somewhere on this machine."""


def show(options: Namespace) -> int:
    """The deviations on record, those that fit here marked."""
    deviations = known_deviations(options).entries
    backends = [backend for backend in choose((), (), apart=True) if backend.why_not is None]
    if options.json:
        # ASCII only, like a record: it reads the same in any locale.
        print(json.dumps([_listed(each, backends) for each in deviations], indent=2))
        return AS_EXPECTED
    console = console_for(sys.stdout)
    for each in deviations:
        _show(console, each, _here(each, backends))
    line(console, f"{len(deviations)} on record; {HERE} marks those that fit here")
    return AS_EXPECTED


def _here(deviation: Deviation, backends: list[Backend]) -> list[str]:
    return runtimes(deviation, ((backend.known_as, backend.libraries) for backend in backends))


def _show(console: Console, deviation: Deviation, here: list[str]) -> None:
    where = deviation.where or "on every backend"
    when = f" where {deviation.when}" if deviation.when else ""
    line(
        console,
        f"{HERE if here else ' '} {deviation.claim} in {deviation.library} is {deviation.verdict} "
        f"{where}{when}",
    )
    for text in (deviation.why, deviation.issue):
        if text:
            paragraph(console, text, 4)
    if here:
        paragraph(console, f"here: {', '.join(here)}", 4)
    line(console, f"    {deviation.file}:{deviation.first}")


def _listed(deviation: Deviation, backends: list[Backend]) -> dict[str, Any]:
    return {
        "claim": deviation.claim,
        "library": deviation.library,
        "backend": list(deviation.on),
        "when": deviation.when,
        "seen": deviation.verdict,
        "why": deviation.why,
        "issue": deviation.issue,
        "counterexample": deviation.counterexample,
        "file": deviation.file,
        "lines": [deviation.first, deviation.last],
        "here": _here(deviation, backends),
    }


def record(options: Namespace) -> int:
    """Judge, and change a file of deviations so that it says what was seen."""
    path = _file(options)
    check_writable(path)
    new = not path.exists()
    # A file that is yet to be written has nothing on record.
    options.deviations = [each for each in options.deviations if Path(each).exists()]
    claims = chosen_claims(options.patterns)
    deviations = known_deviations(options)
    plan = planned(options, claims, chosen_backends(options))
    outcome = Outcome()
    interrupt = judged(plan, outcome, options)
    if interrupt is not None:
        say(f"{in_words(interrupt)}: nothing was written")
        return exit_code(interrupt)
    console = console_for(sys.stdout)
    for failure in outcome.failures:
        line(console, failure)
    if not is_complete(outcome, plan):
        return NO_ANSWER
    name = shown(path) if is_the_package_s(path) else os.fspath(path)
    changes = update(outcome.verdicts, claims, plan.backends, deviations, name)
    if changes.added or changes.removed:
        before = "" if new else path.read_bytes().decode("utf-8")
        text = edited(before.replace("\r\n", "\n"), changes)
        parse(text, name)  # what is written can be read again
        if "\r\n" in before:
            text = text.replace("\n", "\r\n")
        write_text(path, text)
    for said in changes.said:
        line(console, said)
    if changes.added:
        line(console, f"now say why and name the issue, where {name} has TODO")
    for left in changes.left:
        line(console, f"left as it is: {left}")
    if not changes.said and not changes.left:
        line(
            console, f"nothing to change: {counted(len(outcome.verdicts), 'verdict')} as on record"
        )
    return UNEXPECTED if changes.left else AS_EXPECTED


def _file(options: Namespace) -> Path:
    """The file to change: the last that was given, or in a checkout the package's own."""
    if options.deviations:
        return Path(options.deviations[-1])
    if not (PACKAGE_FILE.parents[2] / "pyproject.toml").is_file():
        raise BadCall(
            "no file to write to: --deviations FILE names one (the package's own is for a checkout)"
        )
    return PACKAGE_FILE
