"""Runs of programs, as claims draw them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from conformance.claim import Library, NotApplicable
from conformance.programs import strategies
from conformance.programs.execute import execute
from conformance.programs.generate import contests, missing, programs
from conformance.programs.reference import run as reference
from conformance.programs.reference.rules import Rules, rules_here
from conformance.programs.schedule import CancelTask, Pass, Schedule, Shutdown
from conformance.programs.syntax import Hold, Program, Wait, statements
from conformance.programs.trace import Seen, Trace, departure, printed, side_by_side
from conformance.toolbox.spaces import Place, Streamed, streamed

CANCELS = 2
"""Up to how many cancels there are in a run of an enumerated program."""

REMEMBERED = 10_000
"""How many runs are remembered for the claims that are judged next: those up to size 2, and more."""

SHOWN = 3
"""How many of the traces that may be seen are shown beside the likeliest."""


@dataclass(frozen=True)
class Case:
    """A run to be made: a program, what happens to it from outside, and the rules it runs under.

    ``likely`` is the trace that the reference predicts if the ready tasks go on in order; ``seen`` are
    the traces that were seen when it was run.
    """

    program: Program
    schedule: Schedule
    rules: Rules = field(repr=False)
    likely: Trace = field(repr=False)
    real_clock: bool = field(default=False, repr=False)
    seen: list[Trace] = field(default_factory=list, repr=False, compare=False)

    def __repr__(self) -> str:
        steps = self.schedule.told(self.program.names)
        return "\n".join(
            [
                "program:",
                *(f"    {line}" for line in repr(self.program).splitlines()),
                "schedule:",
                *(f"    {number}. {step}" for number, step in enumerate(steps, 1)),
            ]
        )

    def perform(self, run: Callable[[Any], object]) -> Seen:
        """Run it by the library's ``run`` function.  Returns what was seen.

        What a ``run`` with a memory has run before is not run again.
        """
        memory: dict[Any, Seen] | None = getattr(run, "memory", None)
        key = (self.program, self.schedule, self.rules)
        seen = None if memory is None else memory.get(key)
        if seen is None:
            seen = execute(
                self.program, self.schedule, self.rules.library, run, real_clock=self.real_clock
            )
            if memory is not None and len(memory) < REMEMBERED:
                memory[key] = seen
        self.seen.append(seen)
        return seen

    def allowed(self) -> Iterator[Trace]:
        """Every trace that the reference allows, the likeliest first."""
        return reference.allowed(self.program, self.schedule, self.rules)

    def allows(self, seen: Trace) -> bool:
        """Whether the reference allows ``seen``."""
        return seen == self.likely or seen in self.allowed()

    def nearest(self, seen: Trace) -> Trace:
        """Of the traces that the reference allows, the one that is most like ``seen``."""
        return max(self.allowed(), key=lambda each: _alike(each, seen), default=self.likely)

    def compared(self, seen: Trace) -> str:
        """What was predicted and what was seen, side by side."""
        return "\n".join(side_by_side(self.nearest(seen), seen))

    def predicted(self) -> str:
        """The traces that may be seen, as a script prints them, but lane by lane."""
        first, *others = self.allowed()
        lines = ["predicted:", *(f"    {line}" for line in printed(first))]
        for other in others[:SHOWN]:
            lines += ["or:", *(f"    {line}" for line in printed(other))]
        if others[SHOWN:]:
            lines.append(f"or one of {len(others) - SHOWN} others")
        return "\n".join(lines)

    def departure(self) -> tuple[str, str] | None:
        """The line that should have been printed, and the one that was, when it was last run."""
        if not self.seen or self.allows(self.seen[-1]):
            return None
        return departure(self.nearest(self.seen[-1]), self.seen[-1])

    @property
    def cancels(self) -> int:
        """How many times a task is cancelled from outside."""
        return self.schedule.cancels

    @property
    def statements(self) -> frozenset[str]:
        """The kinds of statements that the program has: ``"Group"``, ``"Raise"``, as they are shown."""
        return frozenset(type(each).__name__ for each in statements(self.program))

    @property
    def things(self) -> frozenset[str]:
        """The kinds of things that it waits for: ``"full queue"``, ``"sleep"``."""
        return frozenset(
            each.thing.kind for each in statements(self.program) if isinstance(each, (Wait, Hold))
        )

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


def _size(found: tuple[Schedule, Trace]) -> tuple[int, int]:
    return found[0].size


def runs(
    only: Callable[[Program], bool] = lambda program: True,
    *,
    largest: int = 2,
    further: Callable[[Program], bool] | None = None,
) -> SearchStrategy[Case]:
    """Runs of the programs for which ``only`` is true, every schedule of each.

    Programs up to the size asked for, but not ``largest``, are enumerated; larger ones are drawn.
    What a law is about may take a statement more: of the programs of that size, those for which
    ``further`` is true too are enumerated whatever size is asked for, and the others are drawn.
    """
    return streamed(_Runs(only, largest, further))


@dataclass(frozen=True)
class _Runs(Streamed[Case]):
    only: Callable[[Program], bool]
    largest: int
    further: Callable[[Program], bool] | None

    def extent(self, size: int) -> str:
        whole = f"up to size {min(size, self.largest)}"
        return whole if self.further is None else f"{whole}, and some of size {self.largest + 1}"

    def stream(self, place: Place, size: int) -> Iterator[Case]:
        for exactly in range(1, min(size, self.largest) + 1):
            yield from self.of_size(place, exactly, self.only)
        further = self.further
        if further is not None:
            yield from self.of_size(
                place, self.largest + 1, lambda program: self.only(program) and further(program)
            )

    def of_size(self, place: Place, size: int, only: Callable[[Program], bool]) -> Iterator[Case]:
        """Every run of the programs of exactly this size for which ``only`` is true."""
        rules = rules_here(place.library, eager=place.eager)
        for found, cancels in (
            (programs(place.library, size), CANCELS),
            (contests(place.library, size), 1),
        ):
            for program in filter(only, found):
                each_run = sorted(reference.runs(program, rules, cancels), key=_size)
                for schedule, likely in each_run:
                    case = Case(program, schedule, rules, likely, place.real_clock)
                    if possible(case):
                        yield case

    def left_out(self, place: Place) -> list[str]:
        kinds: dict[str, list[str]] = {}
        for kind, why in missing(place.library).items():
            kinds.setdefault(why, []).append(kind.__name__)
        found = [f"{', '.join(names)}: {why}" for why, names in kinds.items()]
        if place.real_clock:
            found.append("letting time pass: the clock is real")
        return found

    def describe(self, element: Case) -> str:
        return f"{element!r}\n{element.predicted()}"

    def drawn(self, place: Place) -> SearchStrategy[Case]:
        rules = rules_here(place.library, eager=place.eager)

        def case(found: tuple[Program, Schedule, Trace]) -> Case:
            return Case(*found[:2], rules, found[2], place.real_clock)

        if self.further is None:
            drawn = strategies.runs(place.library, rules, self.only)
        else:
            # Few of the programs that can be drawn are of this kind: these are picked.
            larger = tuple(filter(self.only, programs(place.library, self.largest + 1)))
            if not larger:
                return st.builds(_none, st.just(place.library))
            drawn = strategies.runs_of(larger, rules)
        return drawn.map(case).filter(possible)


def _none(library: Library) -> Case:
    reasons = dict.fromkeys(missing(library).values())
    raise NotApplicable(f"no program that this is about can be run: {'; '.join(reasons)}")


def possible(case: Case) -> bool:
    """Whether the case can be run there: time cannot be made to pass where the clock is real."""
    return not case.real_clock or not any(
        isinstance(action, Pass) for step in case.schedule.steps for action in step
    )
