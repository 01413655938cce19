"""Runs of programs, as claims draw them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis.strategies import SearchStrategy

from conformance.programs import strategies
from conformance.programs.execute import execute
from conformance.programs.generate import contests, programs
from conformance.programs.reference import run as reference
from conformance.programs.reference.rules import Rules, rules_here
from conformance.programs.schedule import CancelTask, Pass, Schedule, Shutdown
from conformance.programs.space import Place, Streamed, streamed
from conformance.programs.syntax import Program
from conformance.programs.trace import Trace, side_by_side

CANCELS = 2
"""Up to how many cancels there are in a run of an enumerated program."""


@dataclass(frozen=True)
class Case:
    """A run to be made: a program, what happens to it from outside, and the rules it runs under.

    ``likely`` is the trace that the reference predicts if the ready tasks go on in order.
    """

    program: Program
    schedule: Schedule
    rules: Rules = field(repr=False)
    likely: Trace = field(repr=False)
    real_clock: bool = field(default=False, repr=False)

    def __repr__(self) -> str:
        return f"{self.program!r}\n{self.schedule!r}"

    def perform(self, run: Callable[[Any], object]) -> Trace:
        """Run it by the library's ``run`` function.  Returns what was seen."""
        return execute(
            self.program, self.schedule, self.rules.library, run, real_clock=self.real_clock
        )

    def allowed(self) -> Iterator[Trace]:
        """Every trace that the reference allows, the likeliest first."""
        return reference.allowed(self.program, self.schedule, self.rules)

    def allows(self, seen: Trace) -> bool:
        """Whether the reference allows ``seen``."""
        return seen == self.likely or seen in self.allowed()

    def compared(self, seen: Trace) -> str:
        """What was predicted and what was seen, side by side."""
        nearest = max(self.allowed(), key=lambda each: _alike(each, seen), default=self.likely)
        return "\n".join(side_by_side(nearest, seen))

    @property
    def cancels(self) -> int:
        """How many times a task is cancelled from outside."""
        return self.schedule.cancels

    @property
    def races(self) -> bool:
        """Whether something else happens in the turn of a cancel."""
        return any(
            len(step) > 1 and any(isinstance(action, (CancelTask, Shutdown)) for action in step)
            for step in self.schedule.steps
        )


def _alike(predicted: Trace, seen: Trace) -> int:
    """How many events two traces have in common, from the start of each lane."""
    alike = 0
    for lane, events in seen.items():
        for left, right in zip(predicted.get(lane, ()), events, strict=False):
            if left != right:
                break
            alike += 1
    return alike


def runs(
    only: Callable[[Program], bool] = lambda program: True, *, largest: int = 2
) -> SearchStrategy[Case]:
    """Runs of the programs for which ``only`` is true, every schedule of each.

    Programs up to the size asked for, but not ``largest``, are enumerated; larger ones are drawn.
    """
    return streamed(_Runs(only, largest))


@dataclass(frozen=True)
class _Runs(Streamed[Case]):
    only: Callable[[Program], bool]
    largest: int

    def stream(self, place: Place, size: int) -> Iterator[Case]:
        rules = rules_here(place.library, eager=place.eager)
        for exactly in range(1, min(size, self.largest) + 1):
            for found, cancels in (
                (programs(place.library, exactly), CANCELS),
                (contests(place.library, exactly), 1),
            ):
                for program in filter(self.only, found):
                    for schedule, likely in reference.runs(program, rules, cancels):
                        case = Case(program, schedule, rules, likely, place.real_clock)
                        if possible(case):
                            yield case

    def drawn(self, place: Place) -> SearchStrategy[Case]:
        rules = rules_here(place.library, eager=place.eager)

        def case(found: tuple[Program, Schedule, Trace]) -> Case:
            return Case(*found[:2], rules, found[2], place.real_clock)

        return (
            strategies.runs(place.library, rules)
            .map(case)
            .filter(lambda each: possible(each) and self.only(each.program))
        )


def possible(case: Case) -> bool:
    """Whether the case can be run there: time cannot be made to pass where the clock is real."""
    return not case.real_clock or not any(
        isinstance(action, Pass) for step in case.schedule.steps for action in step
    )
