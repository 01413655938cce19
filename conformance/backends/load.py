"""From a spec to what makes event loops: ``MODULE:FACTORY``, or a file that declares loops.

Nothing here needs anyio, trio or Hypothesis: the process that tries a factory out starts quickly.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from typing import Any

from conformance.backends.naming import Origin, builtin_of, origin
from conformance.ending import Refusal
from conformance.printable import one_line

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


class BadBackend(Refusal):
    """A backend, module or factory that cannot be had: one line that says what and what would do."""

    def __init__(self, text: str) -> None:
        # In one line, whatever a module of somebody else's said.
        super().__init__(one_line(text))


@dataclass(frozen=True)
class Declared:
    """One loop that a spec stands for.

    ``builtin`` names the backend of this package that means the same, if there is one; ``debug``
    asks for debug mode.  ``style`` says how a script gets at the factory: see
    :class:`conformance.scripts.style.Style`.  ``module`` is the top-level module that it is of.
    """

    spec: str
    name: str
    style: str
    builtin: str | None = None
    debug: bool = False
    module: str = ""


def in_file(spec: str) -> bool:
    """Whether ``spec`` names a file that declares loops, ``conftest.py`` or ``conftest.py::NAME``."""
    return spec.partition("::")[0].endswith(".py")


def look(spec: str) -> list[Declared]:
    """The loops that ``spec`` stands for; none of them is tried.

    Raises :class:`BadBackend` if it is no spec, and for a file what
    :func:`conformance.backends.declared.look_into` does.
    """
    if in_file(spec):
        from conformance.backends.declared import look_into

        return [found.declared for found in look_into(spec)]
    return [of_spec(spec)]


def of_spec(spec: str, name: str = "") -> Declared:
    """The loop of ``MODULE:FACTORY``, named ``FACTORY`` if no other name is given."""
    module, factory = _parts(spec)
    return Declared(
        spec,
        name or factory,
        f"loop:{spec}",
        builtin_of(spec),
        module=module.partition(".")[0],
    )


_OF_A_LOOP = ("run_until_complete", "run_forever", "stop", "call_soon", "create_task", "close")


def _parts(spec: str) -> tuple[str, str]:
    module, _, factory = spec.partition(":")
    # A path is a common mistake, and what it begins with says nothing where there is no package.
    if not module or not factory or module.startswith(".") or "/" in module or os.sep in module:
        raise BadBackend(
            f"{spec!r} is not MODULE:FACTORY, as in uvloop:new_event_loop, "
            "nor a file that declares loops, as in tests/conftest.py"
        )
    return module, factory


def load_factory(spec: str, *, keep: bool = False) -> tuple[LoopFactory, Origin]:
    """The factory that ``spec`` names, which was tried once, and where its loop is from.

    What it made then is closed, or if ``keep`` it is the first loop that comes from it: one that
    hangs or crashes as it is closed does so while it is judged.
    Raises :class:`BadBackend` if it cannot be had, or what it makes is no event loop; and, but for
    ``keep``, if it does not make a new one each time.
    """
    factory, loop = try_factory(spec)
    if not keep:
        for made in (make_another(spec, factory, loop), loop):
            with suppress(Exception):  # how it closes is judged
                if made is not None:
                    made.close()
        return factory, origin(factory, loop)
    tried = [loop]

    @wraps(factory, updated=())
    def new_event_loop() -> asyncio.AbstractEventLoop:
        return tried.pop() if tried else factory()

    return new_event_loop, origin(factory, loop)


def try_factory(spec: str) -> tuple[LoopFactory, asyncio.AbstractEventLoop]:
    """The factory that ``spec`` names, and a first loop of its making, which is still open.

    Raises :class:`BadBackend` as :func:`load_factory` does.
    """
    factory = find(spec)
    if not callable(factory):
        raise BadBackend(f"{spec} is not callable: it must return a new event loop")
    try:
        loop = factory()
    except (Exception, SystemExit) as error:
        raise BadBackend(
            f"{spec}() raised {type(error).__name__}: {error}; it must return a new event loop"
        ) from error
    # asyncio.Runner takes whatever has these; rsloop's loop derives from nothing.
    missing = [name for name in _OF_A_LOOP if not hasattr(loop, name)]
    if missing:
        raise BadBackend(
            f"{spec}() returned {type(loop).__name__}, which is no asyncio event loop "
            f"(it has no {missing[0]}())"
        )
    closed = False
    with suppress(Exception):  # a loop of another make need not say
        closed = bool(getattr(loop, "is_closed", bool)())
    if closed:
        raise BadBackend(
            f"{spec}() returned a loop that is closed: it must return a new event loop each time"
        )
    return factory, loop


def make_another(
    spec: str, factory: LoopFactory, first: asyncio.AbstractEventLoop
) -> asyncio.AbstractEventLoop | None:
    """One loop more of ``factory``'s making; ``None`` if it makes none while there is the first.

    Raises :class:`BadBackend` if it is ``first``.
    """
    again: asyncio.AbstractEventLoop | None = None
    with suppress(Exception, SystemExit):
        again = factory()
    if again is first:
        raise BadBackend(
            f"{spec}() returned the same loop twice: it must return a new event loop each time, for "
            "each example has one of its own"
        )
    return again


def find(spec: str) -> Any:
    """What ``spec`` names, whatever that is.  Raises :class:`BadBackend` if there is no such thing."""
    if in_file(spec):
        from conformance.backends.declared import look_into

        found = look_into(spec)
        if len(found) != 1:
            names = ", ".join(each.declared.name for each in found)
            raise BadBackend(f"{spec} declares several loops ({names}): {spec}::NAME takes one")
        return found[0].factory
    module, attribute = _parts(spec)
    try:
        thing: Any = importlib.import_module(module)
    except (Exception, SystemExit) as error:  # a module may raise anything while it is imported
        raise BadBackend(
            f"cannot import {module!r} of {spec}: {type(error).__name__}: {error}{_where_not(error)}"
        ) from error
    try:
        for part in attribute.split("."):
            thing = getattr(thing, part)
    except AttributeError as error:
        raise BadBackend(f"{module!r} has no {attribute!r}: {error}") from error
    return thing


def _where_not(error: BaseException) -> str:
    """A hint if the module may be in the working directory, and Python was told not to look there."""
    with suppress(OSError):  # it is gone
        if isinstance(error, ModuleNotFoundError) and not {"", os.getcwd()} & {*sys.path}:
            return (
                " (the working directory is not searched: 'python -m pytest' does that where 'pytest' "
                "does not, and neither -P nor -I may forbid it)"
            )
    return ""
