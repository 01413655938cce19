"""Tasks, stores and time: what both disciplines of the reference stand on.

A task is a Python generator that yields when it suspends.  A task that can go on is *ready*; which of
several ready tasks goes on first is nobody's promise, so a chooser is asked.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import partial
from typing import Any

from conformance.programs.syntax import Thing

Steps = Generator[None, Any, Any]
Chooser = Callable[[int], int]

PASS = 100
"""How many ticks one :class:`Pass` takes."""


class Cancelled(BaseException):
    """The library's cancelled class."""


class Discarded(BaseException):
    """What ends the tasks of a run that is given up.

    A cancel would not do: a group takes it, and waits on for children that never end now.
    """


class Oops(Exception):
    """What ``Raise`` raises."""


class Replaced(Exception):
    """What a handler raises in place of the cancel."""


class TimeoutError(Exception):  # it stands for that one
    """A deadline that passed."""


class Many(BaseException):
    """An exception group."""

    def __init__(self, errors: list[BaseException]) -> None:
        super().__init__()
        self.errors = errors

    @property
    def ordinary(self) -> bool:
        """Whether it is an ``ExceptionGroup``: one that ``except Exception`` catches."""
        return all(isinstance(each, Exception) or is_ordinary(each) for each in self.errors)


def is_ordinary(error: BaseException) -> bool:
    """Whether ``except Exception`` catches ``error``."""
    return isinstance(error, Exception) or (isinstance(error, Many) and error.ordinary)


def shape(error: BaseException) -> str:
    """An exception's class, or those of a group's members, sorted."""
    if isinstance(error, Many):
        return f"[{', '.join(sorted(map(shape, error.errors)))}]"
    return type(error).__name__


class Task:
    """A running block, and all that is known of it."""

    def __init__(self, name: str, steps: Steps) -> None:
        self.name = name
        self.steps = steps
        self.waits_for: Any = None
        self.given: Store | None = None
        self.error_to_raise: BaseException | None = None
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.when_done: list[Callable[[Task], None]] = []
        # edge: requests that nobody took back, and one that is yet to be delivered
        self.cancelling = 0
        self.must_cancel = False
        # level: the innermost scope it is in, and the program's task that it belongs to
        self.scope: Any = None
        self.main = name


