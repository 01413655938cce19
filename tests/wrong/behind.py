"""Runtimes that have a known bug, and the same law broken in another way behind it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import anyio
from anyio.lowlevel import checkpoint_if_cancelled
from anyio.streams.memory import MemoryObjectSendStream

from conformance.claim import Library


@dataclass(frozen=True)
class Behind:
    """What is wrong besides what is on record: the law, where it is judged, and the mistake.

    ``loop`` makes the event loop of that name wrong, given the right factory.  ``says`` is what the
    counterexample must contain: what is on record does not.
    """

    name: str
    law: str
    library: Library
    backend: str
    says: str
    patch: Callable[[], AbstractContextManager[Any]] = nullcontext
    loop: Callable[[Callable[[], Any]], Callable[[], Any]] | None = None

    def __str__(self) -> str:
        return f"{self.law}-{self.library}-{self.backend}-{self.name.replace(' ', '-')}"


async def send_and_leave_it(stream: Any, item: Any) -> None:
    """``send()`` that leaves its item with those that wait to be taken when it is cancelled."""
    await checkpoint_if_cancelled()
    try:
        stream.send_nowait(item)
    except anyio.WouldBlock:
        event = anyio.Event()
        stream._state.waiting_senders[event] = item
        await event.wait()


def returns_nothing(factory: Callable[[], Any]) -> Callable[[], Any]:
    """A factory of loops whose ``run_until_complete()`` forgets what it should return."""
    kind = type(factory())

    class Forgetful(kind):  # type: ignore[misc,valid-type]  # a class that is only known here
        def run_until_complete(self, future: Any) -> Any:
            super().run_until_complete(future)

    return Forgetful


def _leaving() -> AbstractContextManager[Any]:
    return patch.object(MemoryObjectSendStream, "send", send_and_leave_it)


_LEAVES = "a send() that is cancelled while it waits leaves its item"

BEHIND = (
    Behind(_LEAVES, "LAW-DELIVER-15", "anyio", "asyncio", "while it waits", _leaving),
    Behind(_LEAVES, "LAW-DELIVER-15", "anyio", "trio", "while it waits", _leaving),
    Behind(_LEAVES, "PROGRAM-12", "anyio", "asyncio", "left was to be seen", _leaving),
    Behind(_LEAVES, "PROGRAM-12", "anyio", "trio", "left was to be seen", _leaving),
    Behind(
        "run_until_complete() returns nothing",
        "LAW-LOOP-07",
        "asyncio",
        "asyncio+uvloop",
        "returned None",
        loop=returns_nothing,
    ),
)
"""Behind known bugs of the newest releases.  Those of older ones have the wrong runtimes that kill the
law where it holds: :mod:`tests.test_behind` judges them by the law where it does not."""
