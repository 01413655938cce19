"""All wrong runtimes, found in this folder's modules."""

from __future__ import annotations

import importlib
import pkgutil

import tests.wrong
from tests.wrong.kit import Wrong


def wrong_runtimes() -> list[Wrong]:
    """Every wrong runtime that a module of this folder lists in its ``WRONG``."""
    found: list[Wrong] = []
    for info in pkgutil.iter_modules(tests.wrong.__path__):
        if info.name != "__main__":
            module = importlib.import_module(f"tests.wrong.{info.name}")
            found += getattr(module, "WRONG", ())
    return found
