"""From which package a loop is: that gives it its name, by whichever door it came.

Nothing here needs anyio, trio or Hypothesis, as in :mod:`conformance.backends.load`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from conformance.backends.known import KNOWN

STANDARD = "asyncio"
"""The backend whose loops are the standard library's."""


@dataclass(frozen=True)
class Origin:
    """Where a loop is from.

    ``loop`` is its class, as in ``uvloop.Loop``.  ``module`` is the top-level module of that class if
    it is from a distribution, and the loop is as it comes from there.  ``package`` is the
    distribution and its version, as in ``uvloop 0.23.0``, of the class or else of what made the loop.
    ``kin`` names the backends whose loops the class is or derives from, the nearest first.
    """

    loop: str = ""
    module: str | None = None
    package: str | None = None
    kin: tuple[str, ...] = ()


def origin(factory: object, loop: object) -> Origin:
    """Where ``loop``, which ``factory`` made, is from."""
    made = type(loop)
    top = top_of(made)
    module = top if distribution(top) else None
    return Origin(
        f"{made.__module__}.{made.__qualname__}",
        module if _as_it_comes(loop) else None,
        distribution(top) or distribution(top_of(factory)),
        tuple(dict.fromkeys(_kin(made))),
    )


def builtin_of(spec: str) -> str | None:
    """The backend of this package that ``MODULE:FACTORY`` is another way to write, if there is one."""
    if spec in ("asyncio:new_event_loop", "asyncio.events:new_event_loop"):
        return STANDARD
    for loop in KNOWN:
        if spec in (loop.spec, f"{loop.module}:Loop"):
            return loop.name
    return None


def top_of(thing: object) -> str:
    """The top-level module that a class or function says it is of; ``""`` if it says nothing."""
    module = getattr(thing, "__module__", None)
    return module.partition(".")[0] if isinstance(module, str) else ""


def _as_it_comes(loop: Any) -> bool:
    """Whether nobody gave ``loop`` a way of making tasks, which much depends on."""
    with suppress(Exception):  # a loop of another make need not say
        return loop.get_task_factory() is None
    return True


def _kin(made: type) -> Iterator[str]:
    for each in made.__mro__:
        if distribution(top_of(each)):
            yield f"asyncio+{top_of(each)}"
        elif issubclass(each, asyncio.BaseEventLoop) and top_of(each) == "asyncio":
            yield STANDARD


@cache
def distribution(module: str) -> str | None:
    """The distribution that a top-level module is from, and its version; ``None`` if from none.

    A module in the working directory is not from a distribution that has one of the same name.
    """
    if not module or module in sys.stdlib_module_names:
        return None
    with suppress(Exception):  # whatever is wrong with what is installed says nothing of the loop
        found = importlib.util.find_spec(module)
        if found is None:
            return None
        places = [*(found.submodule_search_locations or ()), found.origin]
        # One that is installed as it lies in its checkout may not be listed with its modules.
        for name in dict.fromkeys([*_listing(module), module]):
            with suppress(metadata.PackageNotFoundError):
                package = metadata.distribution(name)
                if any(
                    Path(place).resolve().is_relative_to(root)
                    for place in places
                    if place
                    for root in _roots(package)
                ):
                    return f"{package.metadata['Name']} {package.version}"
    return None


def _listing(module: str) -> Iterator[str]:
    """The distributions that list ``module`` among their modules."""
    yield from metadata.packages_distributions().get(module, ())
    if sys.version_info < (3, 11):
        # It knows those alone that list their modules in a file of their own.
        for package in metadata.distributions():
            if any(file.parts[0] in (module, f"{module}.py") for file in package.files or ()):
                yield package.metadata["Name"]


def _roots(package: metadata.Distribution) -> Iterator[Path]:
    """The folders that the files of ``package`` are in, and the checkout that it was installed from."""
    yield Path(str(package.locate_file(""))).resolve()
    told = json.loads(package.read_text("direct_url.json") or "{}")
    url = urlsplit(told.get("url", ""))
    if url.scheme == "file" and "dir_info" in told:
        # In the checkout, Python finds that one first.
        yield Path(url2pathname(url.path)).resolve()
