"""The loops that a file declares for its tests, in the two ways in which people do so already.

``pytest_asyncio_loop_factories(config, item)``
    pytest-asyncio's hook (from 1.4 on), which returns a mapping of names to factories.
    https://pytest-asyncio.readthedocs.io/en/stable/reference/changelog.html
``anyio_backend``
    the fixture of anyio's pytest plugin: a name, or a name and options, in its params or returned.
    https://anyio.readthedocs.io/en/stable/testing.html
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from conformance.backends.known import KNOWN
from conformance.backends.load import BadBackend, Declared
from conformance.backends.naming import top_of
from conformance.printable import one_line

HOOK = "pytest_asyncio_loop_factories"
FIXTURE = "anyio_backend"

_LONGEST = 80
"""Characters of a name that are kept."""


class Found(NamedTuple):
    """A loop that a file declares, and what makes it (``None`` where it is one of ours)."""

    declared: Declared
    factory: Any

    def renamed(self, number: int) -> Found:
        """The same under a name that is not taken."""
        name = f"{self.declared.name}-{number}"
        spec = self.declared.spec.removesuffix(self.declared.name) + name
        return self._replace(declared=replace(self.declared, name=name, spec=spec))


def look_into(spec: str) -> list[Found]:
    """The loops that the file of ``spec``, ``PATH`` or ``PATH::NAME``, declares; the named one.

    Raises :class:`BadBackend` if there is no such file, if it cannot be imported, or if it declares
    no loop, or none of that name.
    """
    path, _, wanted = spec.partition("::")
    file = _File(path)
    found: list[Found] = []
    for each in (*file.of_hook(), *file.of_fixture()):
        same = [other for other in found if other.declared.name == each.declared.name]
        if any(
            other.factory is each.factory and other.declared.builtin == each.declared.builtin
            for other in same
        ):
            continue
        found.append(each.renamed(len(same) + 1) if same else each)
    if not found:
        raise BadBackend(
            f"{path} declares no loop: there is neither pytest-asyncio's hook "
            f"{HOOK}(config, item) in it nor anyio's fixture {FIXTURE}"
        )
    if not wanted:
        return found
    named = [each for each in found if wanted in (each.declared.name, each.declared.builtin)]
    if not named:
        names = ", ".join(each.declared.name for each in found)
        raise BadBackend(f"{path} declares no loop {wanted!r}: there is {names}")
    return named[:1]


class _File:
    """A file of tests' configuration, imported as pytest would."""

    def __init__(self, path: str) -> None:
        self.path = path
        full = Path(path).resolve()
        if not full.is_file():
            raise BadBackend(f"there is no file {path} in {os.getcwd()}")
        # The folder from which it is imported is the first one that is no package.
        folder, parts = full.parent, [full.stem]
        while (folder / "__init__.py").is_file():
            parts.insert(0, folder.name)
            folder = folder.parent
        self.name = ".".join(parts)
        self.folder = folder
        try:
            self.module = self._import(full)
        except (Exception, SystemExit) as error:  # it may raise anything while it is imported
            raise BadBackend(f"cannot import {path}: {type(error).__name__}: {error}") from error

    def _import(self, full: Path) -> ModuleType:
        for module in list(sys.modules.values()):
            if getattr(module, "__file__", None) == str(full):
                return module  # inside pytest it is there already
        if str(self.folder) not in sys.path:
            sys.path.insert(0, str(self.folder))
        if self.name not in sys.modules:
            return importlib.import_module(self.name)
        # There may be many a conftest.
        made = importlib.util.spec_from_file_location(f"{self.name}_of_{full.parent.name}", full)
        assert made is not None and made.loader is not None
        module = importlib.util.module_from_spec(made)
        sys.modules[made.name] = module
        made.loader.exec_module(module)
        return module

    def of_hook(self) -> Iterator[Found]:
        """What pytest-asyncio's hook returns."""
        hook = getattr(self.module, HOOK, None)
        if hook is None:
            return
        arguments = ", ".join("None" for _ in inspect.signature(hook).parameters)
        call = f"{HOOK}({arguments})"
        try:
            factories = hook(*(None for _ in inspect.signature(hook).parameters))
        except (Exception, SystemExit) as error:
            raise BadBackend(
                f"{call} of {self.path} raised {type(error).__name__}: {error}; "
                "what it returns must not depend on the test"
            ) from error
        if not isinstance(factories, Mapping) or not all(isinstance(key, str) for key in factories):
            raise BadBackend(
                f"{call} of {self.path} returned {type(factories).__name__}: "
                "it must return a mapping of names to loop factories"
            )
        for name, factory in factories.items():
            yield self._of_factory(name, factory, f"{call}[{json.dumps(name)}]")

    def of_fixture(self) -> Iterator[Found]:
        """What anyio's fixture gives."""
        fixture = getattr(self.module, FIXTURE, None)
        if fixture is None:
            return
        marker, function, at, called = _opened(fixture)
        if function is None:
            raise BadBackend(f"{FIXTURE} of {self.path} is no pytest fixture: add @pytest.fixture")
        if not marker.params:
            if inspect.signature(function).parameters:
                raise BadBackend(
                    f"{FIXTURE} of {self.path} takes arguments and has no params: "
                    "what it gives cannot be read from the file"
                )
            value = function()
            if inspect.isgenerator(value):
                value = next(value)
            yield self._of_value(value, None, called)
            return
        for number, param in enumerate(marker.params):
            name, value, where = _given_id(marker.ids, number, param), param, f"{at}[{number}]"
            if hasattr(param, "values") and hasattr(param, "marks"):  # pytest.param()
                (value,) = param.values
                name, where = param.id or name, f"{where}.values[0]"
            yield self._of_value(value, name if isinstance(name, str) else None, where)

    def _of_value(self, value: Any, name: str | None, where: str) -> Found:
        """What one value of anyio's fixture stands for; ``where`` is an expression for it."""
        kind, options = value if isinstance(value, tuple) and len(value) == 2 else (value, {})
        if kind not in ("asyncio", "trio") or not isinstance(options, dict):
            raise BadBackend(
                f"{FIXTURE} of {self.path} gives {value!r}, which anyio does not take: "
                'it is "asyncio", "trio", or one of them with a dictionary of options'
            )
        if kind == "trio":
            return self._ours("trio", name)
        debug, factory = bool(options.get("debug")), options.get("loop_factory")
        if factory is not None:
            return self._of_factory(
                name or getattr(factory, "__name__", None) or f"{FIXTURE}{where[-2]}",
                factory,
                f'{where}[1]["loop_factory"]',
                debug=debug,
            )
        if not options.get("use_uvloop"):
            return self._ours("asyncio+debug" if debug else "asyncio", name)
        if not debug:
            return self._ours("asyncio+uvloop", name)
        name = _name(name or "uvloop+debug")
        spec = f"{self.path}::{name}"
        style = "debug+uvloop"

        def uvloop() -> asyncio.AbstractEventLoop:
            made: asyncio.AbstractEventLoop = importlib.import_module("uvloop").new_event_loop()
            return made

        return Found(Declared(spec, name, style, debug=True, module="uvloop"), uvloop)

    def _ours(self, builtin: str, name: str | None) -> Found:
        name = _name(name or builtin)
        return Found(Declared(f"{self.path}::{name}", name, "", builtin), None)

    def _of_factory(self, name: str, factory: Any, where: str, *, debug: bool = False) -> Found:
        builtin = _builtin(factory)
        if debug and builtin is not None:
            builtin = "asyncio+debug" if builtin == "asyncio" else None
        if builtin is not None:
            return self._ours(builtin, name)
        name = _name(name or getattr(factory, "__name__", ""))
        style = f"{'debug+' if debug else ''}{self._style(factory, where)}"
        # A loop that is made up here is none of the package's that this file may be in.
        of = "" if _module_of(factory) == self.module.__name__ else top_of(factory)
        declared = Declared(f"{self.path}::{name}", name, style, debug=debug, module=of)
        return Found(declared, factory)

    def _style(self, factory: Any, where: str) -> str:
        """How a script gets at ``factory``: by its name if it has one, else as this file does."""
        module, name = _module_of(factory), getattr(factory, "__qualname__", "")
        thing: Any = sys.modules.get(module or "")
        for part in name.split("."):
            thing = getattr(thing, part, None)
        if thing is not factory or module is None:
            name, module = where, self.name
        elif module == self.module.__name__:
            module = self.name
        elif self.folder not in Path(getattr(sys.modules[module], "__file__", None) or "").parents:
            return f"loop:{module}:{name}"
        # It lies where this file was imported from, which a script has to be told.
        folder = Path(os.path.relpath(self.folder)).as_posix()
        return f"{'loop' if folder == '.' else f'path:{folder}'}:{module}:{name}"


