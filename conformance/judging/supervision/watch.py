"""Watches a process from within: when nothing is heard of it for a while, says where it stands.

Real time is a guard here, and part of no verdict on an example that ends.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import linecache
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import FrameType
from typing import Any, TextIO

import trio

from conformance.backends.backend import Backend
from conformance.claim import Statement
from conformance.expectations.deviations import Deviations
from conformance.expectations.lookup import on_record
from conformance.outcomes.classify import NO_ROOM, describe
from conformance.outcomes.lacking import MEMORY, is_short_of_memory
from conformance.printable import counted
from conformance.scripts.script import script

GRACE = 5.0
"""Seconds after which a process that ought to have ended itself is ended from further outside."""

OUR_OWN = 120.0
"""Seconds that judging may take for itself beyond the patience: for a script, say, or a region."""

DUMPED = "Timeout (0:"
"""How the dump begins that faulthandler writes when even the watch cannot run."""

FAULT = "Fatal Python error: "
"""How the dump of a crash begins."""

_FRAMES = 15
_TASKS = 8


class Watch:
    """Ends this process when no example was begun for ``patience`` seconds.

    It is the pulse of a :class:`~conformance.judging.session.Session`.  ``tell`` is how the parent
    hears: of a sign of life at most once a second, of the end with its stack, and, if ``careful``,
    of every example before it is run.  ``dumps`` is where a stack goes if nothing can be told any more.

    A thread watches.  Where something holds the interpreter's lock and no thread can run, the
    C thread of :mod:`faulthandler` dumps the stack and ends the process a little later.
    """

    def __init__(
        self,
        backend: Backend,
        tell: Callable[..., None],
        dumps: TextIO,
        patience: float,
        *,
        careful: bool = False,
        deviations: Deviations | None = None,
    ) -> None:
        self.backend = backend
        self.tell = tell
        self.dumps = dumps
        self.patience = patience
        self.careful = careful
        self.deviations = deviations
        self.examples = 0
        self._item: str | None = None
        self._example: tuple[Statement, Mapping[str, Any]] | None = None
        self._heard = self._armed = 0.0
        self._own = False
        threading.Thread(target=self._watch, daemon=True, name="conformance watch").start()

    def begin(self, item: str) -> None:
        """A claim is about to be judged."""
        self._example, self._own = None, False
        self._sign(time.monotonic())
        self._item = item

    def end(self) -> None:
        """It was judged: what lies between claims is not watched from here."""
        self._item = None
        faulthandler.cancel_dump_traceback_later()

    def __call__(self, statement: Statement, values: Mapping[str, Any] | None) -> None:
        """An example is about to be run, or, if there are no ``values``, none is in flight."""
        if values is None:
            # However long it takes, it says nothing of the runtime.
            self._example, self._own = None, True
            self._sign(time.monotonic())
            return
        self.examples += 1
        if self._own:
            self._own = False
            self._sign(time.monotonic())
        self._example = (statement, values)
        now = self._heard = time.monotonic()
        if now - self._armed > 1:
            self._sign(now)
            self.tell(event="alive")
        if self.careful:
            self.tell(
                event="example", text=describe(values), known=self._is_known(statement, values)
            )

    def _sign(self, now: float) -> None:
        self._heard = self._armed = now
        allowed = self._allowed() + GRACE
        faulthandler.dump_traceback_later(allowed, exit=True, file=self.dumps)

    def _allowed(self) -> float:
        return self.patience + (OUR_OWN if self._own else 0.0)

    def _watch(self) -> None:
        while True:
            time.sleep(min(1.0, self.patience / 4))
            item, silent = self._item, time.monotonic() - self._heard
            if item is not None and self._own:
                self.tell(event="alive")
            if item is not None and silent > self._allowed():
                if is_short_of_memory():
                    # Then it says nothing of the runtime that something waits for ever.
                    self.tell(event="used up", item=item, message=f"{NO_ROOM}{MEMORY}")
                else:
                    self.tell(event="hung", item=item, stack=where_it_stands(), **self._told())
                os._exit(1)

    def _is_known(self, statement: Statement, values: Mapping[str, Any]) -> bool:
        """Whether it is on record that this example is a counterexample."""
        known = on_record(statement, self.backend.known_as, self.deviations)
        return known.covers(values)

    def _told(self) -> dict[str, Any]:
        """The example in flight, in words, as a script if there is one, and whether it is on record."""
        if self._example is None:
            return {"text": "", "script": "", "known": True}
        statement, values = self._example
        known = self._is_known(statement, values)
        told: dict[str, Any] = {"text": describe(values), "script": "", "known": known}
        # Should there be no time left to make a script of it, that much is known.
        self.tell(event="example", text=told["text"], known=known)
        with suppress(Exception):  # the hang is reported, whether there is a script or not
            told["script"] = script(statement, self.backend.script_style, values)
        return told


def where_it_stands() -> str:
    """The main thread's stack from the example on, and the tasks that have not ended."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001  # documented
    lines = ["the thread that runs the loop, the innermost call last:"]
    lines += list(_lines(list(_frames_of(frame))[-_FRAMES:]))
    tasks = list(_tasks())
    for name, frames in tasks[:_TASKS]:
        lines += [f"{name} waits at:", *_lines(frames[-_FRAMES:])]
    if tasks[_TASKS:]:
        lines.append(f"and {counted(len(tasks) - _TASKS, 'more task')}")
    return "\n".join(lines)


