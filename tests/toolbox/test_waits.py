"""Each thing to wait for does what its entry says, on every backend."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from conformance.backends.backend import Backend
from conformance.backends.discovery import builtin_backends, usable_here
from conformance.programs.nested import ASYNCIO_NESTED, SCOPED_NESTED
from conformance.toolbox import waits
from conformance.toolbox.waits import Wait

# A claim's example drops its channel unclosed, as a cancelled task of anybody's would.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning"),
    # PyPy collects it later, where nobody can catch the warning.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

USABLE = [backend for backend in builtin_backends() if usable_here(backend) is None]
NESTED = (*ASYNCIO_NESTED, *(each.of(name) for each in SCOPED_NESTED for name in ("anyio", "trio")))
PENDING = (*waits.ASYNCIO_PENDING, *waits.ANYIO_PENDING, *waits.TRIO_PENDING, *NESTED)
READY = (*waits.ASYNCIO_READY, *waits.ANYIO_READY, *waits.TRIO_READY)


def _where(table: tuple[Wait, ...]) -> list[tuple[Wait, Backend]]:
    return [
        (wait, backend) for wait in table for backend in USABLE if wait.library in backend.libraries
    ]


def _id(thing: object) -> str:
    return str(getattr(thing, "name", thing))


@pytest.mark.parametrize(("wait", "backend"), _where(PENDING), ids=_id)
def test_what_is_pending_waits_until_it_is_completed(wait: Wait, backend: Backend) -> None:
    log: list[str] = []

    async def example() -> None:
        waiting = await wait.new()

        async def waiter() -> None:
            log.append("waits")
            await waiting.wait()
            log.append("goes on")

        async with anyio.create_task_group() as group:
            group.start_soon(waiter)
            await anyio.wait_all_tasks_blocked()
            assert log == ["waits"]
            if wait.complete:
                waiting.complete()
                for _ in range(20):
                    await anyio.sleep(0)
                assert log == ["waits", "goes on"]
                waiting.complete()  # a second time does no harm
            group.cancel_scope.cancel()

    backend.run(example)
    assert log[0] == "waits"


@pytest.mark.parametrize(("wait", "backend"), _where(READY), ids=_id)
def test_what_is_ready_goes_on_by_itself(wait: Wait, backend: Backend) -> None:
    async def example() -> None:
        waiting = await wait.new()
        await waiting.wait()

    backend.run(example)


@pytest.mark.parametrize(("wait", "backend"), _where(READY), ids=_id)
def test_suspends_says_whether_another_task_runs_meanwhile(wait: Wait, backend: Backend) -> None:
    log: list[str] = []

    async def example() -> None:
        waiting = await wait.new()

        async def other() -> None:
            log.append("the other runs")

        async with anyio.create_task_group() as group:
            if backend.name == "asyncio+eager":
                # An eager task would run here and now; a callback does not.
                asyncio.get_running_loop().call_soon(log.append, "the other runs")
            else:
                group.start_soon(other)
            await waiting.wait()
            log.append("went on")

    backend.run(example)
    if backend.kind == "trio" and wait.suspends:
        assert sorted(log) == ["the other runs", "went on"]  # a checkpoint; the order is drawn
    else:
        assert (log[0] == "the other runs") == wait.suspends
