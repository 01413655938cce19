"""Test plugins that treat leftover tasks wrongly."""

from __future__ import annotations

import asyncio
import functools
import gc
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any
from unittest import mock

import anyio
import anyio.pytest_plugin
import pytest
from anyio._backends import _asyncio as anyio_asyncio

from conformance.backends.backend import Backend
from conformance.toolbox import stray_tasks
from tests.wrong.kit import Part, Wrong

pytest_asyncio_plugin: Any = None
with suppress(ImportError):
    pytest_asyncio_plugin = import_module("pytest_asyncio.plugin")

INSTALLED = "pytest-asyncio>=1.1"

Loop = asyncio.AbstractEventLoop


@dataclass(frozen=True)
class WrongPlugin(Wrong):
    """A test plugin that is wrong on purpose: it is judged on ordinary loops, as its users have."""

    breaks: Part = "plugin"

    @property
    def backend(self) -> Backend:
        return replace(super().backend, io_loop=asyncio.new_event_loop)


@contextmanager
def unheard() -> Iterator[None]:
    """Tasks that never end complain when they are collected: let that be now, and not heard."""
    with mock.patch.object(sys, "unraisablehook"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with mock.patch.object(stray_tasks, "_kept", set()):
            yield
        gc.collect()


def with_loops_ended_by(
    end: Callable[[Loop], object], *, plugin: Any
) -> Callable[[], AbstractContextManager[Any]]:
    """``end(loop)`` stands where the plugin's Runner cancels what is left, before it closes."""

    @contextmanager
    def patch() -> Iterator[None]:
        # asyncio's own, or a copy of it in a backport: the module that defines the Runner has it.
        runners = sys.modules[plugin.Runner.__module__]
        with mock.patch.object(runners, "_cancel_all_tasks", end), unheard():
            yield

    return patch


def left(loop: Loop) -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks(loop) if not task.done()]


def end_without_a_cancel(loop: Loop) -> None:
    """Close it as it is, as pytest-asyncio did before 1.1."""


def end_without_waiting(loop: Loop) -> None:
    """Cancel everything, and give it no more than one turn."""
    for task in left(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))


def end_by_cancelling_until_done(loop: Loop) -> None:
    """Cancel everything again and again, as a level-triggered scope would."""
    while tasks := left(loop):
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))


def end_by_raising(loop: Loop) -> None:
    """Cancel everything, and raise what comes of it, in the teardown of the test."""
    for task in (tasks := left(loop)):
        task.cancel()
    for task in tasks:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass


def end_in_silence(loop: Loop) -> None:
    """Cancel everything and wait for it, and tell nobody what it raised."""
    for task in (tasks := left(loop)):
        task.cancel()
    if tasks:  # a gather() of nothing would look for the running loop
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))


@contextmanager
def tasks_ended_after_each_run() -> Iterator[None]:
    """Runner.run() cancels what it leaves, though the loop goes on."""
    run = pytest_asyncio_plugin.Runner.run

    def run_and_end(self: Any, *args: Any, **more: Any) -> Any:
        try:
            return run(self, *args, **more)
        finally:
            end_in_silence(self.get_loop())

    with mock.patch.object(pytest_asyncio_plugin.Runner, "run", run_and_end):
        yield


@contextmanager
def tests_ended_alone() -> Iterator[None]:
    """anyio's runner cancels what a test leaves, though a fixture keeps the loop."""
    run = anyio_asyncio.TestRunner.run_test

    def run_and_end(self: Any, *args: Any, **more: Any) -> None:
        try:
            run(self, *args, **more)
        finally:
            # The task that runs the tests goes on.
            tasks = [task for task in left(self.get_loop()) if task is not self._runner_task]
            for task in tasks:
                task.cancel()
            if tasks:  # a gather() of nothing would look for the running loop
                self.get_loop().run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

    with mock.patch.object(anyio_asyncio.TestRunner, "run_test", run_and_end):
        yield


@contextmanager
def package_loops_for_each_module() -> Iterator[None]:
    """A loop of package scope is closed at the end of a module."""
    runner = pytest_asyncio_plugin._package_scoped_runner
    narrow = pytest.fixture(scope="module", name="_package_scoped_runner")(
        runner._get_wrapped_function()
    )
    with mock.patch.object(pytest_asyncio_plugin, "_package_scoped_runner", narrow):
        yield


@contextmanager
def a_loop_for_each_example() -> Iterator[None]:
    """Each example runs in a new loop, as before pytest-asyncio's pull request 122."""

    def synchronize(func: Callable[..., Any], runner: Any, context: Any) -> Callable[..., None]:
        @functools.wraps(func)
        def inner(*args: Any, **more: Any) -> None:
            with pytest_asyncio_plugin.Runner() as own:
                own.run(func(*args, **more), context=context)

        return inner

    with mock.patch.object(pytest_asyncio_plugin, "_synchronize_coroutine", synchronize):
        yield


@contextmanager
def a_runner_that_is_never_given_back() -> Iterator[None]:
    """anyio's plugin counts one user of its runner too many, and so keeps the runner."""
    plugin = anyio.pytest_plugin
    with unheard(), ExitStack() as stack:
        for name, value in (
            ("_runner_leases", 1),
            ("_current_runner", None),
            ("_runner_stack", None),
        ):
            stack.enter_context(mock.patch.object(plugin, name, value))
        yield
        if plugin._runner_stack is not None:
            plugin._runner_stack.close()


