"""Judging several backends, each in a child process of its own.

A process for each backend because some need one (``asyncio+pytask``), because the backends then
cannot disturb each other, and because a runtime may hang or crash: that is a result, and the run
goes on behind it in a new process.
"""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from conformance.ending import ENDING
from conformance.expectations.deviations import load
from conformance.judging.plan import Heard, Listener, Outcome, Plan, item_name
from conformance.judging.prerequisites import basic_first
from conformance.judging.session import Session
from conformance.judging.supervision.growth import worth_telling
from conformance.judging.supervision.process import Child, Events, Judging


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
    # The dearest first, so that none of them is what all the others have to be waited for.
    waiting.sort(key=lambda each: (each.kind != "trio", not each.debug, not each.foreign))
    # Simple, for a handler of a signal may put something into it while it is used.
    events: Events = queue.SimpleQueue()
    running: set[Child] = set()
    try:
        with _signals_are_heard(events):
            while waiting or running:
                while waiting and len(running) < jobs:
                    running.add(Judging(plan, waiting.pop(0), outcome, listen).child(events))
                for child in running:
                    child.end_if_silent()
                with suppress(queue.Empty):
                    heard = events.get(timeout=1.0)
                    if isinstance(heard, BaseException):
                        raise heard
                    child, event = heard
                    if event is not None:
                        child.hear(event)
                        continue
                    running.discard(child)
                    again = child.ended()
                    if again is not None:
                        running.add(again.child(events))
    finally:
        # All at once, so that a second Ctrl-C comes too late to spare one.
        for child in running:
            child.kill()
        for child in running:
            child.close()
        # What they had said by then counts.
        with suppress(queue.Empty):
            while True:
                heard = events.get_nowait()
                if not isinstance(heard, BaseException) and heard[1] is not None:
                    heard[0].hear(heard[1])
        _sort(plan, outcome)
        outcome.growth = {
            name: each for name, each in outcome.growth.items() if worth_telling(each)
        }


@contextmanager
def _signals_are_heard(events: Events) -> Iterator[None]:
    """What a signal's handler raises comes behind what was told before.

    Raised at once, it could lose the verdict that is just being taken.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # handlers run in the main thread, and are set there
        return
    before: dict[int, Callable[[int, FrameType | None], object]] = {
        number: handler
        for number in (signal.SIGINT, *ENDING)
        if callable(handler := signal.getsignal(number))
    }

    def hear(number: int, frame: FrameType | None) -> None:
        try:
            before[number](number, frame)
        except KeyboardInterrupt as interrupt:
            events.put(interrupt)

    try:
        for number in before:
            signal.signal(number, hear)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def in_one_process(plan: Plan, outcome: Outcome, listen: Listener = lambda progress: None) -> None:
    """The same without supervision, for a debugger: what hangs or crashes does so here."""
    for backend in plan.backends:
        session = Session(plan.effort, deviations=load(plan.deviations))
        for statement in basic_first(plan.statements(backend)):
            item = item_name(statement, backend)
            listen(Heard(backend.name, item))
            verdict, message = session.judge(statement, backend)
            outcome.verdicts.append(verdict.record())
            if message is not None and verdict.verdict != "blocked":
                outcome.messages.append(message)
            listen(Heard(backend.name, item, verdict.record()))
    _sort(plan, outcome)


def _sort(plan: Plan, outcome: Outcome) -> None:
    place = {backend.name: number for number, backend in enumerate(plan.backends)}
    row = {claim.id: number for number, claim in enumerate(plan.claims)}
    outcome.verdicts.sort(key=lambda verdict: (place[verdict["backend"]], row[verdict["claim"]]))
