"""anyio's and trio's scopes, and aiohttp's client, delivering a cancel wrongly."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

import anyio
import trio
from anyio._backends import _asyncio as anyio_on_asyncio
from anyio.streams.memory import MemoryObjectReceiveStream

from conformance.claim import exists
from tests.wrong.kit import Wrong


def checkpoint_does_not_look(library: Any) -> AbstractContextManager[Any]:
    return mock.patch.object(
        library.lowlevel, "checkpoint", library.lowlevel.cancel_shielded_checkpoint
    )


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


def fail_after_does_not_fail(library: Any) -> AbstractContextManager[Any]:
    return mock.patch.object(library, "fail_after", library.move_on_after)


def shields_do_not_shield(library: Any) -> AbstractContextManager[Any]:
    right = library.CancelScope
    return mock.patch.object(library, "CancelScope", lambda **_: right())  # noqa: PT008  # a new one each time


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


WRONG = (
    Wrong(
        "anyio's checkpoint() does not look for a cancel",
        kills=("LAW-DELIVER-02", "LAW-DELIVER-08", "LAW-DELIVER-13"),
        library="anyio",
        patch=lambda: checkpoint_does_not_look(anyio),
    ),
    Wrong(
        "trio's checkpoint() does not look for a cancel",
        kills=("LAW-DELIVER-02", "LAW-DELIVER-08", "LAW-DELIVER-13"),
        library="trio",
        patch=lambda: checkpoint_does_not_look(trio),
    ),
    Wrong(
        "anyio does not start children of a cancelled scope",
        kills=("LAW-DELIVER-04",),
        library="anyio",
        patch=lambda: group_drops_late_children(anyio_on_asyncio.TaskGroup),
    ),
    Wrong(
        "trio does not start children of a cancelled scope",
        kills=("LAW-DELIVER-04",),
        library="trio",
        patch=lambda: group_drops_late_children(trio.Nursery),
    ),
    Wrong(
        "anyio drops the item that a cancelled receiver was given",
        kills=("LAW-DELIVER-06",),
        library="anyio",
        patch=lambda: receive_drops_the_item(MemoryObjectReceiveStream, anyio),
    ),
    Wrong(
        "trio drops the item that a cancelled receiver was given",
        kills=("LAW-DELIVER-06",),
        library="trio",
        patch=lambda: receive_drops_the_item(trio.MemoryReceiveChannel, trio),
    ),
    Wrong(
        "anyio's cancelled_caught is True from the call on",
        kills=("LAW-DELIVER-10",),
        library="anyio",
        patch=caught_is_called,
    ),
    Wrong(
        "trio's cancelled_caught is True from the call on",
        kills=("LAW-DELIVER-10",),
        library="trio",
        patch=caught_at_once,
    ),
    Wrong(
        "anyio's fail_after() does not fail",
        kills=("LAW-DELIVER-14",),
        library="anyio",
        patch=lambda: fail_after_does_not_fail(anyio),
    ),
    Wrong(
        "trio's fail_after() does not fail",
        kills=("LAW-DELIVER-14",),
        library="trio",
        patch=lambda: fail_after_does_not_fail(trio),
    ),
    Wrong(
        "a send() of trio that was cancelled has sent its item",
        kills=("LAW-DELIVER-15",),
        library="trio",
        patch=send_sends_and_raises,
    ),
    Wrong(
        "anyio's shields do not shield",
        kills=("LAW-DELIVER-17",),
        library="anyio",
        patch=lambda: shields_do_not_shield(anyio),
    ),
    Wrong(
        "trio's shields do not shield",
        kills=("LAW-DELIVER-17",),
        library="trio",
        patch=lambda: shields_do_not_shield(trio),
    ),
    *(
        Wrong(
            "aiohttp reports a cancelled request as a lost connection",
            kills=("LAW-DELIVER-19",),
            library=library,
            patch=request_hides_the_cancel,
        )
        for library in ("asyncio", "anyio")
        if exists("aiohttp")
    ),
)
