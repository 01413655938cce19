"""Another Python like this one has its flags and its module search path, and assertions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ASKS = """\
import subprocess, sys
sys.path.insert(0, {root!r})
from conformance.backends.interpreter import command, environment
ran = subprocess.run(command({there!r}), env=environment(), stdout=subprocess.PIPE, text=True)
print(ran.stdout, end='')
print(False, {asked})
"""


def here_and_there(asked: str, *flags: str, **variables: str) -> tuple[str, str]:
    """What ``asked`` is in a process with these flags, and in one that it starts, with ``__debug__``."""
    there = f"import sys; print(__debug__, {asked})"
    ran = subprocess.run(
        [sys.executable, *flags, "-c", ASKS.format(root=str(ROOT), asked=asked, there=there)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    there, here = ran.stdout.splitlines()
    return here, there


@pytest.mark.parametrize(
    ("flags", "variables"),
    [
        (("-O",), {}),
        (("-OO",), {}),
        ((), {"PYTHONOPTIMIZE": "1"}),
        (("-E", "-O"), {"PYTHONOPTIMIZE": "2"}),
    ],
)
def test_assertions_are_there_whatever_the_flags(
    flags: tuple[str, ...], variables: dict[str, str]
) -> None:
    here, there = here_and_there("sys.flags.optimize", *flags, **variables)
    assert here != "False 0"
    assert there == "True 0"


@pytest.mark.parametrize(
    ("flags", "asked"),
    [
        (("-X", "dev"), "sys.flags.dev_mode"),
        (("-X", "utf8=0"), "sys.flags.utf8_mode"),
        (("-X", "utf8"), "sys.flags.utf8_mode"),
        (("-X", "pycache_prefix=/tmp/a b"), "sys.pycache_prefix"),
        (("-X", "no_debug_ranges"), "sorted(sys._xoptions)"),
        (("-W", "error::UserWarning"), "sys.warnoptions"),
        (("-B",), "sys.flags.dont_write_bytecode"),
        (("-b",), "sys.flags.bytes_warning"),
        (("-s",), "sys.flags.no_user_site"),
        (("-I",), "(sys.flags.isolated, sys.flags.ignore_environment)"),
        pytest.param(
            ("-P",),
            "getattr(sys.flags, 'safe_path', None)",
            marks=pytest.mark.skipif(sys.version_info < (3, 11), reason="-P came with Python 3.11"),
        ),
        ((), "sys.path"),
    ],
)
def test_every_other_flag_is_the_same_there(flags: tuple[str, ...], asked: str) -> None:
    here, there = here_and_there(asked, *flags)
    assert there.removeprefix("True ") == here.removeprefix("False ")


@pytest.mark.parametrize(("flags", "looks"), [((), True), (("-I",), False), (("-s",), True)])
def test_an_isolated_python_does_not_look_into_the_working_directory(
    flags: tuple[str, ...], looks: bool, tmp_path: Path
) -> None:
    (tmp_path / "lying_about.py").touch()
    code = (
        "import sys, importlib.util\n"
        f"sys.path[:] = [{str(ROOT)!r}, *filter(None, sys.path)]\n"
        "from conformance.backends.interpreter import command, look_into_the_working_directory\n"
        "look_into_the_working_directory()\n"
        "print(importlib.util.find_spec('lying_about') is not None)\n"
        # Where it is looked into when that is time, and not before.
        f"print({str(tmp_path)!r} in command('')[-1])"
    )
    ran = subprocess.run(
        [sys.executable, *flags, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout.splitlines() == [str(looks), "False"]