@contextmanager
def callbacks_that_fail_in_silence() -> Iterator[None]:
    """anyio's runner leaves the loop's exception handler alone, as before 3.0."""

    def handler(self: Any, loop: Loop, context: dict[str, Any]) -> None:
        loop.default_exception_handler(context)

    with mock.patch.object(anyio_asyncio.TestRunner, "_exception_handler", handler):
        yield


@contextmanager
def one_loop_for_all_examples() -> Iterator[None]:
    """This suite's driver runs every example in the loop of the first."""
    loop = asyncio.new_event_loop()

    def run(example: Callable[[], Any], **options: Any) -> None:
        loop.run_until_complete(example())

    try:
        with mock.patch.object(anyio, "run", run):
            yield
    finally:
        end_in_silence(loop)
        loop.close()


WRONG = (
    WrongPlugin(
        "pytest-asyncio closes the loop without cancelling what is left",
        kills=("LAW-TESTING-01", "LAW-TESTING-03", "LAW-TESTING-04", "LAW-TESTING-08"),
        patch=with_loops_ended_by(end_without_a_cancel, plugin=pytest_asyncio_plugin),
        issue="https://github.com/pytest-dev/pytest-asyncio/issues/200",
        when=INSTALLED,
        says={
            "LAW-TESTING-01": "in order: waits, the next test starts",
            "LAW-TESTING-04": "when the last loop was closed, 1 of 1 task lived on",
        },
    ),
    WrongPlugin(
        "pytest-asyncio does not wait for the cleanup of what it cancels",
        kills=("LAW-TESTING-01",),
        patch=with_loops_ended_by(end_without_waiting, plugin=pytest_asyncio_plugin),
        when=INSTALLED,
    ),
    WrongPlugin(
        "anyio's plugin closes the loop without cancelling what is left",
        library="anyio",
        kills=("LAW-TESTING-01", "LAW-TESTING-03", "LAW-TESTING-09"),
        patch=with_loops_ended_by(end_without_a_cancel, plugin=anyio_asyncio),
        says={
            "LAW-TESTING-09": "were alive: [0, 1]",
            "LAW-TESTING-03": "in later ones so many are alive",
        },
    ),
    WrongPlugin(
        "pytest-asyncio cancels what is left until it is done",
        kills=("LAW-TESTING-02",),
        patch=with_loops_ended_by(end_by_cancelling_until_done, plugin=pytest_asyncio_plugin),
        when=INSTALLED,
        says={"LAW-TESTING-02": "cancelled were, by number: [0, 0]"},
    ),
    WrongPlugin(
        "anyio's plugin cancels what is left until it is done",
        library="anyio",
        kills=("LAW-TESTING-02",),
        patch=with_loops_ended_by(end_by_cancelling_until_done, plugin=anyio_asyncio),
    ),
    WrongPlugin(
        "pytest-asyncio cancels what a test leaves in a shared loop",
        kills=("LAW-TESTING-03", "LAW-TESTING-04", "LAW-TESTING-08"),
        patch=tasks_ended_after_each_run,
        when=INSTALLED,
    ),
    WrongPlugin(
        "anyio's plugin cancels what a test leaves in a shared loop",
        library="anyio",
        kills=("LAW-TESTING-03",),
        patch=tests_ended_alone,
    ),
    WrongPlugin(
        "pytest-asyncio has one loop of package scope for each module",
        kills=("LAW-TESTING-04",),
        patch=package_loops_for_each_module,
        when=INSTALLED,
    ),
    WrongPlugin(
        "pytest-asyncio fails a test for what its leftovers raise",
        kills=("LAW-TESTING-05",),
        patch=with_loops_ended_by(end_by_raising, plugin=pytest_asyncio_plugin),
        when=INSTALLED,
        says={"LAW-TESTING-05": "which was to fail no test"},
    ),
    WrongPlugin(
        "anyio's plugin fails a test for what its leftovers raise",
        library="anyio",
        kills=("LAW-TESTING-05",),
        patch=with_loops_ended_by(end_by_raising, plugin=anyio_asyncio),
    ),
    WrongPlugin(
        "pytest-asyncio drops what leftovers raise",
        kills=("LAW-TESTING-06",),
        patch=with_loops_ended_by(end_in_silence, plugin=pytest_asyncio_plugin),
        when=INSTALLED,
        says={"LAW-TESTING-06": "not each was told of"},
    ),
    WrongPlugin(
        "anyio's plugin only logs what nobody retrieved",
        library="anyio",
        kills=("LAW-TESTING-07",),
        patch=callbacks_that_fail_in_silence,
        issue="https://github.com/agronholm/anyio/pull/225",
        says={"LAW-TESTING-07": "'test_that_comes_next': 'passed'"},
    ),
    WrongPlugin(
        "pytest-asyncio runs each example in a loop of its own",
        kills=("LAW-TESTING-08",),
        patch=a_loop_for_each_example,
        issue="https://github.com/pytest-dev/pytest-asyncio/pull/122",
        when=INSTALLED,
        says={"LAW-TESTING-08": "2 examples ran in 2 event loops, not in one"},
    ),
    WrongPlugin(
        "anyio's plugin keeps its runner for ever",
        library="anyio",
        kills=("LAW-TESTING-01", "LAW-TESTING-09"),
        patch=a_runner_that_is_never_given_back,
    ),
    WrongPlugin(
        "the driver runs all examples in one loop",
        kills=("LAW-TESTING-10",),
        patch=one_loop_for_all_examples,
        breaks="driver",
        says={"LAW-TESTING-10": "1 task of an earlier example lived on"},
    ),
)
