"""Event loops that are wrong on purpose: tasks, futures, threads and sockets."""

from __future__ import annotations

import asyncio
import contextvars
import os
from asyncio import futures
from collections.abc import Callable, Coroutine
from typing import Any

from conformance.backends.virtual import VirtualLoop
from tests.wrong.kit import Wrong, with_futures, with_tasks

Callback = Callable[..., Any]
Context = contextvars.Context | None


class TwoTasksAreEnough(VirtualLoop):
    """Never runs the third of its tasks."""

    def __init__(self) -> None:
        super().__init__()
        self._made = 0
        self.set_task_factory(self._make)

    def _make(self, loop: asyncio.AbstractEventLoop, coro: Any, **more: Any) -> asyncio.Task[Any]:
        self._made += 1
        if self._made == 3:
            coro.close()
            coro = asyncio.Event().wait()
        return asyncio.Task(coro, loop=loop, **more)


async def without_its_exception(coro: Coroutine[Any, Any, Any]) -> Any:
    try:
        return await coro
    except ValueError:
        return None


def quiet_task(coro: Any, **more: Any) -> asyncio.Task[Any]:
    """A task that never fails."""
    return asyncio.Task(without_its_exception(coro), **more)


class TellsAtOnce(futures._PyFuture):  # type: ignore[name-defined,misc]  # no public name
    """Calls its done callbacks within set_result()."""

    def _Future__schedule_callbacks(self) -> None:
        # That is the name, mangled, of what futures do when they are done.
        callbacks = list(self._callbacks)
        self._callbacks.clear()
        for callback, context in callbacks:
            context.run(callback, self)


class TellsOnlyWhoAskedBefore(asyncio.Future[Any]):
    """Forgets a done callback that is added when it is done."""

    def add_done_callback(self, fn: Callback, *, context: Context = None) -> None:
        if not self.done():
            super().add_done_callback(fn, context=context)


class TellsWhoWasRemoved(asyncio.Future[Any]):
    """Counts the done callbacks that it should remove."""

    def remove_done_callback(self, fn: Callback, /) -> int:
        return 1


class SleepsOn(asyncio.SelectorEventLoop):
    """Does not wake when a callback comes from another thread."""

    def _write_to_self(self) -> None:
        pass


class CallsInAnyThread(asyncio.SelectorEventLoop):
    """Calls at once what comes from another thread."""

    def call_soon_threadsafe(  # type: ignore[override]  # it takes any callback
        self, callback: Callback, *args: Any, context: Context = None
    ) -> asyncio.Handle:
        callback(*args)
        return super().call_soon_threadsafe(int)


class WakesOnce(asyncio.SelectorEventLoop):
    """Takes the first callback from another thread only, until it turns again."""

    def call_soon_threadsafe(  # type: ignore[override]  # it takes any callback
        self, callback: Callback, *args: Any, context: Context = None
    ) -> asyncio.Handle:
        if self._ready:  # type: ignore[attr-defined]  # no public name
            return asyncio.Handle(callback, args, self, context)
        return super().call_soon_threadsafe(callback, *args, context=context)


class SendsWhatFits(asyncio.SelectorEventLoop):
    """Writes once, and forgets what the socket did not take."""

    async def sock_sendall(self, sock: Any, data: Any) -> None:
        sock.send(data)


class ReadsTooMuch(asyncio.SelectorEventLoop):
    """Throws away the last byte of what it reads, but for the end."""

    async def sock_recv(self, sock: Any, nbytes: int) -> bytes:
        data = await super().sock_recv(sock, nbytes)
        return data[: max(1, len(data) - 1)]


class DropsWhatIsNotSentYet(asyncio.SelectorEventLoop):
    """Lets a transport that is closed forget what it still has to write."""

    def _make_socket_transport(self, *args: Any, **more: Any) -> Any:
        transport = super()._make_socket_transport(*args, **more)  # type: ignore[misc]  # no public name
        transport.close = transport.abort
        return transport


class LeavesTheConnectionOpen(asyncio.SelectorEventLoop):
    """Has a descriptor of each connection left when its transport is closed."""

    def __init__(self) -> None:
        super().__init__()
        self._left: list[int] = []

    def _make_socket_transport(self, sock: Any, *args: Any, **more: Any) -> Any:
        self._left.append(os.dup(sock.fileno()))
        return super()._make_socket_transport(sock, *args, **more)  # type: ignore[misc]  # no public name

    def close(self) -> None:
        super().close()
        while self._left:
            os.close(self._left.pop())


class NoThreads(asyncio.SelectorEventLoop):
    """Runs the function of run_in_executor() itself."""

    def run_in_executor(  # type: ignore[override]  # it takes any callback
        self, executor: Any, func: Callback, *args: Any
    ) -> Any:
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


