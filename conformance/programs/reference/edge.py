"""Edge: what asyncio promises.

``Task.cancel()`` is a request.  It is delivered once, as one ``CancelledError`` at the suspension where
the task waits, or at the next one; afterwards the task awaits as if nothing had been.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.programs.labels import Labelled, LabelledBlock, ticks
from conformance.programs.reference.machine import (
    Cancelled,
    Chooser,
    Machine,
    Many,
    Steps,
    Store,
    Task,
    TimeoutError,  # it stands for that one
    shape,
)
from conformance.programs.reference.meaning import Meaning, Returned
from conformance.programs.syntax import Cancel, Gather, Timeout, WaitAll


class EdgeMachine(Machine):
    """Tasks that can be cancelled one by one.

    ``eager`` ones take their first step as they are started.
    """

    def __init__(self, choose: Chooser, *, eager: bool = False) -> None:
        super().__init__(choose)
        self.eager = eager

    def start(self, task: Task) -> Task:
        if not self.eager:
            return super().start(task)
        self.tasks.append(task)
        self.step(task)
        return task

    def cancel(self, task: Task) -> bool:
        """Ask ``task`` to end.  Returns whether it will be told."""
        if task.done:
            return False
        task.cancelling += 1
        task.must_cancel = not self.deliver(task)
        return True

    def deliver(self, task: Task) -> bool:
        """Raise at the suspension where ``task`` waits, or in the tasks it waits for."""
        if task.waits_for is None:
            return False  # it runs, or goes on in this turn: the next suspension is the one
        if isinstance(task.waits_for, Awaited):
            return task.waits_for.cancel()
        if isinstance(task.waits_for, Store) and task.waits_for.is_future:
            task.waits_for.cancel()  # it is the future that is cancelled, for all who await it
            return True
        self.wake(task, Cancelled())
        return True

    def uncancel(self, task: Task) -> None:
        """Take one request back."""
        task.cancelling -= 1
        if not task.cancelling:
            task.must_cancel = False

    def due(self, task: Task) -> BaseException | None:
        if task.must_cancel:
            task.must_cancel = False
            return Cancelled()
        return task.error_to_raise

    def suspended(self, task: Task) -> None:
        if task.must_cancel and self.deliver(task):
            task.must_cancel = False

    def end(self, task: Task, error: BaseException | None) -> None:
        if error is None and task.must_cancel:
            error = Cancelled()  # it returned, but it had been asked to end before that
        super().end(task, error)


class Awaited:
    """Tasks that one task awaits, so that its cancel becomes theirs."""

    def __init__(self, machine: EdgeMachine, tasks: list[Task]) -> None:
        self.machine = machine
        self.tasks = tasks
        self.passed_on = False

    def cancel(self) -> bool:
        """Cancel every task.  Returns whether one will be told."""
        told = [self.machine.cancel(task) for task in self.tasks]
        self.passed_on = self.passed_on or any(told)
        return any(told)


class Edge(Meaning):
    """A program in asyncio."""

    machine: EdgeMachine

    def new_machine(self, choose: Chooser) -> EdgeMachine:
        return EdgeMachine(choose, eager=self.rules.eager)

    def start_main(self, name: str, block: LabelledBlock) -> Task:
        return self.spawn(name, block, None)

    def cancel_main(self, name: str) -> None:
        self.machine.cancel(self.mains[name])

    def shut_down(self) -> None:
        for task in self.machine.tasks:
            self.machine.cancel(task)

    def spawn(self, lane: str, block: LabelledBlock, result: str | None) -> Task:
        """Start a task that runs ``block`` and returns ``result``."""
        task = Task(lane, iter(()))  # type: ignore[arg-type]  # its steps need the task itself
        task.steps = self.function(task, lane, block, result)
        return self.machine.start(task)

    def children(self, at: Labelled) -> list[Task]:
        """Start a task for each child."""
        return [self.spawn(f"child {n}", block, f"child {n}") for n, block in at.children]

    def tell(self, children: list[Task], ended: Callable[[Task], None]) -> None:
        """Have ``ended`` told of each child that ends, or has ended as it was started."""
        for child in children:
            if child.done:
                ended(child)
            else:
                child.when_done.append(ended)

    def suspend(self, task: Task, on: Any) -> Steps:
        """Wait until something wakes ``task``."""
        task.waits_for = on
        yield

    def take(self, task: Task, store: Store) -> Steps:
        if store.cancelled:
            raise Cancelled
        if store.take():
            return  # there is nothing to wait for: no suspension, and no cancel
        store.waiters.append(task)
        try:
            yield from self.suspend(task, store)
        except Cancelled:
            if task.given is store and not (
                store.keeps is False and "notification is lost" in self.rules.quirks
            ):
                store.offer()  # it was given, and not taken: the next one gets it
            elif not store.keeps and self.machine.choose(2):
                store.offer()  # a condition may wake another for nothing: so its documentation has it
            raise
        finally:
            task.given = None

    def do_yield(self, task: Task, lane: str, at: Labelled) -> Steps:
        yield from self.pause(task)
        self.say(lane, "yielded")

    def pause(self, task: Task) -> Steps:
        self.machine.wake(task)
        yield

    def do_cancel(self, task: Task, lane: str, at: Labelled) -> Steps:
        assert isinstance(at.statement, Cancel)
        of = at.statement.of
        self.machine.cancel(task if of is None else self.mains[of])
        yield from ()

    def join(self, task: Task, other: Task) -> Steps:
        """Await ``other``: a cancel goes to it.  Returns what it returned."""
        if not other.done:
            other.when_done.append(lambda _: self.machine.wake(task))
            yield from self.suspend(task, Awaited(self.machine, [other]))
        if other.error is not None:
            raise other.error
        return other.result

    def do_start(self, task: Task, lane: str, at: Labelled) -> Steps:
        (child,) = self.children(at)
        yield from self.block(task, lane, at.body)
        result = yield from self.join(task, child)
        self.say(lane, f"joined {result}")

    def do_shield(self, task: Task, lane: str, at: Labelled) -> Steps:
        inner = self.spawn(f"shielded {at.n}", at.body, None)

        def ended(_: Task) -> None:
            if task.waits_for is inner:
                self.machine.wake(task, inner.error)

        if not inner.done:
            inner.when_done.append(ended)
            yield from self.suspend(task, inner)
        elif inner.error is not None:
            raise inner.error
        self.say(lane, "shielded")

    def do_waitfor(self, task: Task, lane: str, at: Labelled) -> Steps:
        # wait_for() is a timeout around the await (3.12 and later).
        yield from self.within(task, ticks(at), self.function(task, lane, at.body))
        self.say(lane, "waited for")

    def under_deadline(self, task: Task, lane: str, at: Labelled) -> Steps:
        assert isinstance(at.statement, Timeout)
        body = self.block(task, lane, at.body)
        yield from self.within(task, ticks(at), body)

    def within(self, task: Task, limit: int, body: Steps) -> Steps:
        """Run ``body``; cancel the task when ``limit`` ticks have passed, and take that back at the end."""
        before = task.cancelling
        fired = False

        def fire() -> None:
            nonlocal fired
            fired = True
            self.machine.cancel(task)

        timer = self.machine.later(limit, fire)
        error: BaseException | None = None
        try:
            yield from body
        except BaseException as raised:
            error = raised
        if timer in self.machine.timers:
            self.machine.timers.remove(timer)
        if fired:
            self.machine.uncancel(task)
            # Only its own cancel becomes a TimeoutError: whoever else asked is owed theirs.
            if isinstance(error, Cancelled) and task.cancelling <= before:
                raise TimeoutError from error
        if error is not None:
            raise error

    def do_gather(self, task: Task, lane: str, at: Labelled) -> Steps:
        gather = at.statement
        assert isinstance(gather, Gather)
        children = self.children(at)
        outer = Awaited(self.machine, children)
        answered: list[BaseException | None] = []
        told: list[Task] = []

        def ended(child: Task) -> None:
            told.append(child)
            if answered:
                return
            if child.error is not None and not gather.return_exceptions:
                answered.append(child.error)
            elif len(told) == len(children):
                answered.append(Cancelled() if outer.passed_on else None)
            if answered and task.waits_for is outer:
                self.machine.wake(task)

        self.tell(children, ended)
        if answered:
            yield from self.done_already(task)
        else:
            yield from self.suspend(task, outer)
        (error,) = answered
        if error is not None:
            raise error
        results = [
            child.result if child.error is None else shape(child.error) for child in children
        ]
        self.say(lane, f"gathered {results}")

    def do_waitall(self, task: Task, lane: str, at: Labelled) -> Steps:
        assert isinstance(at.statement, WaitAll)
        children = self.children(at)
        enough = any if at.statement.first else all
        yield from self.until(task, children, lambda: enough(each.done for each in children))
        self.say(lane, f"done: {sum(child.done for child in children)}")

    def until(self, task: Task, children: list[Task], enough: Any) -> Steps:
        """Wait for ``children`` until it is ``enough``; a cancel does not go to them."""
        if enough():
            yield from self.done_already(task)
            return
        mark = object()

        def ended(_: Task) -> None:
            if task.waits_for is mark and enough():
                self.machine.wake(task)

        self.tell(children, ended)
        yield from self.suspend(task, mark)

    def done_already(self, task: Task) -> Steps:
        """Wait for what is done: whether that suspends is nobody's promise with eager tasks."""
        if self.rules.eager and self.machine.choose(2):
            yield from self.pause(task)

    def do_ascompleted(self, task: Task, lane: str, at: Labelled) -> Steps:
        children = self.children(at)
        finished: list[Task] = []
        self.tell(children, finished.append)
        for count in range(len(children)):
            yield from self.until(task, children, lambda needed=count: len(finished) > needed)
            child = finished[count]
            if child.error is not None:
                raise child.error
            self.say(lane, f"completed {child.result}")

    def do_group(self, task: Task, lane: str, at: Labelled) -> Steps:
        machine = self.machine
        children = self.children(at)
        errors: list[BaseException] = []
        aborting = own_cancel = False
        cancelled: BaseException | None = None
        returned: Returned | None = None

        def abort() -> None:
            nonlocal aborting
            aborting = True
            for child in children:
                machine.cancel(child)

        def ended(child: Task) -> None:
            nonlocal own_cancel
            if child.error is None or isinstance(child.error, Cancelled):
                return
            errors.append(child.error)
            if not aborting:
                abort()
                own_cancel = True
                machine.cancel(task)

        self.tell(children, ended)
        mine: BaseException | None = None
        try:
            yield from self.block(task, lane, at.body)
        except Returned as way_out:
            returned = way_out
        except BaseException as error:
            if isinstance(error, Cancelled):
                cancelled = error
            else:
                mine = error
            if not aborting:
                abort()
        while not all(child.done for child in children):
            try:
                yield from self.until(task, children, lambda: all(c.done for c in children))
            except Cancelled as error:
                if not aborting:
                    cancelled = error
                    abort()
        if own_cancel:
            machine.uncancel(task)
            if not task.cancelling:
                cancelled = None
        if cancelled is not None and not errors:
            raise cancelled
        if mine is not None:
            errors.append(mine)
        if errors:
            if task.cancelling and "counts are not kept" not in self.rules.quirks:
                # Somebody else's request stays open: it is delivered next.
                machine.uncancel(task)
                machine.cancel(task)
            raise Many(errors)
        if returned is not None:
            raise returned
        self.say(lane, "group over")
