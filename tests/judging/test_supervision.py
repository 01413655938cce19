"""Loops that attack the supervision itself: each run ends soon, and with every verdict."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from conformance import book
from conformance.backends.discovery import choose
from conformance.judging.effort import Effort
from conformance.judging.plan import Outcome, Plan
from conformance.judging.prerequisites import FIRST
from conformance.judging.supervision.supervisor import supervise
from conformance.outcomes.classify import NO_ROOM
from conformance.verdict import OTHER_CASE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="fork and signals are POSIX")

BEGINNING = """\
import asyncio, os, signal, sys, threading

def in_the_probe():
    frame = sys._getframe()
    while frame and not frame.f_code.co_filename.endswith("growth.py"):
        frame = frame.f_back
    return frame

def in_a_claim():
    frame = sys._getframe()
    while frame and f"{os.sep}claims{os.sep}" not in frame.f_code.co_filename:
        frame = frame.f_back
    return frame

class Loop(asyncio.SelectorEventLoop):
    done = False
"""


def judged(body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """The two verdicts that are had on a loop with the method ``body``."""
    outcome = what_comes_of(body, tmp_path, monkeypatch)
    assert len(outcome.verdicts) == 2
    assert outcome.failures == []
    return outcome


def what_comes_of(
    body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_record: str = ""
) -> Outcome:
    """What comes of judging two claims on a loop with the method ``body``; it may not take long.

    ``on_record`` is a file of deviations.
    """
    module = f"attacking_{tmp_path.name}"
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    (tmp_path / f"{module}.py").write_text(BEGINNING + indented)
    monkeypatch.chdir(tmp_path)
    spec = f"{module}:Loop"
    plan = Plan(
        tuple(choose([], [spec], apart=True)),
        tuple(each for each in book.all_claims() if each.id in (FIRST, "LAW-NEST-03")),
        libraries=("asyncio",),
        effort=Effort(25),
        patience=2,
        deviations=("own.toml",) if on_record else (),
    )
    (tmp_path / "own.toml").write_text(on_record)
    outcome = Outcome()
    begun = time.monotonic()
    supervise(plan, outcome)
    # What is killed from outside for its silence behind the last claim takes more than a minute.
    assert time.monotonic() - begun < 60
    return outcome


ONCE = """\
def run_forever(self):
    if not Loop.done:
        Loop.done = True
        {what}
    super().run_forever()
