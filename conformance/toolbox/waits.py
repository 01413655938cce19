"""Everything one can await, as a few lines of source each.

The lines are compiled to run in a claim and printed in its counterexample, so that what is shown is
what was run.
"""

from __future__ import annotations

import textwrap
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from conformance.claim import exists


@dataclass(frozen=True)
class Wait:
    """Something to wait for.

    ``setup`` makes it (without suspending), ``code`` waits for it (an expression with its ``await``, or
    several lines), ``complete`` lets the wait end from outside and is empty where only the clock
    can.  ``suspends`` is false where the wait ends without suspending the task.  ``needs`` is a
    dotted name without which it does not exist.
    """

    name: str
    library: str
    code: str
    setup: str = ""
    complete: str = ""
    suspends: bool = True
    needs: str | None = None
    tags: frozenset[str] = field(default=frozenset())

    def __repr__(self) -> str:
        return f"<{self.name}>"

    async def new(self) -> Waiting:
        """A fresh one, made in the running loop: ``await .wait()``, ``.complete()``."""
        return Waiting(*await _compiled(self)())


@dataclass(frozen=True)
class Waiting:
    """One fresh thing to wait for: ``wait()`` gives an awaitable, ``complete()`` lets it end."""

    wait: Callable[[], Awaitable[Any]]
    complete: Callable[[], None]


@cache
def _compiled(wait: Wait) -> Callable[[], Awaitable[tuple[Any, Any]]]:
    source = "\n".join(
        [
            f"import {wait.library}",
            "async def make():",
            textwrap.indent(wait.setup or "pass", "    "),
            "    async def wait():",
            textwrap.indent(wait.code, " " * 8),
            "    def complete():",
            textwrap.indent(wait.complete or "pass", " " * 8),
            "    return wait, complete",
        ]
    )
    names: dict[str, Any] = {}
    # The source is this module's own table, never anybody's input.
    exec(compile(source, f"<{wait.name}>", "exec"), names)  # noqa: S102  # our own source, made above
    make: Callable[[], Awaitable[tuple[Any, Any]]] = names["make"]
    return make


def _asyncio(name: str, code: str, setup: str = "", complete: str = "", **more: Any) -> Wait:
    return Wait(name, "asyncio", code, setup, complete, **more)


_FUTURE = "future = asyncio.get_running_loop().create_future()"
_RESOLVE = "future.done() or future.set_result(None)"

ASYNCIO_PENDING: tuple[Wait, ...] = tuple(
    wait
    for wait in (
        _asyncio("a future", "await future", _FUTURE, _RESOLVE),
        _asyncio("asyncio.sleep", "await asyncio.sleep(3600)"),
        _asyncio("Event.wait()", "await event.wait()", "event = asyncio.Event()", "event.set()"),
        _asyncio(
            "Queue.get()",
            "await queue.get()",
            "queue = asyncio.Queue()",
            "queue.put_nowait('item')",
        ),
        _asyncio(
            "Queue.put() into a full queue",
            "await queue.put('second')",
            "queue = asyncio.Queue(maxsize=1)\nqueue.put_nowait('first')",
            "queue.empty() or queue.get_nowait()",
        ),
        _asyncio(
            "Queue.join()",
            "await queue.join()",
            "queue = asyncio.Queue()\nqueue.put_nowait('item')",
            "queue.empty() or (queue.get_nowait(), queue.task_done())",
        ),
        _asyncio(
            "Lock.acquire()",
            "async with lock:\n    pass",
            "lock = asyncio.Lock()\nawait lock.acquire()",
            "lock.locked() and lock.release()",
        ),
        _asyncio(
            "Semaphore.acquire()",
            "async with semaphore:\n    pass",
            "semaphore = asyncio.Semaphore(0)",
            "semaphore.release()",
        ),
        _asyncio(
            "Condition.wait()",
            "async with condition:\n    await condition.wait()",
            "condition = asyncio.Condition()\nasync def notify():\n"
            "    async with condition:\n        condition.notify()",
            "notifier = asyncio.ensure_future(notify())",
        ),
        _asyncio(
            "another task",
            "await other",
            f"{_FUTURE}\nasync def work():\n    return await future\n"
            "other = asyncio.ensure_future(work())",
            _RESOLVE,
        ),
        _asyncio("gather()", "await asyncio.gather(future)", _FUTURE, _RESOLVE),
        _asyncio("shield()", "await asyncio.shield(future)", _FUTURE, _RESOLVE),
        _asyncio("wait()", "await asyncio.wait([future])", _FUTURE, _RESOLVE),
        _asyncio("wait_for()", "await asyncio.wait_for(future, 3600)", _FUTURE, _RESOLVE),
        _asyncio(
            "as_completed()",
            "for next_done in asyncio.as_completed([future]):\n    await next_done",
            _FUTURE,
            _RESOLVE,
        ),
        _asyncio(
            "a stream's read()",
            "await reader.read()",
            "reader = asyncio.StreamReader()",
            "reader.feed_eof()",
        ),
        _asyncio(
            "timeout()",
            "async with asyncio.timeout(3600):\n    await future",
            _FUTURE,
            _RESOLVE,
            needs="asyncio.timeout",
        ),
        _asyncio(
            "TaskGroup",
            "async with asyncio.TaskGroup() as group:\n    group.create_task(work())",
            f"{_FUTURE}\nasync def work():\n    return await future",
            _RESOLVE,
            needs="asyncio.TaskGroup",
        ),
        _asyncio(
            "Barrier.wait()",
            "await barrier.wait()",
            "barrier = asyncio.Barrier(2)",
            "partner = asyncio.ensure_future(barrier.wait())",
            needs="asyncio.Barrier",
        ),
    )
    if wait.needs is None or exists(wait.needs)
)
"""Everything in asyncio that suspends the task until something else happens."""

