"""The end of a loop: what it leaves behind, and what it refuses from then on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable

from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import CLOSES, EXECUTOR, SOCKETS, TASKS, THREADS, TIMERS
from conformance.toolbox.descriptors import left_open
from conformance.toolbox.instants import NEVER, SOON
from conformance.toolbox.loop_driver import NewLoop, complete, fresh_loop, run, run_until_complete
from conformance.toolbox.spaces import every, sequences, up_to
from conformance.toolbox.words import counted, were

DOCS = "https://docs.python.org/3/library/asyncio-eventloop.html"

NOTHING_LEFT = law(
    "LAW-LOOP-12",
    "A loop that ran nothing but tasks and timers, and was then closed, leaves no file descriptor open.",
    source=f"{DOCS}#asyncio.loop.close",
)

NOTHING_LEFT_OF_ITS_WORK = law(
    "LAW-LOOP-15",
    "A loop that was used for connections, threads and calls from threads, and then closed, leaves no"
    " file descriptor open.",
    source=f"{DOCS}#asyncio.loop.close",
)

LITTLE = ("nothing", "a timer")
WORK_BEYOND = ("a call from another thread", "a function in a thread", "a connection")


async def use(what: str) -> None:
    """Let the running loop do ``what``."""
    loop = asyncio.get_running_loop()
    if what == "a timer":
        await asyncio.sleep(SOON)
    elif what == "a call from another thread":
        called = loop.create_future()
        thread = threading.Thread(
            target=loop.call_soon_threadsafe, args=(called.set_result, None), daemon=True
        )
        thread.start()
        await called
        thread.join()
    elif what == "a function in a thread":
        await loop.run_in_executor(None, int)
    elif what == "a connection":
        served = loop.create_future()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()
            await writer.wait_closed()
            served.set_result(None)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.close()
        await writer.wait_closed()
        await served
        server.close()
        await server.wait_closed()


@NOTHING_LEFT.states(
    "asyncio",
    expect=holds(),
    antecedents=("several loops were closed",),
    io=True,
    builds_on=(TIMERS, TASKS),
)
@given(uses=sequences(LITTLE, least=1, most=2), loops=every((1, 3)))
def test_a_closed_loop_leaves_no_descriptor(
    uses: tuple[str, ...], loops: int, new_event_loop: NewLoop
) -> None:
    leaves_nothing(uses, loops, new_event_loop)


@NOTHING_LEFT_OF_ITS_WORK.states(
    "asyncio",
    expect=holds(),
    antecedents=("several loops were closed",),
    io=True,
    builds_on=(NOTHING_LEFT.id, THREADS, SOCKETS, CLOSES, EXECUTOR),
)
@given(uses=sequences(WORK_BEYOND, least=1, most=2), loops=every((1, 3)))
def test_a_closed_loop_leaves_no_descriptor_of_its_work(
    uses: tuple[str, ...], loops: int, new_event_loop: NewLoop
) -> None:
    leaves_nothing(uses, loops, new_event_loop)


def leaves_nothing(uses: tuple[str, ...], loops: int, new_event_loop: NewLoop) -> None:
    def run_and_close() -> None:
        with fresh_loop(new_event_loop) as loop:
            for what in uses:
                complete(loop, use(what))
            if "a function in a thread" in uses:
                complete(loop, loop.shutdown_default_executor())
            loop.close()

    # The first may open what is shared by all.
    run_and_close()
    left = left_open(run_and_close, times=loops)
    if loops > 1:
        antecedent("several loops were closed")
    assert left <= 0, (
        f"after {counted(loops, 'more loop')} {were(loops)} used for {' and '.join(uses)} and"
        f" closed, {counted(left, 'more file descriptor')} {'is' if left == 1 else 'are'} open"
    )


CLOSED = law(
    "LAW-LOOP-13",
    "close() refuses a loop that runs and otherwise closes it for good, however often it is called, "
    "a closed loop refuses work, and shutdown_asyncgens() closes the generators that are left.",
    source=f"{DOCS}#asyncio.loop.close, {DOCS}#asyncio.loop.shutdown_asyncgens",
)

LEFT = ("nothing", "a callback", "a timer", "async generators")

WORK: dict[str, Callable[[asyncio.AbstractEventLoop], object]] = {
    "call_soon()": lambda loop: loop.call_soon(print),
    "call_later()": lambda loop: loop.call_later(NEVER, print),
    "call_at()": lambda loop: loop.call_at(NEVER, print),
    "call_soon_threadsafe()": lambda loop: loop.call_soon_threadsafe(print),
    "run_in_executor()": lambda loop: loop.run_in_executor(None, print),
    "run_forever()": run,
    "run_until_complete()": lambda loop: run_until_complete(loop, loop.create_future()),
}


@CLOSED.states(
    "asyncio",
    expect=holds(),
    antecedents=("something was left", "closed more than once"),
    builds_on=(TASKS,),
)
@given(
    left=sequences(LEFT, least=1, most=2),
    closes=up_to(3, least=1),
    work=every(WORK),
)
def test_a_closed_loop_stays_closed_and_refuses_work(
    left: tuple[str, ...], closes: int, work: str, new_event_loop: NewLoop
) -> None:
    refused: list[Exception] = []
    called: list[str] = []
    generators: list[AsyncGenerator[int, None]] = []
    finished: list[int] = []

    async def count(number: int) -> AsyncGenerator[int, None]:
        try:
            yield 0
            yield 1
        finally:
            await asyncio.sleep(0)
            finished.append(number)

    async def leave(what: str) -> None:
        loop = asyncio.get_running_loop()
        if what == "async generators":
            for steps in (1, 2):
                generators.append(count(len(generators)))
                for _ in range(steps):
                    await anext(generators[-1])
        elif what == "a timer":
            loop.call_later(NEVER, called.append, what)

    with fresh_loop(new_event_loop) as loop:

        def close_it_while_it_runs() -> None:
            try:
                loop.close()
            except Exception as error:
                refused.append(error)

        loop.call_soon(close_it_while_it_runs)
        loop.call_soon(loop.stop)
        run(loop)
        assert refused and not loop.is_closed(), "a loop could be closed while it was running"
        for what in left:
            complete(loop, leave(what))
        complete(loop, loop.shutdown_asyncgens())
        assert sorted(finished) == list(range(len(generators))), (
            f"{len(generators)} async generators were left, and shutdown_asyncgens() ended those "
            f"numbered {finished}"
        )
        if "a callback" in left:
            loop.call_soon(called.append, "a callback")
        antecedent(f"{'nothing' if set(left) == {'nothing'} else 'something'} was left")
        if closes > 1:
            antecedent("closed more than once")
        for times in range(1, closes + 1):
            try:
                loop.close()
            except Exception as error:
                raise AssertionError(f"close() number {times} raised {error!r}") from error
            assert loop.is_closed(), f"after close() number {times} the loop is not closed"
        try:
            WORK[work](loop)
        except AssertionError:
            raise
        except Exception as error:
            refused.append(error)
        assert len(refused) > 1, f"{work} of a closed loop was not refused"
        assert loop.is_closed(), f"after {work} the loop is not closed any more"
    assert not called, f"close() called {called[0]} that was left"
