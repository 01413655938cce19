"""One backend judged in processes of its own: each is started, heard, and ended."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from typing import IO, Any

from conformance.backends import interpreter
from conformance.backends.backend import Backend
from conformance.expectations.deviations import load
from conformance.expectations.lookup import expectation, reason_for
from conformance.judging.message import unexpected
from conformance.judging.plan import Heard, Listener, Outcome, Plan, item_name
from conformance.judging.prerequisites import Failures, note
from conformance.judging.supervision.child import BOOTSTRAP, BOOTSTRAP_PURE_PYTHON, GROWTH, Task
from conformance.judging.supervision.watch import DUMPED, FAULT, GRACE, dump_in
from conformance.outcomes.classify import NO_ROOM
from conformance.outcomes.lacking import said_in
from conformance.printable import counted
from conformance.verdict import (
    OTHER_CASE,
    Counterexample,
    GrowthRecord,
    Verdict,
    VerdictName,
    VerdictRecord,
)

_TAIL = 20
"""Lines of a broken child's standard error that are shown."""

_CAREFUL = 5
"""How often on a backend a crash is looked at once more, to see which example it was."""

_LEAST_PATIENCE = 10.0
"""Every hang on a backend halves the patience for the next one, but not below this."""

_START = 60.0
"""Seconds that a child may take before it begins with its first claim."""


class Judging:
    """What is known of the judging of one backend, from one child to the next."""

    def __init__(self, plan: Plan, backend: Backend, outcome: Outcome, listen: Listener) -> None:
        self.plan = plan
        self.backend = backend
        self.outcome = outcome
        self.listen = listen
        self.missing = {item_name(each, backend): each for each in plan.statements(backend)}
        self.deviations = load(plan.deviations)
        self.failures: Failures = {}
        self.patience = plan.patience
        self.careful = _CAREFUL
        # The claim whose crash is to be looked at once more, and what ended its process.
        self.again: tuple[str, str] | None = None

    def child(self, events: Events) -> Child:
        """A new process for what is still to judge."""
        plan, failures = self.plan, self.failures.get(self.backend.name, {})
        items = tuple(self.missing) if self.again is None else (self.again[0],)
        task = Task(
            backend=self.backend.name,
            items=items,
            loop=self.backend.spec,
            examples=plan.effort.examples,
            seed=plan.effort.seed,
            size=plan.effort.size,
            patience=self.patience,
            failures=tuple((law, *failed) for law, failed in failures.items()),
            deviations=plan.deviations,
            careful=self.again is not None,
        )
        return Child(self, task, events)

    def begun(self, item: str) -> None:
        self.listen(Heard(self.backend.name, item))

    def judged(self, verdict: VerdictRecord, message: str | None) -> None:
        """A verdict came."""
        item = f"{verdict['claim']}[{verdict['runtime']}]"
        if self.missing.pop(item, None) is None:
            return  # an example may have forked, and then two processes tell the same
        note(self.failures, verdict)
        self.outcome.verdicts.append(verdict)
        # What is blocked has nothing to say that its cause has not said.
        if message is not None and verdict["verdict"] != "blocked":
            self.outcome.messages.append(message)
        self.listen(Heard(self.backend.name, item, verdict))

    def hung(self, item: str, text: str, script: str, stack: str, *, known: bool) -> None:
        """Nothing was heard of a claim for too long."""
        self._no_answer(
            item,
            "hung",
            f"no example was begun for {self.patience:g} s",
            Counterexample(script, "\n".join(filter(None, (text, "", stack))).strip("\n")),
            known=known,
        )
        least = min(_LEAST_PATIENCE, self.plan.patience)
        self.patience = max(least, self.patience / 2)

    def crashed(
        self, item: str, ended_by: str, text: str, tail: str, *, known: bool = True
    ) -> None:
        """The process that judged a claim ended in the middle of it."""
        text = "\n".join(filter(None, (text, "", tail))).strip("\n")
        counterexample = Counterexample("", text) if text else None
        self._no_answer(item, "crashed", ended_by, counterexample, known=known)

    def _no_answer(
        self,
        item: str,
        name: VerdictName,
        reason: str,
        counterexample: Counterexample | None,
        *,
        known: bool,
    ) -> None:
        """``known`` says that the example in flight, if it was told, is one of those on record."""
        statement = self.missing[item]
        expected = expectation(statement, self.backend.known_as, self.deviations)
        verdict = Verdict(
            claim=statement.claim.id,
            library=statement.library,
            backend=self.backend.name,
            verdict=name,
            expected=None if expected is None else expected.verdict,
            departs=None if known or expected is None or expected.verdict != name else OTHER_CASE,
            reason=reason_for(name, reason, expected),
            counterexample=counterexample,
        )
        message = None
        if not verdict.as_expected:
            message = unexpected(statement, verdict, expected, self.backend, self.plan.effort)
        self.judged(verdict.record(), message)

    def failed(self, item: str, message: str) -> None:
        """Something kept a verdict from being had, and would in the next child too."""
        self.missing.pop(item, None)
        failure = f"{item} on {self.backend.name}:\n{message}"
        # A module that cannot be imported cannot be in the next child either.
        if failure not in self.outcome.failures:
            self.outcome.failures.append(failure)

    def after_all(self, what: str, event: Mapping[str, Any]) -> None:
        """Something went wrong when every verdict was had: no claim's, and so told in words alone."""
        message = f"after the last claim on {self.backend.name}: {what}\n{event['stack']}".strip()
        if message not in self.outcome.messages:
            self.outcome.messages.append(message)

    def grows(self) -> GrowthRecord:
        """The growth that is told of this backend."""
        empty = GrowthRecord(descriptors=0.0, bytes=0.0, claims={})
        return self.outcome.growth.setdefault(self.backend.name, empty)


