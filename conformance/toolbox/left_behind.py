"""What an operation left behind in this process: descriptors and children."""

from __future__ import annotations

import gc
import glob
import os
import sys
import time
from collections.abc import Collection
from contextlib import suppress

from conformance.toolbox.descriptors import open_descriptors

PATIENCE = 2_000
"""How many times a millisecond a child is given to end."""


def descriptors_left(before: set[int]) -> list[str]:
    """The descriptors that are open now and were not ``before``, in words.

    What only the garbage collector closes is not counted, so that every implementation of Python
    is counted alike.
    """
    left = open_descriptors() - before
    if left:
        gc.collect()
        left = open_descriptors() - before
    return [f"descriptor {number}{_target(number)}" for number in sorted(left)]


def _target(number: int) -> str:
    try:
        return f" ({os.readlink(f'/proc/self/fd/{number}')})"
    except OSError:  # a system that does not tell
        return ""


def child_processes() -> set[int]:
    """The children of this process; empty where a system does not tell (only Linux does)."""
    found: set[int] = set()
    for path in glob.glob("/proc/self/task/*/children"):
        with suppress(OSError), open(path, encoding="ascii") as file:  # a thread may end meanwhile
            found.update(map(int, file.read().split()))
    return found


def children(before: Collection[int] = ()) -> str:
    """What children this process has: ``"none"``, ``"running"`` or ``"ended, but not reaped"``.

    Those of ``before``, as :func:`child_processes` gave them, do not count: an example is not judged by
    what another one left.  Always ``"none"`` where a process cannot ask (Windows, and macOS before
    Python 3.13).
    """
    if sys.platform == "win32" or not hasattr(os, "waitid"):
        return "none"
    asked = [(os.P_PID, pid) for pid in sorted(child_processes().difference(before))]
    for which, pid in asked if before else [(os.P_ALL, 0)]:
        # WNOWAIT: it is only looked at, and is left to whoever waits for it.
        with suppress(ChildProcessError):
            ended = os.waitid(which, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            return "running" if ended is None else "ended, but not reaped"
    return "none"


def until_it_ends(pid: int) -> None:
    """Block this thread until the child ``pid`` has ended, and leave it to be reaped.

    Returns at once where that cannot be had, or if it is reaped already; and after a while also if
    it does not end.
    """
    if sys.platform == "win32" or not hasattr(os, "waitid"):
        return
    with suppress(ChildProcessError):
        for _ in range(PATIENCE):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                return
            time.sleep(0.001)
