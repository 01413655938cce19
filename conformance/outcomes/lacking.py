"""What a process may not have more of: then it can neither judge nor say anything of what it judged."""

from __future__ import annotations

import errno
import threading

MEMORY = "memory (ulimit -v, or the limit of a container)"
_THREADS = "threads, or memory for one (ulimit -u, ulimit -v)"
_DISK = "room on the disk"
_OF = {
    errno.ENOMEM: MEMORY,
    errno.EMFILE: "open files (ulimit -n)",
    errno.ENFILE: "open files on this machine",
    errno.ENOSPC: _DISK,
    errno.EDQUOT: _DISK,
}
_NO_THREAD = ("can't start new thread", "unable to start watchdog thread")
_ENOUGH = 2**28


def lacking(error: BaseException) -> str | None:
    """What there was no more of, if that is why ``error`` was raised; of a group, any of its members.

    What it was raised from counts, too: a law may tell of a loop's error in words of its own.
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        found = _itself(each)
        if found is not None:
            return found
        members = getattr(each, "exceptions", None)
        waiting += [each.__cause__, each.__context__]
        waiting += members if isinstance(members, tuple) else ()
    return None


def out_of_memory(error: BaseException) -> str | None:
    """What there is no more of, if there was no memory, or none for a thread, and is none now.

    A loop may raise ``MemoryError`` for reasons of its own.
    """
    found = lacking(error)
    return found if found in (MEMORY, _THREADS) and is_short_of_memory() else None


def is_short_of_memory() -> bool:
    """Whether this process cannot have 256 MiB more, which are only asked for, or another thread."""
    try:
        bytearray(_ENOUGH)
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
    except (MemoryError, RuntimeError):
        return True
    return False


def said_in(text: str) -> str | None:
    """What there was no more of, if a process ended which wrote ``text`` to its standard error."""
    if "MemoryError" in text:
        return MEMORY
    return _THREADS if any(each in text for each in _NO_THREAD) else None


def _itself(error: BaseException) -> str | None:
    if isinstance(error, MemoryError):
        return MEMORY
    if isinstance(error, OSError):
        return _OF.get(error.errno or 0)
    if isinstance(error, RuntimeError) and str(error) in _NO_THREAD:
        return _THREADS
    return None
