"""Which backends there are, and which of them can be used here."""

from __future__ import annotations

import asyncio
import platform
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
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
    of_spec,
)
from conformance.backends.naming import Origin, distribution
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
    asked for by ``--loop``: then it is a mistake if it cannot be used.  ``declared`` is how it was
    declared, ``None`` for the backends of this package, and ``packaged`` says that it has its name
    from the package that what makes it is of.
    """

    backend: Backend
    factory: str | None = None
    asked: bool = False
    declared: Declared | None = None
    packaged: bool = False

    def here(self, *, keep: bool = False) -> Backend:
        """The backend, tried in this process.  Raises :class:`BadBackend` if it was asked for.

        ``keep`` is for :func:`~conformance.backends.load.load_factory`.
        """
        if self.factory is None:
            return self.backend
        try:
            factory, found = load_factory(self.factory, keep=keep)
            return self._with(factory, found)
        except BadBackend as error:
            return self._without(str(error))

    def apart(self, tried: Mapping[str, Tried]) -> Backend:
        """The backend as another process found it: its loop is imported where one is first made."""
        if self.factory is None:
            return self.backend
        why_not, found = tried[self.factory]
        if why_not is not None:
            return self._without(why_not)
        return self._with(_when_needed(self.factory), found)

    def _with(self, factory: LoopFactory, found: Origin) -> Backend:
        backend = replace(self.backend, loop=factory, io_loop=factory, origin=found)
        # One that this package knows has the real clock.
        return replace(backend, virtual=ClockOfItsOwn(factory)) if self.declared else backend

    def _without(self, why_not: str) -> Backend:
        if self.asked:
            raise BadBackend(why_not)
        return replace(self.backend, why_not=why_not)

    def is_called(self, name: str) -> bool:
        """Whether ``name`` is one of its names."""
        return name == self.backend.name or name in self.backend.aliases

    def also_called(self, *names: str) -> _Candidate:
        """The same with ``names`` among those that it goes by."""
        aliases = tuple(dict.fromkeys((*self.backend.aliases, *names)))
        return replace(self, backend=replace(self.backend, aliases=aliases))

    def not_called(self, *names: str) -> _Candidate:
        """The same without ``names``, nor its own, among the others that it goes by."""
        wrong = (self.backend.name, *names)
        aliases = tuple(each for each in self.backend.aliases if each not in wrong)
        return replace(self, backend=replace(self.backend, aliases=aliases))

    def under(self, name: str) -> _Candidate:
        """The same under another name."""
        return replace(self, backend=replace(self.backend, name=name))


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


def _foreign(declared: Declared, *, asked: bool = False) -> _Candidate:
    """A loop that somebody declared, under the name that its package gives it, or else its own."""
    packaged = distribution(declared.module) is not None
    backend = Backend(
        _named(declared, declared.module if packaged else None),
        debug=declared.debug,
        virtual=False,
        foreign=True,
        script_style=declared.style,
        spec=declared.spec,
        aliases=_own_names(declared),
    )
    return _Candidate(backend, declared.spec, asked, declared, packaged)


def _named(declared: Declared, module: str | None) -> str:
    """The name of a loop: that of the module, of a package, that it is from, or else its own."""
    if module is None:
        return _own_names(declared)[0]
    return f"asyncio+{module}{'+debug' if declared.debug else ''}"


def _longer(name: str, declared: Declared) -> str:
    """``name`` with what tells it apart from others of the same package."""
    return f"{name}:{_own_names(declared)[0].removeprefix('asyncio+')}"


def _own_names(declared: Declared) -> tuple[str, str]:
    """The names that a loop has whatever package it is from: short, and written out."""
    return f"asyncio+{declared.name.removeprefix('asyncio+')}", f"asyncio+{declared.spec}"


def _candidates(
    loops: Sequence[str], look_at: Callable[[Iterable[str]], Mapping[str, list[Declared]]]
) -> tuple[list[_Candidate], list[_Candidate]]:
    """All candidates, and those among them that ``loops`` stand for."""
    ours = {candidate.backend.name: candidate for candidate in _builtin()}
    points: dict[str, _Candidate] = {}
    theirs: dict[str, _Candidate] = {}
    asked: list[str] = []
    for declared in _of_entry_points():
        if declared.builtin is not None:
            ours[declared.builtin] = ours[declared.builtin].also_called(*_own_names(declared))
        else:
            points.setdefault(declared.spec, _foreign(declared))
    for declared in _each_once(look_at(loops)):
        asked.append(declared.builtin or declared.spec)
        names = _own_names(declared)
        if declared.builtin is not None:
            ours[declared.builtin] = ours[declared.builtin].also_called(*names)
        elif declared.spec in points:
            known = points[declared.spec].also_called(*names)
            points[declared.spec] = replace(known, asked=True)
        else:
            theirs[declared.spec] = _foreign(declared, asked=True)
    # What is asked for of a package stands for its loop that is known here, if that is not asked for.
    stand_in = {loop.name for loop in KNOWN} - {*asked}
    theirs = _told_apart(theirs, ours.keys(), stand_in)
    taken = {each.backend.name for each in theirs.values()}
    points = _told_apart(points, {*ours, *taken})
    every = {
        # Nothing that is on record of another of ours is on record of it.
        key: each.not_called(*ours)
        for key, each in {**ours, **points, **theirs}.items()
        if key not in taken
    }
    return list(every.values()), [every[key] for key in dict.fromkeys(asked)]


def _of_entry_points() -> Iterator[Declared]:
    for point in metadata.entry_points(group=ENTRY_POINTS):
        # One without a factory is told so when it is tried.
        yield of_spec(f"{point.module}:{point.attr or 'no factory'}", point.name)


def _told_apart(
    candidates: Mapping[str, _Candidate], taken: Collection[str], but: Collection[str] = ()
) -> dict[str, _Candidate]:
    """``candidates`` under names that are all different, and none of them ``taken``.

    One that has the name of its package may take one of ``but`` all the same.
    """
    counts = Counter(each.backend.name for each in candidates.values())
    found = {}
    for spec, each in candidates.items():
        assert each.declared is not None
        base = name = each.backend.name
        whole = _own_names(each.declared)[1]
        if counts[base] > 1 or (base in taken and not (each.packaged and base in but)):
            name = _longer(base, each.declared) if each.packaged else whole
            name = whole if name in counts or name in taken else name
            counts[name] += 1
        found[spec] = each.also_called(base).under(name)
    return found


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
    An entry point or a known loop that cannot be had is a backend that cannot be used.
    Raises :class:`BadBackend` if one of ``loops`` cannot be had or makes no event loop.
    """
    candidates, _ = _candidates(loops, _look_here)
    return _from_their_packages(candidates, [candidate.here() for candidate in candidates])


