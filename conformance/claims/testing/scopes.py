"""What happens to leftover tasks where several tests share one event loop?"""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import TASKS
from conformance.toolbox.instants import NEVER, settle
from conformance.toolbox.plugin_sessions import Run, under_anyio, under_pytest_asyncio
from conformance.toolbox.spaces import every, flags, up_to
from conformance.toolbox.stray_tasks import leave_running
from conformance.toolbox.words import counted

IS_INSTALLED = "pytest-asyncio>=1.1"

SHARED_LOOP = law(
    "LAW-TESTING-03",
    "While one event loop serves several tests, a task left running by one of them is alive in all"
    " that follow, and is cancelled and cleaned up when the loop is closed, after the last of them.",
    source="https://pytest-asyncio.readthedocs.io/en/stable/concepts.html (a loop for each scope);"
    " https://github.com/pytest-dev/pytest-asyncio/issues/200 (cancelled when the scope ends);"
    " https://anyio.readthedocs.io/en/stable/testing.html#technical-details"
    " (one test runner for all tests that share an async fixture of a higher scope)",
)

SHARED_IN = {
    "class": ["in the class"],
    "module": ["in the class", "in the module"],
    "session": ["in the class", "in the module", "in another module"],
}
"""The later tests that share the first one's loop, by the loop's scope."""


@SHARED_LOOP.states(
    "asyncio",
    expect=holds(),
    exists=IS_INSTALLED,
    antecedents=("tasks were left running",),
    io=True,
    builds_on=(TASKS,),
)
@SHARED_LOOP.states(
    "anyio",
    expect=holds(),
    antecedents=("tasks were left running",),
    io=True,
    builds_on=(TASKS,),
)
@given(scope=every(SHARED_IN), tasks=up_to(2, least=1), pauses=up_to(1))
def test_leftovers_live_as_long_as_the_loop(
    library: ModuleType, run: Run, scope: Any, tasks: int, pauses: int
) -> None:
    # pytest-asyncio's loops have a scope; anyio's loop lives as long as the widest async fixture.
    mark = pytest.mark.asyncio(loop_scope=scope) if library is asyncio else pytest.mark.anyio
    alive: set[int] = set()
    seen: dict[str, int] = {}

    async def leftover(number: int) -> None:
        alive.add(number)
        try:
            await anyio.Event().wait()
        finally:
            if pauses:
                with anyio.CancelScope(shield=True):
                    await anyio.lowlevel.checkpoint()
            alive.remove(number)

    class TestFirst:
        @mark
        async def test_that_leaves_tasks(self) -> None:
            for number in range(tasks):
                leave_running(leftover, number)
            await settle(library)
            if len(alive) == tasks:
                antecedent("tasks were left running")

        @mark
        async def test_in_the_class(self) -> None:
            seen["in the class"] = len(alive)

    @mark
    async def test_in_the_module() -> None:
        seen["in the module"] = len(alive)

    @mark
    async def test_in_another_module() -> None:
        seen["in another module"] = len(alive)

    modules = {
        "test_1.py": (TestFirst, test_in_the_module),
        "test_2.py": (test_in_another_module,),
    }
    if library is asyncio:
        session = under_pytest_asyncio(run, modules=modules)
    else:

        @pytest.fixture(scope=scope, autouse=True)
        async def shared(anyio_backend: object) -> None:
            pass

        session = under_anyio(run, modules=modules, fixtures=[shared])
    assert session.passed, f"a test failed: {session.told}"
    expected = {where: tasks if where in SHARED_IN[scope] else 0 for where in SHARED_IN["session"]}
    assert seen == expected, (
        f"a loop for the {scope}: the first test leaves {counted(tasks, 'task')} running, and in later"
        f" ones so many are alive: {seen}, not {expected}"
    )
    assert not alive, (
        f"when the last loop was closed, {len(alive)} of {counted(tasks, 'task')} lived on"
    )


SHARED_LOOP.not_applicable(
    "trio",
    because="trio has no pytest plugin of its own: anyio's runs tests on trio",
    missing=("trio.pytest_plugin",),
)


PACKAGES = law(
    "LAW-TESTING-04",
    "Under pytest-asyncio all packages, and their subpackages, share one event loop of package scope:"
    " a task left running in one is alive in the next, and is cancelled at the end of the session.",
    source="https://github.com/pytest-dev/pytest/issues/7232: a package-scoped fixture belongs to the"
    " package that defines it, and pytest-asyncio's loops are defined in no package."
    " https://pytest-asyncio.readthedocs.io/en/stable/reference/markers/index.html says otherwise.",
)


@PACKAGES.states(
    "asyncio",
    expect=holds(),
    exists=IS_INSTALLED,
    antecedents=("tasks were left running",),
    io=True,
    builds_on=(TASKS,),
)
@given(packages=up_to(3, least=2), inside=flags(), tasks=up_to(2, least=1))
def test_packages_share_the_loop_of_package_scope(
    run: Run, packages: int, inside: bool, tasks: int
) -> None:
    alive: set[int] = set()
    seen: list[int] = []

    async def leftover(number: int) -> None:
        alive.add(number)
        try:
            await asyncio.sleep(NEVER)
        finally:
            await asyncio.sleep(0)
            alive.remove(number)

    @pytest.mark.asyncio(loop_scope="package")
    async def test_that_leaves_tasks() -> None:
        for number in range(tasks):
            leave_running(leftover, number)
        await settle()
        if len(alive) == tasks:
            antecedent("tasks were left running")

    @pytest.mark.asyncio(loop_scope="package")
    async def test_in_a_later_package() -> None:
        seen.append(len(alive))

    # pytest goes through a directory by name: the first one's test comes first.
    above = "package_1/" if inside else ""
    modules = {"package_1/test_1.py": (test_that_leaves_tasks,)}
    for number in range(2, packages + 1):
        modules[f"{above}under_{number}/test_{number}.py"] = (test_in_a_later_package,)
    session = under_pytest_asyncio(run, modules=modules)
    assert session.passed, f"a test failed: {session.told}"
    assert seen == [tasks] * (packages - 1), (
        f"the first package leaves {counted(tasks, 'task')} running; in the later ones so many were"
        f" alive: {seen}"
    )
    assert not alive, (
        f"when the last loop was closed, {len(alive)} of {counted(tasks, 'task')} lived on"
    )


PACKAGES.not_applicable(
    "anyio",
    because="anyio's plugin has no loop scopes: its loop lives as long as an async fixture of the user's",
    missing=("anyio.pytest_plugin.loop_scope",),
)
PACKAGES.not_applicable(
    "trio",
    because="trio has no pytest plugin of its own: anyio's runs tests on trio",
    missing=("trio.pytest_plugin",),
)
