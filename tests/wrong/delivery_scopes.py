"""anyio's and trio's scopes, and aiohttp's client, delivering a cancel wrongly."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any
from unittest import mock

import anyio
import trio
from anyio._backends import _asyncio as anyio_on_asyncio
from anyio.streams.memory import MemoryObjectReceiveStream

from conformance.claim import Library
from tests.wrong.kit import Wrong


def group_drops_late_children(group: type) -> AbstractContextManager[Any]:
    """What anyio did on asyncio: a child of a cancelled scope was gone before its first step."""
    right = group.start_soon  # type: ignore[attr-defined]  # anyio or trio: both groups have it

    def start_soon(self: Any, *args: Any, **more: Any) -> Any:
        return None if self.cancel_scope.cancel_called else right(self, *args, **more)

    return mock.patch.object(group, "start_soon", start_soon)


def receive_drops_the_item(stream: type, library: Any) -> AbstractContextManager[Any]:
    """https://github.com/agronholm/anyio/issues/146"""
    right = stream.receive  # type: ignore[attr-defined]  # anyio's or trio's stream: both have it

    async def receive(self: Any) -> Any:
        item = await right(self)
        await library.lowlevel.checkpoint_if_cancelled()
        return item

    return mock.patch.object(stream, "receive", receive)


def caught_at_once() -> AbstractContextManager[Any]:
    right = trio.CancelScope.cancel

    def cancel(self: Any, *args: Any, **more: Any) -> None:
        self.cancelled_caught = True
        right(self, *args, **more)

    return mock.patch.object(trio.CancelScope, "cancel", cancel)


def caught_is_called() -> AbstractContextManager[Any]:
    scope = anyio_on_asyncio.CancelScope
    return mock.patch.object(scope, "cancelled_caught", property(lambda self: self.cancel_called))


def send_sends_and_raises() -> AbstractContextManager[Any]:
    right = trio.MemorySendChannel.send

    async def send(self: Any, value: Any) -> None:
        try:
            await right(self, value)
        except trio.Cancelled:
            self._state.data.append(value)
            raise

    return mock.patch.object(trio.MemorySendChannel, "send", send)


def request_hides_the_cancel() -> AbstractContextManager[Any]:
    import aiohttp

    right = aiohttp.ClientSession._request

    async def request(self: Any, *args: Any, **more: Any) -> Any:
        try:
            return await right(self, *args, **more)
        except asyncio.CancelledError:
            raise aiohttp.ClientConnectionError from None

    return mock.patch.object(aiohttp.ClientSession, "_request", request)


ASYNCIO_AND_ANYIO: tuple[Library, ...] = ("asyncio", "anyio")


def gives_the_lock_away(library: Any) -> AbstractContextManager[Any]:
    """A cancelled ``Condition.wait()`` leaves the block without the lock."""
    wait_rightly = library.Condition.wait

    async def wait(self: Any) -> None:
        try:
            await wait_rightly(self)
        except BaseException:
            self.release()
            raise

    return mock.patch.object(library.Condition, "wait", wait)


def hurried_by_a_second_cancel() -> AbstractContextManager[Any]:
    """``trio.Condition.wait()`` takes the lock again behind a shield, but not if a scope is cancelled then."""
    cancel_rightly: Any = trio.CancelScope.cancel
    cancels = 0

    def cancel(self: Any, *args: Any, **more: Any) -> None:
        nonlocal cancels
        cancels += 1
        cancel_rightly(self, *args, **more)

    async def wait(self: Any) -> None:
        self.release()
        try:
            await self._lot.park()
        except trio.Cancelled:
            before = cancels
            with trio.CancelScope(shield=True):
                while self.locked():
                    if cancels > before:
                        raise
                    await trio.lowlevel.checkpoint()
                await self.acquire()
            raise

    stack = ExitStack()
    stack.enter_context(mock.patch.object(trio.CancelScope, "cancel", cancel))
    stack.enter_context(mock.patch.object(trio.Condition, "wait", wait))
    return stack


SCOPED: tuple[tuple[Library, Any], ...] = (("anyio", anyio), ("trio", trio))

WRONG = (
    Wrong(
        "anyio does not start children of a cancelled scope",
        kills=("LAW-DELIVER-04",),
        library="anyio",
        patch=lambda: group_drops_late_children(anyio_on_asyncio.TaskGroup),
        breaks="group",
        says={"LAW-DELIVER-04": "that took a first step: 0"},
    ),
    Wrong(
        "trio does not start children of a cancelled scope",
        kills=("LAW-DELIVER-04",),
        library="trio",
        patch=lambda: group_drops_late_children(trio.Nursery),
        breaks="group",
    ),
    Wrong(
        "anyio drops the item that a cancelled receiver was given",
        kills=("LAW-DELIVER-06",),
        library="anyio",
        patch=lambda: receive_drops_the_item(MemoryObjectReceiveStream, anyio),
        breaks="queue",
        issue="https://github.com/agronholm/anyio/issues/146",
        says={"LAW-DELIVER-06": "nobody got it"},
    ),
    Wrong(
        "trio drops the item that a cancelled receiver was given",
        kills=("LAW-DELIVER-06",),
        library="trio",
        patch=lambda: receive_drops_the_item(trio.MemoryReceiveChannel, trio),
        breaks="queue",
    ),
    Wrong(
        "anyio's cancelled_caught is True from the call on",
        kills=("LAW-DELIVER-10",),
        library="anyio",
        patch=caught_is_called,
        breaks="scope",
        says={"LAW-DELIVER-10": "cancelled_caught was True before the scope was left"},
    ),
    Wrong(
        "trio's cancelled_caught is True from the call on",
        kills=("LAW-DELIVER-10",),
        library="trio",
        patch=caught_at_once,
        breaks="scope",
    ),
    Wrong(
        "a send() of trio that was cancelled has sent its item",
        kills=("LAW-DELIVER-15",),
        library="trio",
        patch=send_sends_and_raises,
        breaks="queue",
        says={"LAW-DELIVER-15": "send() raised, and what arrived is ['ours']"},
    ),
    *(
        Wrong(
            f"a cancelled Condition.wait() of {library.__name__} gives the lock away",
            kills=("LAW-DELIVER-20",),
            library=name,
            patch=partial(gives_the_lock_away, library),
            breaks="condition",
            says={"LAW-DELIVER-20": "the cancel was raised without the lock"},
        )
        for name, library in SCOPED
    ),
    Wrong(
        "a second cancel hurries Condition.wait() of trio as it takes the lock again",
        kills=("LAW-DELIVER-20",),
        library="trio",
        patch=hurried_by_a_second_cancel,
        breaks="condition",
        says={"LAW-DELIVER-20": "then once more: the cancel was raised without the lock"},
    ),
    *(
        Wrong(
            "aiohttp reports a cancelled request as a lost connection",
            kills=("LAW-DELIVER-19",),
            library=library,
            patch=request_hides_the_cancel,
            when="aiohttp>=3.9",
            breaks="http client",
            says={"LAW-DELIVER-19": "the request went on"},
        )
        for library in ASYNCIO_AND_ANYIO
    ),
)
