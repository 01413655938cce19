"""A backend: where a claim is judged.  An anyio backend and its options, under a name."""

from __future__ import annotations

import asyncio
import random
import sys
from asyncio import constants
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import anyio
import trio

from conformance.backends.clock import ClockOfItsOwn
from conformance.backends.guard import guarded
from conformance.backends.load import LoopFactory as LoopFactory  # known from here too
from conformance.backends.naming import Origin
from conformance.backends.quiet import told_if_quiet, virtual_trio
from conformance.claim import Library

# trio draws the order in which it runs ready tasks from this generator, and registers it with
# Hypothesis, which would hold it at one order for ever.  There is no public name for it.
_trio_order: random.Random = trio._core._run._r  # noqa: SLF001  # no public name


@dataclass(frozen=True)
class Backend:
    """Where a claim is judged.

    ``loop`` makes a fresh event loop without waiting on the clock where there can be one,
    ``io_loop`` a fresh one with sockets, threads and real time; both are ``None`` for trio.
    ``virtual`` says that its clock is, ``eager`` that a task takes its first step as it is made.
    ``foreign`` says that its loop is not ours, and need not say when it has gone quiet: it is given
    up after a while.
    ``why_not`` says why the backend cannot be used here, ``None`` that it can.
    ``pure_python`` asks for a process in which ``_asyncio`` was blocked before asyncio was imported.
    ``script_style`` says how a script runs its program here, and ``spec`` is the ``MODULE:FACTORY``
    or ``conftest.py::NAME`` that the backend was made from, if it was.
    ``origin`` says where its loop is from, where that was looked up, and ``aliases`` are the other
    names that it goes by.
    """

    name: str
    kind: Literal["asyncio", "trio"] = "asyncio"
    loop: LoopFactory | None = None
    io_loop: LoopFactory | None = None
    debug: bool = False
    virtual: bool | ClockOfItsOwn = True
    foreign: bool = False
    eager: bool = False
    pure_python: bool = False
    why_not: str | None = None
    script_style: str = "asyncio"
    spec: str | None = None
    origin: Origin = field(default_factory=Origin)
    aliases: tuple[str, ...] = ()

    @property
    def known_as(self) -> tuple[str, ...]:
        """The names under which something may be on record of it: its own, and those it inherits from."""
        return tuple(dict.fromkeys((self.name, *self.aliases, *self.origin.kin)))

    @property
    def libraries(self) -> tuple[Library, ...]:
        """The libraries that run here."""
        return ("asyncio", "anyio") if self.kind == "asyncio" else ("anyio", "trio")

    @property
    def draws_order(self) -> bool:
        """Whether the order of running tasks is drawn (trio) or fixed (asyncio's is first in, first out)."""
        return self.kind == "trio"

    def draw_order(self, order: int) -> None:
        """Seed the order in which trio will run ready tasks; nothing elsewhere."""
        if self.draws_order:
            _trio_order.seed(order)

    def run(
        self,
        example: Callable[[], Awaitable[object]],
        *,
        order: int = 0,
        io: bool = False,
    ) -> None:
        """Run ``example`` to its end by ``anyio.run``, with a fresh event loop.

        ``order`` seeds the order in which trio runs ready tasks.  Raises what the example raises,
        and :class:`Deadlock` if it can never end.
        """
        self.draw_order(order)
        options = self.options(io=io)
        if self.kind == "trio":
            with told_if_quiet(options):
                anyio.run(example, backend="trio", backend_options=options)
        else:
            with _shallow_stacks(self.debug), self.guarded(options, io=io) as options:
                anyio.run(example, backend="asyncio", backend_options=options)

    def guarded(
        self, options: dict[str, Any], *, io: bool
    ) -> AbstractContextManager[dict[str, Any]]:
        """``options`` for one run, which is given up after a while if nothing else would end it."""
        if self.kind == "trio" or (self.virtual and not io and not self.foreign):
            # A Deadlock comes out of the loop's own select().
            return nullcontext(options)
        return guarded(options)

    def library_run(
        self, library: Library, *, io: bool = False, memory: dict[Any, Any] | None = None
    ) -> LibraryRun:
        """The ``run`` function of ``library``, as its users know it, on this backend.

        It keeps what runs gave in ``memory``, unless the order of running tasks is drawn here.
        """
        return LibraryRun(self, library, io, None if self.draws_order else memory)

    def new_event_loop(self, *, io: bool = False) -> LoopFactory:
        """What makes this backend's event loops.  Raises ``TypeError`` for trio, which has none."""
        factory = self.io_loop if io else self.loop
        if factory is None:
            raise TypeError(f"{self.name} has no event loops of asyncio's kind")
        return partial(_in_debug_mode, factory) if self.debug else factory

    def options(self, *, io: bool = False) -> dict[str, Any]:
        """The options under which anyio's users know this backend, good for one run."""
        if self.kind == "trio":
            return {} if io else virtual_trio()
        return {"loop_factory": self.new_event_loop(io=io), "debug": self.debug}


