"""What a program was seen to do: the events of each lane, in order.

A lane is a task, or a thing that is accounted for at the end.  The order between the lanes is nobody's
promise: two traces are the same if their lanes are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest

Trace = Mapping[str, tuple[str, ...]]

_SAME = {"CancelledError": "Cancelled", "TooSlowError": "TimeoutError"}
"""One name for what the libraries and their backends name differently."""


class Seen(dict[str, tuple[str, ...]]):
    """A trace that was seen, as a trace like any other.

    ``lines`` are its events in the order in which they came, each with its lane: what has to come
    before what is looked up there.
    """

    def __init__(self, lines: Sequence[tuple[str, str]]) -> None:
        lanes: dict[str, list[str]] = {}
        for lane, event in lines:
            lanes.setdefault(lane, []).append(event)
        super().__init__((lane, tuple(events)) for lane, events in lanes.items())
        self.lines = tuple(lines)


def trace_of(output: Iterable[str]) -> Seen:
    """The trace that a script printed: each line is ``lane: event``."""
    lines: list[tuple[str, str]] = []
    for line in output:
        lane, _, event = line.partition(": ")
        if "E" in event:
            for name, same in _SAME.items():
                event = event.replace(name, same)
        lines.append((lane, event))
    return Seen(lines)


def printed(trace: Trace) -> list[str]:
    """The lines of a trace as a script prints them, but lane by lane."""
    return [f"{lane}: {event}" for lane, events in trace.items() for event in events]


def side_by_side(predicted: Trace, seen: Trace) -> list[str]:
    """Two traces as lines: lane by lane, an event a line, what differs marked."""
    rows = [("predicted", "seen"), *_aligned(predicted, seen)]
    width = max(len(left) for left, _ in rows) + 3
    return [
        f"{'>' if left != right and number else ' '} {left:<{width}}{right}".rstrip()
        for number, (left, right) in enumerate(rows)
    ]


def _aligned(predicted: Trace, seen: Trace) -> Iterator[tuple[str, str]]:
    """The lines of both, those that are the same beside each other, and "" where there is none."""
    for lane in dict.fromkeys([*predicted, *seen]):
        left, right = (printed({lane: trace.get(lane, ())}) for trace in (predicted, seen))
        for _, i, j, k, m in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
            yield from zip_longest(left[i:j], right[k:m], fillvalue="")


def departure(predicted: Trace, seen: Trace) -> tuple[str, str] | None:
    """The first line of a lane that is not as predicted: what it should be, and what it is.

    ``"nothing"`` stands where one of them has come to its end; ``None``: there is no difference.
    """
    for lane in dict.fromkeys([*predicted, *seen]):
        left, right = (printed({lane: trace.get(lane, ())}) for trace in (predicted, seen))
        for should, does in zip_longest(left, right, fillvalue="nothing"):
            if should != does:
                return should, does
    return None
