"""Which event of a program follows which at once: no suspension, no checkpoint lies between the two.

Read off the program's text.  Where something may come between two events, or where that is not
obvious, nothing is said of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from conformance.claim import Library
from conformance.programs.numbering import Labelled, LabelledBlock, label
from conformance.programs.reference.meaning import called
from conformance.programs.syntax import (
    Await,
    Call,
    Cancel,
    Compute,
    Consume,
    Gather,
    Group,
    Hold,
    Program,
    Shield,
    Start,
    Statement,
    Timeout,
    Try,
    Wait,
    WaitFor,
    With,
    Yield,
)

Pair = tuple[str, str, str | None]
"""A lane, an event, and what follows it at once: ``None`` where anything may."""

_ENDS: dict[type[Statement], str] = {
    Compute: "computed",
    Await: "awaited nothing",
    Yield: "yielded",
    Call: "called",
    Shield: "shielded",
    WaitFor: "waited for",
    Group: "group over",
    Gather: "gathered",
    Start: "joined",
}
"""The event with which a statement ends, of those that end with one."""


def kind(event: str) -> str:
    """``event`` without what is not in the program's text: results, and what was caught."""
    for word in ("gathered", "joined"):
        if event.startswith(word + " "):
            return word
    return f"caught in {event.rpartition(' ')[2]}" if event.startswith("caught ") else event


@lru_cache(maxsize=4096)
def at_once(program: Program, library: Library) -> dict[tuple[str, str], frozenset[str]]:
    """For each lane and :func:`kind` of event, what may follow it, if only that may."""
    found: dict[tuple[str, str], set[str | None]] = {}
    flow = _Flow(library)
    for name, block in zip(program.names, label(program), strict=True):
        for lane, event, then in flow.block(name, block, None):
            found.setdefault((lane, event), set()).add(then)
    return {
        where: frozenset(each for each in then if each)
        for where, then in found.items()
        if None not in then
    }


class _Flow:
    def __init__(self, library: Library) -> None:
        self.library = library

    def block(self, lane: str, block: LabelledBlock, then: str | None) -> Iterator[Pair]:
        """The pairs of a block after which ``then`` follows at once."""
        for place, at in enumerate(block):
            yield from self.statement(lane, at, self.first(block[place + 1 :], then))

    def first(self, block: LabelledBlock, then: str | None) -> str | None:
        """The event that comes first when ``block`` begins, if it comes at once."""
        for at in block:
            what = at.statement
            if isinstance(what, (Compute, Await)):
                return _ENDS[type(what)]
            if isinstance(what, Try):
                return f"enters {at.n}"
            if isinstance(what, With):
                return f"opens {at.n}"
            if isinstance(what, (Call, Timeout)) or (self.shields_a_scope(at)):
                return self.first(at.body, None)
            if not isinstance(what, Cancel):  # to ask for a cancel is no suspension
                return None
        return then

    def shields_a_scope(self, at: Labelled) -> bool:
        """Whether this is a shield that is a scope, not a task of its own."""
        return isinstance(at.statement, Shield) and self.library != "asyncio"

    def statement(self, lane: str, at: Labelled, then: str | None) -> Iterator[Pair]:
        """The pairs of a statement after which ``then`` follows at once."""
        what, inside, after = at.statement, lane, None
        if type(what) in _ENDS:
            yield lane, _ENDS[type(what)], then
        if isinstance(what, Call) or self.shields_a_scope(at):
            after = _ENDS[type(what)]
        elif isinstance(what, Shield):
            inside = f"shielded {at.n}"
        elif isinstance(what, Consume):
            inside = f"numbers {at.n}"
        elif isinstance(what, Timeout):
            after = then
            if what.caught:
                yield lane, f"timeout {at.n}", then
        elif isinstance(what, Wait):
            timer = what.thing.kind == "sleep"
            yield lane, "slept" if timer else f"{called(what.thing)} came", then
        elif isinstance(what, Hold):
            after = then
            yield lane, f"holds the {called(what.thing)}", self.first(at.body, then)
        elif isinstance(what, With):
            after = None if what.asynchronous else f"closes {at.n}"
            yield lane, f"opens {at.n}", self.first(at.body, after)
        elif isinstance(what, Try):
            after = then if at.finally_ is None else f"finally {at.n}"
            yield lane, f"enters {at.n}", self.first(at.body, after)
            yield from self.handling(lane, at, what, after)
        for n, child in at.children:
            yield from self.block(f"child {n}", child, None)
        yield from self.block(inside, at.body, after)

    def handling(self, lane: str, at: Labelled, how: Try, after: str | None) -> Iterator[Pair]:
        """The pairs of a handler, which goes on to ``after`` unless it leaves, and of a ``finally``."""
        if how.handler is not None:
            leaves = how.handler in ("reraise", "replace", "return") and at.finally_ is None
            then = None if leaves else after
            caught = "caught" if how.handler in ("exception", "base") else "cancelled"
            yield lane, f"{caught} in {at.n}", self.first(at.handling, then)
            yield from self.block(lane, at.handling, then)
        if at.finally_ is not None:
            yield lane, f"finally {at.n}", self.first(at.finally_, None)
            yield from self.block(lane, at.finally_, None)
