"""Backends judged in processes of their own: what is streamed, and what a broken child leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conformance import book
from conformance.backends.discovery import builtin_backends, discover
from conformance.claim import Claim
from conformance.judging.effort import Effort
from conformance.judging.plan import Heard, Outcome, Plan
from conformance.judging.prerequisites import note
from conformance.judging.supervision import process
from conformance.judging.supervision.child import Task, _item
from conformance.judging.supervision.supervisor import supervise

PYTASK = next(each for each in builtin_backends() if each.name == "asyncio+pytask")


def _claims(*patterns: str) -> tuple[Claim, ...]:
    return tuple(claim for claim in book.all_claims() if book.matches(claim.id, patterns))


def test_every_statement_gets_a_verdict_and_a_listener_hears_of_it() -> None:
    backends = tuple(each for each in builtin_backends() if each.name in ("asyncio", "trio"))
    plan = Plan(backends, _claims("NEST-03", "LAW-NEST-03"), effort=Effort(25, 7))
    outcome, heard = Outcome(), list[Heard]()
    supervise(plan, outcome, listen=heard.append)
    assert outcome.failures == outcome.messages == []
    assert len(outcome.verdicts) == plan.size == 8
    assert {each.item for each in heard if each.verdict} == {
        f"{each['claim']}[{each['runtime']}]" for each in outcome.verdicts
    }
    assert [each["backend"] for each in outcome.verdicts] == ["asyncio"] * 4 + ["trio"] * 4


def test_a_signal_waits_until_the_verdict_that_is_taken_is_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupting(*heard: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        note(*heard)

    monkeypatch.setattr(process, "note", interrupting)
    # What pytest was started by may ignore it.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    backends = tuple(each for each in builtin_backends() if each.name == "asyncio")
    plan = Plan(backends, _claims("NEST-03"), ("asyncio",), Effort(25))
    outcome = Outcome()
    try:
        with pytest.raises(KeyboardInterrupt):
            supervise(plan, outcome)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, handler)
    assert [each["claim"] for each in outcome.verdicts] == ["NEST-03"]


@pytest.mark.skipif(PYTASK.why_not is not None, reason=str(PYTASK.why_not))
def test_the_pure_python_task_is_judged_where_the_accelerator_is_blocked() -> None:
    plan = Plan((PYTASK,), _claims("NEST-03"), libraries=("asyncio",), effort=Effort(25))
    outcome = Outcome()
    supervise(plan, outcome)
    assert [each["verdict"] for each in outcome.verdicts] == ["refuted"]


def test_a_loop_that_crashes_is_a_result_and_the_rest_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first run of the loop ends the process; a file tells the next process that it was.
    (tmp_path / "crashing.py").write_text(
        "import asyncio, os, signal\n"
        "class Loop(asyncio.SelectorEventLoop):\n"
        "    def run_forever(self):\n"
        f"        flag = {str(tmp_path / 'crashed')!r}\n"
        "        if not os.path.exists(flag):\n"
        "            open(flag, 'w').close()\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        super().run_forever()\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    backend = discover(["crashing:Loop"])[-1]
    plan = Plan((backend,), _claims("NEST-03", "LAW-NEST-03"), ("asyncio",), Effort(25))
    outcome = Outcome()
    supervise(plan, outcome)
    assert [(each["verdict"], each["reason"]) for each in outcome.verdicts[:1]] == [
        ("crashed", "SIGKILL, and not again when it was judged alone")
    ]
    assert len(outcome.verdicts) == 2
    assert outcome.verdicts[1]["as_expected"]
    assert len(outcome.messages) == 1
    assert outcome.failures == []


def test_a_loop_that_always_crashes_gives_a_verdict_a_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "always_crashing.py").write_text(
        "import asyncio, os\n"
        "class Loop(asyncio.SelectorEventLoop):\n"
        "    def run_forever(self):\n"
        "        os._exit(7)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    plan = Plan((discover(["always_crashing:Loop"])[-1],), _claims("NEST-03"), effort=Effort(25))
    outcome = Outcome()
    supervise(plan, outcome)
    assert [(each["verdict"], each["reason"]) for each in outcome.verdicts] == [
        ("crashed", "exit code 7"),
        ("crashed", "exit code 7"),
    ]
    assert outcome.failures == []


def test_what_the_users_own_pytest_is_told_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option -k nothing")
    monkeypatch.setenv("CI", "1")
    asyncio = tuple(each for each in builtin_backends() if each.name == "asyncio")
    plan = Plan(asyncio, _claims("NEST-03"), libraries=("asyncio",), effort=Effort(25))
    outcome = Outcome()
    supervise(plan, outcome)
    assert [each["verdict"] for each in outcome.verdicts] == ["refuted"]


@pytest.mark.parametrize(
    "name", ["NEST-03[asyncio]", "NEST-03[asyncio+tests/conftest.py::a[1]]", "test_something"]
)
def test_what_is_judged_is_told_from_where_it_stands(name: str) -> None:
    assert _item(f"conformance/claims/a/b.py::{name}") == name
    assert _item(f"conformance/claims/a/b.py::TestClass::{name}") == name


def test_a_child_does_not_outlive_its_parent(tmp_path: Path) -> None:
    # The child sleeps for ever as it makes its first event loop, and says that it has come there.
    (tmp_path / "sleepy.py").write_text(
        "import asyncio, pathlib, os, time\n"
        "def new_event_loop():\n"
        "    loop = asyncio.new_event_loop()\n"
        "    if 'ready' in os.environ:\n"
        "        pathlib.Path(os.environ['ready']).write_text(str(os.getpid()))\n"
        "        time.sleep(3600)\n"
        "    return loop\n",
        encoding="utf-8",
    )
    ready = tmp_path / "ready"
    command = "from conformance.judging.supervision.child import main; main()"
    task = Task("asyncio+new_event_loop", ("GATHER-01",), "sleepy:new_event_loop", 1, 0, 1)
    child = subprocess.Popen(
        [sys.executable, "-c", command, task.dumps()],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
        env={**os.environ, "ready": str(ready)},
    )
    try:
        while not ready.exists():
            assert child.poll() is None, "it ended before it had begun"
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(timeout=60) == 1
    finally:
        child.kill()