def _in_debug_mode(factory: LoopFactory) -> asyncio.AbstractEventLoop:
    """A loop of ``factory`` in debug mode, also for who runs it without a ``run`` that says so."""
    loop = factory()
    loop.set_debug(True)
    return loop


@dataclass(frozen=True)
class LibraryRun:
    """A library's own ``run`` on a backend, each time with a fresh event loop.

    ``run(main())`` for asyncio, ``run(main, *arguments)`` for anyio and trio.
    ``memory`` is for what runs gave, where the same run gives the same and is not to be made twice.
    """

    backend: Backend
    library: Library
    io: bool
    memory: dict[Any, Any] | None = field(default=None, compare=False, repr=False)

    @property
    def anyio_backend(self) -> tuple[str, dict[str, Any]]:
        """The backend's name and options, as anyio's own pytest plugin takes them."""
        return self.backend.kind, self.backend.options(io=self.io)

    def __call__(self, main: Any, *arguments: Any) -> Any:
        """Run ``main``, and return what it returns.  Raises what it raises."""
        kind, options = self.anyio_backend
        with (
            told_if_quiet(options),
            _shallow_stacks(self.backend.debug),
            self.backend.guarded(options, io=self.io) as options,
        ):
            if self.library == "trio":
                return trio.run(main, *arguments, **options)
            if self.library == "anyio":
                return anyio.run(main, *arguments, backend=kind, backend_options=options)
            return _asyncio_run(options["loop_factory"], main, debug=options["debug"])


@contextmanager
def _shallow_stacks(debug: bool) -> Iterator[None]:
    """While a loop in debug mode runs, let it keep one line of each stack instead of all.

    Keeping them is nearly all that debug mode costs, and no verdict depends on their depth.
    asyncio's own depth is heeded by what is written in Python; futures and tasks in C extract the
    whole stack, as deep as ``sys.tracebacklimit`` lets them.
    """
    if not debug:
        yield
        return
    depth, limit = constants.DEBUG_STACK_DEPTH, vars(sys).get("tracebacklimit")
    constants.DEBUG_STACK_DEPTH = 1  # type: ignore[misc]  # asyncio's own knob for its cost
    sys.tracebacklimit = 1
    try:
        yield
    finally:
        constants.DEBUG_STACK_DEPTH = depth  # type: ignore[misc]  # put back as it was
        if limit is None:
            del sys.tracebacklimit
        else:
            sys.tracebacklimit = limit


def _asyncio_run(
    factory: LoopFactory, main: Coroutine[Any, Any, Any], *, debug: bool = False
) -> Any:
    """``asyncio.run(main)`` with ``factory``'s event loop, on every version."""
    if sys.version_info >= (3, 12):
        return asyncio.run(main, debug=debug, loop_factory=factory)
    # Before 3.12 only the policy says which loop asyncio.run() makes.
    before = asyncio.get_event_loop_policy()

    class Policy(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self) -> asyncio.AbstractEventLoop:
            # A factory of somebody's may ask for asyncio's own loop.
            asyncio.set_event_loop_policy(before)
            try:
                return factory()
            finally:
                asyncio.set_event_loop_policy(self)

    asyncio.set_event_loop_policy(Policy())
    try:
        return asyncio.run(main, debug=debug)
    finally:
        asyncio.set_event_loop_policy(before)
