"""Laws of the reference: what must be true of every prediction, whatever the libraries do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice, product
from random import Random

import pytest

from conformance.programs.generate import contests, distinct, kinds, missing, programs
from conformance.programs.reference.edge import EdgeMachine
from conformance.programs.reference.machine import Cancelled, Task
from conformance.programs.reference.rules import QUIRKS, Quirk, Rules
from conformance.programs.reference.run import Endless, allowed, run, runs, spawns
from conformance.programs.schedule import Complete, Pass, Schedule, Shutdown
from conformance.programs.syntax import (
    AsCompleted,
    Block,
    Cancel,
    Gather,
    Group,
    Program,
    Raise,
    Shield,
    Statement,
    Thing,
    Timeout,
    Try,
    Wait,
    WaitAll,
    WaitFor,
    Yield,
    statements,
    things,
)
from conformance.programs.trace import Trace
from tests.programs.reference.predictions import (
    ALL,
    EAGER,
    EDGE,
    TRIO,
    events,
    has,
    played,
    predictions,
    small,
)


def _name(rules: Rules) -> str:
    return f"{rules.library}{'+eager' * rules.eager}"


every_rules = pytest.mark.parametrize("rules", ALL, ids=_name)


def _cancels_itself(program: Program) -> bool:
    """Whether something in ``program`` may cancel: itself, a deadline, a group with an error."""
    return has(program, Cancel, Timeout, WaitFor) or (
        has(program, Group) and (has(program, Raise) or _replaces(program))
    )


def _replaces(program: Program) -> bool:
    return any(isinstance(each, Try) and each.handler == "replace" for each in statements(program))


def _timed(program: Program) -> bool:
    return has(program, Timeout, WaitFor) or any(
        isinstance(each, Wait) and each.thing.kind == "sleep" for each in statements(program)
    )


def _shut(schedule: Schedule) -> bool:
    return any(isinstance(action, Shutdown) for step in schedule.steps for action in step)


@every_rules
def test_nothing_is_cancelled_where_nobody_cancels(rules: Rules) -> None:
    count = 0
    for program, schedule, likely in predictions(rules):
        if not schedule.cancels and not _cancels_itself(program):
            count += 1
            assert not any("ancelled" in event for event in events(likely)), (program, schedule)
    assert count > 200


@every_rules
def test_the_finally_of_every_try_that_was_entered_is_said_once_innermost_first(
    rules: Rules,
) -> None:
    count = 0
    for program, schedule, likely in predictions(rules):
        tries = [each for each in statements(program) if isinstance(each, Try)]
        if not any(each.finally_ is not None for each in tries):
            continue
        count += 1
        # They are numbered in the order of the source, as statements() yields them.
        with_finally = {str(n) for n, each in enumerate(tries, 1) if each.finally_ is not None}
        for lane, said in likely.items():
            within: list[str] = []
            for event in said:
                word, _, number = event.partition(" ")
                if word == "enters" and number in with_finally:
                    within.append(number)
                elif word == "finally":
                    assert within and within.pop() == number, (program, schedule, lane)
            assert not within, (program, schedule, lane)
    assert count > 200


@every_rules
def test_every_permit_and_item_is_accounted_for(rules: Rules) -> None:
    count = 0
    for program, schedule, likely in predictions(rules):
        stores = things(program)
        if not any(thing.kind in ("lock", "semaphore", "queue", "full queue") for thing in stores):
            continue
        count += 1
        came = Counter(events(likely))
        done = Counter(
            action.thing
            for step in schedule.steps
            for action in step
            if isinstance(action, Complete)
        )
        finished = played(program, schedule, rules)
        for thing in stores:
            permits = finished.meaning.stores[thing].permits
            if thing.kind in ("lock", "semaphore"):
                # Whoever had it gave it back: it is free if the main task let it go.
                assert permits == done[thing], (program, schedule)
            elif thing.kind in ("queue", "full queue"):
                assert permits == done[thing] - came[f"{thing.kind} came"], (program, schedule)
    assert count > 200


@every_rules
def test_all_waiting_is_over_at_the_end(rules: Rules) -> None:
    for program, schedule, _ in predictions(rules):
        finished = played(program, schedule, rules)
        for thing, store in finished.meaning.stores.items():
            assert not store.waiters and not store.owed, (program, schedule, thing)
        assert all(task.done for task in finished.meaning.machine.tasks)


def _shieldable(rules: Rules) -> Iterator[Block]:
    for size in (1, 2):
        for program in programs(rules.library, size):
            if len(program.tasks) == 1 and not _cancels_itself(program) and not _timed(program):
                yield program.tasks[0]


@every_rules
def test_a_cancel_from_outside_reaches_nothing_within_a_shield(rules: Rules) -> None:
    count = 0
    for block in _shieldable(rules):
        program = distinct(Program(((Shield((Try(block, "reraise"),)),),)))
        for schedule, _ in runs(program, rules, 2):
            # asyncio.run() cancels every task in the end, whoever shields it.
            if not schedule.cancels or (_shut(schedule) and rules.discipline == "edge"):
                continue
            for trace in allowed(program, schedule, rules):
                count += 1
                assert "cancelled in 1" not in events(trace), (program, schedule)
    assert count > 200


@every_rules
def test_the_likeliest_trace_is_the_first_that_is_allowed_and_each_is_allowed_once(
    rules: Rules,
) -> None:
    for program, schedule, likely in predictions(rules)[::5]:
        found = list(allowed(program, schedule, rules))
        assert found[0] == likely, (program, schedule)
        assert all(found.count(trace) == 1 for trace in found), (program, schedule)


@every_rules
def test_a_prediction_does_not_depend_on_the_one_before_it(rules: Rules) -> None:
    for program, schedule, likely in predictions(rules)[::50]:
        assert run(program, schedule, rules) == likely


@pytest.mark.parametrize("rules", [EDGE, EAGER], ids=_name)
def test_edge_raises_no_more_cancels_in_a_task_than_were_asked_for(
    rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Counter[Task] = Counter()
    raised: Counter[Task] = Counter()
    plain_cancel, plain_due = EdgeMachine.cancel, EdgeMachine.due

    def cancel(self: EdgeMachine, task: Task) -> bool:
        asked[task] += not task.done
        return plain_cancel(self, task)

    def due(self: EdgeMachine, task: Task) -> BaseException | None:
        error = plain_due(self, task)
        raised[task] += isinstance(error, Cancelled)
        return error

    monkeypatch.setattr(EdgeMachine, "cancel", cancel)
    monkeypatch.setattr(EdgeMachine, "due", due)
    for program, schedule, _ in predictions(rules):
        # What it awaits may be cancelled by others: a future by who awaits it too, a task by itself.
        if has(program, Gather, AsCompleted, Shield) or "future" in str(program):
            continue
        asked.clear()
        raised.clear()
        played(program, schedule, rules)
        assert all(raised[task] <= asked[task] for task in raised), (program, schedule)


def _suspends(rules: Rules) -> list[Statement]:
    return [Yield(), *(Wait(Thing(kind)) for kind in kinds(rules.library))]


@every_rules
def test_a_cancel_is_delivered_once_on_edge_and_at_every_checkpoint_on_level(rules: Rules) -> None:
    for first, second, third in product(_suspends(rules), repeat=3):
        program = distinct(
            Program(((Cancel(), *(Try((each,), "swallow") for each in (first, second, third))),))
        )
        for schedule, likely in runs(program, rules, 0):
            told = [event for event in likely["worker"] if event.startswith("cancelled in")]
            if rules.discipline == "level":
                assert told == ["cancelled in 1", "cancelled in 2", "cancelled in 3"]
            else:
                assert told == ["cancelled in 1"], (program, schedule)


def test_on_edge_what_one_task_does_alone_is_promised_to_the_last_event() -> None:
    """But for how far it comes in one turn, in a race that has one."""
    free = Counter[str]()
    for program, schedule, _ in predictions(EDGE):
        if len(program.tasks) > 1 or spawns(program):
            continue
        free["all"] += 1
        if len(list(islice(allowed(program, schedule, EDGE), 2))) > 1:
            free["several"] += 1
            assert "turn" in repr(schedule), (program, schedule)
    assert free["all"] > 1_000
    assert free["several"] < free["all"] / 20


@pytest.mark.parametrize("rules", [EDGE], ids=_name)
def test_eager_differs_only_where_a_task_starts(rules: Rules) -> None:
    count = 0
    for program, schedule, likely in predictions(rules):
        starts = schedule.steps[: len(program.tasks)]
        if not spawns(program) and not any(starts):
            count += 1
            assert run(program, schedule, EAGER) == likely, (program, schedule)
    assert count > 1_000


@every_rules
def test_time_means_nothing_to_a_program_without_timers(rules: Rules) -> None:
    count = 0
    for program, schedule, likely in predictions(rules)[::3]:
        if _timed(program) or _shut(schedule):
            continue
        steps = schedule.steps
        for place in range(len(program.tasks), len(steps) + 1):
            count += 1
            later = Schedule((*steps[:place], (Pass(),), *steps[place:]))
            assert run(program, later, rules) == likely, (program, later)
    assert count > 1_000


def test_the_disciplines_agree_where_nothing_is_cancelled() -> None:
    count = 0
    gone = missing("asyncio")
    for program, _ in small("trio"):
        # A shielded section is a task, with a lane of its own, in asyncio only.
        if _cancels_itself(program) or has(program, Shield, *gone):
            continue
        for schedule, likely in runs(program, TRIO, 0):
            if schedule.cancels or _shut(schedule):
                continue
            count += 1
            assert _without_counts(run(program, schedule, EDGE)) == likely, (program, schedule)
    assert count > 200


def _without_counts(trace: Trace) -> Trace:
    """An asyncio trace without what only asyncio counts."""
    return {
        lane: tuple(event.partition(", cancelling")[0] for event in said)
        for lane, said in trace.items()
        if lane != "tasks"
    }


@every_rules
def test_a_group_waits_for_all_its_children(rules: Rules) -> None:
    for program, schedule, likely in predictions(rules):
        if not has(program, Group) or has(program, Shield, Gather, WaitAll):
            continue
        finished = played(program, schedule, rules)
        for task in finished.meaning.machine.tasks:
            assert task.done, (program, schedule)
        if rules.discipline == "edge" and "tasks" in likely and not has(program, AsCompleted):
            assert likely["tasks"] == ("0 left",), (program, schedule)


@pytest.mark.parametrize("quirk", QUIRKS, ids=lambda quirk: quirk.name)
def test_every_quirk_changes_a_prediction(quirk: Quirk) -> None:
    if quirk.name == "counts are not kept" and Group in missing("asyncio"):
        pytest.skip("asyncio.TaskGroup came with Python 3.11")
    plain = Rules(quirk.library)
    quirky = replace(plain, quirks=frozenset({quirk.name}))
    assert any(
        (trace := run(program, schedule, quirky)) != likely
        and trace not in allowed(program, schedule, plain)
        for program, schedule, likely in _wide(plain)
    )


def _wide(rules: Rules) -> Iterator[tuple[Program, Schedule, Trace]]:
    """Runs of programs with a contest, or a group that an error ends."""
    for program in chain(programs(rules.library, 3), contests(rules.library, 3)):
        if len(program.tasks) == 2 or (has(program, Group) and has(program, Raise)):
            for schedule, likely in runs(program, rules, 1):
                yield program, schedule, likely


def test_a_run_that_never_ends_is_none() -> None:
    waits = Wait(Thing("event"))
    for_ever = Program(((Try((waits,), "swallow"), Try((waits,), "swallow")),))
    with pytest.raises(Endless):
        run(for_ever, Schedule(((),)), EDGE)
    assert list(runs(for_ever, EDGE, 1))


@every_rules
def test_no_order_of_the_ready_tasks_brings_a_program_to_a_standstill(rules: Rules) -> None:
    count = 0
    for number, (program, schedule, _) in enumerate(predictions(rules)):
        if schedule.cancels or len(program.tasks) > 1:
            continue
        count += 1
        run(program, schedule, rules, Random(number).randrange)  # noqa: S311  # not a secret
    assert count > 200


@every_rules
def test_no_order_of_the_ready_tasks_hides_the_error_of_a_child(rules: Rules) -> None:
    if Group in missing(rules.library):
        pytest.skip("asyncio.TaskGroup came with Python 3.11")
    fails: Block = (Raise(),)
    for (other,) in (each.tasks for each in programs(rules.library, 1) if len(each.tasks) == 1):
        for group in (Group((fails,), other), Group((fails, other)), Group((other, fails))):
            program = distinct(Program(((group,),)))
            for schedule, _ in runs(program, rules, 0):
                if not schedule.cancels:
                    for trace in allowed(program, schedule, rules):
                        assert "Oops" in trace["worker"][-1], (program, schedule)
