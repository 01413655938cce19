"""What becomes of the tasks that a test leaves running, under pytest-asyncio and anyio's plugin?"""

from __future__ import annotations

import asyncio
from types import ModuleType

import anyio
import pytest
from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import SLEEPS_FOR_EVER, TASKS
from conformance.programs.inner_pytest import Run, plugin_of
from conformance.programs.instants import settle, turns
from conformance.programs.leftover import leave_running
from conformance.programs.space import every, up_to
from conformance.programs.waits import ANYIO_PENDING, ASYNCIO_PENDING, Wait

IS_INSTALLED = "pytest-asyncio>=1.1"
NO_PLUGIN = "trio has no pytest plugin of its own: anyio's runs tests on trio"

PAUSES = (0, 1, 20)
"""How often a cleanup suspends.  A loop that closes may turn a few times more without waiting for it."""


def cancelled_class(library: ModuleType) -> type[BaseException]:
    """What a cancelled task sees: ``library``'s exception, or that of anyio's backend."""
    if library is asyncio:
        return asyncio.CancelledError
    return anyio.get_cancelled_exc_class()


async def clean_up(library: ModuleType, pauses: int) -> None:
    """A cleanup that suspends ``pauses`` times, shielded where a cancelled scope would stop it."""
    if library is asyncio:
        await turns(pauses)
    else:
        with anyio.CancelScope(shield=True):
            for _ in range(pauses):
                await anyio.lowlevel.checkpoint()


CLEANED_UP = law(
    "LAW-TESTING-01",
    "A task that a test leaves running is cancelled when the test's event loop is closed, and its"
    " cleanup runs to the end before the next test starts.",
    source="https://github.com/pytest-dev/pytest-asyncio/issues/200 (pytest-asyncio 1.1.0:"
    " cancelled when the loop's scope ends);"
    " https://docs.python.org/3/library/asyncio-runner.html#asyncio.Runner.close."
    " For anyio's plugin nothing is promised: its runner closes an asyncio.Runner.",
)


@CLEANED_UP.states(
    "asyncio",
    expect=holds(),
    exists=IS_INSTALLED,
    antecedents=("tasks were left running",),
    io=True,
    builds_on=(TASKS,),
)
@CLEANED_UP.states(
    "anyio",
    expect=holds(),
    antecedents=("tasks were left running",),
    io=True,
    builds_on=(
        TASKS,
        SLEEPS_FOR_EVER,
    ),
)
@given(tests=up_to(3, least=1), pauses=every(PAUSES))
def test_leftovers_are_cleaned_up_before_the_next_test(
    library: ModuleType, run: Run, tests: int, pauses: int
) -> None:
    plugin = plugin_of(library)
    waits = ASYNCIO_PENDING if library is asyncio else ANYIO_PENDING
    running: set[Wait] = set()
    not_cancelled: list[Wait] = []
    still_running: list[set[Wait]] = []

    async def leftover(wait: Wait) -> None:
        waiting = await wait.new()
        running.add(wait)
        try:
            await waiting.wait()
            not_cancelled.append(wait)
        except cancelled_class(library):
            # It ends here, and does not raise this on: a kept traceback would keep what it waited for.
            await clean_up(library, pauses)
            running.remove(wait)

    @plugin.mark
    @pytest.mark.parametrize("number", range(tests))
    async def test_leaves_one_task_for_each_kind_of_wait(number: int) -> None:
        still_running.append(set(running))
        for wait in waits:
            leave_running(lambda wait=wait: leftover(wait))  # type: ignore[misc]  # a default binds it now; mypy wants no argument
        await settle(library)
        if running == set(waits):
            antecedent("tasks were left running")

    session = plugin.session(run, test_leaves_one_task_for_each_kind_of_wait)
    assert session.passed, f"a test failed: {session.told}"
    assert not not_cancelled, f"not cancelled, but let go: {not_cancelled}"
    for number, left in enumerate([*still_running[1:], running], start=1):
        assert not left, (
            f"after test {number} of {tests}, {len(left)} of the {len(waits)} tasks that it left are"
            f" not cleaned up: the first waits for {min(wait.name for wait in left)}"
        )


CLEANED_UP.not_applicable("trio", because=NO_PLUGIN, missing=("trio.pytest_plugin",))


CANCELLED_ONCE = law(
    "LAW-TESTING-02",
    "At the end of the event loop a leftover task is cancelled only once: one that swallows this"
    " goes on undisturbed, and is waited for until it ends by itself.",
    source="https://docs.python.org/3/library/asyncio-runner.html#asyncio.Runner.close;"
    " neither plugin promises anything about tasks that swallow a cancel.",
)


@CANCELLED_ONCE.states(
    "asyncio",
    expect=holds(),
    exists=IS_INSTALLED,
    antecedents=("swallowed the cancel",),
    io=True,
    builds_on=(TASKS,),
)
@CANCELLED_ONCE.states(
    "anyio",
    expect=holds(),
    unless={
        "trio": "trio cancels what is left by a scope, and a scope's cancel is raised at every checkpoint"
    },
    antecedents=("swallowed the cancel",),
    io=True,
    builds_on=(TASKS,),
)
@given(tasks=up_to(2, least=1), steps=up_to(3))
def test_leftovers_are_cancelled_once(
    library: ModuleType, run: Run, tasks: int, steps: int
) -> None:
    plugin = plugin_of(library)
    cancels: list[int] = []
    ended: list[int] = []

    async def stubborn(number: int) -> None:
        for awaitable in (asyncio.sleep(3600), *(asyncio.sleep(0) for _ in range(steps))):
            try:
                await awaitable
            except asyncio.CancelledError:
                antecedent("swallowed the cancel")
                cancels.append(number)
        ended.append(number)

    @plugin.mark
    async def test_leaves_tasks_that_swallow() -> None:
        for number in range(tasks):
            leave_running(lambda number=number: stubborn(number))  # type: ignore[misc]  # a default binds it now; mypy wants no argument
        await settle(library)

    session = plugin.session(run, test_leaves_tasks_that_swallow)
    assert session.passed, f"a test failed: {session.told}"
    assert sorted(cancels) == list(range(tasks)), (
        f"each of the {tasks} tasks was to be cancelled once; cancelled were, by number: {cancels}"
    )
    assert sorted(ended) == list(range(tasks)), (
        f"each of the {tasks} tasks was to end by itself; of those only {ended} did"
    )


CANCELLED_ONCE.not_applicable("trio", because=NO_PLUGIN, missing=("trio.pytest_plugin",))
