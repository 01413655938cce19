"""Which backends there are, and which of them can be used here."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import platform
import sys
from collections.abc import Sequence
from importlib import metadata

from conformance.backends.backend import Backend, LoopFactory
from conformance.backends.virtual import EagerVirtualLoop, VirtualLoop, eager_loop

ENTRY_POINTS = "conformance.backends"


class BadBackend(Exception):
    """A backend, module or factory that cannot be had: one line that says what and what would do."""


def builtin_backends() -> list[Backend]:
    """The backends that this package knows, those that cannot be used here included."""
    return [
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
        _uvloop(),
        Backend("trio", kind="trio", script_style="trio"),
    ]


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


def _uvloop() -> Backend:
    factory: LoopFactory | None = None
    why_not = None
    try:
        import uvloop
    except ModuleNotFoundError:
        why_not = "uvloop is not installed (pip install 'cancellation-conformance[uvloop]')"
    except Exception as error:  # built for another Python, it may raise anything
        why_not = f"uvloop cannot be imported: {type(error).__name__}: {error}"
    else:
        factory = uvloop.new_event_loop
    return Backend(
        "asyncio+uvloop",
        loop=factory,
        io_loop=factory,
        virtual=False,
        why_not=why_not,
        script_style="uvloop",
    )


def discover(loops: Sequence[str] = ()) -> list[Backend]:
    """Every backend: built in, from entry points, and one for each ``MODULE:FACTORY`` of ``loops``.

    A loop whose name is taken is named after its module too.  An entry point whose factory cannot be
    had is a backend that cannot be used.
    Raises :class:`BadBackend` if a factory of ``loops`` cannot be imported or makes no event loop.
    """
    backends = builtin_backends()
    for point in metadata.entry_points(group=ENTRY_POINTS):
        backends.append(_from_entry_point(point))
    names = {backend.name for backend in backends}
    for spec in dict.fromkeys(loops):
        name = f"asyncio+{spec.partition(':')[2]}"
        if name in names:
            name = f"asyncio+{spec}"
        names.add(name)
        backends.append(_from_factory(name, spec))
    return backends


def choose(names: Sequence[str], loops: Sequence[str]) -> list[Backend]:
    """The backends called ``names``; if none is named, those of ``loops``; without these, all.

    Raises :class:`BadBackend` for one that there is not, or that was asked for and cannot be used.
    """
    backends = discover(loops)
    known = {backend.name: backend for backend in backends}
    for name in names:
        if name not in known:
            raise BadBackend(f"no backend {name!r}: there is {', '.join(known)}")
        if known[name].why_not is not None:
            raise BadBackend(f"backend {name!r} cannot be used here: {known[name].why_not}")
    if names:
        return [backend for backend in backends if backend.name in names]
    # discover() puts them last.
    return backends[-len(dict.fromkeys(loops)) :] if loops else backends


def _from_entry_point(point: metadata.EntryPoint) -> Backend:
    name, spec = f"asyncio+{point.name}", f"{point.module}:{point.attr}"
    try:
        return _from_factory(name, spec)
    except BadBackend as error:
        return Backend(name, virtual=False, why_not=str(error), script_style=f"loop:{spec}")


def _from_factory(name: str, spec: str) -> Backend:
    factory = load_factory(spec)
    return Backend(
        name,
        loop=factory,
        io_loop=factory,
        virtual=False,
        script_style=f"loop:{spec}",
        spec=spec,
    )


def load_factory(spec: str) -> LoopFactory:
    """Import ``MODULE:FACTORY`` and try it once.

    Raises :class:`BadBackend` if it does not import, or what it makes is no event loop.
    """
    module, _, attribute = spec.partition(":")
    if not module or not attribute:
        raise BadBackend(f"{spec!r} is not MODULE:FACTORY, as in uvloop:new_event_loop")
    try:
        factory = importlib.import_module(module)
        for part in attribute.split("."):
            factory = getattr(factory, part)
    except AttributeError as error:
        raise BadBackend(f"{module!r} has no {attribute!r}: {error}") from error
    except (Exception, SystemExit) as error:  # a module may raise anything while it is imported
        raise BadBackend(
            f"cannot import {module!r} of {spec}: {type(error).__name__}: {error}"
        ) from error
    if not callable(factory):
        raise BadBackend(f"{spec} is not callable: it must return a new event loop")
    try:
        loop = factory()
    except Exception as error:
        raise BadBackend(f"{spec}() raised {type(error).__name__}: {error}") from error
    if not isinstance(loop, asyncio.AbstractEventLoop):
        raise BadBackend(f"{spec}() returned {type(loop).__name__}, which is no asyncio event loop")
    loop.close()
    made: LoopFactory = factory  # just tried
    return made


def usable_here(backend: Backend) -> str | None:
    """Why ``backend`` cannot be used in this very process, or ``None`` if it can."""
    if backend.why_not is not None:
        return backend.why_not
    blocked = sys.modules.get("_asyncio", ...) is None
    if backend.pure_python and not blocked:
        return (
            "needs a process in which _asyncio was blocked before asyncio was imported: "
            "use 'conformance run'"
        )
    return None
