"""Runtimes whose nurseries, task groups and cancel scopes are wrong: trio's and anyio's."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any
from unittest.mock import patch

import anyio
import trio
from anyio._backends import _asyncio

from tests.wrong.kit import Wrong

_open_nursery: Any = trio.open_nursery


def shielding_children(
    library: ModuleType, group: Any
) -> Callable[[], AbstractContextManager[Any]]:
    """Groups whose children no cancel reaches."""
    start_rightly = group.start_soon

    def start_soon(self: Any, function: Any, *args: Any, name: object = None) -> None:
        async def child() -> None:
            with library.CancelScope(shield=True):
                await function(*args)

        start_rightly(self, child, name=name)

    return lambda: patch.object(group, "start_soon", start_soon)


def loud_scopes(library: ModuleType) -> Callable[[], AbstractContextManager[Any]]:
    """Cancel scopes that catch their cancel and raise an error in its place."""
    scope_type: Any = library.CancelScope

    class LoudScope:
        def __init__(self, **options: Any) -> None:
            self.scope = scope_type(**options)

        def cancel(self) -> None:
            self.scope.cancel()

        def __enter__(self) -> Any:
            self.scope.__enter__()
            return self

        def __exit__(self, *exc_info: object) -> Any:
            caught = self.scope.__exit__(*exc_info)
            if self.scope.cancelled_caught:
                raise RuntimeError("cancelled")
            return caught

    return lambda: patch.object(library, "CancelScope", LoudScope)


class HastyNursery:
    """A nursery that, when it is cancelled, cancels its children and does not wait for them."""

    def __init__(self) -> None:
        self.children: list[tuple[trio.CancelScope, trio.Event]] = []

    async def __aenter__(self) -> Any:
        return self

    def start_soon(self, function: Any, *args: Any) -> None:
        scope, ended = trio.CancelScope(), trio.Event()
        self.children.append((scope, ended))

        async def child() -> None:
            try:
                with scope:
                    await function(*args)
            except Exception:  # there is nobody to tell
                pass
            finally:
                ended.set()

        trio.lowlevel.spawn_system_task(child)

    async def __aexit__(self, *_: object) -> None:
        try:
            for _scope, ended in self.children:
                await ended.wait()
        except trio.Cancelled:
            for scope, _ended in self.children:
                scope.cancel()
            raise


class LeakingNursery:
    """A nursery that, when a child fails, cancels the nursery that it stands in too."""

    async def __aenter__(self) -> Any:
        self.manager = _open_nursery()
        return await self.manager.__aenter__()

    async def __aexit__(self, *exc_info: object) -> Any:
        try:
            return await self.manager.__aexit__(*exc_info)
        except BaseException:
            around: Any = trio.lowlevel.current_task().parent_nursery
            around.cancel_scope.cancel()
            raise


async def gather_in_order_of_completion(*coros: Any) -> tuple[Any, ...]:
    results: list[Any] = []

    async def run(coro: Any) -> None:
        results.append(await coro)

    async with anyio.create_task_group() as group:
        for coro in coros:
            group.start_soon(run, coro)
    return tuple(results)


WRONG = (
    Wrong(
        "a nursery shields its children",
        kills=("LAW-GATHER-03", "LAW-GATHER-05"),
        library="trio",
        patch=shielding_children(trio, trio.Nursery),
        breaks="group",
    ),
    Wrong(
        "a task group shields its children",
        kills=("LAW-GATHER-03", "LAW-GATHER-05"),
        library="anyio",
        patch=shielding_children(anyio, _asyncio.TaskGroup),
        breaks="group",
    ),
    Wrong(
        "a scope raises an error for its cancel",
        kills=("LAW-GATHER-04",),
        library="trio",
        patch=loud_scopes(trio),
        breaks="scope",
    ),
    Wrong(
        "anyio's scope raises an error for its cancel",
        kills=("LAW-GATHER-04",),
        library="anyio",
        patch=loud_scopes(anyio),
        breaks="scope",
    ),
    Wrong(
        "a cancelled nursery does not wait for its children",
        kills=("LAW-GATHER-06",),
        library="trio",
        patch=lambda: patch.object(trio, "open_nursery", HastyNursery),
        breaks="group",
    ),
    Wrong(
        "a failed nursery cancels the one around it",
        kills=("LAW-GATHER-11",),
        library="trio",
        patch=lambda: patch.object(trio, "open_nursery", LeakingNursery),
        breaks="group",
    ),
    Wrong(
        "anyio.gather() gives results in the order of completion",
        kills=("LAW-GATHER-08",),
        library="anyio",
        patch=lambda: patch.object(anyio, "gather", gather_in_order_of_completion),
        when="anyio>=4.15",
        breaks="gather",
    ),
)
