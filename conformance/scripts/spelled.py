"""What a script says in other words than a claim: what is there for judging has no place in it.

Each function stands for the one of :mod:`conformance.toolbox` that :data:`INSTEAD` names.  The source
of both is a claim's own; here it leans on nothing but the library, on real clocks and real loops.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import pytest
import trio
import trio.testing

from conformance.scripts.source import Global
from conformance.toolbox import (
    attempts,
    instants,
    loop_driver,
    plugin_sessions,
    scopes,
    stray_tasks,
)
from conformance.toolbox.loop_driver import _step
from conformance.toolbox.plugin_sessions import Plugin

FINE = 1e-6
MANY = instants.MANY
SECONDS = loop_driver.PATIENCE


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Stands for the loops that the script is asked to use."""
    raise NotImplementedError


async def settle(library: ModuleType = asyncio) -> None:
    if library is trio:
        await trio.testing.wait_all_tasks_blocked()
    elif trio.lowlevel.in_trio_run():
        await anyio.wait_all_tasks_blocked()
    else:
        for _ in range(MANY):
            await library.sleep(0)


def busy(seconds: float) -> None:
    time.sleep(seconds)


def running_task() -> Any:
    return asyncio.current_task()


def on_asyncio() -> bool:
    return not trio.lowlevel.in_trio_run()


CANCELLED = object()


@contextmanager
def fresh_loop(
    make: Callable[[], asyncio.AbstractEventLoop],
) -> Iterator[asyncio.AbstractEventLoop]:
    loop = make()
    try:
        yield loop
    except AssertionError:
        raise
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1].name
        said = f": {error}" if str(error) else ""
        raise AssertionError(
            f"the loop raised {type(error).__name__} in {place}(){said}"
        ) from error
    finally:
        loop.close()


def run(loop: asyncio.AbstractEventLoop, *, end_by_socket: bool = False) -> bool:
    # A loop that goes quiet is stopped by another thread.
    guard = threading.Timer(SECONDS, loop.call_soon_threadsafe, [loop.stop])
    guard.start()
    try:
        loop.run_forever()
        return guard.is_alive()
    finally:
        guard.cancel()


def run_until_complete(loop: asyncio.AbstractEventLoop, what: Any) -> Any:
    guard = threading.Timer(SECONDS, loop.call_soon_threadsafe, [loop.stop])
    guard.start()
    try:
        return loop.run_until_complete(what)
    except RuntimeError:
        if guard.is_alive():
            raise
        raise AssertionError("run_until_complete() never ended: the loop went quiet") from None
    finally:
        guard.cancel()


def resolution(loop: asyncio.AbstractEventLoop) -> float:
    return max(FINE, _step(loop))


async def result_of(what: Any) -> Any:
    return await what


def complete(loop: asyncio.AbstractEventLoop, what: Any) -> Any:
    # Some loops give futures where others have coroutines.
    task = loop.create_task(what if asyncio.iscoroutine(what) else result_of(what))
    task.add_done_callback(lambda _: loop.stop())
    run(loop)
    if not task.done():
        raise AssertionError("the loop went quiet, or ended, before the task that it ran was done")
    return task.result()


def leave_running(work: Callable[..., Any], *args: Any) -> None:
    if trio.lowlevel.in_trio_run():
        trio.lowlevel.spawn_system_task(work, *args)
    else:
        task = asyncio.get_running_loop().create_task(work(*args))
        KEPT.add(task)
        task.add_done_callback(KEPT.discard)


KEPT: set[asyncio.Task[Any]] = set()


# What runs a library's main function, as a claim's argument ``run``.


def run_asyncio(main: Any) -> Any:
    return asyncio.run(main, loop_factory=new_event_loop)  # type: ignore[call-arg,unused-ignore]  # from 3.12 on


def run_asyncio_debug(main: Any) -> Any:
    return asyncio.run(main, debug=True, loop_factory=new_event_loop)  # type: ignore[call-arg,unused-ignore]  # from 3.12 on


def run_asyncio_old(main: Any) -> Any:
    return asyncio.run(main)


def run_asyncio_old_debug(main: Any) -> Any:
    return asyncio.run(main, debug=True)


def run_anyio(main: Any, *arguments: Any) -> Any:
    return anyio.run(main, *arguments, backend_options={"loop_factory": new_event_loop})


def run_anyio_debug(main: Any, *arguments: Any) -> Any:
    return anyio.run(
        main, *arguments, backend_options={"loop_factory": new_event_loop, "debug": True}
    )


def run_anyio_on_trio(main: Any, *arguments: Any) -> Any:
    return anyio.run(main, *arguments, backend="trio")


def run_trio(main: Any, *arguments: Any) -> Any:
    return trio.run(main, *arguments)


def _here(name: str) -> Global:
    return Global(__name__, name, vars(sys.modules[__name__])[name])


# A pytest session of its own.