class Store:
    """What can be waited for, as permits: a lock has one, a queue one for each item.

    An event (``broadcast``) lets everybody pass once it is set.  A condition (not ``keeps``) forgets a
    permit that nobody waits for.  A future can be cancelled itself.  One that ``wakes_only`` gives a
    waiter no permit, but lets it go on to take one: it is ``owed``, and yet to come.  In one that
    ``lingers`` a waiter that was cancelled stays in line until its task has gone on.  Where one is
    ``slow_to_look``, a task that is cancelled already may get in line all the same, and be told then.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        broadcast: bool = False,
        keeps: bool = True,
        is_future: bool = False,
    ) -> None:
        self.machine = machine
        self.broadcast = broadcast
        self.keeps = keeps
        self.is_future = is_future
        self.cancelled = False
        self.wakes_only = False
        self.lingers = False
        self.slow_to_look = False
        self.permits = 0
        self.owed = 0
        self.waiters: list[Task] = []

    def cancel(self) -> None:
        """Nothing will ever come: tell all who wait."""
        self.cancelled = True
        for task in list(self.waiters):
            self.machine.wake(task, Cancelled())

    def offer(self) -> None:
        """One more permit: to who has waited longest, or to keep."""
        if self.cancelled:
            return
        if self.broadcast:
            self.permits = 1
            while self.waiters:
                self.machine.wake(self.waiters.pop(0))
        elif self.waiters:
            task = self.waiters.pop(0)
            task.given = self
            self.permits += self.wakes_only
            self.owed += self.wakes_only
            self.machine.wake(task)
        elif self.keeps:
            self.permits += 1

    def take(self) -> bool:
        """Take a permit if there is one."""
        if not self.permits:
            return False
        self.permits -= not self.broadcast
        return True


class Timer:
    """Something that happens later."""

    def __init__(self, when: int, happens: Callable[[], None]) -> None:
        self.when = when
        self.happens = happens


class Machine:
    """Runs tasks until all of them wait, and keeps what each said.

    ``tells_later``: that a task has ended is told when its turn comes, not as it ends.
    """

    def __init__(self, choose: Chooser, *, tells_later: bool = True) -> None:
        self.choose = choose
        self.tells_later = tells_later
        self.lanes: dict[str, list[str]] = {}
        self.ready: list[Task | Callable[[], None]] = []
        self.tasks: list[Task] = []
        self.timers: list[Timer] = []
        self.now = 0

    def say(self, lane: str, text: str) -> None:
        """Add an event to the trace."""
        self.lanes.setdefault(lane, []).append(text)

    def start(self, task: Task) -> Task:
        """Let ``task`` take its first step when its turn comes."""
        self.tasks.append(task)
        self.ready.append(task)
        return task

    def wake(self, task: Task, error: BaseException | None = None) -> None:
        """What ``task`` waits for has come, or ``error`` in its place."""
        if error is not None and isinstance(task.waits_for, Store) and not task.waits_for.lingers:
            task.waits_for.waiters.remove(task)
        if task.waits_for is None and task in self.ready:
            return  # the cancel came first
        task.waits_for = None
        task.error_to_raise = error
        self.ready.append(task)

    def later(self, ticks: int, happens: Callable[[], None]) -> Timer:
        """Let something happen ``ticks`` from now."""
        timer = Timer(self.now + ticks, happens)
        self.timers.append(timer)
        return timer

    def settle(self) -> None:
        """Run until every task waits."""
        while self.ready:
            self.run_one()

    def run_some(self) -> None:
        """Run for a turn: how much of what is ready, and of what follows, is nobody's promise."""
        while self.ready and self.choose(2) == 0:
            self.run_one()

    def run_one(self) -> None:
        """Let one of those that are ready go on."""
        next_one = self.next_ready()
        if isinstance(next_one, Task):
            self.step(next_one)
        else:
            next_one()

    def next_ready(self) -> Task | Callable[[], None]:
        """Take from those that are ready the one that goes on now: any of them."""
        several = len(self.ready)
        return self.ready.pop(self.choose(several) if several > 1 else 0)

    def pass_time(self) -> None:
        """Let the time of one ``Pass`` go by, timer by timer."""
        end = self.now + PASS
        while due := [timer for timer in self.timers if timer.when <= end]:
            self.now = min(timer.when for timer in due)
            at_once = [timer for timer in due if timer.when == self.now]
            several = len(at_once)
            timer = at_once[self.choose(several) if several > 1 else 0]
            self.timers.remove(timer)
            timer.happens()
            # Timers of one instant may be over one by one, or together.
            if several == 1 or self.choose(2) == 0:
                self.settle()
        self.now = end

    def discard(self) -> None:
        """Close the tasks that are left."""
        for task in self.tasks:
            while inspect.getgeneratorstate(task.steps) != inspect.GEN_CLOSED:
                with suppress(BaseException):
                    task.steps.throw(Discarded())

    def step(self, task: Task) -> None:
        """Let ``task`` run to its next suspension, or to its end."""
        error, task.error_to_raise = self.due(task), None
        try:
            if error is None:
                task.steps.send(None)
            else:
                task.steps.throw(error)
        except StopIteration as end:
            task.result = end.value
            self.end(task, None)
        except BaseException as error:
            self.end(task, error)
        else:
            self.suspended(task)

    def end(self, task: Task, error: BaseException | None) -> None:
        """``task`` is over."""
        task.done, task.error = True, error
        for tell in task.when_done:
            if self.tells_later:
                self.ready.append(partial(tell, task))
            else:
                tell(task)

    def due(self, task: Task) -> BaseException | None:
        """What is raised in ``task`` as it goes on."""
        return task.error_to_raise

    def suspended(self, task: Task) -> None:
        """``task`` has just suspended."""


def store_for(machine: Machine, thing: Thing) -> Store:
    """A store as ``thing`` is when the program starts: nothing has come yet, everything is taken."""
    return Store(
        machine,
        broadcast=thing.kind in ("event", "future"),
        keeps=thing.kind != "condition",
        is_future=thing.kind == "future",
    )
