"""The file descriptors that this process has open."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable

MOST = 1024
"""Up to which number descriptors are looked for where the system does not list them."""


def open_descriptors() -> set[int]:
    """Every file descriptor that is open in this process."""
    found = set()
    for number in _candidates():
        try:
            os.fstat(number)
        except OSError:  # the listing itself needed one, which is closed by now
            continue
        found.add(number)
    return found


def _candidates() -> list[int]:
    for folder in ("/proc/self/fd", "/dev/fd"):
        try:
            return [int(name) for name in os.listdir(folder)]
        except OSError:
            continue
    return list(range(MOST))


def left_open(work: Callable[[], object], *, times: int) -> int:
    """How many more descriptors are open after so many ``work()`` than before, garbage not counted."""
    before = open_descriptors()
    for _ in range(times):
        work()
    if len(open_descriptors()) > len(before):
        gc.collect()
    return len(open_descriptors()) - len(before)
