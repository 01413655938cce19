"""A pytest session inside a claim: what a test plugin does with tests, seen from outside.

The tests are functions of the claim itself, so that they record into its lists, and the session runs
in this process.  Nothing of it reaches the outer session: no plugin but the one on trial, no terminal,
no cache, no configuration, no environment variable.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from packaging.version import Version

from conformance.backends.backend import LibraryRun
from conformance.claim import NotApplicable

Run = LibraryRun
"""A library's ``run`` on the backend being judged, as claims get it."""

AnyioBackend = tuple[str, dict[str, Any]]
"""A backend as anyio's plugin names it: the name and its options."""

RUNNER = "1.1"
"""The pytest-asyncio that began to run tests in an ``asyncio.Runner``."""

_OFF = (
    "conformance",
    "cacheprovider",
    "terminal",
    "faulthandler",
    "logging",
    "warnings",
    "unraisableexception",
    "threadexception",
    "doctest",
    "unittest",
    "junitxml",
    "pastebin",
    "stepwise",
)
"""pytest's own plugins that write somewhere or set hooks of the whole process."""


@dataclass
class Session:
    """What was seen of an inner session.

    ``outcomes`` says of each test, by its name, ``"passed"``, or ``"failed"`` if its setup, its call or
    its teardown failed; ``failures`` has the text of each failure; ``log`` what was logged to the
    logger ``asyncio``.
    """

    outcomes: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether there were tests, and all of them passed."""
        return bool(self.outcomes) and set(self.outcomes.values()) == {"passed"}

    @property
    def told(self) -> str:
        """The failures in one line: of each failed test its name, and the line with the error."""
        if not self.outcomes:
            return "no test ran"
        told = []
        for name, text in self.failures.items():
            errors = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
            told.append(f"{name} by {errors[0]}" if errors else name)
        return "; ".join(told)


@dataclass(frozen=True)
class Plugin:
    """A plugin that runs async tests: ``mark`` marks them, ``session(run, *tests)`` runs them."""

    mark: pytest.MarkDecorator
    session: Callable[..., Session]


def plugin_of(library: ModuleType) -> Plugin:
    """pytest-asyncio for asyncio, anyio's own plugin for anyio."""
    if library.__name__ == "asyncio":
        return Plugin(pytest.mark.asyncio, under_pytest_asyncio)
    return Plugin(pytest.mark.anyio, under_anyio)


def under_pytest_asyncio(
    run: Run, *tests: Any, modules: Mapping[str, Sequence[Any]] | None = None
) -> Session:
    """Run ``tests`` under pytest-asyncio, in strict mode, with the event loops of ``run``.

    ``modules`` lays tests out in files (``"package/test_one.py"``); without it all are in one.
    Raises :class:`NotApplicable` where pytest-asyncio is not installed, or older than :data:`RUNNER`.
    """
    try:
        version = metadata.version("pytest-asyncio")
    except metadata.PackageNotFoundError:
        raise NotApplicable("pytest-asyncio is not installed") from None
    if Version(version) < Version(RUNNER):
        raise NotApplicable(f"pytest-asyncio {version} does not use asyncio.Runner yet")
    _, options = run.anyio_backend

    class Loops:
        @pytest.hookimpl(optionalhook=True)  # the hook came with pytest-asyncio 1.4
        def pytest_asyncio_loop_factories(self, config: object, item: object) -> dict[str, Any]:
            return {"judged": options["loop_factory"]}

    return _run(
        "pytest_asyncio.plugin",
        modules or {"test_inner.py": tests},
        plugins=[Loops()],
        arguments=["--asyncio-debug"] if options["debug"] else [],
        ini="asyncio_mode = strict\nasyncio_default_fixture_loop_scope = function\n",
    )


