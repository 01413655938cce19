"""What a program was seen to do: the events of each lane, in order.

A lane is a task, or a thing that is accounted for at the end.  The order between the lanes is nobody's
promise and is not kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import zip_longest

Trace = Mapping[str, tuple[str, ...]]

_SAME = {"CancelledError": "Cancelled", "TooSlowError": "TimeoutError"}
"""One name for what the libraries and their backends name differently."""


def trace_of(lines: Iterable[str]) -> Trace:
    """The trace that a script printed: each line is ``lane: event``."""
    lanes: dict[str, list[str]] = {}
    for line in lines:
        lane, _, event = line.partition(": ")
        if "E" in event:
            for name, same in _SAME.items():
                event = event.replace(name, same)
        lanes.setdefault(lane, []).append(event)
    return {lane: tuple(events) for lane, events in lanes.items()}


def side_by_side(predicted: Trace, seen: Trace) -> list[str]:
    """Two traces as lines: lane by lane, an event a line, what differs marked."""
    rows = [("predicted", "seen", False)]
    for lane in dict.fromkeys([*predicted, *seen]):
        rows.append((f"{lane}:", f"{lane}:", False))
        rows += (
            (f"  {left}" if left else "", f"  {right}" if right else "", left != right)
            for left, right in zip_longest(predicted.get(lane, ()), seen.get(lane, ()))
        )
    width = max(len(left) for left, _, _ in rows) + 3
    return [
        f"{'>' if differ else ' '} {left:<{width}}{right}".rstrip() for left, right, differ in rows
    ]
