"""What the commands of the command line do.

Each takes the parsed options and returns the exit code.
"""

from __future__ import annotations

import difflib
import json
import platform
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

from conformance.backends.backend import Backend
from conformance.backends.discovery import choose, names, usable_here
from conformance.backends.interpreter import has_assertions
from conformance.claim import Claim, Expect, Library
from conformance.ending import (
    AS_EXPECTED,
    NO_ANSWER,
    UNEXPECTED,
    exit_code,
    in_words,
    say,
)
from conformance.judging import collect
from conformance.judging.deviations import Deviation, Deviations, check, check_backends, load
from conformance.judging.effort import PROFILES, Effort, size_for
from conformance.judging.judge import example, judge
from conformance.judging.plan import Outcome, Plan
from conformance.judging.supervisor import in_one_process, supervise
from conformance.printable import counted, printable
from conformance.report import difference as difference_report
from conformance.report.explain import explain as print_explanation
from conformance.report.markdown import markdown
from conformance.report.plain import console_for, line
from conformance.report.progress import progress
from conformance.report.terminal import show
from conformance.results.compare import compare
from conformance.results.files import (
    CannotWrite,
    check_writable,
    descriptor_of,
    is_standard_output,
    same_file,
    write_text,
)
from conformance.results.gather import gather
from conformance.results.junit import write_junit
from conformance.results.merge import merge, single
from conformance.results.record import (
    Record,
    backend_record,
    claim_record,
    make_record,
    read,
    run_record,
    write,
)
from conformance.verdict import Example, VerdictRecord, runtime_name


class BadCall(Exception):
    """A call that cannot be followed: one line that says what was not found, and what there is."""


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
            _make_folder(Path(path).parent)
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


def chosen_backends(options: Namespace) -> list[Backend]:
    """The backends that the options ask for, those that cannot be used with the reason.

    Raises :class:`BadCall` if they are to be used in this process and claims mean nothing here.
    """
    if options.no_supervision and not has_assertions():
        raise BadCall(
            "--no-supervision judges in this process, where -O or PYTHONOPTIMIZE has taken away the "
            "assertions that claims are made of: leave out one of them"
        )
    backends = choose(options.backend, options.loop, apart=True)
    if not options.no_supervision:
        return backends
    # Some need a process of their own.
    return [replace(backend, why_not=usable_here(backend)) for backend in backends]


def planned(options: Namespace, claims: Sequence[Claim], backends: Sequence[Backend]) -> Plan:
    """What the options ask to be judged.  Raises :class:`BadCall` if that is nothing."""
    usable = tuple(backend for backend in backends if backend.why_not is None)
    if backends and not usable:
        raise BadCall(
            "nothing to judge on: "
            + "; ".join(f"{backend.name}: {backend.why_not}" for backend in backends)
        )
    plan = Plan(
        backends=usable,
        claims=tuple(claims),
        libraries=tuple(options.library),
        effort=Effort(
            options.examples or PROFILES[options.profile],
            options.seed,
            options.size or size_for(claims),
        ),
        patience=options.patience,
        deviations=tuple(options.deviations),
    )
    if not plan.size:
        raise BadCall(
            "nothing to judge: none of these claims is stated in "
            f"{' or '.join(options.library) or 'a library'} on "
            f"{', '.join(backend.name for backend in usable) or 'a backend that is installed'}"
        )
    return plan


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


def known_deviations(options: Namespace) -> Deviations:
    """The deviations on record; a line to standard error for each that does not say what it should.

    Raises ``BadDeviations`` for a file that cannot be used, or one that names no law or no backend.
    """
    deviations = load(options.deviations)
    warnings = list(deviations.warnings)
    check(deviations.entries, collect.all_claims())
    if options.deviations:
        # Only what is judged has loops that nobody else knows of.
        loops = getattr(options, "loop", None)
        known = names(loops or (), apart=True)
        warnings += check_backends(deviations.entries, known, every=loops is not None)
    for warning in warnings:
        say(f"conformance {options.name}: warning: {warning}")
    return deviations


def is_complete(outcome: Outcome, plan: Plan) -> bool:
    """Whether every verdict was had; if not, a line to standard error says so."""
    missing = plan.size - len(outcome.verdicts)
    if missing or outcome.failures:
        why = f"{missing} of {counted(plan.size, 'verdict')} missing" if missing else "see above"
        say(f"the run could not be completed: {why}")
    return not missing and not outcome.failures


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
                            f"on {', '.join(each.on)}" if each.on else "",
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


def explain(options: Namespace) -> int:
    """All that there is to say of one claim, judged here and now."""
    everything = collect.all_claims()
    claim = _one_claim(everything, options.id)
    deviations = known_deviations(options)
    verdicts: list[VerdictRecord] = []
    examples: dict[Library, tuple[str, Example]] = {}
    apart: list[Backend] = []
    backends = choose(options.backend, options.loop, apart=True)
    if not any(collect.statements_on(claim, each, options.library) for each in backends):
        raise BadCall(
            f"{claim.id} is stated in {' and '.join(claim.libraries)}, not in "
            f"{' or '.join(options.library) or 'a library'} on "
            f"{', '.join(each.name for each in backends)}"
        )
    for backend in backends:
        # In this very process, for one claim is quick, but for loops that may hang or crash it, and
        # under -O, which takes away what claims are made of.
        if usable_here(backend) is None and not backend.foreign and has_assertions():
            for statement in collect.statements_on(claim, backend, options.library):
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


def report(options: Namespace) -> int:
    """Merge records into MATRIX.md, and show the matrix."""
    found = gather(options.records)
    for note in found.notes:
        say(f"conformance report: {note}")
    merged = merge(found.records, options.python)
    folder = Path(options.output)
    _make_folder(folder)
    write_text(folder / "MATRIX.md", markdown(merged))
    show(merged, console_for(sys.stdout))
    return AS_EXPECTED


def diff(options: Namespace) -> int:
    """What changed between two records."""
    difference = compare(read(options.old), read(options.new))
    difference_report.show(difference, console_for(sys.stdout))
    return UNEXPECTED if difference.any else AS_EXPECTED


def chosen_claims(patterns: Sequence[str]) -> list[Claim]:
    """The claims whose id matches.  Raises :class:`BadCall` for a pattern that matches none."""
    everything = collect.all_claims()
    for pattern in patterns:
        if not any(collect.matches(claim.id, [pattern]) for claim in everything):
            raise BadCall(_no_claim(everything, pattern))
    return [claim for claim in everything if collect.matches(claim.id, patterns)]


def _one_claim(everything: Sequence[Claim], claim_id: str) -> Claim:
    for claim in everything:
        if claim.id == collect.written(claim_id):
            return claim
    raise BadCall(_no_claim(everything, claim_id))


def _no_claim(everything: Sequence[Claim], asked: str) -> str:
    ids = [claim.id for claim in everything]
    near = difflib.get_close_matches(collect.written(asked.upper()), ids, n=3)
    hint = (
        f"did you mean {' or '.join(near)}?"
        if near
        else "'conformance list' shows all ids, from "
        f"{ids[0]} to {ids[-1]}; a pattern is a glob, as in 'GATHER-*'"
    )
    return f"no claim matches {asked!r}: {hint}"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(
            f"cannot make the folder {folder}: {error.strerror}; give a path that can be written"
        ) from error
