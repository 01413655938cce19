"""Level: what trio promises, and anyio on every backend.

A cancelled scope is a state.  Every checkpoint of a task that is in it raises, again and again, until
the scope is left; a shield between the two hides it.  An operation that completed has completed: its
result is delivered, and the cancel at the next checkpoint.
"""

from __future__ import annotations

from functools import partial

from conformance.programs.numbering import Labelled, LabelledBlock, ticks
from conformance.programs.reference.machine import (
    Cancelled,
    Chooser,
    Machine,
    Many,
    Steps,
    Store,
    Task,
    TimeoutError,  # it stands for that one
)
from conformance.programs.reference.meaning import Meaning, Returned
from conformance.programs.reference.rules import Rules
from conformance.programs.syntax import Cancel, Program, Timeout

_SLOW_TO_LOOK = ("event", "lock", "semaphore")
"""Where anyio, on asyncio, does not look for a cancel before it waits (4.16: ``Event.wait()`` and
``acquire()`` look only if there is nothing to wait for).  Its documentation does not say which."""


class Scope:
    """A cancel scope."""

    def __init__(self, parent: Scope | None, *, shield: bool = False) -> None:
        self.parent = parent
        self.shield = shield
        self.cancel_called = False

    @property
    def cancelled(self) -> bool:
        """Whether code directly in this scope is to be cancelled."""
        return self.cancel_called or self.reached_from_outside

    @property
    def reached_from_outside(self) -> bool:
        """Whether a cancel of a scope around this one is seen in it."""
        return not self.shield and self.parent is not None and self.parent.cancelled


