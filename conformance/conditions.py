"""The one condition language: ``python>=3.12,anyio<4.5``."""

from __future__ import annotations

import platform
import re
from functools import cache
from importlib import metadata

from packaging.specifiers import InvalidSpecifier, SpecifierSet

_TERM = re.compile(r"\s*([A-Za-z][\w.-]*)\s*((?:==|!=|<=|>=|<|>)\s*[\w.]+)\s*")


class BadCondition(ValueError):
    """A condition that is not of the form ``python>=3.12,anyio<4.5``."""


@cache
def installed_version(name: str) -> str | None:
    """The version of ``python``, of ``cpython`` or ``pypy`` (if this is it), or of a package.

    ``None`` if it is not here.
    """
    if name == "python" or name == platform.python_implementation().lower():
        return platform.python_version()
    if name in ("cpython", "pypy"):
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
    true; a term about a package that is not installed is false.
    Raises :class:`BadCondition` for anything else.
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
        version = installed_version(match.group(1))
        result &= version is not None and specifier.contains(version, prereleases=True)
    return result
