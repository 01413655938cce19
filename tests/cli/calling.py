"""The command line, called as people call it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
QUICK = ("--backend", "asyncio", "--library", "asyncio", "--profile", "quick")


# Where tests run side by side, each process has the width of a terminal set that it does not write to.
OURS = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}


def conformance(
    *arguments: str,
    cwd: Path,
    expect: int = 0,
    flags: Sequence[str] = (),
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run the command in ``cwd``, Python having ``flags``, and check its exit code."""
    ran = subprocess.run(
        [sys.executable, *flags, "-m", "conformance", *arguments],
        cwd=cwd,
        env={**OURS, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert ran.returncode == expect, f"{ran.stdout}\n{ran.stderr}"
    return ran
