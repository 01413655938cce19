"""The process in which one backend is judged: pytest over the claims, verdicts streamed out.

Started by :mod:`conformance.judging.supervision.supervisor` with a :class:`Task` as JSON in its first argument.
Writes one JSON object a line to its standard output; everything else goes to standard error.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import signal
import sys
import threading
from dataclasses import asdict, dataclass
from typing import Any, TextIO

from conformance.backends import interpreter
from conformance.judging.effort import Effort

BOOTSTRAP = "from conformance.judging.supervision.child import main; main()"
"""What ``python -c`` runs.  ``python -m`` would not do: see :data:`BOOTSTRAP_PURE_PYTHON`."""

BOOTSTRAP_PURE_PYTHON = f"import sys; sys.modules['_asyncio'] = None; {BOOTSTRAP}"
"""The same with the C accelerator of asyncio blocked, before anything can import asyncio."""

PATIENCE = 30.0
"""Seconds without a new example after which a claim counts as hung."""

ROOM = 2**30
"""Bytes of memory at which what is still to judge gets a new process."""

GROWTH = "what grows"
"""What is in flight while it is measured what empty examples leave behind."""


@dataclass(frozen=True)
class Task:
    """What one child is to judge: ``items`` are named as pytest names them.

    ``loop`` is the spec that ``backend`` was made from, if it was.
    ``failures`` are the laws that failed on this backend in an earlier child: id, verdict, and
    whether that is on record.  ``careful`` asks to be told of every example before it is run.
    """

    backend: str
    items: tuple[str, ...]
    loop: str | None = None
    examples: int = Effort.examples
    seed: int = Effort.seed
    size: int = Effort.size
    patience: float = PATIENCE
    failures: tuple[tuple[str, str, bool], ...] = ()
    deviations: tuple[str, ...] = ()
    careful: bool = False

    def dumps(self) -> str:
        """As JSON, for the child's command line."""
        return json.dumps(asdict(self))


def main() -> None:
    """Judge what the first argument says, and end the process with pytest's exit code."""
    # Whatever the examples print must not mix with the events.
    events = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    _end_with_the_parent()
    # A child of a background shell inherits "ignored", and then Ctrl-C claims would test nothing.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # What the user's own pytest runs are told is not meant for this one.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(name, None)
    # pytest captures what else is written there.
    dumps = os.fdopen(os.dup(2), "w", encoding="utf-8")
    faulthandler.enable(dumps)
    code = _judge(Task(**json.loads(sys.argv[1])), events, dumps)
    if any(
        not each.daemon for each in threading.enumerate() if each is not threading.main_thread()
    ):
        # What an example left running would keep the process, and everything was told.
        os._exit(code)
    sys.exit(code)


