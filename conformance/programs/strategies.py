"""Programs of any size, drawn by Hypothesis, and schedules for them."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from conformance.claim import Library
from conformance.programs.generate import programs
from conformance.programs.reference import run as reference
from conformance.programs.reference.rules import Rules
from conformance.programs.schedule import Schedule
from conformance.programs.syntax import Program
from conformance.programs.trace import Trace


def runs(library: Library, rules: Rules) -> SearchStrategy[tuple[Program, Schedule, Trace]]:
    """A program of ``library``, a schedule for it, and the likeliest trace."""
    small = list(programs(library, 2))

    @st.composite
    def one(draw: st.DrawFn) -> tuple[Program, Schedule, Trace]:
        program = draw(st.sampled_from(small))
        found = list(reference.runs(program, rules, 2))
        schedule, likely = draw(st.sampled_from(found))
        return program, schedule, likely

    return one()
