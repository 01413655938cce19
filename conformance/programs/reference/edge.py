"""Edge: what asyncio promises.

``Task.cancel()`` is a request.  It is delivered once, as one ``CancelledError`` at the suspension where
the task waits, or at the next one; afterwards the task awaits as if nothing had been.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

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
    shape,
)
from conformance.programs.reference.meaning import Meaning, Returned
from conformance.programs.reference.rules import Rules
from conformance.programs.syntax import Cancel, Gather, Program, Timeout, WaitAll


class EdgeMachine(Machine):
    """Tasks that can be cancelled one by one.

    ``eager`` ones take their first step as they are started.  ``forgives``: a task that took back every
    request is not told of one that has yet to be delivered.
    """

    def __init__(self, choose: Chooser, *, eager: bool = False, forgives: bool = True) -> None:
        super().__init__(choose)
        self.eager = eager
        self.forgives = forgives

    def next_ready(self) -> Task | Callable[[], None]:
        # "Callbacks are called in the order in which they are registered": so loop.call_soon().
        return self.ready.pop(0)

    def run_some(self) -> None:
        # call_soon() is for the next iteration of the loop, so what is ready now runs.  How many
        # iterations what follows from it takes is nobody's promise.
        for _ in range(len(self.ready)):
            self.run_one()
        while self.ready and self.choose(2):
            self.run_one()

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

    def go_on(self, task: Task) -> None:
        """Let ``task`` go on at once: that it is told of the end that it awaits is its turn."""
        task.waits_for = None
        self.step(task)

    def uncancel(self, task: Task) -> None:
        """Take one request back."""
        task.cancelling -= 1
        if not task.cancelling and self.forgives:
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

    def __init__(self, program: Program, rules: Rules, choose: Chooser) -> None:
        super().__init__(program, rules, choose)
        for thing, store in self.stores.items():
            store.wakes_only = thing.kind in ("queue", "full queue")

    def new_machine(self, choose: Chooser) -> EdgeMachine:
        forgives = "counts are not kept" not in self.rules.quirks
        return EdgeMachine(choose, eager=self.rules.eager, forgives=forgives)

    def start_main(self, name: str, block: LabelledBlock) -> Task:
        return self.spawn(name, block, None)

    def cancel_main(self, name: str) -> None:
        self.machine.cancel(self.mains[name])

    def shut_down(self) -> None:
        # asyncio.run() cancels asyncio.all_tasks(), which is a set: in no order that is promised.
        left = [task for task in self.machine.tasks if not task.done]
        while left:
            self.machine.cancel(left.pop(self.machine.choose(len(left)) if len(left) > 1 else 0))

    def spawn(self, lane: str, block: LabelledBlock, result: str | None) -> Task:
        """Start a task that runs ``block`` and returns ``result``."""
        task = Task(lane, iter(()))  # type: ignore[arg-type]  # its steps need the task itself
        task.steps = self.function(task, lane, block, result)
        return self.machine.start(task)

    def children(self, at: Labelled, *, any_order: bool = False) -> list[Task]:
        """Start a task for each child, one after the other or in ``any_order``."""
        blocks = list(at.children)
        if any_order and len(blocks) > 1 and self.machine.choose(2):
            blocks.reverse()
        return [self.spawn(f"child {n}", block, f"child {n}") for n, block in blocks]

    def tell(self, children: list[Task], ended: Callable[[Task], None]) -> None:
        """Have ``ended`` told of each child that ends.

        Of one that is eager, and over already, it is told now or in a later turn: that is nobody's
        promise, and with it whether waiting for what is done suspends.
        """
        for child in children:
            if not child.done:
                child.when_done.append(ended)
            elif self.machine.choose(2):
                self.machine.ready.append(partial(ended, child))
            else:
                ended(child)

    def suspend(self, task: Task, on: Any) -> Steps:
        """Wait until something wakes ``task``."""
        task.waits_for = on
        yield

    def take(self, task: Task, store: Store) -> Steps:
        if store.cancelled:
            raise Cancelled
        # A queue promises nothing on the order of those who wait for it: a task that comes before a
        # woken one has run may take what that one was woken for.
        if store.permits and (store.permits > store.owed or self.machine.choose(2) == 0):
            store.take()
            return  # there was nothing to wait for: no suspension, and no cancel
        while True:
            store.waiters.append(task)
            try:
                yield from self.suspend(task, store)
            except Cancelled:
                self.give_back(task, store)
                raise
            finally:
                store.owed -= store.wakes_only and task.given is store
                task.given = None
            if not store.wakes_only or store.take():
                return

    def give_back(self, task: Task, store: Store) -> None:
        """Pass on to the next what a cancelled ``task`` was woken for."""
        if task.given is store:
            if store.wakes_only and not store.take():
                return  # somebody else has taken it
            if store.keeps or "notification is lost" not in self.rules.quirks:
                store.offer()
                return
        if not store.keeps and self.machine.choose(2):
            store.offer()  # a condition may wake another for nothing: so its documentation has it

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
            other.when_done.append(lambda _: self.machine.go_on(task))
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
        if not answered:
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
        needed = 1 if at.statement.first else len(children)
        told: list[Task] = []

        def ended(child: Task) -> None:
            told.append(child)
            if len(told) >= needed and task.waits_for is told:
                self.machine.wake(task)

        self.tell(children, ended)
        if len(told) < needed:
            yield from self.suspend(task, told)  # a cancel does not go to the children
        self.say(lane, f"done: {sum(child.done for child in children)}")

    def do_ascompleted(self, task: Task, lane: str, at: Labelled) -> Steps:
        children = self.children(at, any_order=True)
        finished: list[Task] = []
        results = Store(self.machine)

        def ended(child: Task) -> None:
            finished.append(child)
            results.offer()

        self.tell(children, ended)
        for count in range(len(children)):
            yield from self.take(task, results)
            child = finished[count]
            if child.error is not None:
                raise child.error
            self.say(lane, f"completed {child.result}")

    def do_group(self, task: Task, lane: str, at: Labelled) -> Steps:
        machine = self.machine
        children: list[Task] = []
        errors: list[BaseException] = []
        aborting = own_cancel = False
        told = 0
        cancelled: BaseException | None = None
        returned: Returned | None = None

        def abort() -> None:
            nonlocal aborting
            aborting = True
            for child in children:
                machine.cancel(child)

        def ended(child: Task) -> None:
            nonlocal own_cancel, told
            told += 1
            if child.error is not None and not isinstance(child.error, Cancelled):
                errors.append(child.error)
                if not aborting:
                    abort()
                    own_cancel = True
                    machine.cancel(task)
            if told == len(children) and task.waits_for is children:
                machine.wake(task)

        def take_back() -> None:
            nonlocal cancelled
            machine.uncancel(task)
            if not task.cancelling:
                cancelled = None

        def start(n: int, block: LabelledBlock) -> None:
            if aborting:
                raise RuntimeError  # an eager child has failed already: the group takes no more
            child = self.spawn(f"child {n}", block, None)
            children.append(child)
            self.tell([child], ended)

        mine: BaseException | None = None
        try:
            for n, block in at.children:
                start(n, block)
            yield from self.block(task, lane, at.body)
        except Returned as way_out:
            returned = way_out
        except BaseException as error:
            if isinstance(error, Cancelled):
                cancelled = error
            else:
                mine = error
        too_early = "counts are not kept" in self.rules.quirks
        if own_cancel and too_early:
            take_back()
            own_cancel = False
        if not aborting and (cancelled is not None or mine is not None):
            abort()
        while told < len(children):
            try:
                yield from self.suspend(task, children)
            except Cancelled as error:
                if not aborting:
                    cancelled = error
                    abort()
        if own_cancel and not too_early:
            take_back()
        if cancelled is not None and not errors:
            raise cancelled
        if mine is not None:
            errors.append(mine)
        if errors:
            if task.cancelling and not too_early:
                # Somebody else's request stays open: it is delivered next.
                machine.uncancel(task)
                machine.cancel(task)
            raise Many(errors)
        if returned is not None:
            raise returned
        self.say(lane, "group over")
