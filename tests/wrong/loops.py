"""Event loops that are wrong on purpose: callbacks, timers, handles, contexts, errors, the end."""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import math
import os
from collections.abc import Callable
from typing import Any

from conformance.backends.virtual import VirtualLoop
from tests.wrong.kit import Wrong

Callback = Callable[..., Any]
Context = contextvars.Context | None


class Idle(VirtualLoop):
    """Turns and never does anything, as a loop of which only the skeleton is there."""

    def _run_once(self) -> None:
        self._selector.select(0)  # type: ignore[attr-defined]  # no public name


class Returns(VirtualLoop):
    """Returns from run_forever() at once."""

    def run_forever(self) -> None:
        pass


class EatsCallbacks(VirtualLoop):
    """Loses every seventh callback, as a queue that is resized wrongly does."""

    _given = 0

    def call_soon(  # type: ignore[override]  # it takes any callback
        self, callback: Callback, *args: Any, context: Context = None
    ) -> asyncio.Handle:
        self._given += 1
        if self._given % 7 == 0:
            return asyncio.Handle(callback, args, self, context)
        return super().call_soon(callback, *args, context=context)


class LastInFirstOut(VirtualLoop):
    """Uses a stack where there should be a queue."""

    def call_soon(  # type: ignore[override]  # it takes any callback
        self, callback: Callback, *args: Any, context: Context = None
    ) -> asyncio.Handle:
        handle = super().call_soon(callback, *args, context=context)
        self._ready.rotate(1)  # type: ignore[attr-defined]  # no public name
        return handle


