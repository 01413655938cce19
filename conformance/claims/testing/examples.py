"""Do the examples of one Hypothesis test disturb each other?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import TASKS
from conformance.toolbox.instants import settle
from conformance.toolbox.plugin_sessions import Run, under_anyio, under_pytest_asyncio
from conformance.toolbox.spaces import every, up_to
from conformance.toolbox.stray_tasks import leave_running
from conformance.toolbox.words import counted, were

IS_INSTALLED = "pytest-asyncio>=1.1"
NO_PLUGIN = "trio has no pytest plugin of its own: anyio's runs tests on trio"


def exactly(examples: int) -> Callable[[Any], Any]:
    """Run a Hypothesis test on that many examples, whatever the settings of the outer session."""
    return settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


async def wait_until_cancelled(alive: set[object]) -> None:
    """Wait for ever, and be in ``alive`` meanwhile."""
    me = object()
    alive.add(me)
    try:
        await anyio.Event().wait()
    finally:
        alive.discard(me)


ONE_LOOP = law(
    "LAW-TESTING-08",
    "Under pytest-asyncio, all examples of a test under @given run in one event loop: the tasks that"
    " an example leaves running are alive in all that follow.",
    source="https://github.com/pytest-dev/pytest-asyncio/pull/122 (the loop that fixtures use)",
)


@ONE_LOOP.states(
    "asyncio",
    expect=holds(),
    exists=IS_INSTALLED,
    antecedents=("an example came after another",),
    io=True,
    builds_on=(TASKS,),
)
@given(scope=every(("function", "module")), examples=up_to(3, least=2), tasks=up_to(2, least=1))
def test_examples_share_a_loop_under_pytest_asyncio(
    run: Run, scope: str, examples: int, tasks: int
) -> None:
    alive: set[object] = set()
    seen: list[int] = []
    loops: set[object] = set()

    @pytest.mark.asyncio(loop_scope=scope)
    @exactly(examples)
    @given(st.integers())
    async def test_that_leaves_tasks(drawn: int) -> None:
        if seen:
            antecedent("an example came after another")
        seen.append(len(alive))
        loops.add(asyncio.get_running_loop())
        for _ in range(tasks):
            leave_running(wait_until_cancelled, alive)
        await settle()

    session = under_pytest_asyncio(run, test_that_leaves_tasks)
    assert session.passed, f"the test failed: {session.told}"
    assert len(loops) == 1, f"{examples} examples ran in {len(loops)} event loops, not in one"
    assert seen == [tasks * earlier for earlier in range(examples)], (
        f"each of {examples} examples leaves {counted(tasks, 'task')} that {were(tasks)} to live on: at the"
        f" start of each, so many were alive: {seen}"
    )
    assert not alive, (
        f"when the test was over, {len(alive)} of {counted(tasks * examples, 'task')} lived on"
    )


ONE_LOOP.not_applicable(
    "anyio",
    because="anyio's plugin gives each example a loop of its own, as LAW-TESTING-09 says",
    missing=("anyio.pytest_plugin.loop_scope",),
)
ONE_LOOP.not_applicable("trio", because=NO_PLUGIN, missing=("trio.pytest_plugin",))


A_LOOP_EACH = law(
    "LAW-TESTING-09",
    "Under anyio's plugin, each example of a test under @given runs in an event loop of its own, in"
    " which no earlier example's tasks are alive, unless an async fixture keeps one loop open.",
    source="https://anyio.readthedocs.io/en/stable/testing.html#technical-details"
    " (a test runner lasts for a test or for an async fixture; examples are not spoken of)",
)


@A_LOOP_EACH.states(
    "anyio",
    expect=holds(),
    antecedents=("an example came after another",),
    io=True,
    builds_on=(TASKS,),
)
@given(
    fixture=every(("none", "function", "module")),
    examples=up_to(3, least=2),
    tasks=up_to(2, least=1),
)
def test_examples_have_loops_of_their_own_under_anyio(
    run: Run, fixture: Any, examples: int, tasks: int
) -> None:
    alive: set[object] = set()
    seen: list[int] = []

    @pytest.mark.anyio
    @exactly(examples)
    @given(st.integers())
    async def test_that_leaves_tasks(drawn: int) -> None:
        if seen:
            antecedent("an example came after another")
        seen.append(len(alive))
        for _ in range(tasks):
            leave_running(wait_until_cancelled, alive)
        await settle(anyio)

    fixtures = []
    if fixture != "none":

        @pytest.fixture(scope=fixture, autouse=True)
        async def shared(anyio_backend: object) -> None:
            pass

        fixtures.append(shared)

    session = under_anyio(run, test_that_leaves_tasks, fixtures=fixtures)
    assert session.passed, f"the test failed: {session.told}"
    assert seen == [0 if fixture == "none" else tasks * earlier for earlier in range(examples)], (
        f"each of {examples} examples leaves {counted(tasks, 'task')} that {were(tasks)} to"
        f" {'be gone in the next' if fixture == 'none' else 'live on'} (async fixture: {fixture}):"
        f" at the start of each, so many were alive: {seen}"
    )
    assert not alive, (
        f"when the test was over, {len(alive)} of {counted(tasks * examples, 'task')} lived on"
    )


A_LOOP_EACH.not_applicable(
    "asyncio",
    because="under pytest-asyncio all examples share one loop, as LAW-TESTING-08 says",
    missing=("pytest_asyncio.anyio_backend",),
)
A_LOOP_EACH.not_applicable("trio", because=NO_PLUGIN, missing=("trio.pytest_plugin",))


FRESH_LOOP = law(
    "LAW-TESTING-10",
    "Each example of a claim of this suite runs in a fresh event loop: no task that an earlier"
    " example left running is alive in it.",
    source="https://docs.python.org/3/library/asyncio-runner.html#asyncio.run (a loop that is new"
    " and closed at the end); as a plain test under pytest-asyncio the same function fails, by"
    " LAW-TESTING-08",
)

left_by_earlier_examples: set[object] = set()


@FRESH_LOOP.states(
    "asyncio",
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("an example leaves tasks",),
)
@given(tasks=up_to(9, least=1))
async def test_examples_of_a_claim_have_loops_of_their_own(library: ModuleType, tasks: int) -> None:
    alive = len(left_by_earlier_examples)
    left_by_earlier_examples.clear()
    for _ in range(tasks):
        leave_running(wait_until_cancelled, left_by_earlier_examples)
    await settle(library)
    antecedent("an example leaves tasks")
    assert not alive, f"{counted(alive, 'task')} of an earlier example lived on into this one"
