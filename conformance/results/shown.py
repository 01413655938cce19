"""A record as it may be shown: whoever wrote it, nothing in it is more than text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from conformance.printable import one_line, printable
from conformance.results.record import Record

_LINES = ("script", "text")
"""The keys whose text has lines; all else is told in one."""


def shown(record: Record) -> Record:
    """``record`` with every text fit to be shown, and in one line where it is no program."""
    return cast("Record", _shown(record))


def _shown(value: Any, key: str = "") -> Any:
    if isinstance(value, str):
        return printable(value) if key in _LINES else one_line(value)
    if isinstance(value, Mapping):
        return {one_line(name): _shown(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_shown(each, key) for each in value]
    return value
