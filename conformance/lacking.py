"""What a process may not have more of: then it can neither judge nor say anything of what it judged."""

from __future__ import annotations

import errno

_MEMORY = "memory (ulimit -v, or the limit of a container)"
_OF = {
    errno.ENOMEM: _MEMORY,
    errno.EAGAIN: "processes or threads (ulimit -u)",
    errno.EMFILE: "open files (ulimit -n)",
    errno.ENFILE: "open files on this machine",
    errno.ENOSPC: "room on the disk",
    errno.EDQUOT: "room on the disk",
}
_NO_THREAD = "can't start new thread"


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


def lacking_memory(error: BaseException) -> bool:
    """Whether there was no more memory, or none for another thread."""
    return lacking(error) in (_MEMORY, _OF[errno.EAGAIN])


def said_in(text: str) -> str | None:
    """What there was no more of, if that is how a process ended which wrote ``text``."""
    last = next((line for line in reversed(text.splitlines()) if line.strip()), "")
    if "MemoryError" in last:
        return _MEMORY
    return _OF[errno.EAGAIN] if _NO_THREAD in last else None


def _itself(error: BaseException) -> str | None:
    if isinstance(error, MemoryError):
        return _MEMORY
    if isinstance(error, OSError):
        return _OF.get(error.errno or 0)
    if isinstance(error, RuntimeError) and _NO_THREAD in str(error):
        return _OF[errno.EAGAIN]
    return None
