"""Does an await suspend?  Seen from outside: whether anything is handed to the event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from functools import partial
from typing import Any


class Watched:
    """Wraps an awaitable: ``requests`` is what awaiting it hands to the event loop, one each time that it
    suspends the task: in asyncio the future that is waited for.
    """

    def __init__(self, awaitable: Awaitable[Any]) -> None:
        self.awaitable = awaitable
        self.requests: list[Any] = []

    def __await__(self) -> Generator[Any, Any, Any]:
        # What "yield from" does, but each step is seen.
        steps: Any = self.awaitable.__await__()
        step = partial(steps.send, None)
        while True:
            try:
                request = step()
            except StopIteration as end:
                return end.value
            self.requests.append(request)
            try:
                step = partial(steps.send, (yield request))
            except BaseException as error:
                step = partial(steps.throw, error)