ASYNCIO_READY: tuple[Wait, ...] = tuple(
    wait
    for wait in (
        _asyncio(
            "a future that is done",
            "await future",
            f"{_FUTURE}\nfuture.set_result(None)",
            suspends=False,
        ),
        _asyncio(
            "Queue.get() of a queue that has an item",
            "await queue.get()",
            "queue = asyncio.Queue()\nqueue.put_nowait('item')",
            suspends=False,
        ),
        _asyncio(
            "Queue.put() into a queue with room",
            "await queue.put('item')",
            "queue = asyncio.Queue()",
            suspends=False,
        ),
        _asyncio(
            "Lock.acquire() of a free lock",
            "async with lock:\n    pass",
            "lock = asyncio.Lock()",
            suspends=False,
        ),
        _asyncio(
            "Semaphore.acquire() with a permit left",
            "async with semaphore:\n    pass",
            "semaphore = asyncio.Semaphore(1)",
            suspends=False,
        ),
        _asyncio(
            "Event.wait() of a set event",
            "await event.wait()",
            "event = asyncio.Event()\nevent.set()",
            suspends=False,
        ),
        _asyncio(
            "a coroutine that only returns",
            "await compute()",
            "async def compute():\n    return None",
            suspends=False,
        ),
        _asyncio("asyncio.sleep(0)", "await asyncio.sleep(0)"),
    )
)
"""Awaits that need nothing from outside to go on: the ``suspends`` of each says if they suspend."""


