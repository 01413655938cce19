"""Which backends there are, and which of them can be used here."""

from __future__ import annotations

import asyncio
import platform
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata

from conformance.backends.backend import Backend
from conformance.backends.clock import ClockOfItsOwn
from conformance.backends.known import KNOWN, KnownLoop
from conformance.backends.load import (
    BadBackend,
    Declared,
    LoopFactory,
    in_file,
    load_factory,
    look,
)
from conformance.backends.probe import Tried, look_apart, try_apart
from conformance.backends.virtual import EagerVirtualLoop, VirtualLoop, eager_loop

__all__ = [
    "ENTRY_POINTS",
    "BadBackend",
    "builtin_backends",
    "choose",
    "discover",
    "load_factory",
    "usable_here",
]

ENTRY_POINTS = "conformance.backends"


@dataclass(frozen=True)
class _Candidate:
    """A backend whose loop, if it is somebody else's, has not been touched yet.

    ``factory`` is where its loop comes from, ``None`` for one of ours.  ``asked`` says that it was
    asked for by ``--loop``: then it is a mistake if it cannot be used.  ``any_clock`` says that its
    clock may be one of its own.
    """

    backend: Backend
    factory: str | None = None
    asked: bool = False
    any_clock: bool = False

    def here(self, *, keep: bool = False) -> Backend:
        """The backend, tried in this process.  Raises :class:`BadBackend` if it was asked for.

        ``keep`` is for :func:`~conformance.backends.load.load_factory`.
        """
        if self.factory is None:
            return self.backend
        try:
            factory, is_derived = load_factory(self.factory, keep=keep)
            return replace(self._with(factory), derived=is_derived)
        except BadBackend as error:
            return self._without(str(error))

    def apart(self, tried: Mapping[str, Tried]) -> Backend:
        """The backend as another process found it: its loop is imported where one is first made."""
        if self.factory is None:
            return self.backend
        why_not, package, is_derived = tried[self.factory]
        if why_not is not None:
            return self._without(why_not)
        backend = self._with(_when_needed(self.factory))
        return replace(backend, package=package, derived=is_derived)

    def _with(self, factory: LoopFactory) -> Backend:
        backend = replace(self.backend, loop=factory, io_loop=factory)
        return replace(backend, virtual=ClockOfItsOwn(factory)) if self.any_clock else backend

    def _without(self, why_not: str) -> Backend:
        if self.asked:
            raise BadBackend(why_not)
        return replace(self.backend, why_not=why_not)


def _when_needed(spec: str) -> LoopFactory:
    @cache
    def load() -> LoopFactory:
        return load_factory(spec)[0]

    return lambda: load()()


def builtin_backends() -> list[Backend]:
    """The backends that this package knows, those that cannot be used here included."""
    return [candidate.here() for candidate in _builtin()]


def _builtin() -> list[_Candidate]:
    ours = [
        Backend("asyncio", loop=VirtualLoop, io_loop=asyncio.new_event_loop),
        _pure_python(),
        Backend(
            "asyncio+debug",
            loop=VirtualLoop,
            io_loop=asyncio.new_event_loop,
            debug=True,
            script_style="debug",
        ),
        Backend(
            "asyncio+eager",
            loop=EagerVirtualLoop,
            io_loop=eager_loop,
            eager=True,
            why_not=None if sys.version_info >= (3, 12) else "eager tasks came with Python 3.12",
            script_style="eager",
        ),
    ]
    trio = Backend("trio", kind="trio", script_style="trio")
    return [*map(_Candidate, ours), *map(_known, KNOWN), _Candidate(trio)]


def _pure_python() -> Backend:
    why_not = None
    if platform.python_implementation() != "CPython":
        why_not = (
            f"{platform.python_implementation()} has no C-accelerated task: "
            "its asyncio is the pure-Python one already"
        )
    return Backend(
        "asyncio+pytask",
        loop=VirtualLoop,
        io_loop=asyncio.new_event_loop,
        pure_python=True,
        why_not=why_not,
        script_style="pytask",
    )


def _known(loop: KnownLoop) -> _Candidate:
    why_not = loop.missing()
    backend = Backend(
        loop.name,
        virtual=False,
        foreign=True,
        why_not=why_not,
        script_style=loop.script_style,
    )
    return _Candidate(backend, factory=None if why_not else loop.spec)


