"""The runtimes of a backend, and the one order in which runtimes stand in every record and table."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.claim import LIBRARIES
from conformance.verdict import runtime_name

BACKENDS = ("asyncio", "asyncio+pytask", "asyncio+debug", "asyncio+eager", "asyncio+uvloop")
"""The backends that come first, in this order; others follow by name, trio is last."""

TRIO = "trio"


def backend_key(backend: str) -> tuple[int, str]:
    """What to sort backends by."""
    if backend in BACKENDS:
        return BACKENDS.index(backend), ""
    return len(BACKENDS) + (backend == TRIO), backend


def runtimes_of(backend: str) -> list[tuple[str, str]]:
    """The libraries that run on ``backend``, each with the name of its runtime there."""
    libraries = ("anyio", "trio") if backend == TRIO else ("asyncio", "anyio")
    return [(library, runtime_name(library, backend)) for library in libraries]


def split(runtime: str) -> tuple[str, str]:
    """The library and the backend of ``runtime``: the inverse of ``runtime_name``."""
    first, slash, rest = runtime.partition("/")
    if slash and first == "anyio":
        return "anyio", rest
    return ("trio" if runtime == TRIO else "asyncio"), runtime


def runtime_key(runtime: str) -> tuple[int, tuple[int, str]]:
    """What to sort runtimes by: asyncio's before anyio's before trio's, each by backend."""
    library, backend = split(runtime)
    place = [*LIBRARIES].index(library)  # type: ignore[arg-type]  # split gives a library's name
    return place, backend_key(backend)


def in_order(runtimes: Iterable[str]) -> list[str]:
    """``runtimes``, each once, in the order of every table."""
    return sorted(set(runtimes), key=runtime_key)
