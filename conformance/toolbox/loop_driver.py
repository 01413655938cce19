"""Running an event loop that may be broken: every run comes to its end, and every loop is closed.

The laws about event loops are what a loop meets that does not work yet.  It may lose the very
callback that was to stop it, so none of them relies on that alone.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, TypeVar

from conformance.backends.deadlock import Deadlock
from conformance.backends.virtual import VirtualLoop
from conformance.claim import NotApplicable
from conformance.toolbox.instants import MANY

T = TypeVar("T")

NewLoop = Callable[[], asyncio.AbstractEventLoop]

PATIENCE = 3.0
"""Real seconds after which a loop with a clock of its own is ended.  No verdict depends on them:
what is judged is what was done by then, and a right loop is done in milliseconds."""

SLICES = 30
"""How many waits the patience is made of, so that a machine that stood still counts as one of them."""


def patiently(wait: Callable[[float], bool], seconds: float = PATIENCE) -> bool:
    """Call ``wait(seconds)`` until it says yes, for as many seconds in all.  Says whether it did."""
    return any(wait(seconds / SLICES) for _ in range(SLICES))


@contextmanager
def fresh_loop(new_event_loop: NewLoop) -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop for one example, which is closed however that ends.

    Raises ``AssertionError`` for whatever the loop raises in the while: the examples catch what a
    loop may raise.
    """
    loop = new_event_loop()
    try:
        yield loop
    except (AssertionError, Deadlock, NotApplicable, NameError):
        raise
    except Exception as error:
        raise AssertionError(
            f"the loop raised {type(error).__name__} in {_where(error)}()"
            + (f": {error}" if str(error) else "")
        ) from error
    finally:
        # Whether close() works is a law of its own.
        with suppress(Exception):
            loop.close()


def _where(error: BaseException) -> str:
    """The name of the function that raised ``error``."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return "an unknown place" if at is None else at.tb_frame.f_code.co_name


def run(loop: asyncio.AbstractEventLoop, *, end_by_socket: bool = False) -> bool:
    """Call ``loop.run_forever()``, and say whether it ended by itself.

    A loop that goes quiet, or is busy without end, is ended from outside: one in virtual time says so
    itself, any other is stopped by another thread, which also writes to a socket that the loop
    listens to if ``end_by_socket`` says so.  Raises what ``run_forever()`` raises.
    """
    with _guard(loop, end_by_socket=end_by_socket) as ended:
        loop.run_forever()
    return not ended.is_set()


def run_until_complete(loop: asyncio.AbstractEventLoop, what: Awaitable[T]) -> T:
    """``loop.run_until_complete(what)``, ended from outside like :func:`run`.

    Raises what it raises, and ``AssertionError`` if it never ends.
    """
    with _guard(loop) as ended:
        try:
            return loop.run_until_complete(what)
        except RuntimeError:
            if not ended.is_set():
                raise
    raise AssertionError("run_until_complete() never ended: the loop went quiet")


@contextmanager
def _guard(
    loop: asyncio.AbstractEventLoop, *, end_by_socket: bool = False
) -> Iterator[threading.Event]:
    """End a run of ``loop`` that does not end by itself, and set the event that is given if so."""
    ended = threading.Event()
    if isinstance(loop, VirtualLoop):
        try:
            yield ended
        except Deadlock:
            ended.set()
        return
    over = threading.Event()
    with ExitStack() as stack:
        wake = _listen(loop, stack) if end_by_socket else None

        def end() -> None:
            if patiently(over.wait):
                return
            ended.set()
            # What does not work here is found by the laws about it.
            with suppress(Exception):
                loop.call_soon_threadsafe(loop.stop)
            if wake is not None:
                wake()

        guard = threading.Thread(target=end, daemon=True)
        guard.start()
        try:
            yield ended
        finally:
            over.set()
            guard.join()


def _listen(loop: asyncio.AbstractEventLoop, stack: ExitStack) -> Callable[[], object] | None:
    """Let ``loop`` stop when the function returned is called; ``None`` where it cannot listen."""
    near, far = socket.socketpair()
    stack.enter_context(near)
    stack.enter_context(far)
    try:
        loop.add_reader(near, loop.stop)
    except Exception:
        return None
    stack.callback(loop.remove_reader, near)
    return lambda: far.send(b".")


_FINE = 1e-6
"""Seconds in which the clocks of most loops count, or in less; what a float leaves of it is less too."""

_READINGS = 100_000
_STEPS = 3
_counts_in: dict[type, float] = {}


def resolution(loop: asyncio.AbstractEventLoop) -> float:
    """The seconds in which the clock of ``loop`` counts: a timer may be early by so much.

    It is found out once for each kind of loop, by reading its clock again and again.
    """
    kind = type(loop)
    if kind not in _counts_in:
        _counts_in[kind] = _FINE if isinstance(loop, VirtualLoop) else max(_FINE, _step(loop))
    return _counts_in[kind]


def _step(loop: asyncio.AbstractEventLoop) -> float:
    """The smallest step of some that the clock of ``loop`` takes, 0 if it stands still."""
    steps: list[float] = []
    last = loop.time()
    for _ in range(_READINGS):
        now = loop.time()
        if now != last:
            steps.append(now - last)
            last = now
        # The first begins at any time, and the thread may stand still in the others.
        if len(steps) > _STEPS:
            break
    return min(steps[1:], default=0.0)


def turn(loop: asyncio.AbstractEventLoop, count: int = MANY) -> None:
    """Let ``loop`` turn ``count`` times, counted by callbacks of which each gives the next.

    Raises ``AssertionError`` if one of them is never called.
    """
    left = count

    def tick() -> None:
        nonlocal left
        left -= 1
        if left > 0:
            loop.call_soon(tick)
        else:
            loop.stop()

    loop.call_soon(tick)
    run(loop)
    assert left <= 0, (
        f"the loop went quiet: of {count} callbacks, each given to call_soon() by the one before, "
        f"{left} were never called"
    )


async def _result(what: Awaitable[T]) -> T:
    return await what


def complete(loop: asyncio.AbstractEventLoop, what: Awaitable[T]) -> T:
    """Run ``what`` in a task of ``loop`` to its end, and return its result.  Raises what it raises.

    Raises ``AssertionError`` if it never ends.
    """
    # Some loops give futures where others have coroutines.
    main: Coroutine[Any, Any, T] = what if asyncio.iscoroutine(what) else _result(what)
    try:
        task = loop.create_task(main)
    except BaseException:
        main.close()
        raise
    task.add_done_callback(lambda _: loop.stop())
    run(loop)
    if not task.done():
        # So that nobody is told of it later that it was never awaited.
        with suppress(Exception):
            main.close()
    assert task.done(), "the loop went quiet, or ended, before the task that it ran was done"
    return task.result()


def each_once(what: str, expected: Sequence[object], called: Sequence[object]) -> None:
    """Raise ``AssertionError`` unless ``called`` are those ``expected``, each once, in any order."""
    again = [each for each in dict.fromkeys(called) if called.count(each) > 1]
    assert not again, f"{what} {_names(again)} of {len(expected)} was called more than once"
    lost = [each for each in expected if each not in called]
    assert not lost, f"{what} {_names(lost)} of {len(expected)} was never called"
    strange = [each for each in called if each not in expected]
    assert not strange, f"{what} {_names(strange)} was called and should not have been"


def _names(things: Sequence[object]) -> str:
    shown = ", ".join(map(str, things[:5]))
    return f"{shown}, …" if len(things) > 5 else shown
