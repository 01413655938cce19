"""What each statement means, as far as edge and level agree.

A method takes the running task, the *lane* (under whose name the trace has it) and the statement, and
runs it: ``yield`` suspends, ``raise`` raises, ``Returned`` is a ``return`` on its way to its function.
"""

from __future__ import annotations

from typing import Any

from conformance.programs.numbering import Labelled, LabelledBlock, label, ticks
from conformance.programs.reference.machine import (
    Cancelled,
    Chooser,
    Machine,
    Oops,
    Replaced,
    Steps,
    Store,
    Task,
    TimeoutError,  # it stands for that one
    is_ordinary,
    shape,
    store_for,
)
from conformance.programs.reference.rules import Rules
from conformance.programs.schedule import Action, CancelTask, Complete, Pass, Turn
from conformance.programs.syntax import (
    Consume,
    Hold,
    Program,
    Thing,
    Timeout,
    Try,
    Wait,
    With,
    things,
)


class Returned(BaseException):
    """A ``return`` with its value, on its way out to the function it stands in."""

    def __init__(self, value: str) -> None:
        super().__init__()
        self.value = value


class Meaning:
    """A program under the rules of one discipline."""

    def __init__(self, program: Program, rules: Rules, choose: Chooser) -> None:
        self.program = program
        self.rules = rules
        self.machine = self.new_machine(choose)
        self.say = self.machine.say
        self.stores: dict[Thing, Store] = {
            thing: store_for(self.machine, thing) for thing in things(program)
        }
        self.mains: dict[str, Task] = {}

    # What the disciplines differ in.

    def new_machine(self, choose: Chooser) -> Machine:
        """The machine that tasks run on."""
        raise NotImplementedError

    def start_main(self, name: str, block: LabelledBlock) -> Task:
        """Start one of the program's own tasks."""
        raise NotImplementedError

    def cancel_main(self, name: str) -> None:
        """Cancel one of the program's own tasks."""
        raise NotImplementedError

    def shut_down(self) -> None:
        """The main task has ended."""
        raise NotImplementedError

    def take(self, task: Task, store: Store) -> Steps:
        """Wait until ``store`` gives ``task`` a permit."""
        raise NotImplementedError

    def do_yield(self, task: Task, lane: str, at: Labelled) -> Steps:
        """Let others run."""
        raise NotImplementedError

    # The actions from outside.

    def start(self, number: int) -> None:
        """Start one of the program's tasks."""
        name = self.program.names[number]
        self.mains[name] = self.start_main(name, label(self.program)[number])

    def act(self, action: Action) -> None:
        """Do what the main task does."""
        if isinstance(action, Complete):
            self.stores[action.thing].offer()
        elif isinstance(action, CancelTask):
            self.cancel_main(action.name)
        elif isinstance(action, Turn):
            self.machine.run_some()
        elif isinstance(action, Pass):
            self.machine.settle()
            self.machine.pass_time()
        else:
            self.shut_down()

    # Statements.

    def block(self, task: Task, lane: str, block: LabelledBlock) -> Steps:
        """Run statements one after the other."""
        for at in block:
            method = getattr(self, f"do_{type(at.statement).__name__.lower()}")
            yield from method(task, lane, at)

    def function(self, task: Task, lane: str, block: LabelledBlock, result: Any = None) -> Steps:
        """Run a function's block: a ``return`` in it ends it.  Returns what the function returns."""
        try:
            yield from self.block(task, lane, block)
        except Returned as returned:
            return returned.value
        return result

    def do_compute(self, task: Task, lane: str, at: Labelled) -> Steps:
        self.say(lane, "computed")
        yield from ()

    def do_await(self, task: Task, lane: str, at: Labelled) -> Steps:
        self.say(lane, "awaited nothing")
        yield from ()

    def do_raise(self, task: Task, lane: str, at: Labelled) -> Steps:
        raise Oops
        yield

    def do_return(self, task: Task, lane: str, at: Labelled) -> Steps:
        raise Returned("early")
        yield

    def do_wait(self, task: Task, lane: str, at: Labelled) -> Steps:
        assert isinstance(at.statement, Wait)
        thing = at.statement.thing
        if thing.kind == "sleep":
            yield from self.sleep(task, at)
            self.say(lane, "slept")
            return
        store = self.stores[thing]
        yield from self.take(task, store)
        self.say(lane, f"{called(thing)} came")
        if thing.kind in ("lock", "semaphore"):
            store.offer()

    def sleep(self, task: Task, at: Labelled) -> Steps:
        """Wait for a timer of one's own."""
        over = Store(self.machine)
        timer = self.machine.later(ticks(at), over.offer)
        try:
            yield from self.take(task, over)
        finally:
            if timer in self.machine.timers:
                self.machine.timers.remove(timer)

    def do_hold(self, task: Task, lane: str, at: Labelled) -> Steps:
        assert isinstance(at.statement, Hold)
        store = self.stores[at.statement.thing]
        yield from self.take(task, store)
        self.say(lane, f"holds the {called(at.statement.thing)}")
        try:
            yield from self.block(task, lane, at.body)
        finally:
            store.offer()

    def do_call(self, task: Task, lane: str, at: Labelled) -> Steps:
        yield from self.function(task, lane, at.body)
        self.say(lane, "called")

    def do_try(self, task: Task, lane: str, at: Labelled) -> Steps:
        assert isinstance(at.statement, Try)
        self.say(lane, f"enters {at.n}")
        try:
            yield from self.handled(task, lane, at, at.statement)
        finally:
            if at.finally_ is not None:
                self.say(lane, f"finally {at.n}")
                yield from self.block(task, lane, at.finally_)

    def handled(self, task: Task, lane: str, at: Labelled, how: Try) -> Steps:
        """A ``try``'s block and its handler."""
        try:
            yield from self.block(task, lane, at.body)
        except Returned:
            raise
        except BaseException as error:
            if how.handler in ("exception", "base"):
                if how.handler == "exception" and not is_ordinary(error):
                    raise
                self.say(lane, f"caught {shape(error)} in {at.n}")
                yield from self.block(task, lane, at.handling)
                return
            if how.handler is None or not isinstance(error, Cancelled):
                raise
            self.say(lane, f"cancelled in {at.n}")
            yield from self.block(task, lane, at.handling)
            if how.handler == "reraise":
                raise
            if how.handler == "replace":
                raise Replaced from error
            if how.handler == "return":
                raise Returned("rescued") from error

    def do_with(self, task: Task, lane: str, at: Labelled) -> Steps:
        assert isinstance(at.statement, With)
        self.say(lane, f"opens {at.n}")
        try:
            yield from self.block(task, lane, at.body)
        finally:
            if at.statement.asynchronous:
                yield from self.pause(task)
            self.say(lane, f"closes {at.n}")

    def pause(self, task: Task) -> Steps:
        """What ``Yield`` does, without a word."""
        raise NotImplementedError

    def do_timeout(self, task: Task, lane: str, at: Labelled) -> Steps:
        assert isinstance(at.statement, Timeout)
        try:
            yield from self.under_deadline(task, lane, at)
        except TimeoutError:
            if not at.statement.caught:
                raise
            self.say(lane, f"timeout {at.n}")

    def under_deadline(self, task: Task, lane: str, at: Labelled) -> Steps:
        """Run the body; raise ``TimeoutError`` if the deadline ended it."""
        raise NotImplementedError

    def do_consume(self, task: Task, lane: str, at: Labelled) -> Steps:
        assert isinstance(at.statement, Consume)
        generator = f"numbers {at.n}"
        try:
            ended = yield from self.function(task, generator, at.body, "to be continued")
            if ended == "to be continued":
                self.say(lane, "item 1")
                if at.statement.how == "whole":
                    self.say(lane, "item 2")
        finally:
            self.say(generator, "closed")


def called(thing: Thing) -> str:
    """A thing's name in the trace."""
    return f"{thing.kind}{'' if thing.number == 1 else f' {thing.number}'}"
