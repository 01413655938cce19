"""``conformance run``: judge claims, record the verdicts, show the matrix."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TextIO

from conformance.cli.asked import BadCall, chosen_backends, chosen_claims, known_deviations, planned
from conformance.cli.judging import is_complete, judged
from conformance.ending import AS_EXPECTED, NO_ANSWER, UNEXPECTED, exit_code, in_words, say
from conformance.judging.plan import Outcome, Plan
from conformance.printable import counted
from conformance.report.plain import console_for, line
from conformance.report.terminal import show
from conformance.results.files import (
    CannotWrite,
    check_writable,
    descriptor_of,
    is_standard_output,
    make_folder,
    same_file,
)
from conformance.results.junit import write_junit
from conformance.results.merge import single
from conformance.results.record import Record, backend_record, make_record, run_record, write


def run(options: Namespace) -> int:
    """Judge claims, record the verdicts, show the matrix."""
    claims = chosen_claims(options.patterns)
    known_deviations(options)
    outputs = [path for path in (options.json, options.junit) if path is not None]
    _check_outputs(outputs, options.deviations)
    backends = chosen_backends(options)
    plan = planned(options, claims, backends)
    for path in outputs:
        if descriptor_of(path) is None:
            make_folder(Path(path).parent)
        check_writable(path)

    outcome = Outcome()
    started, begun = datetime.now(timezone.utc), time.monotonic()
    interrupt = judged(plan, outcome, options)
    record = make_record(
        outcome.verdicts,
        claims,
        [
            backend_record(
                backend.name,
                backend.why_not,
                backend.origin.package,
                outcome.growth.get(backend.name),
                loop=backend.origin.loop,
                spec=backend.spec,
            )
            for backend in backends
        ],
        run_record(
            seed=options.seed,
            profile=counted(options.examples, "example") if options.examples else options.profile,
            size=plan.effort.size,
            started=started,
            seconds=time.monotonic() - begun,
        ),
    )
    lost = False
    for writing, path in ((write, options.json), (write_junit, options.junit)):
        try:
            if path is not None:
                writing(record, path)
        except CannotWrite as error:
            # The disk is full by now, say: the other is written, and all is shown.
            say(f"conformance run: {error}")
            lost = True
    if interrupt is None or outcome.verdicts:
        _show(record, outcome, sys.stderr if any(map(is_standard_output, outputs)) else sys.stdout)
    if interrupt is not None:
        say(_how_far(interrupt, plan, outcome))
        return exit_code(interrupt)
    code = _exit_code(record, outcome, plan)
    return NO_ANSWER if lost else code


def _check_outputs(outputs: Sequence[str], inputs: Sequence[str]) -> None:
    """Raise :class:`BadCall` if what is written to one file would spoil another."""
    for number, path in enumerate(outputs):
        for other in [*outputs[:number], *inputs]:
            if same_file(path, other):
                what = (
                    f"{other} and {path} are the same file"
                    if path != other
                    else f"{path} is there twice"
                )
                raise BadCall(f"{what}: give each file a name of its own")


def _how_far(interrupt: KeyboardInterrupt, plan: Plan, outcome: Outcome) -> str:
    """How far a run came that was interrupted."""
    done = len(outcome.verdicts)
    if done == plan.size:
        return (
            f"{in_words(interrupt)}: every verdict was had; what grows is not known of all backends"
        )
    return f"{in_words(interrupt)}: {done} of {counted(plan.size, 'verdict')}"


def _exit_code(record: Record, outcome: Outcome, plan: Plan) -> int:
    if not is_complete(outcome, plan):
        return NO_ANSWER
    wrong = [verdict for verdict in record["verdicts"] if not verdict["as_expected"]]
    return UNEXPECTED if wrong else AS_EXPECTED


def _show(record: Record, outcome: Outcome, file: TextIO) -> None:
    console = console_for(file)
    for text in (*outcome.messages, *outcome.failures):
        console.rule()
        line(console, text)
    if outcome.messages or outcome.failures:
        console.rule()
    show(single(record), console)
