"""What is raised when an example can never end."""

from __future__ import annotations

TURN_LIMIT = 20_000
"""Turns of the loop after which an example that is still busy counts as spinning for ever."""

GUARD_SECONDS = 10.0
"""Real seconds after which a loop with a clock of its own is given up.

A loop whose timers cannot be seen gives no sign of having gone quiet; this guards against hangs
and is no part of any verdict about an example that ends.
"""


class Deadlock(Exception):
    """The loop has gone quiet with the example unfinished, or it spins without end."""


QUIET = "every task waits, nothing is scheduled and no timer is set"
SPINNING = f"still busy after {TURN_LIMIT:,} turns of the loop"
GIVEN_UP = f"not finished after {GUARD_SECONDS:g} s of real time"


def is_given_up(failure: BaseException) -> bool:
    """Whether the example was given up after real time, and was not seen to have gone quiet."""
    return isinstance(failure, Deadlock) and str(failure) == GIVEN_UP
