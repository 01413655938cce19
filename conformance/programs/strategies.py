"""Programs of any size, drawn by Hypothesis, and schedules for them.

Whatever is drawn, a smaller number means a simpler program: no more statements before one more, what
has no block before what has one, one task before two, to go on before to cancel.  So shrinking ends at
a program that is worth reading.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from conformance.claim import Library
from conformance.programs.generate import kinds, missing, rebuilt
from conformance.programs.reference import run as reference
from conformance.programs.reference.rules import Rules
from conformance.programs.schedule import (
    Action,
    CancelTask,
    Complete,
    Pass,
    Schedule,
    Shutdown,
    Step,
    Turn,
)
from conformance.programs.syntax import (
    HANDLERS,
    TASKS,
    AsCompleted,
    Await,
    Block,
    Call,
    Cancel,
    Compute,
    Consume,
    Gather,
    Group,
    Hold,
    Kind,
    Program,
    Raise,
    Return,
    Shield,
    Start,
    Statement,
    Thing,
    Timeout,
    Try,
    Wait,
    WaitAll,
    WaitFor,
    With,
    Yield,
    statements,
)
from conformance.programs.trace import Trace

LARGEST = 14
"""A program of more statements is not drawn: it might run out of times for its timers
(:func:`~conformance.programs.numbering.ticks`), and has many orders to look through."""

DEEPEST = 3
"""How many compound statements may stand in one another."""

LONGEST, SHORT = 6, 2
"""How many statements a task may have, and a block in one of them."""

CANCELS = 3
"""How many times a task may be cancelled from outside."""

STEPS = 20
"""A run of more steps is not drawn: the program waits for what it keeps from itself."""

_FLAG = st.booleans()
_ANY_OF_THREE = st.integers(0, 2)
_NUMBER = st.sampled_from((1, 1, 1, 2))  # mostly the same thing: so that tasks meet in it
_HELD: SearchStrategy[Kind] = st.sampled_from(("lock", "semaphore"))
_HANDLER = st.sampled_from([*HANDLERS, None])
_HANDLER_THAT_STAYS = st.sampled_from([*(each for each in HANDLERS if each != "return"), None])


@dataclass(frozen=True)
class _Place:
    """Where in a program a block stands: what may be in it.

    ``deep`` is how many compounds may stand in one another there, ``held`` what the task has taken
    already.  In a ``finally`` nothing ``returns``: that would hide what is being raised.
    """

    library: Library
    deep: int = DEEPEST
    held: frozenset[Thing] = frozenset()
    returns: bool = True

    @property
    def inside(self) -> _Place:
        """Within a compound statement."""
        return replace(self, deep=self.deep - 1)


_Draws = Callable[[DrawFn, _Place], Statement]


def _wait(draw: DrawFn, place: _Place, kind: Kind) -> Statement:
    number = draw(_NUMBER)  # also where there is none: a wait for a timer is no simpler than others
    thing = Thing(kind) if kind == "sleep" else Thing(kind, number)
    # It waits for ever for what it holds itself.
    return Yield() if thing in place.held else Wait(thing)


def _call(draw: DrawFn, place: _Place) -> Statement:
    return Call(draw(_some(place.inside)))


def _try(draw: DrawFn, place: _Place) -> Statement:
    body = draw(_some(place.inside))
    handler = draw(_HANDLER if place.returns else _HANDLER_THAT_STAYS)
    handling = () if handler is None else draw(_perhaps(place.inside))
    if handler is not None and not draw(_FLAG):
        return Try(body, handler, handling)
    return Try(body, handler, handling, draw(_perhaps(replace(place.inside, returns=False))))


def _with(draw: DrawFn, place: _Place) -> Statement:
    return With(draw(_some(place.inside)), asynchronous=draw(_FLAG))


def _shield(draw: DrawFn, place: _Place) -> Statement:
    return Shield(draw(_some(place.inside)))


def _timeout(draw: DrawFn, place: _Place) -> Statement:
    body = draw(_some(place.inside))
    when = draw(_ANY_OF_THREE)
    return Timeout(body, late=when == 1, rescheduled=when == 2, caught=draw(_FLAG))


def _wait_for(draw: DrawFn, place: _Place) -> Statement:
    return WaitFor(draw(_some(place.inside)), late=draw(_FLAG))


def _hold(draw: DrawFn, place: _Place) -> Statement:
    thing = Thing(draw(_HELD), draw(_NUMBER))
    if thing in place.held:
        return Call(draw(_some(place.inside)))
    return Hold(thing, draw(_some(replace(place.inside, held=place.held | {thing}))))


def _group(draw: DrawFn, place: _Place) -> Statement:
    return Group(draw(_children(place.inside)), draw(_perhaps(place.inside)))


def _gather(draw: DrawFn, place: _Place) -> Statement:
    return Gather(draw(_children(place.inside)), return_exceptions=draw(_FLAG))


def _wait_all(draw: DrawFn, place: _Place) -> Statement:
    return WaitAll(draw(_children(place.inside)), first=draw(_FLAG))


def _as_completed(draw: DrawFn, place: _Place) -> Statement:
    return AsCompleted(draw(_children(place.inside)))


def _start(draw: DrawFn, place: _Place) -> Statement:
    return Start(draw(_some(place.inside)), draw(_perhaps(place.inside)))


def _consume(draw: DrawFn, place: _Place) -> Statement:
    body = draw(_some(place.inside))
    how = draw(_ANY_OF_THREE)
    return Consume(body, ("whole", "closing", "abandoned")[how])


_COMPOUNDS: dict[type[Statement], _Draws] = {
    Try: _try,
    Call: _call,
    With: _with,
    Shield: _shield,
    Timeout: _timeout,
    Hold: _hold,
    Group: _group,
    WaitFor: _wait_for,
    Gather: _gather,
    Start: _start,
    WaitAll: _wait_all,
    AsCompleted: _as_completed,
    Consume: _consume,
}


@cache
def _leaves(library: Library) -> list[Statement | Kind]:
    """What has no block, simplest first: a kind of thing stands for a wait for one."""
    waits = kinds(library)
    # Only the rival cancels the worker: it is there when the rival takes its first step.
    rarer = (Raise(), Cancel(), Await(), Return(), Cancel(of=TASKS[0]))
    # What waits comes again, so that it comes up more often.
    return [Compute(), Yield(), *waits, *rarer, *waits]


@cache
def _compounds(library: Library) -> list[_Draws]:
    """What has a block, simplest first."""
    return [draws for kind, draws in _COMPOUNDS.items() if kind not in missing(library)]


@st.composite
def _statement(draw: DrawFn, place: _Place) -> Statement:
    leaves = _leaves(place.library)
    compounds = _compounds(place.library) if place.deep else []
    which = draw(st.integers(0, len(leaves) + len(compounds) - 1))
    if which >= len(leaves):
        return compounds[which - len(leaves)](draw, place)
    leaf = leaves[which]
    if isinstance(leaf, str):
        return _wait(draw, place, leaf)
    return Yield() if isinstance(leaf, Return) and not place.returns else leaf


# A strategy is made once for each place: making one takes longer than drawing from it.


@cache
def _block(place: _Place, least: int, most: int) -> SearchStrategy[Block]:
    return st.lists(_statement(place), min_size=least, max_size=most).map(_reached)


def _reached(block: list[Statement]) -> Block:
    """``block`` without what is never reached in it."""
    for number, statement in enumerate(block, 1):
        if isinstance(statement, (Raise, Return)):
            return tuple(block[:number])
    return tuple(block)


def _some(place: _Place) -> SearchStrategy[Block]:
    return _block(place, 1, SHORT)


def _perhaps(place: _Place) -> SearchStrategy[Block]:
    return _block(place, 0, SHORT)


@cache
def _children(place: _Place) -> SearchStrategy[tuple[Block, ...]]:
    return st.lists(_some(place), min_size=1, max_size=2).map(tuple)


@cache
def _programs(library: Library) -> SearchStrategy[Program]:
    tasks = st.lists(_block(_Place(library), 1, LONGEST), min_size=1, max_size=len(TASKS))
    return tasks.map(_tidy).filter(lambda program: sum(1 for _ in statements(program)) <= LARGEST)


def _tidy(tasks: list[Block]) -> Program:
    """The program of ``tasks``, whose worker cancels nobody but itself.

    Its things are numbered as they come: what is called ``lock 2`` is a second lock.
    """
    numbers: dict[Kind, list[int]] = {}

    def numbered(thing: Thing) -> Thing:
        known = numbers.setdefault(thing.kind, [])
        if thing.number not in known:
            known.append(thing.number)
        return Thing(thing.kind, known.index(thing.number) + 1)

    def block(old: Block) -> Block:
        return tuple(map(one, old))

    def one(old: Statement) -> Statement:
        if isinstance(old, (Wait, Hold)):
            old = replace(old, thing=numbered(old.thing))
        return rebuilt(old, block)

    def without_rival(old: Block) -> Block:
        return tuple(
            Cancel() if isinstance(each, Cancel) else rebuilt(each, without_rival) for each in old
        )

    return Program((block(without_rival(tasks[0])), *map(block, tasks[1:])))


_WAYS: tuple[tuple[type[Action], ...], ...] = (
    (CancelTask,),
    (Complete, CancelTask),
    (CancelTask, Complete),
    (Complete, Turn, CancelTask),
    (CancelTask, CancelTask),
    (Complete,),
    (Pass,),
    (Shutdown,),
)
"""What may be done in a step in place of what lets the program go on."""

# Three times in five something else is done than what lets the program go on.  What is drawn means
# the same whatever the program is: so the schedule stays as it is while the program shrinks.
_WAY = st.integers(0, len(_WAYS) + 5).map(lambda drawn: drawn if drawn <= len(_WAYS) else 0)
_WHICH = st.integers(0, 3)
_EARLY = st.integers(0, 15)
_LATE = st.integers(0, 9)


def _next(draw: DrawFn, options: list[Step]) -> Step:
    """What is done now that every task waits."""
    natural, *others = options
    way = draw(_WAY)
    if not way:
        return natural
    which = draw(_WHICH)
    fitting = [step for step in others if tuple(map(type, step)) == _WAYS[way - 1]]
    return fitting[min(which, len(fitting) - 1)] if fitting else natural


def _scheduled(draw: DrawFn, program: Program, rules: Rules) -> tuple[Schedule, Trace]:
    """A schedule for ``program``, and its likeliest trace: the reference says what there is to do.

    Raises :class:`~conformance.programs.reference.run.Endless` if it cannot be brought to an end so.
    """
    one = reference.Run(program, rules, reference.in_order)
    steps: list[Step] = []
    cancels = CANCELS
    early = draw(_EARLY)
    try:
        while not one.over and not one.shut:
            if len(steps) == STEPS:
                raise reference.Endless("it goes on and on")
            options = one.options(cancels)
            if one.starting:
                # The worker before its first step, the rival before its own, the worker then.
                step = options[{(0, 1): 1, (1, 2): 1, (1, 3): 2}.get((len(steps), early), 0)]
            else:
                step = _next(draw, options)
            cancels -= Schedule((step,)).cancels
            one.step(step)
            steps.append(step)
        if not one.shut and cancels and draw(_LATE) == 1:
            steps.append((CancelTask(TASKS[0]),))
        return Schedule(tuple(steps)), one.finish()
    except BaseException:
        # Hypothesis too may give a draw up halfway.
        one.meaning.machine.discard()
        raise


def runs(
    library: Library, rules: Rules, only: Callable[[Program], bool] = lambda program: True
) -> SearchStrategy[tuple[Program, Schedule, Trace]]:
    """A program of ``library`` for which ``only`` is true, a schedule for it, and the likeliest trace."""
    return _runs_of(_programs(library).filter(only), rules)


def runs_of(
    some: Sequence[Program], rules: Rules
) -> SearchStrategy[tuple[Program, Schedule, Trace]]:
    """One of these programs, a schedule for it, and the likeliest trace."""
    return _runs_of(st.sampled_from(some), rules)


def _runs_of(
    programs: SearchStrategy[Program], rules: Rules
) -> SearchStrategy[tuple[Program, Schedule, Trace]]:
    @st.composite
    def one(draw: DrawFn) -> tuple[Program, Schedule, Trace]:
        program = draw(programs)
        try:
            schedule, likely = _scheduled(draw, program, rules)
        except reference.Endless:
            assume(False)
            raise
        return program, schedule, likely

    return one()
