"""What happens to the tasks that a test leaves running, under pytest-asyncio and anyio's plugin?"""

from __future__ import annotations

import asyncio
from types import ModuleType

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import TASKS
from conformance.toolbox.instants import settle, turns
from conformance.toolbox.plugin_sessions import Run, plugin_of, under_anyio, under_pytest_asyncio
from conformance.toolbox.spaces import every, up_to
from conformance.toolbox.stray_tasks import leave_running
from conformance.toolbox.waits import ANYIO_PENDING, ASYNCIO_PENDING, Wait, but_for_ever
from conformance.toolbox.words import counted

IS_INSTALLED = "pytest-asyncio>=1.1"
NO_PLUGIN = "trio has no pytest plugin of its own: anyio's runs tests on trio"

PAUSES = 20
"""How often a cleanup suspends.  A loop that closes may turn a few times more without waiting for it."""


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
    antecedents=("a task was left running",),
    io=True,
    builds_on=(TASKS,),
)
@given(wait=every(ASYNCIO_PENDING))
def test_a_leftover_is_cleaned_up_before_the_next_test(run: Run, wait: Wait) -> None:
    did: list[str] = []

    async def leftover() -> None:
        waiting = await wait.new()
        try:
            did.append("waits")
            await waiting.wait()
            did.append("is let go")
        except asyncio.CancelledError:
            # It ends here, and does not raise this on: a kept traceback would keep what it waited for.
            await turns(PAUSES)
            did.append("has cleaned up")

    @pytest.mark.asyncio
    async def test_that_leaves_a_task() -> None:
        leave_running(leftover)
        await settle()
        if did == ["waits"]:
            antecedent("a task was left running")

    @pytest.mark.asyncio
    async def test_that_comes_next() -> None:
        did.append("the next test starts")

    session = under_pytest_asyncio(run, test_that_leaves_a_task, test_that_comes_next)
    assert session.passed, f"a test failed: {session.told}"
    assert did == ["waits", "has cleaned up", "the next test starts"], (
        f"a test leaves a task that waits for {wait.name}; in order: {', '.join(did)}"
    )


@CLEANED_UP.states(
    "anyio",
    expect=holds(),
    antecedents=("a task was left running",),
    io=True,
    builds_on=(TASKS,),
)
@given(wait=every(but_for_ever(ANYIO_PENDING)))
def test_a_leftover_is_cleaned_up_before_anyios_next_test(run: Run, wait: Wait) -> None:
    did: list[str] = []

    async def leftover() -> None:
        waiting = await wait.new()
        try:
            did.append("waits")
            await waiting.wait()
            did.append("is let go")
        except anyio.get_cancelled_exc_class():
            # It ends here, and does not raise this on: a kept traceback would keep what it waited for.
            with anyio.CancelScope(shield=True):
                for _ in range(PAUSES):
                    await anyio.lowlevel.checkpoint()
            did.append("has cleaned up")

    @pytest.mark.anyio
    async def test_that_leaves_a_task() -> None:
        leave_running(leftover)
        await settle(anyio)
        if did == ["waits"]:
            antecedent("a task was left running")

    @pytest.mark.anyio
    async def test_that_comes_next() -> None:
        did.append("the next test starts")

    session = under_anyio(run, test_that_leaves_a_task, test_that_comes_next)
    assert session.passed, f"a test failed: {session.told}"
    assert did == ["waits", "has cleaned up", "the next test starts"], (
        f"a test leaves a task that waits for {wait.name}; in order: {', '.join(did)}"
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
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            antecedent("swallowed the cancel")
            cancels.append(number)
        for _ in range(steps):
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                cancels.append(number)
        ended.append(number)

    @plugin.mark
    async def test_that_leaves_tasks() -> None:
        for number in range(tasks):
            leave_running(stubborn, number)
        await settle(library)

    session = plugin.session(run, test_that_leaves_tasks)
    assert session.passed, f"a test failed: {session.told}"
    assert sorted(cancels) == list(range(tasks)), (
        f"{counted(tasks, 'leftover task')}: each was to be cancelled once; cancelled were, by number:"
        f" {cancels}"
    )
    assert sorted(ended) == list(range(tasks)), (
        f"{counted(tasks, 'leftover task')}: each was to end by itself; only these did, by number:"
        f" {ended}"
    )


CANCELLED_ONCE.not_applicable("trio", because=NO_PLUGIN, missing=("trio.pytest_plugin",))
