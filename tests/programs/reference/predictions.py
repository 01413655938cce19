"""What the laws of the reference range over: programs, their schedules, and runs to look into."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import chain, islice

from conformance.claim import Library
from conformance.programs.generate import contests, programs
from conformance.programs.reference.machine import Chooser
from conformance.programs.reference.rules import Rules
from conformance.programs.reference.run import Run, in_order, runs
from conformance.programs.schedule import Schedule
from conformance.programs.syntax import Program, statements
from conformance.programs.trace import Trace

EDGE = Rules("asyncio")
EAGER = Rules("asyncio", eager=True)
TRIO = Rules("trio")
ANYIO = Rules("anyio")
ALL = (EDGE, EAGER, TRIO, ANYIO)

EVERY = 11
"""Of the programs of size 3, of which there are tens of thousands, every so many are looked at."""


def small(library: Library, *, every: int = EVERY) -> Iterator[tuple[Program, int]]:
    """All programs up to size 2, a fixed part of the larger ones, and how many cancels each gets."""
    for size in (1, 2):
        yield from ((program, 2) for program in programs(library, size))
    yield from ((program, 2) for program in islice(programs(library, 3), 0, None, every))
    yield from ((program, 1) for program in islice(contests(library, 3), 0, None, every))


@cache
def predictions(rules: Rules) -> tuple[tuple[Program, Schedule, Trace], ...]:
    """Runs of the small programs, with the likeliest trace of each."""
    return tuple(
        (program, schedule, likely)
        for program, cancels in small(rules.library)
        for schedule, likely in runs(program, rules, cancels)
    )


def played(program: Program, schedule: Schedule, rules: Rules, choose: Chooser = in_order) -> Run:
    """A run that was brought to its end, to look into."""
    run = Run(program, rules, choose)
    for step in schedule.steps:
        run.step(step)
    run.finish()
    return run


def has(program: Program, *kinds: type) -> bool:
    """Whether a statement of one of these ``kinds`` is in ``program``."""
    return any(isinstance(each, kinds) for each in statements(program))


def events(trace: Trace) -> Iterator[str]:
    """The events of every lane."""
    return chain.from_iterable(trace.values())