def names(loops: Sequence[str] = (), *, apart: bool = False) -> list[tuple[str, ...]]:
    """The names of every backend, the one that it has first; those of ``loops`` among them.

    None is tried; a file that declares loops is imported, in a process of its own if ``apart``.
    Raises :class:`BadBackend` if one of ``loops`` cannot be looked into.
    """
    candidates, _ = _candidates(loops, _look_apart if apart else _look_here)
    backends = [each.backend for each in candidates]
    found = [(backend.name, *backend.aliases) for backend in backends]
    # One that was asked for may stand for one of ours.
    known = {backend.name for backend in backends}
    return [
        *found,
        *((each.backend.name,) for each in _builtin() if each.backend.name not in known),
    ]


def choose(
    names: Sequence[str], loops: Sequence[str], *, apart: bool = False, keep: bool = False
) -> list[Backend]:
    """The backends called ``names``; if none is named, those of ``loops``; without these, all.

    Only these are tried: in processes of their own if ``apart``, so that a loop that crashes or
    hangs at its first touch is an answer like any other, and in this process otherwise; the loop
    that is made for that is the first one to be judged if ``keep``, and else closed.
    Raises :class:`BadBackend` for one that there is not, or that was asked for and cannot be used.
    """
    candidates, asked = _candidates(loops, _look_apart if apart else _look_here)
    named: list[_Candidate] = []
    for name in names:
        # A name of its own wins over what is called so too.
        found = [each for each in candidates if each.backend.name == name]
        found = found or [each for each in candidates if each.is_called(name)]
        if not found:
            there = ", ".join(each.backend.name for each in candidates)
            raise BadBackend(f"no backend {name!r}: there is {there}")
        named += found
    wanted = named or asked or candidates
    chosen = [candidate for candidate in candidates if candidate in wanted]
    if apart:
        tried = try_apart(each.factory for each in chosen if each.factory is not None)
        backends = [candidate.apart(tried) for candidate in chosen]
    else:
        backends = [candidate.here(keep=keep) for candidate in chosen]
    for candidate, backend in zip(chosen, backends, strict=True):
        if candidate in named and backend.why_not is not None:
            raise BadBackend(f"backend {backend.name!r} cannot be used here: {backend.why_not}")
    return _from_their_packages(chosen, backends)


def _from_their_packages(
    candidates: Sequence[_Candidate], backends: Sequence[Backend]
) -> list[Backend]:
    """``backends`` under the names that the packages of their loops give them.

    A loop that somebody made with a function of his own may be of a package, which is seen once
    there is one.
    """
    found = list(backends)
    for place, (candidate, backend) in enumerate(zip(candidates, backends, strict=True)):
        declared, module = candidate.declared, backend.origin.module
        if declared is None or module in (None, declared.module):
            continue
        name = _named(declared, module)
        taken = {each.name for number, each in enumerate(found) if number != place}
        if name in taken:
            name = _longer(name, declared)
        if name not in taken:
            aliases = (*backend.aliases, backend.name)
            found[place] = replace(backend, name=name, aliases=aliases)
    return found


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