def dump_in(text: str, start: str) -> str:
    """faulthandler's dump in ``text`` that begins with ``start``, from the example on; empty if none.

    Of several threads it is the one that crashed, or else the main thread, which comes last.
    """
    _, found, rest = text.rpartition(start)
    if not found:
        return ""
    head, *threads = re.split(
        r"^(?=(?:Current thread|Thread) 0x)", found + rest, flags=re.MULTILINE
    )
    threads = [each for each in threads if each.startswith("Current")] or threads[-1:]
    kept = [head.strip()]
    # The innermost call comes first there.
    for line in "".join(threads[:1]).splitlines():
        if not line.strip() or _judges(line):
            break
        kept.append(line)
    return "\n".join(kept[: 2 * _FRAMES])


def _judges(place: str) -> bool:
    """Whether this is where judging is done: further out nothing says anything of the runtime."""
    return "judging" in place and "conformance" in place


def _frames_of(frame: FrameType | None) -> list[tuple[str, int, str]]:
    frames: list[tuple[str, int, str]] = []
    while frame is not None:
        place = (frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
        if _judges(place[0]):
            break
        frames.insert(0, place)
        frame = frame.f_back
    return frames


def _tasks() -> Iterator[tuple[str, list[tuple[str, int, str]]]]:
    """The tasks that have not ended, wherever they are from, and the frames that they wait in."""
    for thing in gc.get_objects():
        # The type alone is looked at: a proxy of somebody's may raise when it is asked anything.
        if issubclass(type(thing), asyncio.Task) and not thing.done():
            yield f"task {thing.get_name()!r}", list(_awaiting(thing.get_coro()))
        elif type(thing) is trio.lowlevel.Task and thing.coro.cr_frame is not None:
            yield f"task {thing.name!r}", list(_awaiting(thing.coro))


def _awaiting(awaitable: Any) -> Iterator[tuple[str, int, str]]:
    while awaitable is not None:
        frame = (
            getattr(awaitable, "cr_frame", None)
            or getattr(awaitable, "gi_frame", None)
            or getattr(awaitable, "ag_frame", None)
        )
        if frame is not None:
            yield frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name
        awaitable = (
            getattr(awaitable, "cr_await", None)
            or getattr(awaitable, "gi_yieldfrom", None)
            or getattr(awaitable, "ag_await", None)
        )


def _lines(frames: list[tuple[str, int, str]]) -> Iterator[str]:
    for file, number, name in frames:
        yield f"  {file}:{number} in {name}"
        code = linecache.getline(file, number).strip()
        if code:
            yield f"    {code}"