def _scoped(library: str) -> tuple[tuple[Wait, ...], tuple[Wait, ...]]:
    """What suspends, and what is ready, in anyio or trio: the same things under nearly one name."""
    group = "anyio.create_task_group" if library == "anyio" else "trio.open_nursery"
    stream = (
        "anyio.create_memory_object_stream" if library == "anyio" else "trio.open_memory_channel"
    )

    def wait(name: str, code: str, setup: str = "", complete: str = "", **more: Any) -> Wait:
        return Wait(
            name,
            library,
            code.replace("LIB", library).replace("GROUP", group),
            setup.replace("LIB", library).replace("STREAM", stream),
            complete,
            **more,
        )

    pending = (
        wait("Event.wait()", "await event.wait()", "event = LIB.Event()", "event.set()"),
        wait("sleep", "await LIB.sleep(3600)"),
        wait("sleep_forever", "await LIB.sleep_forever()"),
        wait(
            "receive from an empty channel",
            "await receive.receive()",
            "send, receive = STREAM(1)",
            "send.send_nowait('item')",
        ),
        wait(
            "send into a full channel",
            "await send.send('second')",
            "send, receive = STREAM(1)\nsend.send_nowait('first')",
            "receive.receive_nowait()",
        ),
        wait(
            "Semaphore.acquire()",
            "async with semaphore:\n    pass",
            "semaphore = LIB.Semaphore(0)",
            "semaphore.release()",
        ),
        wait(
            "a group's child",
            "async with GROUP() as group:\n    group.start_soon(event.wait)",
            "event = LIB.Event()",
            "event.set()",
        ),
        wait(
            "fail_after()",
            "with LIB.fail_after(3600):\n    await event.wait()",
            "event = LIB.Event()",
            "event.set()",
        ),
        wait(
            "move_on_after()",
            "with LIB.move_on_after(3600):\n    await event.wait()",
            "event = LIB.Event()",
            "event.set()",
        ),
        wait(
            "an inner cancel scope",
            "with LIB.CancelScope():\n    await event.wait()",
            "event = LIB.Event()",
            "event.set()",
        ),
    )
    ready = (
        wait("checkpoint()", "await LIB.lowlevel.checkpoint()"),
        wait("sleep(0)", "await LIB.sleep(0)"),
        wait(
            "Event.wait() of a set event",
            "await event.wait()",
            "event = LIB.Event()\nevent.set()",
        ),
        wait(
            "receive from a channel that has an item",
            "await receive.receive()",
            "send, receive = STREAM(1)\nsend.send_nowait('item')",
        ),
        wait(
            "send into a channel with room",
            "await send.send('item')",
            "send, receive = STREAM(1)",
        ),
        wait(
            "Lock.acquire() of a free lock",
            "async with lock:\n    pass",
            "lock = LIB.Lock()",
        ),
        wait(
            "Semaphore.acquire() with a permit left",
            "async with semaphore:\n    pass",
            "semaphore = LIB.Semaphore(1)",
        ),
        wait(
            "a coroutine that only returns",
            "await compute()",
            "async def compute():\n    return None",
            suspends=False,
        ),
    )
    return pending, ready


ANYIO_PENDING, ANYIO_READY = _scoped("anyio")
TRIO_PENDING, TRIO_READY = _scoped("trio")


@dataclass(frozen=True)
class ScopedWait:
    """The same thing to wait for in anyio and in trio, for a claim that is stated in both at once."""

    anyio: Wait
    trio: Wait

    def __repr__(self) -> str:
        return repr(self.anyio)

    @property
    def name(self) -> str:
        """What is waited for, in words."""
        return self.anyio.name

    @property
    def suspends(self) -> bool:
        """Whether it is a checkpoint."""
        return self.anyio.suspends

    def of(self, library: Any) -> Wait:
        """The one of ``library``: the module, or its name."""
        return self.trio if getattr(library, "__name__", library) == "trio" else self.anyio


SCOPED_PENDING = tuple(map(ScopedWait, ANYIO_PENDING, TRIO_PENDING))
SCOPED_READY = tuple(map(ScopedWait, ANYIO_READY, TRIO_READY))

A_TASK_THAT_REFUSES = Wait(
    "a task that refuses to be cancelled",
    "asyncio",
    setup="""\
future = asyncio.get_running_loop().create_future()
async def refuse():
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            pass
other = asyncio.ensure_future(refuse())""",
    code="await other",
    complete="future.done() or future.set_result(None)",
)
"""Something to wait for that a cancel reaches, and does not end."""

A_SHIELDED_EVENT = ScopedWait(
    *(
        Wait(
            "a shielded Event.wait()",
            library,
            setup=f"event = {library}.Event()",
            code=f"with {library}.CancelScope(shield=True):\n    await event.wait()",
            complete="event.set()",
            suspends=False,  # not where a cancel could arrive
        )
        for library in ("anyio", "trio")
    )
)
"""Something to wait for that no cancel from outside reaches."""

_Any = TypeVar("_Any", Wait, ScopedWait)


def but_for_ever(waits: Iterable[_Any]) -> tuple[_Any, ...]:
    """Those of ``waits`` that set no timer of an infinite time, as ``sleep_forever()`` does.

    For claims that are not about timers: LAW-LOOP-14 judges such a timer, and a loop that breaks it is
    judged by the others all the same.
    """
    return tuple(wait for wait in waits if wait.name != "sleep_forever")