class Session:
    """A pytest session that runs given tests, and notes what came of them."""

    def __init__(self, modules: Any, fixtures: Any) -> None:
        self.modules = modules
        self.fixtures = fixtures
        self.outcomes: dict[str, str] = {}
        self.failures: dict[str, str] = {}
        self.log: list[str] = []

    def pytest_configure(self, config: Any) -> None:
        # Registered last, these fixtures win over the plugin's own of the same name.
        shared = ModuleType("shared")
        vars(shared).update({each.__name__: each for each in self.fixtures})
        config.pluginmanager.register(shared)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makemodule(self, module_path: Path, parent: Any) -> Any:
        module: Any = pytest.Module.from_parent(parent, path=module_path)
        module.obj = ModuleType(module_path.stem)
        name = module_path.relative_to(parent.config.rootpath).as_posix()
        vars(module.obj).update({each.__name__: each for each in self.modules.get(name, ())})
        return module

    def pytest_runtest_logreport(self, report: Any) -> None:
        name = report.nodeid.rpartition("::")[2]
        if report.failed:
            self.outcomes[name] = "failed"
            self.failures[name] = str(report.longrepr)
        else:
            self.outcomes.setdefault(name, report.outcome)

    @property
    def passed(self) -> bool:
        return set(self.outcomes.values()) == {"passed"}

    @property
    def told(self) -> str:
        if not self.outcomes:
            return "no test ran"
        told = []
        for name, text in self.failures.items():
            errors = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
            told.append(f"{name} by {errors[0]}" if errors else name)
        return "; ".join(told)

    def run(self, plugin: str, ini: str, *others: object) -> None:
        class Handler(logging.Handler):
            def emit(handler, record: logging.LogRecord) -> None:  # it stands in another class
                self.log.append(record.getMessage())

        logging.getLogger("asyncio").addHandler(Handler())
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        with tempfile.TemporaryDirectory() as name:
            root = Path(name).resolve()
            (root / "pytest.ini").write_text(f"[pytest]\n{ini}")
            for path in self.modules:
                file = root / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch()
                for package in tuple(file.parents)[: len(file.relative_to(root).parts) - 1]:
                    (package / "__init__.py").touch()
            off = [f"-pno:{each}" for each in SILENCED]
            options = ["-c", str(root / "pytest.ini"), "--import-mode=importlib", "--assert=plain"]
            pytest.main(["-p", plugin, *off, *options, str(root)], plugins=[self, *others])


class Loops:
    @pytest.hookimpl(optionalhook=True)
    def pytest_asyncio_loop_factories(self, config: object, item: object) -> Any:
        return {"judged": new_event_loop}


SILENCED = (
    *("cacheprovider", "terminal", "faulthandler", "logging", "warnings"),
    *("unraisableexception", "threadexception"),
)


def under_pytest_asyncio(run: Any, *tests: Any, modules: Any = None) -> Session:
    session = Session({"test_inner.py": tests} if modules is None else modules, ())
    session.run(
        "pytest_asyncio.plugin",
        "asyncio_mode = strict\nasyncio_default_fixture_loop_scope = function\n",
        Loops(),
    )
    return session


def under_anyio(run: Any, *tests: Any, modules: Any = None, fixtures: Any = ()) -> Session:
    @pytest.fixture(scope="session")
    def anyio_backend() -> Any:
        if trio.lowlevel.in_trio_run():
            return "trio", {}
        return "asyncio", {"loop_factory": new_event_loop}

    session = Session(
        {"test_inner.py": tests} if modules is None else modules, (anyio_backend, *fixtures)
    )
    session.run("anyio.pytest_plugin", "anyio_mode = strict\n")
    return session


def plugin_of(library: ModuleType) -> Any:
    if library.__name__ == "asyncio":
        return Plugin(pytest.mark.asyncio, under_pytest_asyncio)  # type: ignore[arg-type]  # a session of the same kind
    return Plugin(pytest.mark.anyio, under_anyio)  # type: ignore[arg-type]  # a session of the same kind


INSTEAD: dict[Any, Global] = {
    instants.settle: _here("settle"),
    instants.busy: _here("busy"),
    instants.running_task: _here("running_task"),
    scopes.on_asyncio: _here("on_asyncio"),
    attempts.CANCELLED: _here("CANCELLED"),
    loop_driver.fresh_loop: _here("fresh_loop"),
    loop_driver.run: _here("run"),
    loop_driver.run_until_complete: _here("run_until_complete"),
    loop_driver.complete: _here("complete"),
    loop_driver.resolution: _here("resolution"),
    stray_tasks.leave_running: _here("leave_running"),
    plugin_sessions.under_pytest_asyncio: _here("under_pytest_asyncio"),
    plugin_sessions.under_anyio: _here("under_anyio"),
    plugin_sessions.plugin_of: _here("plugin_of"),
}