def under_anyio(
    run: Run,
    *tests: Any,
    modules: Mapping[str, Sequence[Any]] | None = None,
    fixtures: Sequence[Any] = (),
) -> Session:
    """Run ``tests`` under anyio's plugin on the backend of ``run``.

    ``modules`` lays tests out in files (``"package/test_one.py"``); without it all are in one.
    ``fixtures`` are there for all of them, as those of a ``conftest.py`` are.
    """

    @pytest.fixture(scope="session")
    def anyio_backend() -> AnyioBackend:
        return run.anyio_backend

    return _run(
        "anyio.pytest_plugin",
        modules or {"test_inner.py": tests},
        fixtures={"anyio_backend": anyio_backend, **_by_name(fixtures)},
        ini="anyio_mode = strict\n",
    )


def _by_name(things: Sequence[Any]) -> dict[str, Any]:
    return {thing.__name__: thing for thing in things}


class _Module(pytest.Module):
    """A test module whose contents are given, not imported."""

    contents: ModuleType

    def _getobj(self) -> ModuleType:
        return self.contents


class _Observer:
    """Collects the given tests, and notes how they went."""

    def __init__(self, contents: Mapping[Path, Sequence[Any]], fixtures: Mapping[str, Any]) -> None:
        self.contents = contents
        self.fixtures = fixtures
        self.session = Session()

    def pytest_configure(self, config: pytest.Config) -> None:
        # Registered last, these fixtures win over the plugin's own of the same name.
        shared = ModuleType("shared")
        vars(shared).update(self.fixtures)
        config.pluginmanager.register(shared)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makemodule(self, module_path: Path, parent: Any) -> pytest.Module:
        module: _Module = _Module.from_parent(parent, path=module_path)
        module.contents = ModuleType(module_path.stem)
        vars(module.contents).update(_by_name(self.contents.get(module_path, ())))
        return module

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.rpartition("::")[2]
        if report.failed:
            self.session.outcomes[name] = "failed"
            self.session.failures[name] = str(report.longrepr)
        else:
            self.session.outcomes.setdefault(name, report.outcome)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            raise RuntimeError(f"the inner tests cannot be collected: {report.longrepr}")


def _run(
    plugin: str,
    modules: Mapping[str, Sequence[Any]],
    *,
    ini: str,
    fixtures: Mapping[str, Any] | None = None,
    plugins: Sequence[object] = (),
    arguments: Sequence[str] = (),
) -> Session:
    import_module(plugin)  # outside, so that it stays imported
    with tempfile.TemporaryDirectory() as name, _undisturbed(root := Path(name).resolve()):
        (root / "pytest.ini").write_text(f"[pytest]\n{ini}")
        contents = {root / path: tests for path, tests in modules.items()}
        for path in contents:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            for package in tuple(path.parents)[: len(path.relative_to(root).parts) - 1]:
                (package / "__init__.py").touch()
        observer = _Observer(contents, fixtures or {})
        off = [word for name in _OFF for word in ("-p", f"no:{name}")]
        with _listening_to("asyncio", observer.session.log):
            code = pytest.main(
                [
                    *("-c", str(root / "pytest.ini"), "--rootdir", str(root)),
                    *("-p", plugin, *off),
                    *("--capture=sys", "--assert=plain", "--import-mode=importlib"),
                    *(*arguments, str(root)),
                ],
                plugins=[observer, *plugins],
            )
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"the inner pytest session ended with {code!r}")
    return observer.session


@contextmanager
def _undisturbed(root: Path) -> Iterator[None]:
    """Keep the environment, the path and the modules as they are."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    clean["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    path, modules = sys.path[:], set(sys.modules)
    try:
        with mock.patch.dict(os.environ, clean, clear=True):
            yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            file = getattr(sys.modules[name], "__file__", None)
            if file is not None and root in Path(file).parents:
                del sys.modules[name]


@contextmanager
def _listening_to(logger: str, messages: list[str]) -> Iterator[None]:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    log, handler = logging.getLogger(logger), Handler()
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
