"""Judging several backends, each in a child process of its own.

A process for each backend because some need one (``asyncio+pytask``), because the backends then
cannot disturb each other, and because a runtime may hang or crash: this is the place from which its
process is watched.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from conformance.backends.backend import Backend
from conformance.claim import Claim, Statement
from conformance.judging.child import BOOTSTRAP, BOOTSTRAP_PURE_PYTHON, Task
from conformance.judging.collect import statements_on
from conformance.judging.effort import Effort
from conformance.judging.expectations import expectation
from conformance.verdict import Verdict, VerdictRecord, runtime_name

_TAIL = 20
"""Lines of a broken child's standard error that are shown."""


@dataclass(frozen=True)
class Plan:
    """What is to be judged: statements by backend, and how hard."""

    backends: tuple[Backend, ...]
    claims: tuple[Claim, ...]
    libraries: tuple[str, ...] = ()
    loops: tuple[str, ...] = ()
    effort: Effort = field(default_factory=Effort)

    def statements(self, backend: Backend) -> list[Statement]:
        """What is judged on ``backend``."""
        return [
            statement
            for claim in self.claims
            for statement in statements_on(claim, backend, self.libraries)
        ]

    @property
    def size(self) -> int:
        """How many verdicts there are to come."""
        return sum(len(self.statements(backend)) for backend in self.backends)


@dataclass
class Outcome:
    """What came of a plan.

    ``messages`` says of each verdict that is not the one on record why that matters, in many lines;
    ``failures`` says in words what kept a verdict from being had at all.
    """

    verdicts: list[VerdictRecord] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Progress:
    """What a listener hears: ``item`` of ``backend`` was begun, or judged if ``verdict`` is given."""

    backend: str
    item: str
    verdict: VerdictRecord | None = None


Listener = Callable[[Progress], None]


def supervise(
    plan: Plan,
    outcome: Outcome,
    *,
    jobs: int = 2,
    listen: Listener = lambda progress: None,
) -> None:
    """Judge what ``plan`` says, ``jobs`` backends at a time, and fill ``outcome`` as verdicts come.

    On ``KeyboardInterrupt`` the children are ended and it is raised again; what was judged by then
    is in ``outcome``.
    """
    waiting = [backend for backend in plan.backends if plan.statements(backend)]
    events: queue.Queue[tuple[_Child, dict[str, Any] | None]] = queue.Queue()
    running: set[_Child] = set()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.add(_Child(plan, waiting.pop(0), events))
            child, event = events.get()
            if event is not None:
                child.hear(event, outcome, listen)
                continue
            running.discard(child)
            again = child.ended(outcome, listen)
            if again is not None:
                running.add(again)
    finally:
        # All at once, so that a second Ctrl-C comes too late to spare one.
        for child in running:
            child.kill()
        for child in running:
            child.close()
    place = {backend.name: number for number, backend in enumerate(plan.backends)}
    row = {claim.id: number for number, claim in enumerate(plan.claims)}
    outcome.verdicts.sort(key=lambda verdict: (place[verdict["backend"]], row[verdict["claim"]]))


class _Child:
    """One child process, and what is still to come from it."""

    def __init__(
        self,
        plan: Plan,
        backend: Backend,
        events: queue.Queue[tuple[_Child, dict[str, Any] | None]],
        missing: dict[str, Statement] | None = None,
    ) -> None:
        self.plan = plan
        self.backend = backend
        self.events = events
        self.missing = (
            {
                f"{statement.claim.id}[{runtime_name(statement.library, backend.name)}]": statement
                for statement in plan.statements(backend)
            }
            if missing is None
            else missing
        )
        self.current: str | None = None
        self.judged = 0
        self.errors: IO[str] = tempfile.TemporaryFile(  # noqa: SIM115  # closed at its end
            "w+", encoding="utf-8", errors="replace"
        )
        task = Task(
            backend=backend.name,
            items=tuple(self.missing),
            loops=plan.loops,
            examples=plan.effort.examples,
            seed=plan.effort.seed,
            size=plan.effort.size,
        )
        self.process = subprocess.Popen(  # noqa: S603  # our own command
            [
                sys.executable,
                "-c",
                BOOTSTRAP_PURE_PYTHON if backend.pure_python else BOOTSTRAP,
                task.dumps(),
            ],
            # Never written to: that it closes tells the child that its parent is gone.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            encoding="utf-8",
            # Ctrl-C is the parent's to answer: it records what there is and ends the children.
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with suppress(ValueError):  # a child that is killed may leave half a line
                self.events.put((self, json.loads(line)))
        self.process.stdout.close()
        self.process.wait()
        self.events.put((self, None))

    def hear(self, event: dict[str, Any], outcome: Outcome, listen: Listener) -> None:
        """Take one event of the child's."""
        kind = event["event"]
        if kind == "started":
            self.current = event["item"]
            listen(Progress(self.backend.name, event["item"]))
        elif kind == "verdict":
            self._judged(event["verdict"], event["message"], outcome, listen)
        else:
            self.current = None
            outcome.failures.append(f"{event['item']} on {self.backend.name}:\n{event['message']}")

    def _judged(
        self,
        verdict: VerdictRecord,
        message: str | None,
        outcome: Outcome,
        listen: Listener,
    ) -> None:
        item = f"{verdict['claim']}[{verdict['runtime']}]"
        del self.missing[item]
        self.current = None
        self.judged += 1
        outcome.verdicts.append(verdict)
        if message is not None:
            outcome.messages.append(message)
        listen(Progress(self.backend.name, item, verdict))

    def ended(self, outcome: Outcome, listen: Listener) -> _Child | None:
        """What follows from the child's end: nothing, or a new child for what is still to judge."""
        with self.errors:
            return self._end(outcome, listen)

    def _end(self, outcome: Outcome, listen: Listener) -> _Child | None:
        code = self.process.returncode
        if not self.missing:
            return None
        if self.current is None:
            outcome.failures.append(
                f"{len(self.missing)} of the verdicts on {self.backend.name} were still to come when "
                f"its process ended by {_ended_by(code)}\n{self._tail()}"
            )
            # What ends before its first verdict would do so again.
            if code >= 0 or not self.judged:
                return None
        else:
            verdict = _crashed(self.missing[self.current], self.backend, code)
            message = (
                f"{self.current}: the process that judged it ended by {verdict.reason}\n"
                f"{self._tail()}"
            )
            self._judged(verdict.record(), message, outcome, listen)
        if not self.missing:
            return None
        return _Child(self.plan, self.backend, self.events, self.missing)

    def _tail(self) -> str:
        self.errors.seek(0)
        return "\n".join(self.errors.read().splitlines()[-_TAIL:])

    def kill(self) -> None:
        """End the process now, and whatever it started."""
        if sys.platform == "win32":
            self.process.kill()
        else:
            # It leads a session of its own, and so a group; its end may have come first.
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Wait for the end of a process that was killed."""
        self.reader.join()
        self.errors.close()
        if self.process.stdin is not None:
            self.process.stdin.close()


def _crashed(statement: Statement, backend: Backend, code: int) -> Verdict:
    expected = expectation(statement, backend.name)
    return Verdict(
        claim=statement.claim.id,
        library=statement.library,
        backend=backend.name,
        verdict="crashed",
        expected=None if expected is None else expected.verdict,
        reason=_ended_by(code),
    )


def _ended_by(code: int) -> str:
    """What ended a process, in words: its exit code, or the signal's name."""
    if code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"
