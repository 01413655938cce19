"""Event loops of other people that are judged when they are installed."""

from __future__ import annotations

import importlib.util
import platform
import sys
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class KnownLoop:
    """A loop of other people's.  Its module, distribution and extra have the same name."""

    module: str
    windows: bool | None = None
    cpython_only: bool = True
    style: str | None = None

    @property
    def name(self) -> str:
        """The backend's name."""
        return f"asyncio+{self.module}"

    @property
    def spec(self) -> str:
        """Where its factory is."""
        return f"{self.module}:new_event_loop"

    @property
    def script_style(self) -> str:
        """How a script runs its program on it."""
        return self.style or f"loop:{self.spec}"

    def missing(self) -> str | None:
        """Why it is not there, or ``None`` if it is; it is not imported for that."""
        found = None
        with suppress(ImportError, ValueError):  # blocked, or half loaded
            found = importlib.util.find_spec(self.module)
        if found is not None:
            return None
        if self.windows is not None and self.windows != (sys.platform == "win32"):
            return f"{self.module} is {'for' if self.windows else 'not for'} Windows"
        if self.cpython_only and platform.python_implementation() != "CPython":
            return f"{self.module} is for CPython"
        return f"{self.module} is not installed (pip install {self.module})"


KNOWN = (
    KnownLoop("uvloop", windows=False, style="uvloop"),
    KnownLoop("winloop", windows=True),
    KnownLoop("rloop", windows=False),
    KnownLoop("rsloop"),
)
