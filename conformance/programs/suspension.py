"""Does an await suspend?  Seen from outside: whether anything is handed to the event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import Any


class Watched:
    """Wraps an awaitable and counts in ``count`` how often awaiting it suspends the task.

    ``request`` is what was last handed to the event loop: in asyncio the future that is waited for.
    """

    def __init__(self, awaitable: Awaitable[Any]) -> None:
        self.awaitable = awaitable
        self.count = 0
        self.request: Any = None

    def __await__(self) -> Generator[Any, Any, Any]:
        # What ``yield from`` does, with a count: the steps go through unchanged.
        steps = self.awaitable.__await__()
        try:
            request = next(steps)
            while True:
                self.count += 1
                self.request = request
                try:
                    answer = yield request
                except GeneratorExit:
                    steps.close()  # type: ignore[attr-defined,unused-ignore]  # every await is a generator or a coroutine here
                    raise
                except BaseException as error:
                    request = steps.throw(error)  # type: ignore[attr-defined,unused-ignore]  # a generator, as the awaitable made it
                else:
                    # The steps of a future take no send().
                    request = next(steps) if answer is None else steps.send(answer)  # type: ignore[attr-defined,unused-ignore]  # a generator, as the awaitable made it
        except StopIteration as end:
            return end.value


async def suspends(awaitable: Awaitable[Any]) -> bool:
    """Await ``awaitable`` to its end, and say whether that suspended the task."""
    watched = Watched(awaitable)
    await watched
    return watched.count > 0