class ExceptionsAsResults(asyncio.SelectorEventLoop):
    """Returns what a function in a thread raised."""

    def run_in_executor(  # type: ignore[override]  # it takes any callback
        self, executor: Any, func: Callback, *args: Any
    ) -> Any:
        def call() -> Any:
            try:
                return func(*args)
            except Exception as error:
                return error

        return super().run_in_executor(executor, call)


class LeaksItsThreads(asyncio.SelectorEventLoop):
    """Each function that is run in a thread leaves a pipe behind."""

    def run_in_executor(  # type: ignore[override]  # it takes any function
        self, executor: Any, func: Any, *args: Any
    ) -> Any:
        os.pipe()
        return super().run_in_executor(executor, func, *args)


class AHairEarly(VirtualLoop):
    """Calls timers half a millisecond too early, though its clock counts finer."""

    def call_at(  # type: ignore[override]  # it takes any callback
        self, when: float, callback: Callback, *args: Any, context: Context = None
    ) -> asyncio.TimerHandle:
        return super().call_at(when - 0.0005, callback, *args, context=context)


WRONG = (
    Wrong(
        "timers run half a millisecond early",
        kills=("LAW-LOOP-02",),
        loop=AHairEarly,
        says={"LAW-LOOP-02": "0.5 ms before its time"},
    ),
    Wrong(
        "a function in a thread leaves a pipe open",
        kills=("LAW-LOOP-15",),
        loop=LeaksItsThreads,
        says={"LAW-LOOP-15": "more file descriptor"},
    ),
    Wrong(
        "the third task never runs",
        kills=("LAW-LOOP-03",),
        loop=TwoTasksAreEnough,
        breaks="task",
        says={"LAW-LOOP-03": "never ended"},
    ),
    Wrong(
        "a task that fails returns None",
        kills=("LAW-LOOP-03",),
        loop=with_tasks(quiet_task),
        breaks="task",
        says={"LAW-LOOP-03": "got None"},
    ),
    Wrong(
        "done callbacks are called within set_result()",
        kills=("LAW-LOOP-06",),
        loop=with_futures(TellsAtOnce),
        breaks="future",
        says={"LAW-LOOP-06": "was called within the call that ends the future"},
    ),
    Wrong(
        "a done callback that is added late is lost",
        kills=("LAW-LOOP-06",),
        loop=with_futures(TellsOnlyWhoAskedBefore),
        breaks="future",
        says={"LAW-LOOP-06": "never called"},
    ),
    Wrong(
        "remove_done_callback() does not remove",
        kills=("LAW-LOOP-06",),
        loop=with_futures(TellsWhoWasRemoved),
        breaks="future",
        says={"LAW-LOOP-06": "should not have been"},
    ),
    Wrong(
        "call_soon_threadsafe() does not wake the loop",
        kills=("LAW-LOOP-04",),
        loop=SleepsOn,
        says={"LAW-LOOP-04": "did not wake the loop"},
    ),
    Wrong(
        "call_soon_threadsafe() calls in the thread that it is called in",
        kills=("LAW-LOOP-04",),
        loop=CallsInAnyThread,
        says={"LAW-LOOP-04": "not made in the loop's thread"},
    ),
    Wrong(
        "call_soon_threadsafe() loses what comes while something is ready",
        kills=("LAW-LOOP-04",),
        loop=WakesOnce,
    ),
    Wrong(
        "sock_sendall() sends once",
        kills=("LAW-LOOP-08",),
        loop=SendsWhatFits,
        breaks="io",
        says={"LAW-LOOP-08": "bytes were written"},
    ),
    Wrong(
        "sock_recv() drops the last byte",
        kills=("LAW-LOOP-08",),
        loop=ReadsTooMuch,
        breaks="io",
        says={"LAW-LOOP-08": "bytes were written"},
    ),
    Wrong(
        "a transport that is closed drops what it has not sent yet",
        kills=("LAW-LOOP-17",),
        loop=DropsWhatIsNotSentYet,
        breaks="io",
        says={"LAW-LOOP-17": "the other side got"},
    ),
    Wrong(
        "a transport that is closed leaves its connection open",
        kills=("LAW-LOOP-17",),
        loop=LeavesTheConnectionOpen,
        breaks="io",
        says={"LAW-LOOP-17": "saw no end of the connection"},
    ),
    Wrong(
        "run_in_executor() runs the function in the loop's thread",
        kills=("LAW-LOOP-11",),
        loop=NoThreads,
        says={"LAW-LOOP-11": "in the thread of the loop"},
    ),
    Wrong(
        "run_in_executor() returns what was raised",
        kills=("LAW-LOOP-11",),
        loop=ExceptionsAsResults,
        says={"LAW-LOOP-11": "the wait for it gave"},
    ),
)
