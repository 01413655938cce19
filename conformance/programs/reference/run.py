"""A program and a schedule under the reference: what may be seen, and which schedules there are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from conformance.programs.reference.edge import Edge
from conformance.programs.reference.level import Level, without_cancels
from conformance.programs.reference.machine import Cancelled, Chooser, Many, Task, shape
from conformance.programs.reference.meaning import Meaning, called
from conformance.programs.reference.rules import Rules
from conformance.programs.schedule import (
    CancelTask,
    Complete,
    Pass,
    Schedule,
    Shutdown,
    Step,
    Turn,
)
from conformance.programs.syntax import (
    AsCompleted,
    Gather,
    Group,
    Program,
    Shield,
    Start,
    Thing,
    WaitAll,
    statements,
    things,
)
from conformance.programs.trace import Trace

COUNTS = sys.version_info >= (3, 11)
"""Whether ``Task.cancelling()`` exists."""

LONGEST = 12
"""A run of more steps than this is given up: it goes round in circles."""

ORDERS = 2_000
"""How many orders of the ready tasks are tried before a trace is said not to be allowed."""


class Endless(Exception):
    """The program cannot be brought to an end: no run of it is made."""


class Run:
    """One run of a program under the reference."""

    def __init__(self, program: Program, rules: Rules, choose: Chooser) -> None:
        self.program = program
        self.edge = rules.discipline == "edge"
        discipline: type[Meaning] = Edge if self.edge else Level
        self.meaning = discipline(program, rules, choose)
        self.given: dict[Thing, int] = {}
        self.shut = False

    def step(self, step: Step) -> None:
        """One step: start a task if it is one of the first, do the actions, and run."""
        if self.starting:
            self.meaning.start(len(self.meaning.mains))
        for action in step:
            if isinstance(action, Complete):
                if not self.can_complete(action.thing):
                    raise Endless("there is nothing to take out")
                self.given[action.thing] = self.given.get(action.thing, 0) + 1
            self.shut = self.shut or isinstance(action, Shutdown)
            self.meaning.act(action)
        self.meaning.machine.settle()

    @property
    def starting(self) -> bool:
        """Whether the next step starts a task."""
        return len(self.meaning.mains) < len(self.program.tasks)

    @property
    def over(self) -> bool:
        """Whether every task is done."""
        return not self.starting and all(task.done for task in self.meaning.machine.tasks)

    def can_complete(self, thing: Thing) -> bool:
        """Whether the main task has it in its hands to let a wait for ``thing`` complete."""
        if thing.kind == "full queue":
            return not self.meaning.stores[thing].permits  # there is an item to take out
        return thing.kind in ("queue", "condition") or not self.given.get(thing)

    def awaited(self) -> list[Thing]:
        """What tasks wait for and the main task can let complete, in the order of the tasks."""
        by_store = {id(store): thing for thing, store in self.meaning.stores.items()}
        waited = (
            by_store.get(id(task.waits_for)) for task in self.meaning.machine.tasks if not task.done
        )
        return [
            thing
            for thing in dict.fromkeys(waited)
            if thing is not None and self.can_complete(thing)
        ]

    def options(self, cancels: int) -> list[Step]:
        """What may be done now that every task waits: what lets the program go on comes first."""
        if self.starting:
            names = self.program.names[: len(self.meaning.mains) + 1]
            return [(), *((CancelTask(name),) for name in reversed(names) if cancels)]
        completions: list[Step] = [(Complete(thing),) for thing in self.awaited()]
        if self.meaning.machine.timers:
            completions.append((Pass(),))
        alive = [name for name, task in self.meaning.mains.items() if not task.done]
        if not completions:
            return [(CancelTask(name),) for name in alive[:1]]
        found = completions
        if cancels:
            for name in alive:
                cancel = CancelTask(name)
                found.append((cancel,))
                for thing in self.awaited():
                    complete = Complete(thing)
                    found += ((cancel, complete), (complete, cancel), (complete, Turn(), cancel))
                if cancels > 1:
                    found.append((cancel, cancel))
            found.append((Shutdown(),))
        return found

    def finish(self) -> Trace:
        """What the main task reports of a program that is over, and what was seen in all.

        Raises :class:`Endless` if a task is left that does not end.
        """
        meaning, machine = self.meaning, self.meaning.machine
        if not self.shut:
            if self.edge:
                for name, task in meaning.mains.items():
                    self.report_task(name, task)
            for thing in things(self.program):
                self.account(thing)
            if self.edge and spawns(self.program):
                left = sum(not task.done for task in machine.tasks)
                machine.say("tasks", f"{left} left")
            meaning.shut_down()
            machine.settle()
        if not self.over:
            raise Endless("a task does not end")
        if not self.edge:
            for name, task in meaning.mains.items():
                self.report_scope(name, task)
        return {lane: tuple(events) for lane, events in machine.lanes.items()}

    def report_task(self, name: str, task: Task) -> None:
        """How a task of the program ended, in asyncio."""
        if not task.done:
            end = "still running"
        elif isinstance(task.error, Cancelled):
            end = "cancelled"
        elif task.error is not None:
            end = f"raised {shape(task.error)}"
        else:
            end = f"returned {task.result}"
        self.meaning.machine.say(name, f"{end}, cancelling {task.cancelling}" if COUNTS else end)

    def report_scope(self, name: str, task: Task) -> None:
        """How a task of the program ended, in its scope."""
        if task.error is None:
            caught, value = task.result
            self.meaning.machine.say(name, "cancelled" if caught else f"returned {value}")
        elif isinstance(task.error, Exception) or (
            isinstance(task.error, Many) and task.error.ordinary
        ):
            self.meaning.machine.say(name, f"raised {shape(task.error)}")
        elif without_cancels(task.error) is not None:
            raise Endless("an error goes past the main task")

    def account(self, thing: Thing) -> None:
        """What is left of ``thing``."""
        store = self.meaning.stores[thing]
        if thing.kind in ("lock", "semaphore"):
            self.meaning.machine.say(called(thing), "free" if store.permits else "taken")
        elif thing.kind == "queue":
            self.meaning.machine.say(called(thing), f"{store.permits} left")
        elif thing.kind == "full queue":
            self.meaning.machine.say(called(thing), f"{1 - store.permits} left")


def spawns(program: Program) -> bool:
    """Whether ``program`` starts tasks of its own in asyncio."""
    makers = (AsCompleted, Gather, Group, Shield, Start, WaitAll)
    return any(isinstance(statement, makers) for statement in statements(program))


def in_order(_: int) -> int:
    """Of several ready tasks, the one that has been ready longest."""
    return 0


def run(program: Program, schedule: Schedule, rules: Rules, choose: Chooser = in_order) -> Trace:
    """The trace of one run.  Raises :class:`Endless` if it does not end so."""
    one = Run(program, rules, choose)
    try:
        for step in schedule.steps:
            one.step(step)
        return one.finish()
    except Endless:
        one.meaning.machine.discard()
        raise


def runs(program: Program, rules: Rules, cancels: int) -> Iterator[tuple[Schedule, Trace]]:
    """Every schedule of ``program`` with up to ``cancels`` cancels, and the likeliest trace of each.

    The plain one comes first.
    """
    todo: list[tuple[Step, ...]] = [()]
    while todo:
        prefix = todo.pop()
        one = Run(program, rules, in_order)
        steps: list[Step] = []
        others: list[tuple[Step, ...]] = []
        try:
            for step in prefix:
                one.step(step)
                steps.append(step)
            used = Schedule(prefix).cancels
            while not one.over and not one.shut:
                if len(steps) > LONGEST:
                    raise Endless("it goes on and on")
                step, *rest = one.options(cancels - used)
                others += ((*steps, other) for other in rest)
                used += Schedule((step,)).cancels
                one.step(step)
                steps.append(step)
            if one.over and not one.shut and not used and cancels:
                others += ((*steps, (CancelTask(name),)) for name in program.names)
            likely = one.finish()
        except Endless:
            one.meaning.machine.discard()
        else:
            yield Schedule(tuple(steps)), likely
        todo += reversed(others)


def allowed(program: Program, schedule: Schedule, rules: Rules) -> Iterator[Trace]:
    """Every trace that may be seen, each once, as the ready tasks go on in this order or that."""
    found: list[Any] = []
    script: list[int] = []
    for _ in range(ORDERS):
        widths: list[int] = []

        def choose(several: int, widths: list[int] = widths, script: list[int] = script) -> int:
            widths.append(several)
            place = len(widths) - 1
            return script[place] if place < len(script) else 0

        try:
            trace = run(program, schedule, rules, choose)
        except Endless:
            pass
        else:
            if trace not in found:
                found.append(trace)
                yield trace
        # The next order: count up, as with digits of these widths.
        script += [0] * (len(widths) - len(script))
        del script[len(widths) :]
        while script and script[-1] + 1 >= widths[len(script) - 1]:
            script.pop()
        if not script:
            return
        script[-1] += 1
