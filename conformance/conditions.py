"""The one condition language: ``python>=3.12,anyio<4.5``."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from functools import cache
from importlib import metadata

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

_TERM = re.compile(r"\s*([A-Za-z][\w.-]*)\s*((?:==|!=|<=|>=|<|>)\s*[\w.]+)\s*")


PYTHONS = ("python", "cpython", "pypy")
"""The names of a Python in a condition: any, and the two implementations."""

PACKAGES = (
    "aiohttp",
    "anyio",
    "exceptiongroup",
    "hypothesis",
    "pytest",
    "pytest-asyncio",
    "rloop",
    "rsloop",
    "trio",
    "uvloop",
    "winloop",
)
"""The packages whose versions may matter to a verdict, installed or not: all that claims use."""

CAME_WITH: Mapping[str, str] = {
    "asyncio.Task.cancelling": "python>=3.11",
    "asyncio.Task.uncancel": "python>=3.11",
    "asyncio.TaskGroup": "python>=3.11",
    "asyncio.timeout": "python>=3.11",
    "anyio.gather": "anyio>=4.15",
}
"""The versions with which names came that not every version has."""


class BadCondition(ValueError):
    """A condition that is not of the form ``python>=3.12,anyio<4.5``, or whose names mean nothing."""


@cache
def installed_version(name: str) -> str | None:
    """The version of ``python``, of ``cpython`` or ``pypy`` (if this is it), or of a package.

    ``None`` if it is not here.
    """
    if name == "python" or name == platform.python_implementation().lower():
        return platform.python_version()
    if name in PYTHONS:
        return None
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@cache
def fits(condition: str) -> bool:
    """Whether ``condition`` is true here.

    A condition is a list of terms joined by commas, all of which must be true; a term is ``python``,
    ``cpython``, ``pypy`` or a package's name, an operator and a version.  The empty condition is
    true; a term about one of :data:`PACKAGES` that is not installed is false.
    Raises :class:`BadCondition` for anything else: a package that is neither installed nor among
    those may be mistyped, and would never be true.
    """
    result = True
    for term in filter(None, (part.strip() for part in condition.split(","))):
        match = _TERM.fullmatch(term)
        if match is None:
            raise BadCondition(f"{term!r} is not NAME OPERATOR VERSION, as in python>=3.12")
        try:
            specifier = SpecifierSet(match.group(2))
        except InvalidSpecifier as error:
            raise BadCondition(f"{term!r}: {error}") from error
        name = canonicalize_name(match.group(1))
        version = installed_version(name)
        if version is None and name not in (*PYTHONS, *PACKAGES):
            raise BadCondition(
                f"{term!r}: {match.group(1)} is neither installed nor known; there is "
                f"{', '.join((*PYTHONS, *PACKAGES))}, and whatever is installed"
            )
        result &= version is not None and specifier.contains(version, prereleases=True)
    return result
