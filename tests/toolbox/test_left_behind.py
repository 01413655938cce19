"""What an operation left behind is told apart from what another one did."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conformance.toolbox.left_behind import child_processes, children, until_it_ends

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux tells which children there are"
)


@contextmanager
def a_child() -> Iterator[subprocess.Popen[bytes]]:
    """A child that runs until it is killed or its input ends."""
    command = [sys.executable, "-I", "-S", "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        try:
            yield child
        finally:
            child.kill()


def test_a_child_that_runs_is_told_until_it_is_reaped() -> None:
    others = child_processes()
    with a_child() as child:
        assert children(others) == "running"
        child.kill()
        until_it_ends(child.pid)
        assert children(others) == "ended, but not reaped"
        child.wait()
        assert children(others) == "none"


def test_the_child_that_another_left_does_not_count() -> None:
    with a_child():
        others = child_processes()
        assert children(others) == "none"
        with a_child():
            assert children(others) == "running"
        assert children(others) == "none"
