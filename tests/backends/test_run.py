"""Examples run to their end in virtual time, and one that can never end says so at once."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator

import anyio
import pytest
import trio

from conformance.backends import deadlock, guard, quiet, virtual
from conformance.backends.backend import Backend
from conformance.backends.deadlock import Deadlock
from conformance.backends.discovery import builtin_backends, usable_here

USABLE = [backend for backend in builtin_backends() if usable_here(backend) is None]
VIRTUAL = [backend for backend in USABLE if backend.virtual]

Example = Callable[[], Awaitable[object]]

# A run that is broken off leaves tasks that never end: they are to be collected here and now.
pytestmark = [
    pytest.mark.usefixtures("collected"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture
def collected() -> Iterator[None]:
    yield
    gc.collect()


async def waits_for_ever() -> None:
    await anyio.Event().wait()


async def waits_shielded() -> None:
    with anyio.CancelScope(shield=True):
        await anyio.Event().wait()


async def refuses_then_waits() -> None:
    for _ in range(3):
        try:
            await anyio.Event().wait()
        except BaseException:  # noqa: S112  # refusing is the point
            continue
    await anyio.Event().wait()


async def spins() -> None:
    while True:
        await anyio.sleep(0)


@pytest.mark.parametrize("backend", VIRTUAL, ids=lambda backend: backend.name)
@pytest.mark.parametrize("example", [waits_for_ever, waits_shielded, refuses_then_waits])
def test_a_loop_that_has_gone_quiet_is_a_deadlock(backend: Backend, example: Example) -> None:
    with pytest.raises(Deadlock, match="every task waits"):
        backend.run(example)


@pytest.mark.parametrize("backend", VIRTUAL, ids=lambda backend: backend.name)
def test_a_loop_that_spins_is_a_deadlock(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (virtual, quiet):
        monkeypatch.setattr(module, "TURN_LIMIT", 500)
    with pytest.raises(Deadlock, match="still busy"):
        backend.run(spins)


@pytest.mark.parametrize("backend", VIRTUAL, ids=lambda backend: backend.name)
def test_the_next_run_is_not_disturbed_by_a_deadlock(backend: Backend) -> None:
    with pytest.raises(Deadlock):
        backend.run(waits_shielded)
    ran = []

    async def example() -> None:
        await anyio.sleep(1)
        ran.append(True)

    backend.run(example)
    assert ran == [True]


@pytest.mark.skipif(
    not any(not backend.virtual for backend in USABLE), reason="uvloop is not installed"
)
def test_a_loop_with_a_clock_of_its_own_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "GUARD_SECONDS", 0.05)
    backend = next(backend for backend in USABLE if not backend.virtual)
    with pytest.raises(Deadlock, match="not finished after"):
        backend.run(waits_for_ever)


@pytest.mark.parametrize("backend", VIRTUAL, ids=lambda backend: backend.name)
def test_time_is_virtual(backend: Backend) -> None:
    spent: list[float] = []

    async def example() -> None:
        before = anyio.current_time()
        await anyio.sleep(3600)
        with anyio.move_on_after(3600):
            await anyio.sleep_forever()
        spent.append(anyio.current_time() - before)

    started = time.monotonic()
    backend.run(example)
    assert spent == [pytest.approx(7200)]
    assert time.monotonic() - started < 60


@pytest.mark.parametrize("backend", VIRTUAL, ids=lambda backend: backend.name)
def test_waiting_until_all_are_blocked_comes_before_the_clock_jumps(backend: Backend) -> None:
    log: list[str] = []

    async def sleeper() -> None:
        await anyio.sleep(1)
        log.append("slept")

    async def example() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(sleeper)
            await anyio.wait_all_tasks_blocked()
            log.append("all blocked")

    backend.run(example)
    assert log == ["all blocked", "slept"]


@pytest.mark.parametrize("backend", USABLE, ids=lambda backend: backend.name)
def test_every_example_has_a_fresh_loop(backend: Backend) -> None:
    seen: list[object] = []

    async def example() -> None:
        token = anyio.lowlevel.current_token()
        assert all(token is not other for other in seen)
        seen.append(token)

    for _ in range(3):
        backend.run(example)


def test_threads_are_refused_in_virtual_time() -> None:
    async def example() -> None:
        await asyncio.get_running_loop().run_in_executor(None, print)

    with pytest.raises(RuntimeError, match="no threads on a virtual loop"):
        Backend("asyncio", loop=virtual.VirtualLoop).run(example)


def test_the_order_of_running_tasks_is_drawn_and_reproducible() -> None:
    backend = next(backend for backend in USABLE if backend.kind == "trio")

    def order(seed: int) -> tuple[int, ...]:
        ran: list[int] = []

        async def child(number: int) -> None:
            await trio.lowlevel.checkpoint()
            ran.append(number)

        async def example() -> None:
            async with trio.open_nursery() as nursery:
                for number in range(6):
                    nursery.start_soon(child, number)

        backend.run(example, order=seed)
        return tuple(ran)

    orders = [order(seed) for seed in range(20)]
    assert len(set(orders)) > 1, "one order only: trio's order is not explored"
    assert orders == [order(seed) for seed in range(20)]


@pytest.mark.parametrize("backend", USABLE, ids=lambda backend: backend.name)
def test_each_library_runs_by_its_own_run(backend: Backend) -> None:
    async def main() -> str:
        await anyio.sleep(0)
        return "done"

    for library in backend.libraries:
        run = backend.library_run(library)
        assert run(main() if library == "asyncio" else main) == "done"


def test_a_factory_may_ask_for_asyncios_own_loop() -> None:
    """Before 3.12 a policy says which loop ``asyncio.run()`` makes, and asyncio's own asks the policy."""
    made: list[asyncio.AbstractEventLoop] = []

    def factory() -> asyncio.AbstractEventLoop:
        made.append(asyncio.new_event_loop())
        return made[-1]

    async def main() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    run = Backend("asyncio+mine", loop=factory, io_loop=factory).library_run("asyncio")
    loops = [run(main()), run(main())]
    assert loops == made


def test_the_turn_limit_leaves_room() -> None:
    assert deadlock.TURN_LIMIT >= 10_000
