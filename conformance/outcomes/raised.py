"""Where an example raised what it must not: the traceback, without what judges it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from itertools import pairwise
from pathlib import PurePath

_FRAMES = 20
"""Frames of each traceback that are told, the innermost."""

_MACHINERY = (("conformance", "judging"), ("conformance", "backends"))


def where_raised(failure: BaseException) -> str:
    """The traceback of ``failure``, and of what it was raised from, from the example on."""
    told = traceback.TracebackException.from_exception(failure, compact=True)
    for each in _all(told):
        kept = [frame for frame in each.stack if not _is_machinery(frame.filename)]
        each.stack = traceback.StackSummary.from_list(kept[-_FRAMES:])
    return "".join(told.format()).rstrip("\n")


def _all(told: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    """It, its causes and the members of a group, each once."""
    seen: set[int] = set()
    waiting: list[traceback.TracebackException | None] = [told]
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [
                each.__cause__,
                each.__context__,
                *(getattr(each, "exceptions", None) or ()),
            ]


def _is_machinery(filename: str) -> bool:
    parts = PurePath(filename).parts
    return "hypothesis" in parts or any(pair in pairwise(parts) for pair in _MACHINERY)
