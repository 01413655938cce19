"""Loops with a clock of their own: seen as such, judged at no cost of time, and given up in real time."""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import Callable

import anyio
import pytest

from conformance.backends import guard
from conformance.backends.backend import Backend
from conformance.backends.clock import jumps
from conformance.backends.deadlock import Deadlock, is_given_up
from conformance.backends.discovery import choose
from conformance.book import all_claims
from conformance.claim import Claim
from conformance.judging.effort import Effort
from conformance.judging.judge import judge
from tests.backends import loops

HERE = "tests.backends.loops"
SOLIPSISM = pytest.param(
    "async_solipsism:EventLoop",
    marks=pytest.mark.skipif(
        importlib.util.find_spec("async_solipsism") is None, reason="it is not installed"
    ),
)
JUMPING = [f"{HERE}:Jumping", "conformance.backends.virtual:VirtualLoop", SOLIPSISM]

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def backend_of(spec: str) -> Backend:
    (backend,) = choose([], [spec])
    return backend


@pytest.mark.parametrize("spec", JUMPING)
def test_a_clock_that_jumps_is_one_of_its_own(spec: str) -> None:
    backend = backend_of(spec)
    assert backend.virtual
    spent: list[float] = []

    async def example() -> None:
        before = anyio.current_time()
        await anyio.sleep(3600)
        spent.append(anyio.current_time() - before)

    started = time.monotonic()
    backend.run(example)
    assert spent == [pytest.approx(3600)]
    assert time.monotonic() - started < 60


@pytest.mark.parametrize(
    "factory",
    [asyncio.new_event_loop, loops.Subclass, loops.Timerless],
    ids=["asyncio", "subclass", "timerless"],
)
def test_an_ordinary_clock_is_none(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    assert not jumps(factory)


def test_a_loop_that_breaks_when_it_is_run_has_no_clock_of_its_own() -> None:
    class Breaks(asyncio.SelectorEventLoop):
        def run_forever(self) -> None:
            raise RuntimeError("not today")

    assert not jumps(Breaks)


@pytest.mark.parametrize("spec", [f"{HERE}:Subclass", f"{HERE}:Timerless", f"{HERE}:Jumping"])
@pytest.mark.parametrize("library", [None, "asyncio", "anyio"])
def test_what_never_ends_is_given_up_in_real_time(
    spec: str, library: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "GUARD_SECONDS", 0.5)
    backend = backend_of(spec)
    gone_on: list[int] = []

    async def refuses() -> None:
        # It refuses the end of the run as well, so that the loop must be stopped again.
        for number in range(3):
            try:
                await anyio.Event().wait()
            except BaseException:  # refusing is the point
                gone_on.append(number)
                continue

    def run() -> None:
        if library is None:
            backend.run(refuses)
        elif library == "asyncio":
            backend.library_run("asyncio")(refuses())
        else:
            backend.library_run("anyio")(refuses)

    with pytest.raises(Deadlock) as caught:
        run()
    assert is_given_up(caught.value)
    assert gone_on

    async def ends() -> None:
        await anyio.sleep(0)

    monkeypatch.undo()
    backend.run(ends)


@pytest.mark.parametrize(
    "spec", [f"{HERE}:{name}" for name in ("Subclass", "Jumping", "Unthreaded")]
)
def test_what_spins_is_given_up(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "GUARD_SECONDS", 0.1)

    async def spins() -> None:
        while True:
            await anyio.sleep(0)

    with pytest.raises(Deadlock):
        backend_of(spec).run(spins)


def test_hours_of_a_clock_that_jumps_are_not_given_up() -> None:
    async def sleeps() -> None:
        for _ in range(10):
            await anyio.sleep(3600)

    backend_of(f"{HERE}:Jumping").run(sleeps)
    backend_of(f"{HERE}:Jumping").library_run("anyio")(sleeps)


def test_guards_stop_their_own_loops_only(monkeypatch: pytest.MonkeyPatch) -> None:
    short, long = loops.Subclass(), loops.Subclass()
    try:
        with guard.guarding(long, 60) as patient, guard.guarding(short, 0.05) as hasty:
            short.run_forever()
            assert (hasty.given_up, patient.given_up) == (True, False)
            long.call_later(0.1, long.stop)
            long.run_forever()
            assert not patient.given_up
    finally:
        short.close()
        long.close()


def _claim(claim_id: str) -> Claim:
    return next(claim for claim in all_claims() if claim.id == claim_id)


@pytest.mark.parametrize("spec", [*JUMPING, f"{HERE}:Subclass"])
@pytest.mark.parametrize(
    "claim",
    ["NEST-03", "LAW-NEST-03", "CLEANUP-09", "LAW-LOOP-02"],
)
def test_claims_are_judged_there(spec: str, claim: str) -> None:
    backend = backend_of(spec)
    for statement in _claim(claim).statements.values():
        if statement.library in backend.libraries:
            verdict = judge(statement, backend, Effort(25))
            assert verdict.as_expected, verdict


@pytest.mark.parametrize("claim", ["LAW-LOOP-04", "LAW-CLEANUP-02"])
def test_what_other_threads_do_comes_in_time_there_too(claim: str) -> None:
    """No timer of the loop's own guards the wait for them: it would be over at once."""
    backend = backend_of(f"{HERE}:Jumping")
    for statement in _claim(claim).statements.values():
        if statement.library in backend.libraries:
            verdict = judge(statement, backend, Effort(25))
            assert verdict.as_expected, verdict
