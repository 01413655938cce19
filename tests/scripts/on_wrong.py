"""Running a script on a runtime that is wrong on purpose, in this process."""

from __future__ import annotations

import asyncio
import os
import runpy
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import IO, Any
from unittest import mock

from conformance.backends.backend import LoopFactory
from conformance.backends.deadlock import QUIET, Deadlock
from conformance.backends.virtual import VirtualLoop, _NoIO
from tests.wrong.kit import Wrong

HERE = "tests.scripts.on_wrong:new_event_loop"
"""What a script is told to take its loops from."""

STEP = 0.01
"""Seconds after which a quiet loop looks whether another thread has called."""

PATIENCE = 10.0
"""Seconds after which a script is given up."""

_factory: LoopFactory = asyncio.new_event_loop


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A loop of the runtime that is on trial."""
    return _factory()


@contextmanager
def _waiting() -> Iterator[None]:
    """Let virtual loops wait for other threads where they have nothing to do, as real ones do."""
    select = _NoIO.select

    def patient(self: _NoIO, timeout: float | None = None) -> Any:
        try:
            return select(self, timeout)
        except Deadlock as reason:
            if reason.args != (QUIET,):
                raise
            ready = self.loop._ready  # type: ignore[attr-defined]  # private, where it lies
            while not ready:
                time.sleep(STEP)
            return ()

    with (
        mock.patch.object(_NoIO, "select", patient),
        mock.patch.object(
            VirtualLoop, "run_in_executor", asyncio.SelectorEventLoop.run_in_executor
        ),
    ):
        yield


def run_on(wrong: Wrong | None, script: str, folder: Path) -> tuple[int, str]:
    """Run ``script`` on a wrong runtime, or on the right one: its exit code, and what it says.

    It runs in a fork of this process, which is ended after a while: exit code -1.
    """
    file = folder / "script.py"
    file.write_text(script, encoding="utf-8")
    said = folder / "said.txt"
    child = os.fork()
    if not child:
        code = 70
        try:
            with said.open("w", encoding="utf-8") as to:
                code = _run(wrong, file, to)
        finally:
            os._exit(code)
    ended = time.monotonic() + PATIENCE
    while time.monotonic() < ended:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status), said.read_text(encoding="utf-8")
        time.sleep(STEP)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1, said.read_text(encoding="utf-8")


def _run(wrong: Wrong | None, file: Path, to: IO[str]) -> int:
    global _factory
    _factory = (wrong and wrong.loop) or asyncio.new_event_loop
    with (
        wrong.patch() if wrong else nullcontext(),
        _waiting(),
        redirect_stdout(to),
        redirect_stderr(to),
        mock.patch.object(sys, "argv", [str(file), HERE]),
    ):
        try:
            runpy.run_path(str(file), run_name="__main__")
        except SystemExit as end:
            if isinstance(end.code, str):
                print(end.code, file=to)
                return 1
            return int(end.code or 0)
        except BaseException:
            traceback.print_exc(file=to)
            return 2
    return 0
