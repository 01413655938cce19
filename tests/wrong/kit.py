"""How a runtime is broken on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from conformance.backends.backend import Backend, LoopFactory
from conformance.backends.virtual import VirtualLoop
from conformance.claim import Library


@dataclass(frozen=True)
class Wrong:
    """A runtime that is wrong on purpose.

    ``name`` says what it does wrong; ``kills`` are the laws that it refutes, stated in ``library``.
    ``loop`` makes its event loops (asyncio), ``patch`` replaces names for the while of the judging.
    ``when`` is the condition on versions under which it can be built.
    """

    name: str
    kills: tuple[str, ...]
    library: Library = "asyncio"
    loop: LoopFactory | None = None
    patch: Callable[[], AbstractContextManager[Any]] = nullcontext
    when: str = ""

    @property
    def backend(self) -> Backend:
        """The backend to judge it on: asyncio's with its loop, or trio's for trio."""
        if self.library == "trio":
            return Backend("trio", kind="trio", script_style="trio")
        return Backend(
            "asyncio",
            loop=self.loop or VirtualLoop,
            io_loop=self.loop or asyncio.new_event_loop,
        )

    @property
    def backend_without_the_mistake(self) -> Backend:
        """The same backend as it should be: there the law must hold."""
        if self.library == "trio":
            return self.backend
        return replace(self.backend, loop=VirtualLoop, io_loop=asyncio.new_event_loop)

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


def with_tasks(task: Callable[..., Any]) -> LoopFactory:
    """A factory of virtual loops whose tasks are made by ``task``, a subclass of ``asyncio.Task``."""

    def make(loop: asyncio.AbstractEventLoop, coro: Any, **more: Any) -> Any:
        return task(coro, loop=loop, **more)

    def factory() -> asyncio.AbstractEventLoop:
        loop = VirtualLoop()
        loop.set_task_factory(make)
        return loop

    return factory
