"""For running pytest in a checkout: the plugin is there even if the package is not installed."""

from __future__ import annotations

import gc
from importlib import metadata

_installed = any(point.name == "conformance" for point in metadata.entry_points(group="pytest11"))

pytest_plugins = ["pytester", *([] if _installed else ["conformance.judging.plugin"])]


def pytest_collection_finish() -> None:
    """What was imported stays: the garbage collector, which claims make busy, need not look at it."""
    # trio registers its random generator with Hypothesis once both are there, and Hypothesis asks the
    # collector who refers to it: that must come before.
    import hypothesis  # noqa: F401  # that it is there is all
    import trio  # noqa: F401  # that it is there is all

    gc.collect()
    if hasattr(gc, "freeze"):  # PyPy has none
        gc.freeze()
