"""Other Pythons like this one: what is judged there is judged as this one was asked to judge.

They import from where this one does, and under its flags, so that what the record tells of this
process is true of them.  The one exception is ``-O``: claims are made of ``assert``, which it takes
away.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from typing import Any

NO_ASSERTIONS = "PYTHONOPTIMIZE"
"""The variable of the environment that takes ``assert`` away, as ``-O`` does."""


def has_assertions() -> bool:
    """Whether ``assert`` does anything in this process: not under ``-O`` or ``PYTHONOPTIMIZE``."""
    return __debug__


_added: list[str] = []


def command(code: str, *arguments: str) -> list[str]:
    """The command line of a Python like this one that runs ``code`` with ``arguments``.

    It imports from where this one does, but for what :func:`look_into_the_working_directory` added.
    """
    path = [each for each in sys.path if isinstance(each, str) and each not in _added]
    return [
        sys.executable,
        *_flags(),
        "-c",
        f"import sys; sys.path[:] = {path!r}; {code}",
        *arguments,
    ]


def environment() -> dict[str, str]:
    """The environment of such a Python: this one's, with assertions."""
    return {name: value for name, value in os.environ.items() if name != NO_ASSERTIONS}


def look_into_the_working_directory() -> None:
    """Let modules be found in the working directory, before others; not under ``-P`` or ``-I``.

    To be called when all that judging needs is imported: a ``queue.py`` that lies there is not meant.
    """
    # 3.10 has no safe_path.
    if getattr(sys.flags, "safe_path", sys.flags.isolated):
        return
    with suppress(FileNotFoundError):  # it is gone
        here = os.getcwd()
        if here not in sys.path:
            sys.path.insert(0, here)
            _added.append(here)


def _flags() -> list[str]:
    # What multiprocessing starts its processes with.
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001  # no public name
    kept = [each for each in flags if not re.fullmatch("-O+", each)]
    # Before Python 3.14 it leaves out most of -X.
    for name, value in _x_options().items():
        option = name if value is True else f"{name}={value}"
        if option not in kept:
            kept += ["-X", option]
    return kept


def _x_options() -> dict[str, Any]:
    # Documented; of CPython alone.
    return dict(getattr(sys, "_xoptions", {}))