def _name(declared: str) -> str:
    """What is declared as a name, as it can be shown and typed."""
    return one_line(declared)[:_LONGEST].strip() or "unnamed"


def _module_of(factory: object) -> str | None:
    return getattr(factory, "__module__", None)


def _builtin(factory: object) -> str | None:
    """The backend of this package whose loops ``factory`` makes, if there is one."""
    if factory is asyncio.new_event_loop:
        return "asyncio"
    for loop in KNOWN:
        module = sys.modules.get(loop.module)
        for name in ("new_event_loop", "Loop"):
            if factory is getattr(module, name, ...):
                return loop.name
    return None


def _opened(fixture: Any) -> tuple[Any, Callable[..., Any] | None, str, str]:
    """A fixture's marker and function, and expressions for its params and for a call of it."""
    # From pytest 8.4 on a fixture is an object of its own, before that the function was marked.
    marker = getattr(fixture, "_fixture_function_marker", None)
    if marker is not None:
        function = fixture._get_wrapped_function()  # noqa: SLF001  # no public name
        at, call = "._fixture_function_marker.params", "._get_wrapped_function()()"
    else:
        marker = getattr(fixture, "_pytestfixturefunction", None)
        wrapped = getattr(fixture, "__pytest_wrapped__", None)
        function = wrapped.obj if wrapped is not None else None
        at, call = "._pytestfixturefunction.params", ".__pytest_wrapped__.obj()"
    if marker is None:
        function = None
    return marker, function, f"{FIXTURE}{at}", f"{FIXTURE}{call}"


def _given_id(ids: Any, number: int, param: object) -> object:
    """The name that pytest was given for a param, if it was given one."""
    if callable(ids):
        return ids(param)
    return ids[number] if ids is not None else None
