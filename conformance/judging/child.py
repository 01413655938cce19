"""The process in which one backend is judged: pytest over the claims, verdicts streamed out.

Started by :mod:`conformance.judging.supervisor` with a :class:`Task` as JSON in its first argument.
Writes one JSON object a line to its standard output; everything else goes to standard error.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TextIO

BOOTSTRAP = "from conformance.judging.child import main; main()"
"""What ``python -c`` runs.  ``python -m`` would not do: see :data:`BOOTSTRAP_PURE_PYTHON`."""

BOOTSTRAP_PURE_PYTHON = f"import sys; sys.modules['_asyncio'] = None; {BOOTSTRAP}"
"""The same with the C accelerator of asyncio blocked, before anything can import asyncio."""


@dataclass(frozen=True)
class Task:
    """What one child is to judge: ``items`` are named as pytest names them."""

    backend: str
    items: tuple[str, ...]
    loops: tuple[str, ...]
    examples: int
    seed: int
    size: int

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
    sys.path.insert(0, os.getcwd())
    # What the user's own pytest runs are told is not meant for this one.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(name, None)
    sys.exit(_judge(json.loads(sys.argv[1]), events))


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


def _judge(task: dict[str, Any], events: TextIO) -> int:
    import pytest

    from conformance.judging.collect import claim_packages

    arguments = [
        "--pyargs",
        *claim_packages(),
        "-p",
        "conformance.judging.plugin",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--noconftest",
        "--assert=plain",
        "--quiet",
        "--capture=fd",
        f"--conformance-backend={task['backend']}",
        f"--conformance-examples={task['examples']}",
        f"--conformance-seed={task['seed']}",
        f"--conformance-size={task['size']}",
        *(f"--conformance-loop={loop}" for loop in task["loops"]),
    ]
    return int(pytest.main(arguments, plugins=[_Streamer(events, task["items"])]))


class _Streamer:
    """Judges only what was asked for, and tells the parent what is judged, as it is."""

    def __init__(self, events: TextIO, items: Sequence[str]) -> None:
        self.events = events
        self.items = frozenset(items)

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = [item for item in items if item.name in self.items]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._tell(event="started", item=nodeid.rpartition("::")[2])

    def pytest_runtest_logreport(self, report: Any) -> None:
        from conformance.judging.plugin import PROPERTY

        for name, verdict in report.user_properties if report.when == "call" else ():
            if name == PROPERTY:
                message = report.longreprtext if report.failed else None
                self._tell(event="verdict", verdict=verdict, message=message)
                return
        if report.failed:
            item = report.nodeid.rpartition("::")[2]
            self._tell(event="failed", item=item, message=report.longreprtext)

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self._tell(event="failed", item=report.nodeid, message=report.longreprtext)

    def _tell(self, **event: Any) -> None:
        self.events.write(json.dumps(event) + "\n")
