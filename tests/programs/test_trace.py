"""What a script prints becomes a trace, and two traces are shown side by side."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conformance.programs.trace import Trace, side_by_side, trace_of

LANES = st.sampled_from(["worker", "rival", "child 1", "queue"])
EVENTS = st.sampled_from(["enters 1", "event came", "returned None, cancelling 0", "1 left"])
LINES = st.lists(st.tuples(LANES, EVENTS))


@given(LINES)
def test_each_lane_has_its_events_in_the_order_in_which_they_were_printed(
    said: list[tuple[str, str]],
) -> None:
    trace = trace_of(f"{lane}: {event}" for lane, event in said)
    assert set(trace) == {lane for lane, _ in said}
    for lane, events in trace.items():
        assert events == tuple(event for of, event in said if of == lane)


@given(LINES)
def test_the_order_between_lanes_is_not_kept(said: list[tuple[str, str]]) -> None:
    by_lane = sorted(said, key=lambda each: each[0])  # stable: each lane keeps its order
    assert trace_of(": ".join(each) for each in said) == trace_of(
        ": ".join(each) for each in by_lane
    )


def test_a_lane_may_say_what_has_a_colon_in_it() -> None:
    assert trace_of(["worker: done: 2"]) == {"worker": ("done: 2",)}


def test_the_libraries_names_of_one_thing_are_one_name() -> None:
    asyncio = trace_of(["worker: caught CancelledError in 1", "worker: raised TimeoutError"])
    trio = trace_of(["worker: caught Cancelled in 1", "worker: raised TooSlowError"])
    assert asyncio == trio == {"worker": ("caught Cancelled in 1", "raised TimeoutError")}


def _traces() -> st.SearchStrategy[Trace]:
    return st.dictionaries(LANES, st.lists(EVENTS, min_size=1, max_size=3).map(tuple), max_size=3)


@given(_traces(), _traces())
def test_side_by_side_marks_what_differs_and_nothing_else(predicted: Trace, seen: Trace) -> None:
    lines = side_by_side(predicted, seen)
    assert any(line.startswith(">") for line in lines) == (predicted != seen)
    for event in {event for events in (*predicted.values(), *seen.values()) for event in events}:
        assert any(event in line for line in lines)
