"""What happens to a program from outside, and when: instants as data.

A run of a program is a sequence of steps.  Each step is a few actions in one turn of the event loop;
after it the program runs until every task waits.  So an instant has a name that means the same on every
backend: before the first step, at a suspension, in the turn in which the awaited thing completes (before
it, after it), while what follows from that is under way, after the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union

from conformance.programs.syntax import Kind, Thing

_COMPLETE: dict[Kind, str] = {
    "event": "set the event",
    "future": "resolve the future",
    "lock": "release the lock",
    "semaphore": "release the semaphore",
    "condition": "notify the condition",
    "queue": "put an item into the queue",
    "full queue": "take an item out of the full queue",
}


@dataclass(frozen=True)
class Complete:
    """Let one wait for ``thing`` complete: set, release, notify, put, take out."""

    thing: Thing

    def __repr__(self) -> str:
        return _COMPLETE[self.thing.kind] + _number(self.thing)


@dataclass(frozen=True)
class CancelTask:
    """Cancel the task called ``name``: ``task.cancel()``, or its scope's ``cancel()``."""

    name: str

    def __repr__(self) -> str:
        return f"cancel the {self.name}"


@dataclass(frozen=True)
class Turn:
    """Let one turn of the event loop go by: some of what is ready goes on, not all that follows."""

    def __repr__(self) -> str:
        return "a turn of the loop later"


@dataclass(frozen=True)
class Pass:
    """Let time pass: every sleep and every early deadline that has begun is over then."""

    def __repr__(self) -> str:
        return "let time pass"


@dataclass(frozen=True)
class Shutdown:
    """End the main task: ``asyncio.run()`` cancels what is left, a nursery is cancelled."""

    def __repr__(self) -> str:
        return "end the main task"


Action = Union[Complete, CancelTask, Turn, Pass, Shutdown]  # noqa: UP007  # as an alias, for 3.10
Step = tuple[Action, ...]


@dataclass(frozen=True)
class Schedule:
    """The actions of each step.  The first steps start a task each, and then do their actions."""

    steps: tuple[Step, ...]

    @property
    def cancels(self) -> int:
        """How many times a task is cancelled."""
        return sum(
            isinstance(action, (CancelTask, Shutdown)) for step in self.steps for action in step
        )

    @property
    def size(self) -> tuple[int, int]:
        """How much happens, and how much of it at once: to compare schedules by."""
        actions = [len(step) for step in self.steps]
        return sum(actions), max(actions)

    def told(self, names: Sequence[str]) -> list[str]:
        """What happens in each step, in words; the first steps start the tasks of these ``names``."""
        starts = [f"start the {name}" for name in names]
        return [
            " and ".join([*starts[number : number + 1], *map(repr, step)])
            for number, step in enumerate(self.steps)
        ]

    def __repr__(self) -> str:
        first, *rest = (" and ".join(map(repr, step)) for step in self.steps)
        return "; then ".join(
            ["start" + " and " * bool(first) + first, *(each or "start the next" for each in rest)]
        )


def _number(thing: Thing) -> str:
    return "" if thing.number == 1 else f" {thing.number}"
