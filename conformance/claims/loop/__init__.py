"""The event loop itself: what cancellation builds on, in asyncio's words.

A statement elsewhere in the book names in its ``needs`` the laws of this chapter that it builds on,
but for LAW-LOOP-01, on which every one does.
"""

TIMERS = "LAW-LOOP-02"
"""call_later() and call_at() call in time."""

SLEEPS_FOR_EVER = "LAW-LOOP-14"
"""A timer of an infinite time ahead is never called."""

TASKS = "LAW-LOOP-03"
"""Every one of many tasks runs to its end."""

THREADS = "LAW-LOOP-04"
"""call_soon_threadsafe() wakes the loop."""

SOCKETS = "LAW-LOOP-08"
"""What is written to a connection is read at its other end."""

CLOSES = "LAW-LOOP-17"
"""A transport that is closed ends its connection."""

HANDLES_ERRORS = "LAW-LOOP-10"
"""What a callback raises reaches the loop's exception handler."""

EXECUTOR = "LAW-LOOP-11"
"""run_in_executor() runs functions in threads."""
