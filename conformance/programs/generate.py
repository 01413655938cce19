"""All small programs, in a fixed order: the smallest first.

Size is the number of statements; the rarer ones count as two, so that programs of a given size have
more of the common ones.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache

from conformance.claim import Library
from conformance.programs.syntax import (
    HANDLERS,
    KINDS,
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
    blocks,
)

UNCONTESTED = ("event", "future", "sleep")
"""The things that one task can have without another going without."""

COMMON = ("event", "lock", "queue")
"""The things that a wait for counts as one statement; a wait for another counts as two."""


def missing(library: Library) -> dict[type[Statement], str]:
    """The kinds of statements that cannot be judged in ``library`` on this Python, and why."""
    if library != "asyncio":
        return dict.fromkeys(
            (WaitFor, Gather, WaitAll, AsCompleted, Start), f"{library} has nothing like it"
        )
    found: dict[type[Statement], str] = {}
    if sys.version_info < (3, 11):
        found[Timeout] = "asyncio.timeout() came with Python 3.11"
        found[Group] = "asyncio.TaskGroup came with Python 3.11"
    if sys.version_info < (3, 12):
        found[WaitFor] = (
            "before Python 3.12 wait_for() runs a task of its own, and may swallow the cancel "
            "(https://github.com/python/cpython/issues/86296)"
        )
    return found


def kinds(library: Library) -> tuple[Kind, ...]:
    """The kinds of things that ``library`` has."""
    return tuple(kind for kind in KINDS if kind != "future" or library == "asyncio")


class _Space:
    """The statements and blocks of each size in one library."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.missing = frozenset(missing(library))
        self.statements_of = lru_cache(maxsize=None)(self._statements_of)
        self.blocks_of = lru_cache(maxsize=None)(self._blocks_of)

    def _statements_of(self, size: int) -> tuple[Statement, ...]:
        """Every statement of exactly this size."""
        return tuple(
            statement
            for statement in (*self._simple(size), *self._compounds(size), *self._rarer(size))
            if type(statement) not in self.missing
        )

    def _simple(self, size: int) -> Iterator[Statement]:
        if size == 1:
            yield from (Compute(), Yield(), *self._waits(common=True), Raise(), Cancel())

    def _rarer(self, size: int) -> Iterator[Statement]:
        if size == 2:
            yield from (*self._waits(common=False), Await(), Return())

    def _waits(self, *, common: bool) -> Iterator[Statement]:
        for kind in kinds(self.library):
            if (kind in COMMON) == common:
                yield Wait(Thing(kind))

    def _compounds(self, size: int) -> Iterator[Statement]:
        # Two short blocks before a long one: what comes first is what is shown.
        for first, second in self._pairs(size - 1):
            yield Try(first, finally_=second)
            for handler in HANDLERS:
                yield Try(first, handler, second)
            yield from (Group((first,), second), Group((first, second)), Start(first, second))
            for flag in (False, True):
                yield Gather((first, second), return_exceptions=flag)
                yield WaitAll((first, second), first=flag)
            yield AsCompleted((first, second))
        for body in self.blocks_of(size - 1):
            yield Try(body, finally_=())
            for handler in HANDLERS:
                yield Try(body, handler)
            yield from (With(body), Call(body), Shield(body), Timeout(body), WaitFor(body))
            yield from (Group((body,)), Gather((body,)), Start(body))
        for body in self.blocks_of(size - 1):
            yield from self._holds("lock", body)
        for body in self.blocks_of(size - 2):
            yield With(body, asynchronous=True)
            yield from (Timeout(body, late=True), Timeout(body, caught=True))
            yield from (Timeout(body, rescheduled=True), WaitFor(body, late=True))
            yield from self._holds("semaphore", body)
            for how in ("whole", "closing", "abandoned"):
                yield Consume(body, how)
            yield from (Gather((body,), return_exceptions=True), WaitAll((body,)))
            yield AsCompleted((body,))

    def _holds(self, kind: Kind, body: Block) -> Iterator[Statement]:
        # A task that waits for what it holds waits for ever, or is refused (trio's and anyio's locks).
        if Thing(kind) not in _taken(body):
            yield Hold(Thing(kind), body)

    def _pairs(self, size: int) -> Iterator[tuple[Block, Block]]:
        for first in range(1, size):
            for one in self.blocks_of(first):
                for other in self.blocks_of(size - first):
                    yield one, other

    def _blocks_of(self, size: int) -> tuple[Block, ...]:
        """Every block of exactly this size, but for those in which a statement is never reached."""
        if size < 1:
            return ()
        found: list[Block] = [(statement,) for statement in self.statements_of(size)]
        for first in range(1, size):
            for head in self.statements_of(first):
                if not isinstance(head, (Raise, Return)):
                    found += ((head, *rest) for rest in self.blocks_of(size - first))
        return tuple(found)


@lru_cache(maxsize=4)
def _space(library: Library) -> _Space:
    return _Space(library)


def programs(library: Library, size: int) -> Iterator[Program]:
    """Every program of exactly ``size`` in ``library``: of one task, then of two that compete."""
    for block in _space(library).blocks_of(size):
        yield distinct(Program((block,)))
    for first in range(1, size):
        yield from _two_tasks(library, first, size - first)


def contests(library: Library, size: int) -> Iterator[Program]:
    """Every program of two tasks that compete, each one smaller than ``size``, but for those above."""
    if size > 2:
        yield from _two_tasks(library, size - 1, size - 1)


def _two_tasks(library: Library, first: int, second: int) -> Iterator[Program]:
    space = _space(library)
    for worker in space.blocks_of(first):
        for rival in space.blocks_of(second):
            if competes(worker, rival):
                yield distinct(Program((worker, rival)))


def competes(worker: Block, rival: Block) -> bool:
    """Whether there is something that both tasks take and only one can have."""
    return bool(_taken(worker) & _taken(rival))


@lru_cache(maxsize=65536)
def _taken(block: Block) -> frozenset[Thing]:
    found: set[Thing] = set()
    for statement in block:
        if isinstance(statement, (Wait, Hold)) and statement.thing.kind not in UNCONTESTED:
            found.add(statement.thing)
        for inner in blocks(statement):
            found |= _taken(inner)
    return frozenset(found)


def distinct(program: Program) -> Program:
    """``program`` with a number of its own for every future and for each event of one task.

    A second wait for one event would be none.
    """
    return Program(tuple(_Renumbered()(block) for block in program.tasks))


class _Renumbered:
    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def __call__(self, block: Block) -> Block:
        return tuple(self.one(statement) for statement in block)

    def one(self, statement: Statement) -> Statement:
        if isinstance(statement, Wait):
            kind = statement.thing.kind
            if kind not in ("event", "future"):
                return statement
            self.counts[kind] = self.counts.get(kind, 0) + 1
            return Wait(Thing(kind, self.counts[kind]))
        return rebuilt(statement, self)


def rebuilt(statement: Statement, each: Callable[[Block], Block]) -> Statement:
    """``statement`` with every block in it replaced by what ``each`` makes of it."""
    changes: dict[str, object] = {}
    for name in ("children", "child", "body", "handling", "finally_"):
        value = getattr(statement, name, None)
        if value:
            changes[name] = tuple(map(each, value)) if name == "children" else each(value)
    return replace(statement, **changes) if changes else statement  # type: ignore[arg-type]  # the fields, by name
