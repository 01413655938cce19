"""What grows from example to example: open file descriptors, and memory."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from dataclasses import dataclass

from conformance.backends.backend import Backend
from conformance.toolbox.descriptors import open_descriptors
from conformance.verdict import GrowthRecord

BLOCK = 60
"""Empty examples that are run before what is held is counted again."""

BLOCKS = 3
"""Blocks that are counted: the least growth counts, for caches fill in the first ones."""

A_DESCRIPTOR_IN = 10
"""Fewer descriptors than one in that many examples are nobody's leak."""

BYTES = 8 * 1024
"""Less memory an example than this is lost in what an allocator keeps."""


def descriptors() -> int:
    """How many file descriptors this process has open."""
    return len(open_descriptors())


def memory() -> int | None:
    """How many bytes of memory this process holds; ``None`` where it cannot be told."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def limit() -> int | None:
    """How many descriptors this process may have, as many as the machine lets it; ``None``: unknown."""
    if sys.platform == "win32":
        return None
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return hard
    return soft


@dataclass(frozen=True)
class Growth:
    """What an empty example leaves behind: descriptors and bytes of memory, an example."""

    descriptors: float
    bytes: float


def worth_telling(record: GrowthRecord) -> bool:
    """Whether it is more than what caches and allocators keep."""
    return (
        record["descriptors"] >= 1 / A_DESCRIPTOR_IN
        or record["bytes"] >= BYTES
        or bool(record["claims"])
    )


async def nothing() -> None:
    """The empty example."""


def growth(backend: Backend) -> Growth:
    """What grows on ``backend`` when empty examples are run, each in a fresh event loop."""
    found: list[Growth] = []
    for _ in range(BLOCKS):
        before = _held()
        for _ in range(BLOCK):
            backend.run(nothing)
        after = _held()
        found.append(Growth((after[0] - before[0]) / BLOCK, (after[1] - before[1]) / BLOCK))
    return Growth(
        max(0.0, min(each.descriptors for each in found)),
        max(0.0, min(each.bytes for each in found)),
    )


def _held() -> tuple[int, int]:
    gc.collect()
    return descriptors(), memory() or 0
