"""What becomes of leftover tasks where several tests share one event loop?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import anyio
import pytest
from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import SLEEPS_FOR_EVER, TASKS
from conformance.programs.inner_pytest import Run, under_anyio, under_pytest_asyncio
from conformance.programs.instants import settle
from conformance.programs.leftover import leave_running
from conformance.programs.space import every, flags, up_to

IS_INSTALLED = "pytest-asyncio>=1.1"

Mark = Callable[[Any], Any]


class Leftovers:
    """Tasks that wait for ever, numbered, and which of them are alive."""

    def __init__(self, library: ModuleType, pauses: int) -> None:
        self.library = library
        self.pauses = pauses
        self.alive: set[int] = set()

    async def leave(self, tasks: int) -> None:
        """Leave ``tasks`` tasks running, each of which suspends ``pauses`` times in its cleanup."""
        for number in range(tasks):
            leave_running(lambda number=number: self._wait(number))  # type: ignore[misc]  # a default binds it now; mypy wants no argument
        await settle(self.library)
        if len(self.alive) == tasks:
            antecedent("tasks were left running")

    async def _wait(self, number: int) -> None:
        self.alive.add(number)
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                for _ in range(self.pauses):
                    await anyio.lowlevel.checkpoint()
            self.alive.remove(number)


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


def tests_that_follow(
    mark: Mark, leftovers: Leftovers, tasks: int, seen: dict[str, int]
) -> dict[str, tuple[Any, ...]]:
    """A test that leaves tasks, and later ones that note how many they see alive, in two modules."""

    def look(where: str) -> None:
        seen[where] = len(leftovers.alive)

    class TestFirst:
        @mark
        async def test_that_leaves_tasks(self) -> None:
            await leftovers.leave(tasks)

        @mark
        async def test_in_the_class(self) -> None:
            look("in the class")

    @mark
    async def test_in_the_module() -> None:
        look("in the module")

    @mark
    async def test_in_another_module() -> None:
        look("in another module")

    return {
        "test_1.py": (TestFirst, test_in_the_module),
        "test_2.py": (test_in_another_module,),
    }


def check(scope: str, tasks: int, seen: dict[str, int], leftovers: Leftovers) -> None:
    """Assert that the tasks were alive in the tests that share the loop, and in no later one."""
    expected = {where: tasks if where in SHARED_IN[scope] else 0 for where in SHARED_IN["session"]}
    assert seen == expected, (
        f"a loop for the {scope}: of {tasks} tasks left running by the first test, these many are"
        f" alive in later tests: {seen}, not {expected}"
    )
    assert not leftovers.alive, (
        f"when the last loop was closed, {len(leftovers.alive)} tasks were still alive"
    )


@SHARED_LOOP.states(
    "asyncio",
    expect=holds(),
    exists=IS_INSTALLED,
    antecedents=("tasks were left running",),
    io=True,
    builds_on=(
        TASKS,
        SLEEPS_FOR_EVER,
    ),
)
@given(scope=every(SHARED_IN), tasks=up_to(2, least=1), pauses=up_to(1))
def test_leftovers_live_as_long_as_the_loop_scope(
    run: Run, scope: str, tasks: int, pauses: int
) -> None:
    leftovers = Leftovers(asyncio, pauses)
    seen: dict[str, int] = {}
    mark = pytest.mark.asyncio(loop_scope=scope)
    tests = tests_that_follow(mark, leftovers, tasks, seen)

    session = under_pytest_asyncio(run, modules=tests)
    assert session.passed, f"a test failed: {session.told}"
    check(scope, tasks, seen, leftovers)


@SHARED_LOOP.states(
    "anyio",
    expect=holds(),
    antecedents=("tasks were left running",),
    io=True,
    builds_on=(
        TASKS,
        SLEEPS_FOR_EVER,
    ),
)
@given(scope=every(SHARED_IN), tasks=up_to(2, least=1), pauses=up_to(1))
def test_leftovers_live_as_long_as_the_widest_async_fixture(
    run: Run, scope: Any, tasks: int, pauses: int
) -> None:
    leftovers = Leftovers(anyio, pauses)
    seen: dict[str, int] = {}
    tests = tests_that_follow(pytest.mark.anyio, leftovers, tasks, seen)

    @pytest.fixture(scope=scope, autouse=True)
    async def shared(anyio_backend: object) -> None:
        pass

    session = under_anyio(run, modules=tests, fixtures=[shared])
    assert session.passed, f"a test failed: {session.told}"
    check(scope, tasks, seen, leftovers)


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
    builds_on=(
        TASKS,
        SLEEPS_FOR_EVER,
    ),
)
@given(packages=up_to(3, least=2), inside=flags(), tasks=up_to(2, least=1))
def test_packages_share_the_loop_of_package_scope(
    run: Run, packages: int, inside: bool, tasks: int
) -> None:
    leftovers = Leftovers(asyncio, pauses=1)
    seen: list[int] = []

    @pytest.mark.asyncio(loop_scope="package")
    async def test_that_leaves_tasks() -> None:
        await leftovers.leave(tasks)

    @pytest.mark.asyncio(loop_scope="package")
    async def test_in_a_later_package() -> None:
        seen.append(len(leftovers.alive))

    session = under_pytest_asyncio(
        run,
        modules={
            "package_1/test_1.py": (test_that_leaves_tasks,),
            **{
                # pytest goes through a directory by name: these come after the first one's test.
                f"{'package_1/' if inside else ''}under_{number}/test_{number}.py": (
                    test_in_a_later_package,
                )
                for number in range(2, packages + 1)
            },
        },
    )
    assert session.passed, f"a test failed: {session.told}"
    assert seen == [tasks] * (packages - 1), (
        f"of {tasks} tasks left running in the first package, all were to be alive in each later"
        f" one: {seen} were"
    )
    assert not leftovers.alive, (
        f"when the last loop was closed, {len(leftovers.alive)} tasks were still alive"
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