class Child:
    """One child process, and what is heard of it."""

    def __init__(self, judging: Judging, task: Task, events: Events) -> None:
        self.judging = judging
        self.task = task
        self.current: str | None = None
        self.example, self.known = "", True
        self.to_come = len(judging.missing)
        self.told = False
        self.silent = False
        self.heard = time.monotonic()
        self.errors: IO[str] = tempfile.TemporaryFile(  # noqa: SIM115  # closed at its end
            "w+", encoding="utf-8", errors="replace"
        )
        self.process = subprocess.Popen(  # noqa: S603  # our own command
            interpreter.command(
                BOOTSTRAP_PURE_PYTHON if judging.backend.pure_python else BOOTSTRAP, task.dumps()
            ),
            env=interpreter.environment(),
            # Never written to: that it closes tells the child that its parent is gone.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            encoding="utf-8",
            # Ctrl-C is the parent's to answer: it records what there is and ends the children.
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self._read, args=(events,), daemon=True)
        self.reader.start()
        self.waiter = threading.Thread(target=self._wait, args=(events,), daemon=True)
        self.waiter.start()

    def _read(self, events: Events) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            # A child that is killed may leave half a line, and an example may write to any descriptor.
            with suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict) and "event" in event:
                    events.put((self, event))
        self.process.stdout.close()

    def _wait(self, events: Events) -> None:
        if hasattr(os, "waitid"):
            # Until it is waited for its number is nobody else's, and what it left behind can be ended.
            os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        else:
            self.process.wait()  # PyPy, and macOS before Python 3.13, cannot do better
        self.kill()
        self.process.wait()
        # What an example forked into a session of its own may hold the pipe open for ever.
        self.reader.join(GRACE)
        events.put((self, None))

    def hear(self, event: dict[str, Any]) -> None:
        """Take one event of the child's."""
        self.heard = time.monotonic()
        judging, kind = self.judging, event["event"]
        if kind == "started":
            self.current = event["item"]
            judging.begun(event["item"])
        elif kind == "example":
            self.example, self.known = event["text"], event["known"]
        elif kind == "verdict":
            self.current = None
            if judging.again is None:
                judging.judged(event["verdict"], event["message"])
        elif kind == "hung":
            if event["item"] in judging.missing:
                judging.hung(
                    event["item"],
                    event["text"],
                    event["script"],
                    event["stack"],
                    known=event["known"],
                )
            elif event["item"] == GROWTH:
                judging.after_all(f"no empty example was begun for {self.task.patience:g} s", event)
            self.current = None
            self.told = True
        elif kind == "recycled":
            self.told = True
        elif kind == "growth":
            grows = judging.grows()
            grows["descriptors"], grows["bytes"] = event["descriptors"], event["bytes"]
        elif kind == "grown":
            grown = round(event["descriptors"] / max(1, event["examples"]), 2)
            judging.grows()["claims"][event["item"]] = grown
        elif kind in ("failed", "used up"):
            self.current = None
            self.told = self.told or kind == "used up"
            judging.failed(event["item"], event["message"])

    def end_if_silent(self) -> None:
        """End the process if it should have ended itself long ago."""
        allowed = self.task.patience + 3 * GRACE
        if self.current is None:
            allowed += _START
        if not self.silent and time.monotonic() - self.heard > allowed:
            self.silent = True
            self.kill()

    def ended(self) -> Judging | None:
        """Take the end of the process.  If something is still to judge, that needs another child."""
        judging = self.judging
        with closing(self):
            self._end(self.process.returncode)
        if judging.again is None and len(judging.missing) == self.to_come:
            # What ends before its first verdict would do so again.
            return None
        return judging if judging.missing else None

    def _end(self, code: int) -> None:
        judging = self.judging
        if judging.again is not None:
            self._looked_again(*judging.again)
            judging.again = None
        elif self.current is not None:
            dump, lack = self._dump(), said_in(self._tail())
            if lack is not None:
                judging.failed(self.current, f"{NO_ROOM}{lack}")
            elif self.silent or dump:
                judging.hung(self.current, self.example, "", dump or self._tail(), known=self.known)
            elif judging.careful:
                judging.careful -= 1
                judging.again = (self.current, ended_by(code))
            else:
                judging.crashed(self.current, ended_by(code), "", self._tail())
        elif judging.missing and not self.told:
            tail = self._tail()
            lack = said_in(tail)
            judging.outcome.failures.append(
                f"{counted(len(judging.missing), 'verdict')} on {judging.backend.name} still to come "
                f"when its process ended by {ended_by(code)}"
                + (f": {NO_ROOM}{lack}" if lack else f"\n{tail}")
            )
        elif self.silent or (not self.told and code not in (0, 1)):
            # pytest's own exit codes say that all went well, or that a verdict is unexpected.
            how = "did not end" if self.silent else f"ended by {ended_by(code)}"
            judging.after_all(f"the process {how}", {"stack": self._tail()})

    def _looked_again(self, item: str, first: str) -> None:
        """A claim whose process crashed was judged once more, with every example told before it ran."""
        if self.current is not None:
            self.judging.crashed(item, first, self.example, self._tail(), known=self.known)
        elif item in self.judging.missing:
            self.judging.crashed(item, f"{first}, and not again when it was judged alone", "", "")

    def _tail(self) -> str:
        """The dump of a fault if there is one, else the last lines written to standard error."""
        self.errors.seek(0)
        text = self.errors.read()
        return dump_in(text, FAULT) or "\n".join(text.splitlines()[-_TAIL:])

    def _dump(self) -> str:
        """What was dumped because nothing was heard of the process, if it was."""
        self.errors.seek(0)
        return dump_in(self.errors.read(), DUMPED)

    def kill(self) -> None:
        """End the process now, and whatever it started."""
        if sys.platform == "win32":
            self.process.kill()
        else:
            # It leads a session of its own, and so a group; its end may have come first, which macOS
            # says in another way.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Wait for the end of a process that ended or was killed, and keep nothing of it."""
        self.waiter.join()
        self.errors.close()
        if self.process.stdin is not None:
            with suppress(OSError):  # nobody is there
                self.process.stdin.close()


Events = queue.SimpleQueue["tuple[Child, dict[str, Any] | None] | BaseException"]
"""What children say, ``None`` when one has ended, and what a signal's handler raised."""


def ended_by(code: int) -> str:
    """What ended a process, in words: its exit code, or the signal's name."""
    if code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"