"""


@pytest.mark.parametrize(
    "what",
    [
        pytest.param(
            "for fd in range(3, 20):\n"
            "            try: os.write(fd, b'1\\nnull\\n{}\\n[1]\\n{\"event\"\\n')\n"
            "            except OSError: pass",
            id="writes to every descriptor",
        ),
        pytest.param("os.fork()", id="goes on in two processes"),
        pytest.param(
            "os.fork() or (os.setsid(), signal.alarm(20), threading.Event().wait())",
            id="leaves a process in a session of its own that holds the pipe",
        ),
        pytest.param(
            "threading.Thread(target=threading.Event().wait).start()",
            id="leaves a thread that keeps the process",
        ),
    ],
)
def test_what_disturbs_the_supervision_disturbs_no_verdict(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = judged(ONCE.format(what=what), tmp_path, monkeypatch)
    assert all(each["as_expected"] for each in outcome.verdicts)
    assert outcome.messages == []


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "the process ended by SIGSEGV"),
        ("threading.Event().wait()", "no empty example was begun for 2 s"),
    ],
)
def test_what_goes_wrong_behind_the_last_claim_is_told(
    what: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = f"def run_forever(self):\n    if in_the_probe(): {what}\n    super().run_forever()\n"
    outcome = judged(body, tmp_path, monkeypatch)
    assert all(each["as_expected"] for each in outcome.verdicts)
    (message,) = outcome.messages
    assert message.startswith("after the last claim on asyncio+Loop: ")
    assert says in message
    assert "run_forever" in message


def test_a_loop_that_hangs_as_it_closes_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "def close(self):\n    threading.Event().wait()\n"
    outcome = judged(body, tmp_path, monkeypatch)
    verdicts = {each["claim"]: each for each in outcome.verdicts}
    assert verdicts[FIRST]["verdict"] == "hung"
    shown = verdicts[FIRST]["counterexample"]
    assert shown is not None
    assert "in close" in shown["text"]
    assert verdicts["LAW-NEST-03"]["verdict"] == "blocked"


HANGS = """\
[[deviation]]
claim = "LAW-LOOP-01"
library = "asyncio"
seen = "{seen}"
region = "{region}"
why = "it does"
issue = "https://example.org/1"
counterexample = "any"
"""


@pytest.mark.parametrize(
    ("seen", "what"),
    [("hung", "threading.Event().wait()"), ("crashed", "os.kill(os.getpid(), signal.SIGSEGV)")],
)
@pytest.mark.parametrize(("region", "as_expected"), [("{0} == {0}", True), ("{0} != {0}", False)])
def test_a_hang_is_on_record_for_its_cases_alone(
    seen: str,
    what: str,
    region: str,
    as_expected: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (first,) = (each for each in book.all_claims() if each.id == FIRST)
    name = first.statements["asyncio"].drawn[0]
    on_record = HANGS.format(seen=seen, region=region.format(name))
    body = f"def run_forever(self):\n    if in_a_claim(): {what}\n    super().run_forever()\n"
    outcome = what_comes_of(body, tmp_path, monkeypatch, on_record)
    (verdict,) = (each for each in outcome.verdicts if each["claim"] == FIRST)
    assert (verdict["verdict"], verdict["expected"]) == (seen, seen)
    assert verdict["as_expected"] is as_expected
    assert any(OTHER_CASE in message for message in outcome.messages) is not as_expected


def test_a_loop_that_exits_gives_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "def run_forever(self):\n    sys.exit(0)\n"
    outcome = judged(body, tmp_path, monkeypatch)
    verdicts = {each["claim"]: each for each in outcome.verdicts}
    assert verdicts[FIRST]["verdict"] == "error"
    assert "SystemExit got out of the example" in str(verdicts[FIRST]["reason"])


@pytest.mark.parametrize("code", [0, 1, 3])
def test_a_process_that_ends_before_its_first_claim_is_a_plain_failure(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The codes are pytest's own, too: 3 is that of a broken plugin.
    body = f"if 'pytest' in sys.modules and len(sys.argv) == 2: os._exit({code})\n"
    outcome = what_comes_of(body, tmp_path, monkeypatch)
    assert outcome.verdicts == []
    (failure,) = outcome.failures
    assert "2 verdicts on asyncio+Loop still to come" in failure
    assert f"by exit code {code}" in failure


LIMITED = """\
def run_forever(self):
    import resource
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    if {where}:
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**23, resource.getrlimit(resource.RLIMIT_AS)[1]))
        {what}
    super().run_forever()
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux tells how much is used")
@pytest.mark.parametrize(
    "what",
    [
        pytest.param("bytearray(2**30)", id="a MemoryError"),
        pytest.param("threading.Event().wait()", id="it hangs"),
    ],
)
def test_without_memory_there_is_no_verdict(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The other claim is judged in a process that has memory.
    where = "not os.path.exists('limited') and not open('limited', 'w').close()"
    body = LIMITED.format(what=what, where=where)
    outcome = what_comes_of(body, tmp_path, monkeypatch)
    (failure,) = outcome.failures
    assert failure.startswith(f"{FIRST}[asyncio+Loop] on asyncio+Loop:\n{NO_ROOM}")
    assert [each["claim"] for each in outcome.verdicts] == ["LAW-NEST-03"]
    assert outcome.verdicts[0]["as_expected"]
    assert outcome.messages == []
