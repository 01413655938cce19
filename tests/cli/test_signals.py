"""A signal that ends a run: what was judged is recorded, and one line says how it ended."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.calling import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}

SOME = ("LAW-LOOP-01", "NEST-03")

STANDING = """\
import asyncio, pathlib, sys, time

def come():
    pathlib.Path('come').touch()
    time.sleep(3600)

def in_the_probe():
    frame = sys._getframe()
    while frame and not frame.f_code.co_filename.endswith("growth.py"):
        frame = frame.f_back
    return frame

def judged():
    frame = sys._getframe()
    while frame:
        statement = getattr(frame.f_locals.get("self"), "statement", None)
        if statement:
            return statement.claim.id
        frame = frame.f_back

def at_the_second_claim():
    if judged() == "NEST-03":
        come()
    return asyncio.new_event_loop()

def when_all_was_judged():
    if in_the_probe():
        come()
    return asyncio.new_event_loop()

def at_once():
    come()
"""


def ended(
    number: signal.Signals, tmp_path: Path, *arguments: str, ignored: bool = False
) -> subprocess.CompletedProcess[str]:
    """A command that gets the signal when it has come to where its loop stands still."""
    (tmp_path / "standing.py").write_text(STANDING)
    process = subprocess.Popen(
        [sys.executable, "-m", "conformance", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A background shell's children ignore SIGINT.
        preexec_fn=lambda: (
            signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL) and None
        ),
    )
    while not (tmp_path / "come").exists():
        assert process.poll() is None, process.communicate()
    process.send_signal(number)
    if ignored:
        process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=60)
    return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)


@pytest.mark.parametrize("number", CODES)
def test_what_was_judged_is_recorded_and_shown(number: signal.Signals, tmp_path: Path) -> None:
    call = ("run", *SOME, "--loop", "standing:at_the_second_claim", "--json", "run.json")
    ran = ended(number, tmp_path, *call)
    assert ran.returncode == CODES[number], ran.stderr
    record = json.loads((tmp_path / "run.json").read_text())
    assert [each["claim"] for each in record["verdicts"]] == ["LAW-LOOP-01"]
    by = "" if number == signal.SIGINT else f" by {number.name}"
    assert ran.stderr == f"interrupted{by}: 1 of 3 verdicts\n"
    assert "LAW-LOOP-01" in ran.stdout


def test_behind_the_last_claim_nothing_of_it_is_lost(tmp_path: Path) -> None:
    call = ("run", "NEST-03", "--loop", "standing:when_all_was_judged", "--json", "run.json")
    ran = ended(signal.SIGINT, tmp_path, *call)
    assert ran.returncode == 130
    assert ran.stderr.startswith("interrupted: every verdict was had;")
    assert len(json.loads((tmp_path / "run.json").read_text())["verdicts"]) == 2
    assert "leaves behind" not in ran.stdout


@pytest.mark.parametrize("command", ["run", "explain"])
def test_a_loop_that_is_tried_is_not_waited_for(command: str, tmp_path: Path) -> None:
    ran = ended(signal.SIGTERM, tmp_path, command, "NEST-03", "--loop", "standing:at_once")
    assert (ran.returncode, ran.stdout) == (143, "")
    assert ran.stderr == f"conformance {command}: interrupted by SIGTERM\n"


def test_nothing_is_written_to_deviations(tmp_path: Path) -> None:
    call = ("deviations", "update", *SOME, "--loop", "standing:at_the_second_claim")
    ran = ended(signal.SIGTERM, tmp_path, *call, "--deviations", "own.toml")
    assert (ran.returncode, ran.stdout) == (143, "")
    assert ran.stderr == "interrupted by SIGTERM: nothing was written\n"
    assert not (tmp_path / "own.toml").exists()


def test_a_signal_that_is_ignored_stays_so(tmp_path: Path) -> None:
    call = ("run", *SOME, "--loop", "standing:at_the_second_claim")
    ran = ended(signal.SIGHUP, tmp_path, *call, ignored=True)
    assert (ran.returncode, "SIGTERM" in ran.stderr) == (143, True)


@pytest.mark.parametrize(
    "module", ["conformance.ending", "conformance.cli.parser", "rich", "hypothesis", "trio"]
)
def test_in_the_first_second_there_is_one_line(module: str, tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}: os.kill(os.getpid(), signal.SIGINT)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from conformance.cli.main import main\n"
        "sys.meta_path.insert(0, Finder())\n"
        "main(['list'])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (130, "")
    assert re.fullmatch("conformance( list)?: interrupted\n", ran.stderr)