def _end_with_the_parent() -> None:
    """End this process when the one that supervises it is gone, however that ended.

    It holds the other end of the standard input, which examples get an empty one instead of.
    """
    line = os.fdopen(os.dup(0), "rb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def watch() -> None:
        line.read()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _judge(task: Task, events: TextIO, dumps: TextIO) -> int:
    import pytest

    from conformance.book import claim_packages

    # What judging needs is imported before anything that lies about in the working directory can be.
    from conformance.judging import plugin, session  # noqa: F401
    from conformance.judging.supervision import growth, watch  # noqa: F401

    interpreter.look_into_the_working_directory()
    arguments = [
        "--pyargs",
        *claim_packages(),
        "-p",
        "conformance.judging.plugin",
        "-p",
        "no:cacheprovider",
        # It has a handler of its own for faults, and takes it away at its end.
        "-p",
        "no:faulthandler",
        "-c",
        os.devnull,
        "--noconftest",
        "--assert=plain",
        "--quiet",
        "--capture=fd",
        f"--conformance-supervised={task.backend}",
        f"--conformance-examples={task.examples}",
        f"--conformance-seed={task.seed}",
        f"--conformance-size={task.size}",
        # Its name may be due to which others there are.
        f"--conformance-{'backend' if task.loop is None else 'loop'}={task.loop or task.backend}",
        *(f"--conformance-deviations={file}" for file in task.deviations),
    ]
    return int(pytest.main(arguments, plugins=[_Streamer(task, events, dumps)]))


def _item(nodeid: str) -> str:
    """The claim on a runtime that ``nodeid`` ends with; a runtime may be ``asyncio+conftest.py::NAME``."""
    before, bracket, runtime = nodeid.partition("[")
    return f"{before.rpartition('::')[2]}{bracket}{runtime}"


class _Streamer:
    """Judges only what was asked for, and tells the parent what is judged, as it is."""

    def __init__(self, task: Task, events: TextIO, dumps: TextIO) -> None:
        self.task = task
        self.events = events
        self.dumps = dumps
        self.items = frozenset(task.items)
        # The watch tells from a thread of its own.
        self.lock = threading.Lock()
        self.before = 0
        self.used_up = False

    def pytest_configure(self, config: Any) -> None:
        from conformance.judging.plugin import judging
        from conformance.judging.prerequisites import Failed
        from conformance.judging.supervision.growth import limit
        from conformance.judging.supervision.watch import Watch

        self.judging = here = judging(config)
        (self.backend,) = here.backends
        self.watch = Watch(
            self.backend,
            self._tell,
            self.dumps,
            self.task.patience,
            careful=self.task.careful,
            deviations=here.session.deviations,
        )
        here.session.pulse = self.watch
        here.session.failures[self.backend.name] = {
            law: Failed(verdict, on_record) for law, verdict, on_record in self.task.failures
        }
        self.limit = limit()

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = [item for item in items if item.name in self.items]
        # What was imported stays: the garbage collector, which examples make busy, need not look at it.
        gc.collect()
        if hasattr(gc, "freeze"):  # PyPy has none
            gc.freeze()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        from conformance.judging.supervision.growth import descriptors

        item = _item(nodeid)
        self._tell(event="started", item=item)
        self.held, self.before = descriptors(), self.watch.examples
        self.watch.begin(item)

    def pytest_runtest_logfinish(self) -> None:
        self.watch.end()

    def pytest_runtest_logreport(self, report: Any) -> None:
        from conformance.judging.plugin import PROPERTY
        from conformance.outcomes.classify import NO_ROOM

        item = _item(report.nodeid)
        for name, verdict in report.user_properties if report.when == "call" else ():
            if name == PROPERTY:
                if verdict["verdict"] == "error" and str(verdict["reason"]).startswith(NO_ROOM):
                    # No verdict: what is still to judge may fare better in a new process.
                    self._tell(event="failed", item=item, message=verdict["reason"])
                    self.used_up = True
                    return
                message = report.longreprtext if report.failed else None
                self._grown(item)
                self._tell(event="verdict", verdict=verdict, message=message)
                return
        if report.failed:
            self._tell(event="failed", item=item, message=report.longreprtext)

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self._tell(event="failed", item=report.nodeid, message=report.longreprtext)

    def pytest_runtest_teardown(self, item: Any, nextitem: Any) -> None:
        from conformance.judging.supervision import growth

        held = growth.descriptors()
        full = self.used_up or (self.limit is not None and held > self.limit / 4)
        if nextitem is not None and (full or (growth.memory() or 0) > ROOM):
            # What is still to judge gets a process that has room.
            self._tell(event="recycled")
            item.session.shouldstop = "out of room"

    def pytest_sessionfinish(self, session: Any) -> None:
        from conformance.judging.prerequisites import FIRST
        from conformance.judging.supervision.growth import growth

        failures = self.judging.session.failures[self.backend.name]
        # What cannot call callbacks has no empty example either.
        if not session.shouldstop and FIRST not in failures:
            self.watch.begin(GROWTH)
            found = growth(self.backend)
            self.watch.end()
            self._tell(event="growth", descriptors=found.descriptors, bytes=found.bytes)

    def _grown(self, item: str) -> None:
        """Tell if the claim left descriptors open, about so many for each of its examples."""
        from conformance.judging.supervision import growth

        examples = self.watch.examples - self.before
        enough = max(8, examples // growth.A_DESCRIPTOR_IN)
        grown = growth.descriptors() - self.held
        if grown >= enough:
            gc.collect()
            grown = growth.descriptors() - self.held
        if grown >= enough:
            self._tell(event="grown", item=item, descriptors=grown, examples=examples)

    def _tell(self, **event: Any) -> None:
        with self.lock:
            self.events.write(json.dumps(event) + "\n")