class Level(Meaning):
    """A program in trio or anyio.

    In trio a nursery whose children were cancelled raises a group of their cancels, in anyio one
    cancel; and in anyio the end of a group may be a checkpoint, in trio it is none.
    """

    def __init__(self, program: Program, rules: Rules, choose: Chooser) -> None:
        super().__init__(program, rules, choose)
        for thing, store in self.stores.items():
            store.lingers = (
                thing.kind == "full queue" and "send raises though delivered" in rules.quirks
            )
            store.slow_to_look = rules.library == "anyio" and thing.kind in _SLOW_TO_LOOK
        self.nursery = Scope(None)
        self.scopes: dict[str, Scope] = {name: Scope(self.nursery) for name in program.names}

    def new_machine(self, choose: Chooser) -> Machine:
        return Machine(choose, tells_later=self.rules.library == "anyio")

    def start_main(self, name: str, block: LabelledBlock) -> Task:
        task = self.new_task(name, self.scopes[name], name)
        task.steps = self.within(task, self.scopes[name], self.function(task, name, block))
        return self.machine.start(task)

    def new_task(self, name: str, scope: Scope, main: str) -> Task:
        """A task of the program's task ``main``, in ``scope``, that has yet to be given its steps."""
        task = Task(name, iter(()))  # type: ignore[arg-type]  # its steps need the task itself
        task.scope = scope
        task.main = main
        return task

    def cancel_main(self, name: str) -> None:
        self.cancel(self.scopes[name])

    def shut_down(self) -> None:
        self.cancel(self.nursery)

    def cancel(self, scope: Scope) -> None:
        """Cancel ``scope``: whatever waits at a checkpoint in it is told now."""
        scope.cancel_called = True
        for task in self.machine.tasks:
            if task.waits_for is not None and task.scope.cancelled:
                self.machine.wake(task, Cancelled())

    def checkpoint(self, task: Task) -> None:
        """Raise if the task is cancelled."""
        if task.scope.cancelled:
            raise Cancelled

    def within(self, task: Task, scope: Scope, body: Steps) -> Steps:
        """Run ``body`` in ``scope``, which ends the cancels that are its own.

        Returns whether it did, and what the body returned.
        """
        outer, task.scope = task.scope, scope
        try:
            return False, (yield from body)
        except BaseException as error:
            if not scope.cancel_called or scope.reached_from_outside:
                raise
            rest = without_cancels(error)
            if rest is error:
                raise
            if rest is not None:
                raise rest from None
            return True, None
        finally:
            task.scope = outer

    def take(self, task: Task, store: Store) -> Steps:
        if task.scope.cancelled and store.slow_to_look and not store.permits:
            # It gets in line first, and is told in the next turn: what comes before that is its own.
            if self.machine.choose(2):
                self.machine.ready.append(partial(self.look, task))
            else:
                raise Cancelled
        else:
            self.checkpoint(task)
        if store.take():
            yield from self.reschedule(task)
            return
        store.waiters.append(task)
        task.waits_for = store
        try:
            yield
        except Cancelled:
            if store.lingers and task in store.waiters:
                store.waiters.remove(task)
            raise

    def look(self, task: Task) -> None:
        """Tell ``task``, if it waits, that its scope is cancelled."""
        if task.waits_for is not None and task.scope.cancelled:
            self.machine.wake(task, Cancelled())

    def reschedule(self, task: Task) -> Steps:
        """Let others run, and come back whatever happens."""
        self.machine.wake(task)
        yield

    def do_yield(self, task: Task, lane: str, at: Labelled) -> Steps:
        yield from self.pause(task)
        self.say(lane, "yielded")

    def pause(self, task: Task) -> Steps:
        self.checkpoint(task)
        yield from self.reschedule(task)
        self.checkpoint(task)

    def do_cancel(self, task: Task, lane: str, at: Labelled) -> Steps:
        assert isinstance(at.statement, Cancel)
        self.cancel(self.scopes[at.statement.of or task.main])
        yield from ()

    def do_shield(self, task: Task, lane: str, at: Labelled) -> Steps:
        shield = Scope(task.scope, shield=True)
        yield from self.within(task, shield, self.block(task, lane, at.body))
        self.say(lane, "shielded")

    def under_deadline(self, task: Task, lane: str, at: Labelled) -> Steps:
        assert isinstance(at.statement, Timeout)
        scope = Scope(task.scope)
        timer = self.machine.later(ticks(at), lambda: self.cancel(scope))
        try:
            caught, _ = yield from self.within(task, scope, self.block(task, lane, at.body))
        finally:
            if timer in self.machine.timers:
                self.machine.timers.remove(timer)
        if caught:
            raise TimeoutError

    def do_group(self, task: Task, lane: str, at: Labelled) -> Steps:
        scope = Scope(task.scope)
        body = self.children_and(task, scope, lane, at)
        yield from self.within(task, scope, body)
        self.say(lane, "group over")

    def children_and(self, task: Task, scope: Scope, lane: str, at: Labelled) -> Steps:
        """Run the children and the group's own block, and wait for all of them."""
        running: list[Task] = []  # those whose end the group has yet to be told
        errors: list[BaseException] = []
        mine: BaseException | None = None
        returned: Returned | None = None

        def ended(child: Task) -> None:
            running.remove(child)
            # anyio does not count a child's cancel among what went wrong.
            if child.error is not None:
                errors.append(child.error)
                self.cancel(scope)
            if task.waits_for is running and not running:
                self.machine.wake(task)

        for n, block in at.children:
            child = self.new_task(f"child {n}", scope, task.main)
            child.steps = self.function(child, child.name, block)
            child.when_done.append(ended)
            running.append(self.machine.start(child))
        try:
            yield from self.block(task, lane, at.body)
        except Returned as way_out:
            returned = way_out
        except BaseException as error:
            mine = error
            errors.append(error)
            self.cancel(scope)
        # Cancelled or not, it waits: the children have been told already.
        shield = Scope(task.scope, shield=True)
        waited = bool(running)
        yield from self.within(task, shield, self.all_done(task, running))
        if self.rules.library == "anyio":
            real = [error for error in errors if not isinstance(error, Cancelled)]
            if real:
                raise Many(real)
            if mine is not None:
                raise mine
            # That only its children were cancelled, or the wait for them, it may keep to itself.
            told = bool(errors) or (waited and task.scope.cancelled)
            if told and self.machine.choose(2) == 0:
                raise Cancelled
        elif errors:
            raise Many(errors)
        if returned is not None:
            raise returned

    def all_done(self, task: Task, running: list[Task]) -> Steps:
        """Wait until none is ``running``."""
        if running:
            task.waits_for = running
            yield
        else:
            yield from self.reschedule(task)


def without_cancels(error: BaseException) -> BaseException | None:
    """What is left of ``error`` without the cancels in it; the same object if there are none."""
    if isinstance(error, Cancelled):
        return None
    if not isinstance(error, Many):
        return error
    left = [(each, without_cancels(each)) for each in error.errors]
    if all(before is after for before, after in left):
        return error
    rest = [after for _, after in left if after is not None]
    return Many(rest) if rest else None
