"""A program's statements with the numbers by which its source and its trace call them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from conformance.programs.syntax import (
    AsCompleted,
    Block,
    Call,
    Consume,
    Gather,
    Group,
    Program,
    Shield,
    Start,
    Statement,
    Timeout,
    Try,
    Wait,
    WaitAll,
    WaitFor,
    With,
)

_FAMILIES: dict[type, str] = {
    Call: "inner",
    WaitFor: "timeout",
    Try: "try",
    With: "resource",
    Shield: "shielded",
    Timeout: "timeout",
    Consume: "numbers",
}


@dataclass(frozen=True, eq=False)
class Labelled:
    """A statement of a program in its place.

    ``n`` numbers the statements of one family (see the trace's ``finally 1``).  ``body`` (the block it
    runs itself), ``handling`` and ``finally_`` are as in the syntax; ``children`` are the blocks that
    become tasks, with the number of each.  ``depth`` counts the statements around it.
    """

    statement: Statement
    n: int
    depth: int
    body: LabelledBlock = ()
    handling: LabelledBlock = ()
    finally_: LabelledBlock | None = None
    children: tuple[tuple[int, LabelledBlock], ...] = ()


LabelledBlock = tuple[Labelled, ...]


@lru_cache(maxsize=4096)
def label(program: Program) -> tuple[LabelledBlock, ...]:
    """The blocks of ``program``'s tasks, numbered in the order of the source."""
    counts: Counter[str] = Counter()

    def number(family: str) -> int:
        counts[family] += 1
        return counts[family]

    def of(block: Block, depth: int) -> LabelledBlock:
        return tuple(one(statement, depth) for statement in block)

    def one(statement: Statement, depth: int) -> Labelled:
        family = _FAMILIES.get(type(statement))
        if isinstance(statement, Wait) and statement.thing.kind == "sleep":
            family = "sleep"
        n = 0 if family is None else number(family)
        children: tuple[Block, ...] = ()
        if isinstance(statement, (Group, Gather, WaitAll, AsCompleted)):
            children = statement.children
        elif isinstance(statement, Start):
            children = (statement.child,)
        numbered = tuple((number("child"), of(child, depth + 1)) for child in children)
        body: Block = getattr(statement, "body", ())
        inside = of(body, depth + 1)
        handling: LabelledBlock = ()
        finally_: LabelledBlock | None = None
        if isinstance(statement, Try):
            handling = of(statement.handling, depth + 1)
            finally_ = None if statement.finally_ is None else of(statement.finally_, depth + 1)
        return Labelled(statement, n, depth, inside, handling, finally_, numbered)

    return tuple(of(block, 0) for block in program.tasks)


def ticks(at: Labelled) -> int:
    """How long a sleep takes, or how far off a deadline is.

    No two timers of a program take the same time, nor the main task's
    (:data:`~conformance.programs.reference.machine.PASS`): the order between timers of one instant is
    nobody's promise.  Those that are due together all the same, for they were started at different
    times, may be over in any order.
    """
    if isinstance(at.statement, Wait):
        return 50 + 2 * at.n
    late = getattr(at.statement, "late", False)
    return 171 + 2 * at.n if late else 30 - 2 * at.n