def _foreign(
    name: str, spec: str, style: str, *, debug: bool = False, asked: bool = False
) -> _Candidate:
    backend = Backend(
        name,
        debug=debug,
        virtual=False,
        foreign=True,
        script_style=style,
        spec=spec,
    )
    return _Candidate(backend, factory=spec, asked=asked, any_clock=True)


def _candidates(
    loops: Sequence[str], look_at: Callable[[Iterable[str]], Mapping[str, list[Declared]]]
) -> tuple[dict[str, _Candidate], list[str]]:
    """All candidates by name, and the names of those that ``loops`` stand for."""
    known = {candidate.backend.name: candidate for candidate in _builtin()}
    for point in metadata.entry_points(group=ENTRY_POINTS):
        spec = f"{point.module}:{point.attr}"
        name = f"asyncio+{point.name}"
        if name in known:
            name = f"asyncio+{spec}"
        known[name] = _foreign(name, spec, f"loop:{spec}")
    asked: dict[str, str] = {}
    for declared in _each_once(look_at(loops)):
        name = declared.builtin or ""
        if not name:
            name = f"asyncio+{declared.name.removeprefix('asyncio+')}"
            if name in known:
                name = f"asyncio+{declared.spec}"
            known[name] = _foreign(
                name, declared.spec, declared.style, debug=declared.debug, asked=True
            )
        asked[name] = declared.spec
    return known, list(asked)


def _each_once(found: Mapping[str, list[Declared]]) -> list[Declared]:
    return list({each.spec: each for several in found.values() for each in several}.values())


def _look_here(specs: Iterable[str]) -> dict[str, list[Declared]]:
    return {spec: look(spec) for spec in specs}


def _look_apart(specs: Iterable[str]) -> dict[str, list[Declared]]:
    # Only a file has to be imported to know what is in it.
    specs = list(specs)
    in_files = look_apart(spec for spec in specs if in_file(spec))
    return {spec: in_files[spec] if spec in in_files else look(spec) for spec in specs}


def discover(loops: Sequence[str] = ()) -> list[Backend]:
    """Every backend: built in, from entry points, and those that ``loops`` stand for.

    A spec of ``loops`` is ``MODULE:FACTORY``, or a file that declares loops, or ``FILE::NAME``.
    A loop whose name is taken is named after its spec.  An entry point or a known loop that cannot
    be had is a backend that cannot be used.
    Raises :class:`BadBackend` if one of ``loops`` cannot be had or makes no event loop.
    """
    known, _ = _candidates(loops, _look_here)
    return [candidate.here() for candidate in known.values()]


def choose(
    names: Sequence[str], loops: Sequence[str], *, apart: bool = False, keep: bool = False
) -> list[Backend]:
    """The backends called ``names``; if none is named, those of ``loops``; without these, all.

    Only these are tried: in processes of their own if ``apart``, so that a loop that crashes or
    hangs at its first touch is an answer like any other, and in this process otherwise; the loop
    that is made for that is the first one to be judged if ``keep``, and else closed.
    Raises :class:`BadBackend` for one that there is not, or that was asked for and cannot be used.
    """
    known, asked = _candidates(loops, _look_apart if apart else _look_here)
    for name in names:
        if name not in known:
            raise BadBackend(f"no backend {name!r}: there is {', '.join(known)}")
    wanted = set(names or asked or known)
    chosen = [candidate for name, candidate in known.items() if name in wanted]
    if apart:
        tried = try_apart(each.factory for each in chosen if each.factory is not None)
        backends = [candidate.apart(tried) for candidate in chosen]
    else:
        backends = [candidate.here(keep=keep) for candidate in chosen]
    for backend in backends:
        if backend.name in names and backend.why_not is not None:
            raise BadBackend(f"backend {backend.name!r} cannot be used here: {backend.why_not}")
    return backends


def usable_here(backend: Backend) -> str | None:
    """Why ``backend`` cannot be used in this very process, or ``None`` if it can."""
    if backend.why_not is not None:
        return backend.why_not
    blocked = sys.modules.get("_asyncio", ...) is None
    if backend.pure_python and not blocked:
        return (
            "needs a process in which _asyncio was blocked before asyncio was imported: "
            "use 'conformance run' without --no-supervision"
        )
    return None