class CallsAtOnce(VirtualLoop):
    """Saves itself the queue."""

    def call_soon(  # type: ignore[override]  # it takes any callback
        self, callback: Callback, *args: Any, context: Context = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        handle._run()
        return handle


class CallsTwice(VirtualLoop):
    """Calls every callback once more in the next turn."""

    def call_soon(  # type: ignore[override]  # it takes any callback
        self, callback: Callback, *args: Any, context: Context = None
    ) -> asyncio.Handle:
        def call_and_repeat() -> None:
            super(CallsTwice, self).call_soon(callback, *args)
            callback(*args)

        return super().call_soon(call_and_repeat, context=context)


class NoTimers(VirtualLoop):
    """Takes timers and never looks at them again."""

    def call_at(  # type: ignore[override]  # it takes any callback
        self, when: float, callback: Callback, *args: Any, context: Context = None
    ) -> asyncio.TimerHandle:
        return asyncio.TimerHandle(when, callback, args, self, context)


class InfinityIsZero(VirtualLoop):
    """What overflows counts as no time at all."""

    def call_at(  # type: ignore[override]  # it takes any callback
        self, when: float, callback: Callback, *args: Any, context: Context = None
    ) -> asyncio.TimerHandle:
        return super().call_at(0.0 if math.isinf(when) else when, callback, *args, context=context)


class EarlyTimers(VirtualLoop):
    """Calls timers when half of their time is over."""

    def call_at(  # type: ignore[override]  # it takes any callback
        self, when: float, callback: Callback, *args: Any, context: Context = None
    ) -> asyncio.TimerHandle:
        return super().call_at((self.time() + when) / 2, callback, *args, context=context)


class TimersInTheOrderOfSetting(VirtualLoop):
    """Has a queue of timers that is not sorted."""

    _last = 0.0

    def call_at(  # type: ignore[override]  # it takes any callback
        self, when: float, callback: Callback, *args: Any, context: Context = None
    ) -> asyncio.TimerHandle:
        if when < 60:  # the timer of an hour is not waited for
            self._last = when = max(self._last, when)
        return super().call_at(when, callback, *args, context=context)


class OneTimerATime(VirtualLoop):
    """Keeps timers in a mapping by their time."""

    def call_at(  # type: ignore[override]  # it takes any callback
        self, when: float, callback: Callback, *args: Any, context: Context = None
    ) -> asyncio.TimerHandle:
        for other in self._scheduled:  # type: ignore[attr-defined]  # no public name
            if other.when() == when:
                other.cancel()
        return super().call_at(when, callback, *args, context=context)


class DeafHandle(asyncio.Handle):
    """Says that it is cancelled, and is called all the same."""

    _asked = False

    def cancel(self) -> None:
        self._asked = True

    def cancelled(self) -> bool:
        return self._asked


class DeafTimerHandle(DeafHandle, asyncio.TimerHandle):
    """The same for timers."""


class DeafCallbacks(VirtualLoop):
    """Does not look at the handles of its callbacks."""

    def call_soon(  # type: ignore[override]  # it takes any callback
        self, callback: Callback, *args: Any, context: Context = None
    ) -> asyncio.Handle:
        handle = DeafHandle(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]  # no public name
        return handle


class NotCancelled(asyncio.TimerHandle):
    """A timer's handle that does not say that it was cancelled."""

    def cancelled(self) -> bool:
        return False


class TimersThatDeny(VirtualLoop):
    """Its timers are cancelled, and say that they are not."""

    def call_at(  # type: ignore[override]  # it takes any callback
        self, when: float, callback: Callback, *args: Any, context: Context = None
    ) -> asyncio.TimerHandle:
        return NotCancelled(when, callback, args, self, context)


class DeafToOneArgument(VirtualLoop):
    """Calls what was cancelled if it takes exactly one argument: a loop with a path for each number."""

    def call_soon(  # type: ignore[override]  # it takes any callback
        self, callback: Callback, *args: Any, context: Context = None
    ) -> asyncio.Handle:
        kind = DeafHandle if len(args) == 1 else asyncio.Handle
        handle = kind(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]  # no public name
        return handle


class DeafTimers(VirtualLoop):
    """Does not look at the handles of its timers."""

    def call_at(  # type: ignore[override]  # it takes any callback
        self, when: float, callback: Callback, *args: Any, context: Context = None
    ) -> asyncio.TimerHandle:
        handle = DeafTimerHandle(when, callback, args, self, context)
        heapq.heappush(self._scheduled, handle)  # type: ignore[attr-defined]  # no public name
        return handle


class ForgetsTheTimersKept(VirtualLoop):
    """Clears out all of its timers when most of them are cancelled."""

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        super()._timer_handle_cancelled(handle)  # type: ignore[misc]  # no public name
        if self._timer_cancelled_count > 100:  # type: ignore[has-type]  # no public name
            self._scheduled.clear()  # type: ignore[attr-defined]  # no public name
            self._timer_cancelled_count = 0


class StopDropsWhatIsReady(VirtualLoop):
    """Takes stop() at its word."""

    def stop(self) -> None:
        for handle in self._ready:  # type: ignore[attr-defined]  # no public name
            handle.cancel()
        super().stop()


class StopComesLast(VirtualLoop):
    """Stops behind everything that was given meanwhile."""

    def stop(self) -> None:
        self.call_soon(super().stop)


class HidesTheException(VirtualLoop):
    """Returns from run_until_complete() whatever happened."""

    def run_until_complete(self, future: Any) -> Any:
        try:
            return super().run_until_complete(future)
        except ValueError:
            return None


class IgnoresTheContext(VirtualLoop):
    """Runs every callback in the context of the moment, as loops did before Python 3.7."""

    def call_soon(  # type: ignore[override]  # it takes any callback
        self, callback: Callback, *args: Any, context: Context = None
    ) -> asyncio.Handle:
        return super().call_soon(callback, *args)


class ForgetsTheContext(VirtualLoop):
    """Runs timers in an empty context, unless one is given."""

    def call_at(  # type: ignore[override]  # it takes any callback
        self, when: float, callback: Callback, *args: Any, context: Context = None
    ) -> asyncio.TimerHandle:
        context = context or contextvars.Context()
        return super().call_at(when, callback, *args, context=context)


class EndedByAnError(VirtualLoop):
    """Lets what a callback raises end the run."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        raise context["exception"]


class TellsNobody(VirtualLoop):
    """Drops what a callback raises."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        pass


class CannotBeInterrupted(VirtualLoop):
    """Catches everything that a callback raises."""

    def call_soon(  # type: ignore[override]  # it takes any callback
        self, callback: Callback, *args: Any, context: Context = None
    ) -> asyncio.Handle:
        def call() -> None:
            try:
                callback(*args)
            except (KeyboardInterrupt, SystemExit) as error:
                self.call_exception_handler({"message": "interrupted", "exception": error})

        return super().call_soon(call, context=context)


class LeaksADescriptor(asyncio.SelectorEventLoop):
    """Opens something when it is made, and forgets it when it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self._forgotten = os.open(os.devnull, os.O_RDONLY)


class ClosedOnlyOnce(VirtualLoop):
    """Refuses to be closed a second time."""

    def close(self) -> None:
        if self.is_closed():
            raise RuntimeError("the loop is closed already")
        super().close()


class WorksOn(VirtualLoop):
    """Takes callbacks after its end."""

    def _check_closed(self) -> None:
        pass


class ClosesWhileItRuns(VirtualLoop):
    """Takes close() for stop() while it runs."""

    def close(self) -> None:
        if self.is_running():
            self.stop()
        else:
            super().close()


class LeavesGenerators(VirtualLoop):
    """Has a shutdown_asyncgens() that is still to be written."""

    async def shutdown_asyncgens(self) -> None:
        pass


EVERYTHING = tuple(f"LAW-LOOP-{number:02}" for number in (1, 2, 3, 5, 6, 7, 9, 10, 13))

WRONG = (
    Wrong("the loop turns and runs nothing", kills=EVERYTHING, loop=Idle),
    Wrong("run_forever() returns at once", kills=EVERYTHING, loop=Returns),
    Wrong(
        "every seventh callback is lost",
        kills=("LAW-LOOP-01", "LAW-LOOP-03"),
        loop=EatsCallbacks,
        says={"LAW-LOOP-01": "never called"},
    ),
    Wrong(
        "callbacks are called last in, first out",
        kills=("LAW-LOOP-01",),
        loop=LastInFirstOut,
    ),
    Wrong(
        "call_soon() calls the callback",
        kills=("LAW-LOOP-01", "LAW-LOOP-06"),
        loop=CallsAtOnce,
        says={"LAW-LOOP-01": "before it returned", "LAW-LOOP-06": "was called within"},
    ),
    Wrong(
        "callbacks are called twice",
        kills=("LAW-LOOP-01",),
        loop=CallsTwice,
        says={"LAW-LOOP-01": "more than once"},
    ),
    Wrong(
        "timers never run",
        kills=("LAW-LOOP-02",),
        loop=NoTimers,
        says={"LAW-LOOP-02": "never called"},
    ),
    Wrong(
        "an infinite time is no time",
        kills=("LAW-LOOP-14",),
        loop=InfinityIsZero,
        says={"LAW-LOOP-14": "for an infinite time ahead"},
    ),
    Wrong(
        "timers run after half of their time",
        kills=("LAW-LOOP-02",),
        loop=EarlyTimers,
        says={"LAW-LOOP-02": "before its time"},
    ),
    Wrong(
        "timers run in the order in which they were set",
        kills=("LAW-LOOP-02",),
        loop=TimersInTheOrderOfSetting,
        says={"LAW-LOOP-02": "was called before that of"},
    ),
    Wrong(
        "of two timers of one time, one is forgotten",
        kills=("LAW-LOOP-02",),
        loop=OneTimerATime,
        says={"LAW-LOOP-02": "never called"},
    ),
    Wrong(
        "a cancelled callback is called",
        kills=("LAW-LOOP-05",),
        loop=DeafCallbacks,
        says={"LAW-LOOP-05": "although its handle was cancelled"},
    ),
    Wrong(
        "a cancelled callback of one argument is called",
        kills=("LAW-LOOP-05",),
        loop=DeafToOneArgument,
        says={"LAW-LOOP-05": "with 1 of its own arguments"},
    ),
    Wrong(
        "a cancelled timer denies it",
        kills=("LAW-LOOP-16",),
        loop=TimersThatDeny,
        says={"LAW-LOOP-16": "says False of itself"},
    ),
    Wrong(
        "a cancelled timer is called",
        kills=("LAW-LOOP-05",),
        loop=DeafTimers,
        says={"LAW-LOOP-05": "although its handle was cancelled"},
    ),
    Wrong(
        "timers are lost with the cancelled ones",
        kills=("LAW-LOOP-05",),
        loop=ForgetsTheTimersKept,
    ),
    Wrong(
        "stop() drops what is ready",
        kills=("LAW-LOOP-07",),
        loop=StopDropsWhatIsReady,
        says={"LAW-LOOP-07": "never called"},
    ),
    Wrong(
        "stop() waits its turn",
        kills=("LAW-LOOP-07",),
        loop=StopComesLast,
        issue="https://github.com/MagicStack/uvloop/issues/517",
        says={"LAW-LOOP-07": "called in the same run"},
    ),
    Wrong(
        "run_until_complete() hides the exception",
        kills=("LAW-LOOP-07",),
        loop=HidesTheException,
        says={"LAW-LOOP-07": "returned None"},
    ),
    Wrong(
        "call_soon() ignores the context that it is given",
        kills=("LAW-LOOP-09",),
        loop=IgnoresTheContext,
        says={"LAW-LOOP-09": "that it was given"},
    ),
    Wrong(
        "timers run in an empty context",
        kills=("LAW-LOOP-09",),
        loop=ForgetsTheContext,
        says={"LAW-LOOP-09": "of the scheduling"},
    ),
    Wrong(
        "an exception in a callback ends the loop",
        kills=("LAW-LOOP-10",),
        loop=EndedByAnError,
        says={"LAW-LOOP-10": "came out of run_forever()"},
    ),
    Wrong(
        "an exception in a callback is dropped",
        kills=("LAW-LOOP-10",),
        loop=TellsNobody,
        says={"LAW-LOOP-10": "exception handler"},
    ),
    Wrong(
        "KeyboardInterrupt is handled like any exception",
        kills=("LAW-LOOP-10",),
        loop=CannotBeInterrupted,
        says={"LAW-LOOP-10": "did not come out of run_forever()"},
    ),
    Wrong(
        "every loop leaves a descriptor open",
        kills=("LAW-LOOP-12",),
        loop=LeaksADescriptor,
        says={"LAW-LOOP-12": "more file descriptor"},
    ),
    Wrong(
        "close() raises the second time",
        kills=("LAW-LOOP-13",),
        loop=ClosedOnlyOnce,
        says={"LAW-LOOP-13": "close() number 2 raised"},
    ),
    Wrong(
        "a closed loop takes callbacks",
        kills=("LAW-LOOP-13",),
        loop=WorksOn,
        says={"LAW-LOOP-13": "was not refused"},
    ),
    Wrong(
        "close() stops a loop that runs",
        kills=("LAW-LOOP-13",),
        loop=ClosesWhileItRuns,
        says={"LAW-LOOP-13": "could be closed while it was running"},
    ),
    Wrong(
        "shutdown_asyncgens() does nothing",
        kills=("LAW-LOOP-13",),
        loop=LeavesGenerators,
        says={"LAW-LOOP-13": "async generators were left"},
    ),
)
