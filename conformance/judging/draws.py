"""What Hypothesis draws follows from the seed alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

# Hypothesis also draws numbers that it reads off the source of whatever modules are loaded from
# outside site-packages: a checkout and an installed package, or a run of one claim and a run of all,
# would draw differently from one seed.  It has no setting for that, and before 6.131 no such habit.
_READ_OFF, _KNOWN = "_get_local_constants", "CONSTANTS_CACHE"
try:
    _names: Any = vars(import_module("hypothesis.internal.conjecture.providers"))
except ImportError:
    _names = {}
_ours: dict[str, Any] = (
    {_READ_OFF: _names["Constants"], _KNOWN: type(_names[_KNOWN])(1024)}
    if _READ_OFF in _names and _KNOWN in _names
    else {}
)


@contextmanager
def from_the_seed_alone() -> Iterator[None]:
    """While a claim is searched, keep Hypothesis from reading numbers off the loaded modules."""
    theirs = {name: _names[name] for name in _ours}
    _names.update(_ours)
    try:
        yield
    finally:
        _names.update(theirs)
