"""How a task may fail."""

from __future__ import annotations

import asyncio


class Grave(BaseException):
    """An exception that is no Exception, and that no event loop knows."""


ERRORS: dict[str, type[BaseException]] = {
    "raises an Exception": KeyError,
    "raises CancelledError": asyncio.CancelledError,
    "is cancelled": asyncio.CancelledError,
    "raises a BaseException": Grave,
}
"""How a child of asyncio's gather() may fail, and what the failure is.

SystemExit and KeyboardInterrupt stop the event loop itself: see GATHER-03 and LAW-GATHER-09.
"""
