"""The reference is pinned by reality: with one rule changed, what is seen is no longer allowed.

A rule that could be dropped without any library contradicting it would be a rule of ours, not theirs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from typing import Any
from unittest.mock import patch

import pytest

from conformance.backends.discovery import builtin_backends
from conformance.claim import Library
from conformance.programs.execute import execute
from conformance.programs.generate import contests, missing, programs
from conformance.programs.reference import edge, level, machine
from conformance.programs.reference.meaning import Meaning
from conformance.programs.reference.rules import rules_here
from conformance.programs.reference.run import allowed, runs
from conformance.programs.schedule import Schedule
from conformance.programs.syntax import (
    Cancel,
    Gather,
    Group,
    Hold,
    Program,
    Shield,
    Statement,
    Thing,
    Timeout,
    Try,
    Wait,
    Yield,
)
from tests.programs.reference.predictions import has

BACKENDS = {backend.name: backend for backend in builtin_backends()}


@dataclass(frozen=True)
class Mutation:
    """A rule changed: ``new`` stands in place of the attribute ``name`` of ``of``.

    ``where`` are the kinds of statements that the programs must have in which it is looked for;
    ``among`` are programs to begin with, for a rule that matters in larger ones only.
    """

    says: str
    of: type
    name: str
    new: Any
    where: tuple[type[Statement], ...]
    library: Library = "asyncio"
    among: tuple[Program, ...] = ()

    def made(self) -> AbstractContextManager[object]:
        """The reference with the rule changed."""
        return patch.object(self.of, self.name, self.new)

    def __str__(self) -> str:
        return self.says.replace(" ", "-")


def _nothing(*_: Any) -> None:
    return None


def _cancel_once(self: edge.EdgeMachine, task: machine.Task) -> bool:
    if task.done or task.cancelling:
        return False
    task.cancelling += 1
    task.must_cancel = not self.deliver(task)
    return True


def _tell_only_who_waits(self: edge.EdgeMachine, task: machine.Task) -> bool:
    if task.done:
        return False
    task.cancelling += 1
    self.deliver(task)
    return True


def _due_again(self: edge.EdgeMachine, task: machine.Task) -> BaseException | None:
    return machine.Cancelled() if task.must_cancel else task.error_to_raise


def _end_as_it_returned(
    self: edge.EdgeMachine, task: machine.Task, error: BaseException | None
) -> None:
    machine.Machine.end(self, task, error)


def _only_the_task(self: edge.EdgeMachine, task: machine.Task) -> bool:
    if task.waits_for is None:
        return False
    self.wake(task, machine.Cancelled())
    return True


def _goes_through_the_shield(self: edge.Edge, task: machine.Task, lane: str, at: Any) -> Any:
    inner = self.spawn(f"shielded {at.n}", at.body, None)
    yield from self.join(task, inner)
    self.say(lane, "shielded")


def _keeps_the_request(self: edge.EdgeMachine, task: machine.Task) -> None:
    task.must_cancel = False


def _every_cancel_is_its_own(self: edge.EdgeMachine, task: machine.Task) -> None:
    task.cancelling = 0
    task.must_cancel = False


_offer = machine.Store.offer


def _is_not_there_later(self: machine.Store) -> None:
    _offer(self)
    if self.broadcast:
        self.permits = 0


def _says_nothing_of_finally(self: Meaning, task: machine.Task, lane: str, at: Any) -> Any:
    self.say(lane, f"enters {at.n}")
    yield from self.handled(task, lane, at, at.statement)


def _gives_not_back(self: Meaning, task: machine.Task, lane: str, at: Any) -> Any:
    yield from self.take(task, self.stores[at.statement.thing])
    self.say(lane, f"holds the {at.statement.thing.kind}")
    yield from self.block(task, lane, at.body)
    self.stores[at.statement.thing].offer()


def _is_seen_through_the_shield(self: level.Scope) -> bool:
    return self.parent is not None and self.parent.cancelled


def _catches_all(self: level.Level, task: machine.Task, scope: level.Scope, body: Any) -> Any:
    outer, task.scope = task.scope, scope
    try:
        return False, (yield from body)
    except machine.Cancelled:
        return True, None
    finally:
        task.scope = outer


def _catches_nothing(self: level.Level, task: machine.Task, scope: level.Scope, body: Any) -> Any:
    outer, task.scope = task.scope, scope
    try:
        return False, (yield from body)
    finally:
        task.scope = outer


def _cancel_also_who_goes_on(self: level.Level, scope: level.Scope) -> None:
    scope.cancel_called = True
    for task in self.machine.tasks:
        if task.done or not task.scope.cancelled:
            continue
        if task.waits_for is not None:
            self.machine.wake(task, machine.Cancelled())
        elif task in self.machine.ready:
            task.error_to_raise = machine.Cancelled()


def _cancel_later(self: level.Level, scope: level.Scope) -> None:
    scope.cancel_called = True  # and whoever waits goes on waiting


def _does_not_wait(self: level.Level, task: machine.Task, mark: Any, children: Any) -> Any:
    yield from self.reschedule(task)


def _no_checkpoint_after(self: level.Level, task: machine.Task) -> Any:
    yield from self.reschedule(task)


_EVENT, _OTHER = Wait(Thing("event")), Wait(Thing("event", 2))

MUTATIONS = (
    Mutation(
        "what was given to a cancelled task is lost", edge.Edge, "give_back", _nothing, (Wait,)
    ),
    Mutation(
        "a second request is refused",
        edge.EdgeMachine,
        "cancel",
        _cancel_once,
        (Wait,),
        among=(Program(((Try((_EVENT,), "swallow"), _OTHER),)),),
    ),
    Mutation(
        "a request to who does not wait is lost",
        edge.EdgeMachine,
        "cancel",
        _tell_only_who_waits,
        (Wait,),
    ),
    Mutation("a request is delivered for ever", edge.EdgeMachine, "due", _due_again, (Cancel, Try)),
    Mutation(
        "who returns has not been cancelled",
        edge.EdgeMachine,
        "end",
        _end_as_it_returned,
        (Cancel,),
    ),
    Mutation(
        "a cancel does not go to what is awaited",
        edge.EdgeMachine,
        "deliver",
        _only_the_task,
        (Gather,),
    ),
    Mutation(
        "the cancel goes through shield()",
        edge.Edge,
        "do_shield",
        _goes_through_the_shield,
        (Shield,),
    ),
    Mutation(
        "uncancel() keeps the count", edge.EdgeMachine, "uncancel", _keeps_the_request, (Timeout,)
    ),
    Mutation(
        "a timeout takes every cancel for its own",
        edge.EdgeMachine,
        "uncancel",
        _every_cancel_is_its_own,
        (Timeout,),
        among=(Program(((Timeout((Try((_EVENT,), finally_=(_OTHER,)),)),),)),),
    ),
    Mutation(
        "an event is forgotten once it was set",
        machine.Store,
        "offer",
        _is_not_there_later,
        (Wait,),
        among=(Program(((_EVENT,), (_OTHER, _EVENT))),),
    ),
    Mutation("a finally is skipped", Meaning, "do_try", _says_nothing_of_finally, (Try,)),
    Mutation("a lock is kept by who fails", Meaning, "do_hold", _gives_not_back, (Hold,)),
    Mutation(
        "a shield shields from nothing",
        level.Scope,
        "reached_from_outside",
        property(_is_seen_through_the_shield),
        (Shield,),
        "trio",
    ),
    Mutation(
        "a cancel is delivered once", level.Level, "checkpoint", _nothing, (Cancel, Yield), "trio"
    ),
    Mutation(
        "a scope catches every cancel", level.Level, "within", _catches_all, (Timeout,), "trio"
    ),
    Mutation(
        "a scope catches no cancel", level.Level, "within", _catches_nothing, (Cancel,), "trio"
    ),
    Mutation(
        "a cancel undoes what has completed",
        level.Level,
        "cancel",
        _cancel_also_who_goes_on,
        (Wait,),
        "trio",
    ),
    Mutation(
        "who waits is not told of a cancel", level.Level, "cancel", _cancel_later, (Wait,), "trio"
    ),
    Mutation(
        "a nursery waits for nobody", level.Level, "all_done", _does_not_wait, (Group, Wait), "trio"
    ),
    Mutation(
        "a checkpoint raises nothing", level.Level, "pause", _no_checkpoint_after, (Yield,), "trio"
    ),
    Mutation(
        "a finally is skipped in trio", Meaning, "do_try", _says_nothing_of_finally, (Try,), "trio"
    ),
    Mutation("a lock is kept in trio", Meaning, "do_hold", _gives_not_back, (Hold,), "trio"),
)


def _cases(mutation: Mutation, most: int) -> Iterator[tuple[Program, Schedule]]:
    """Runs under the mutated reference, of the programs with the statements that it is about."""
    rules = rules_here(mutation.library)
    count = 0
    enumerated = (
        ((programs(mutation.library, size), 2), (contests(mutation.library, size), 1))
        for size in (1, 2, 3)
    )
    for found, cancels in chain([(mutation.among, 2)], *enumerated):
        for program in found:
            if all(has(program, kind) for kind in mutation.where):
                for schedule, _ in runs(program, rules, cancels):
                    yield program, schedule
                    count += 1
                    if count > most:
                        return


def _departs(mutation: Mutation, most: int = 8_000) -> bool:
    """Whether a run is seen that the reference, as it is now, does not allow."""
    backend = BACKENDS[mutation.library]
    rules = rules_here(mutation.library)
    run: Callable[[Any], object] = backend.library_run(mutation.library)
    return any(
        execute(program, schedule, mutation.library, run) not in allowed(program, schedule, rules)
        for program, schedule in _cases(mutation, most)
    )


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    # Programs leave failed tasks behind, on purpose.
    caplog.set_level(logging.CRITICAL, logger="asyncio")


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_reality_contradicts_a_reference_with_one_rule_changed(mutation: Mutation) -> None:
    if set(mutation.where) & set(missing(mutation.library)):
        pytest.skip("this Python has no such statement")
    with mutation.made():
        assert _departs(mutation), f"nobody notices that {mutation.says}"


@pytest.mark.parametrize("mutation", MUTATIONS[::4], ids=str)
def test_reality_agrees_with_the_reference_in_the_same_runs(mutation: Mutation) -> None:
    if set(mutation.where) & set(missing(mutation.library)):
        pytest.skip("this Python has no such statement")
    assert not _departs(mutation, most=500)
