"""Finding claims: the law book's own, and those that others add by entry point."""

from __future__ import annotations

import fnmatch
import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from conformance.claim import Claim, Statement
from conformance.ending import Refusal

if TYPE_CHECKING:
    # For its name alone: every pytest session loads this module, and trio comes with a backend.
    from conformance.backends.backend import Backend


class BadClaims(Refusal):
    """Claims that cannot be had: one line that says which, why and what would do."""


LAW_BOOK = "conformance.claims"
ENTRY_POINTS = "conformance.claims"


def claim_packages() -> list[str]:
    """The modules that hold claims: the law book, and those of the entry-point group."""
    return [
        LAW_BOOK,
        *(point.module for point in metadata.entry_points(group=ENTRY_POINTS)),
    ]


@lru_cache(maxsize=1)
def claim_folders() -> tuple[Path, ...]:
    """The folders of the packages among :func:`claim_packages`, as far as they can be found."""
    folders: list[Path] = []
    for name in claim_packages():
        # Asked in every pytest session: somebody's broken package must not end an unrelated one.
        with suppress(Exception):
            spec = importlib.util.find_spec(name)
            if spec is not None:
                folders += map(Path, spec.submodule_search_locations or ())
    return tuple(folders)


def _modules(name: str) -> Iterator[ModuleType]:
    module = importlib.import_module(name)
    yield module
    for info in pkgutil.iter_modules(getattr(module, "__path__", ())):
        yield from _modules(f"{name}.{info.name}")


def _loaded(package: str) -> list[ModuleType]:
    """The modules of ``package``."""
    try:
        return list(_modules(package))
    except Exception as error:  # a module may raise anything while it is imported
        if package == LAW_BOOK:
            raise  # a mistake of ours, to be seen whole
        raise BadClaims(
            f"cannot import {package!r} of the entry-point group {ENTRY_POINTS}: "
            f"{type(error).__name__}: {error}; mend or uninstall the package that names it"
        ) from error


def claims_of(module: ModuleType) -> list[Claim]:
    """The claims that ``module`` itself makes, in the order of their making."""
    return [
        thing
        for thing in vars(module).values()
        if isinstance(thing, Claim) and thing.module == module.__name__
    ]


def all_claims() -> list[Claim]:
    """Every claim there is: the article's before the laws, chapter by chapter.

    Raises :class:`BadClaims` if a module of somebody else's does not import, or two claims share an
    id.
    """
    found: dict[str, Claim] = {}
    for package in claim_packages():
        for module in _loaded(package):
            for claim in claims_of(module):
                if claim.id in found:
                    raise BadClaims(
                        f"{claim.id} is claimed in {found[claim.id].module} and in {claim.module}: "
                        "an id is never used twice, rename one"
                    )
                found[claim.id] = claim
    chapters = list(dict.fromkeys(claim.chapter for claim in found.values()))
    order = {name: place for place, name in enumerate(_in_book_order(chapters))}
    return sorted(
        found.values(),
        key=lambda claim: (order[claim.chapter], claim.kind != "article", claim.id),
    )


_CHAPTERS = ("delivery", "cleanup", "gather", "propagation")


def _in_book_order(chapters: Sequence[str]) -> list[str]:
    """The article's chapters in the article's order, then the others as found."""
    return [
        *(name for name in _CHAPTERS if name in chapters),
        *(name for name in chapters if name not in _CHAPTERS),
    ]


_UNPREFIXED = "PROGRAM"
"""The laws that were named before all others began with ``LAW-``; an id is permanent."""


def written(asked: str) -> str:
    """The id, or the glob for ids, that ``asked`` is: ``LAW-PROGRAM-01`` is ``PROGRAM-01``."""
    return asked.removeprefix("LAW-") if asked.startswith(f"LAW-{_UNPREFIXED}") else asked


def matches(claim_id: str, patterns: Sequence[str]) -> bool:
    """Whether ``claim_id`` matches one of the glob ``patterns``; no patterns match everything."""
    return not patterns or any(
        fnmatch.fnmatchcase(claim_id, written(pattern)) for pattern in patterns
    )


def statements_on(claim: Claim, backend: Backend, libraries: Sequence[str] = ()) -> list[Statement]:
    """The statements of ``claim`` that run on ``backend``, in the ``libraries`` asked for (none: all)."""
    return [
        claim.statements[library]
        for library in backend.libraries
        if library in claim.statements and (not libraries or library in libraries)
    ]
