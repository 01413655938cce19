"""What happens to an exception in a task that a test does not wait for?"""

from __future__ import annotations

import asyncio
import gc
from types import ModuleType

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import HANDLES_ERRORS, TASKS
from conformance.toolbox.instants import settle, turns
from conformance.toolbox.plugin_sessions import Run, plugin_of, under_anyio
from conformance.toolbox.spaces import every, up_to
from conformance.toolbox.stray_tasks import leave_running
from conformance.toolbox.words import counted

IS_INSTALLED = "pytest-asyncio>=1.1"
NO_PLUGIN = "trio has no pytest plugin of its own: anyio's runs tests on trio"

FAILURES = (KeyError, AssertionError, TimeoutError)


async def fail_when_cancelled(failure: type[Exception], pauses: int) -> None:
    """Wait for ever; when cancelled, suspend ``pauses`` times and raise a ``failure``."""
    try:
        await anyio.Event().wait()
    finally:
        antecedent("raised while cancelled")
        if pauses:
            with anyio.CancelScope(shield=True):
                for _ in range(pauses):
                    await anyio.lowlevel.checkpoint()
        raise failure("raised")


FAILS_NO_TEST = law(
    "LAW-TESTING-05",
    "The Exception that a leftover task raises while the end of its event loop cancels it fails no"
    " test, neither the one that left it nor the next.",
    source="https://docs.python.org/3/library/asyncio-runner.html#asyncio.Runner.close;"
    " neither plugin promises anything. An option to make leftovers an error is asked for in"
    " https://github.com/pytest-dev/pytest-asyncio/issues/1044.",
)


@FAILS_NO_TEST.states(
    "asyncio",
    expect=holds(),
    exists=IS_INSTALLED,
    antecedents=("raised while cancelled",),
    io=True,
    builds_on=(TASKS,),
)
@FAILS_NO_TEST.states(
    "anyio", expect=holds(), antecedents=("raised while cancelled",), io=True, builds_on=(TASKS,)
)
@given(failure=every(FAILURES), tasks=up_to(2, least=1), pauses=up_to(1))
def test_a_leftover_that_raises_fails_no_test(
    library: ModuleType,
    run: Run,
    failure: type[Exception],
    tasks: int,
    pauses: int,
) -> None:
    plugin = plugin_of(library)

    @plugin.mark
    async def test_that_leaves_tasks() -> None:
        for _ in range(tasks):
            leave_running(fail_when_cancelled, failure, pauses)
        await settle(library)

    @plugin.mark
    async def test_that_comes_next() -> None:
        await settle(library)

    session = plugin.session(run, test_that_leaves_tasks, test_that_comes_next)
    assert session.passed, (
        f"{counted(tasks, 'leftover task')} raised {failure.__name__} when cancelled, which was to fail no"
        f" test; the tests: {session.outcomes}"
    )


FAILS_NO_TEST.not_applicable("trio", because=NO_PLUGIN, missing=("trio.pytest_plugin",))


IS_TOLD = law(
    "LAW-TESTING-06",
    "The Exception that a leftover task raises while the end of its event loop cancels it is told to"
    " somebody: it is logged by asyncio, or a test fails.",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.call_exception_handler;"
    " https://anyio.readthedocs.io/en/stable/versionhistory.html (3.0.0: what callbacks and native"
    " tasks raise is raised after the test or the fixture)",
)


@IS_TOLD.states(
    "asyncio",
    expect=holds(),
    exists=IS_INSTALLED,
    antecedents=("raised while cancelled",),
    io=True,
    builds_on=(TASKS,),
)
@IS_TOLD.states(
    "anyio",
    expect=holds(),
    antecedents=("raised while cancelled",),
    io=True,
    builds_on=(TASKS, HANDLES_ERRORS),
)
@given(failure=every(FAILURES), tasks=up_to(2, least=1), pauses=up_to(1))
def test_what_a_leftover_raises_is_told(
    library: ModuleType,
    run: Run,
    failure: type[Exception],
    tasks: int,
    pauses: int,
) -> None:
    plugin = plugin_of(library)

    @plugin.mark
    async def test_that_leaves_tasks() -> None:
        for _ in range(tasks):
            leave_running(fail_when_cancelled, failure, pauses)
        await settle(library)

    session = plugin.session(run, test_that_leaves_tasks)
    told = [*session.log, *session.failures.values()]
    assert sum("raised" in text for text in told) >= tasks, (
        f"{counted(tasks, 'leftover task')} raised {failure.__name__} when cancelled, and not each was told"
        f" of; the tests: {session.outcomes}; logged: {session.log}"
    )


IS_TOLD.not_applicable("trio", because=NO_PLUGIN, missing=("trio.pytest_plugin",))


FAILS_THE_TEST = law(
    "LAW-TESTING-07",
    "Under anyio's plugin, an exception in a task that was dropped fails the test that is running"
    " when asyncio finds that nobody retrieved it.",
    source="https://github.com/agronholm/anyio/pull/225 (anyio 3.0.0)",
)


@FAILS_THE_TEST.states(
    "anyio",
    expect=holds(),
    unless={
        "trio": "every task of trio has a nursery that is told",
        "pypy>=3": "PyPy finds out when it likes: it counts no references",
    },
    antecedents=("the task failed",),
    io=True,
    builds_on=(TASKS, HANDLES_ERRORS),
)
@given(tasks=up_to(2, least=1), steps=up_to(2))
def test_a_dropped_task_that_raises_fails_the_test(run: Run, tasks: int, steps: int) -> None:
    async def fail() -> None:
        await turns(steps)
        antecedent("the task failed")
        raise KeyError("raised")

    @pytest.mark.anyio
    async def test_that_drops_tasks() -> None:
        dropped = [asyncio.create_task(fail()) for _ in range(tasks)]
        await asyncio.wait(dropped)
        del dropped
        gc.collect()

    @pytest.mark.anyio
    async def test_that_comes_next() -> None:
        await turns(1)

    session = under_anyio(run, test_that_drops_tasks, test_that_comes_next)
    expected = {"test_that_drops_tasks": "failed", "test_that_comes_next": "passed"}
    assert session.outcomes == expected, (
        f"{counted(tasks, 'dropped task')} raised an error: the tests were {session.outcomes}, not {expected}"
    )


FAILS_THE_TEST.not_applicable(
    "asyncio",
    because="pytest-asyncio leaves the loop's exception handler alone: asyncio logs it, as ever",
    missing=("pytest_asyncio.plugin.exception_handler",),
)
FAILS_THE_TEST.not_applicable("trio", because=NO_PLUGIN, missing=("trio.pytest_plugin",))
