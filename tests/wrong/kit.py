"""How a runtime is broken on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from conformance.backends.backend import Backend, LoopFactory
from conformance.backends.virtual import VirtualLoop
from conformance.claim import Library

Part = Literal[
    "loop",
    "io",
    "run",
    "task",
    "future",
    "group",
    "gather",
    "wait",
    "timeout",
    "shield",
    "scope",
    "checkpoint",
    "lock",
    "semaphore",
    "condition",
    "event",
    "barrier",
    "queue",
    "exit stack",
    "thread bridge",
    "http client",
    "plugin",
    "driver",
]
PARTS: tuple[str, ...] = get_args(Part)
"""What of a runtime can be broken: ``run`` is asyncio.run(), ``wait`` is asyncio.wait(), ``queue`` a
queue, stream or channel, ``plugin`` a plugin for pytest, ``driver`` what runs this suite's examples."""


@dataclass(frozen=True)
class Wrong:
    """A runtime that is wrong on purpose.

    ``name`` says what it does wrong, and ``breaks`` in which part of the runtime; ``kills`` are the
    laws that it is there to refute, stated in ``library``.  ``says`` gives for laws a fragment that
    their counterexample must contain: what a reader needs in order to see the mistake.
    ``issue`` is the upstream issue of the real bug that is made again here, if there was one.
    ``loop`` makes its event loops (asyncio), ``patch`` replaces names for the while of the judging.
    ``when`` is the condition on versions under which it can be built.
    """

    name: str
    kills: tuple[str, ...]
    library: Library = "asyncio"
    loop: LoopFactory | None = None
    patch: Callable[[], AbstractContextManager[Any]] = nullcontext
    when: str = ""
    breaks: Part = "loop"
    issue: str | None = None
    says: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def key(self) -> str:
        """Its library and name: no two wrong runtimes have the same."""
        return f"{self.library}: {self.name}"

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


def with_futures(future: type[asyncio.Future[Any]]) -> LoopFactory:
    """A factory of virtual loops whose futures are of the type ``future``."""

    class Loop(VirtualLoop):
        def create_future(self) -> asyncio.Future[Any]:
            return future(loop=self)

    return Loop
