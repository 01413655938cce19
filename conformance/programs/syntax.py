"""Small async programs as data.

A program is one or two tasks, each a block of statements.  The tasks meet in *things*: events, locks,
queues.  Nothing here says what a statement does: :mod:`conformance.programs.reference` does, and
:mod:`conformance.programs.source` writes it as Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import Literal, Union, get_args

Kind = Literal["event", "future", "lock", "semaphore", "condition", "queue", "full queue", "sleep"]
"""What can be waited for.

``queue`` is an empty one to take an item from, ``full queue`` one of capacity one to put an item into;
in anyio and trio they are memory streams and channels.  ``sleep`` is a timer.
"""

KINDS: tuple[Kind, ...] = (
    "event",
    "lock",
    "queue",
    "semaphore",
    "full queue",
    "condition",
    "future",
    "sleep",
)

Handler = Literal["exception", "base", "reraise", "swallow", "replace", "return"]
"""What a ``try`` does with what it catches.

``exception`` and ``base`` are ``except Exception`` and ``except BaseException``, which go on after it;
the others catch the library's cancelled class, and raise it again, go on, raise another exception in
its place, or return.
"""

HANDLERS: tuple[Handler, ...] = ("reraise", "swallow", "replace", "return", "exception", "base")


@dataclass(frozen=True)
class Thing:
    """Something to wait for, shared by all tasks that name the same ``kind`` and ``number``."""

    kind: Kind = "event"
    number: int = 1


@dataclass(frozen=True)
class Compute:
    """Go on without awaiting anything."""


@dataclass(frozen=True)
class Await:
    """Await a coroutine that returns without suspending."""


@dataclass(frozen=True)
class Yield:
    """Let the other tasks run once: ``asyncio.sleep(0)``, a checkpoint."""


@dataclass(frozen=True)
class Wait:
    """Wait for a thing, and give back at once what can be held."""

    thing: Thing = Thing()


@dataclass(frozen=True)
class Hold:
    """Take a lock or a permit, run ``body``, and give it back."""

    thing: Thing
    body: Block


@dataclass(frozen=True)
class Call:
    """Await a coroutine function of one's own that runs ``body``."""

    body: Block


@dataclass(frozen=True)
class Try:
    """``try`` around ``body``, with a handler, a ``finally``, or both."""

    body: Block
    handler: Handler | None = None
    handling: Block = ()
    finally_: Block | None = None


@dataclass(frozen=True)
class With:
    """Open a resource, run ``body``, close it.  Closing an ``asynchronous`` one yields first."""

    body: Block
    asynchronous: bool = False


@dataclass(frozen=True)
class Shield:
    """Run ``body`` where the cancel does not reach it: ``asyncio.shield()``, a shielded scope."""

    body: Block


@dataclass(frozen=True)
class Timeout:
    """Run ``body`` under a deadline: ``asyncio.timeout()``, ``fail_after()``.

    A ``late`` deadline is later than anything that a program sleeps; ``rescheduled`` starts late and
    moves the deadline forward from within; ``caught`` handles the ``TimeoutError`` around it.
    """

    body: Block
    late: bool = False
    rescheduled: bool = False
    caught: bool = False


@dataclass(frozen=True)
class WaitFor:
    """``asyncio.wait_for()`` of a coroutine that runs ``body``."""

    body: Block
    late: bool = False


@dataclass(frozen=True)
class Group:
    """A task group or nursery with ``children``, whose own block runs ``body``."""

    children: tuple[Block, ...]
    body: Block = ()


@dataclass(frozen=True)
class Gather:
    """``asyncio.gather()`` of ``children``."""

    children: tuple[Block, ...]
    return_exceptions: bool = False


@dataclass(frozen=True)
class WaitAll:
    """``asyncio.wait()`` for tasks that run ``children``: for all, or for the ``first`` to end."""

    children: tuple[Block, ...]
    first: bool = False


@dataclass(frozen=True)
class AsCompleted:
    """``asyncio.as_completed()`` of ``children``, each awaited in turn."""

    children: tuple[Block, ...]


@dataclass(frozen=True)
class Start:
    """Start a task that runs ``child``, run ``body``, then await the task."""

    child: Block
    body: Block = ()


@dataclass(frozen=True)
class Consume:
    """Iterate over an asynchronous generator that runs ``body``, then yields two items.

    ``how``: to its end (``whole``), or only its first item, with ``aclosing()`` around it
    (``closing``) or without (``abandoned``).
    """

    body: Block
    how: Literal["whole", "closing", "abandoned"] = "whole"


@dataclass(frozen=True)
class Cancel:
    """Cancel oneself, or the task ``of`` this name."""

    of: str | None = None


@dataclass(frozen=True)
class Raise:
    """Raise an exception."""


@dataclass(frozen=True)
class Return:
    """Return from the function that this stands in."""


Statement = Union[  # noqa: UP007  # an alias of this length reads better so, and 3.10 must parse it
    Compute,
    Await,
    Yield,
    Wait,
    Hold,
    Call,
    Try,
    With,
    Shield,
    Timeout,
    WaitFor,
    Group,
    Gather,
    WaitAll,
    AsCompleted,
    Start,
    Consume,
    Cancel,
    Raise,
    Return,
]
Block = tuple[Statement, ...]

TASKS = ("worker", "rival")
"""The names of a program's tasks, in the order in which they are started."""


@dataclass(frozen=True)
class Program:
    """What each task runs: that of the ``worker``, and of the ``rival`` if there is one."""

    tasks: tuple[Block, ...]

    @cached_property
    def _hash(self) -> int:
        return hash(self.tasks)

    def __hash__(self) -> int:
        # Whatever follows from a program alone is cached by it, and looked up in every run.
        return self._hash

    @property
    def names(self) -> tuple[str, ...]:
        """The tasks' names."""
        return TASKS[: len(self.tasks)]

    def __repr__(self) -> str:
        return "\n".join(
            f"{name}: {'; '.join(map(show, block)) or 'nothing'}"
            for name, block in zip(self.names, self.tasks, strict=True)
        )


def walk(block: Block) -> Iterator[Statement]:
    """Every statement of ``block``, each before what it contains, in the order of the source."""
    for statement in block:
        yield statement
        for inner in blocks(statement):
            yield from walk(inner)


def blocks(statement: Statement) -> Iterator[Block]:
    """The blocks that ``statement`` contains."""
    for name in _FIELDS[type(statement)]:
        value = getattr(statement, name)
        if name == "children":
            yield from value
        elif isinstance(value, tuple):
            yield value


STATEMENTS: tuple[str, ...] = tuple(kind.__name__ for kind in get_args(Statement))
"""The names of all kinds of statements."""

_FIELDS: dict[type, tuple[str, ...]] = {
    kind: tuple(field.name for field in fields(kind)) for kind in get_args(Statement)
}


@lru_cache(maxsize=4096)
def statements(program: Program) -> tuple[Statement, ...]:
    """Every statement of ``program``, in the order of the source."""
    return tuple(statement for block in program.tasks for statement in walk(block))


@lru_cache(maxsize=4096)
def things(program: Program) -> tuple[Thing, ...]:
    """The things that ``program`` names, timers apart, in the order of the source."""
    named = (
        statement.thing
        for statement in statements(program)
        if isinstance(statement, (Wait, Hold)) and statement.thing.kind != "sleep"
    )
    return tuple(dict.fromkeys(named))


def show(statement: Statement) -> str:
    """``statement`` in one line, for messages and test ids."""
    inside: list[str] = []
    for field in fields(statement):
        value = getattr(statement, field.name)
        if isinstance(value, Thing):
            inside.append(f"{value.kind}{'' if value.number == 1 else f' {value.number}'}")
        elif field.name == "children":
            inside += (f"[{'; '.join(map(show, child))}]" for child in value)
        elif isinstance(value, tuple):
            prefix = "" if field.name in ("body", "child") else f"{field.name.strip('_')} "
            if value or field.name == "finally_":
                inside.append(f"{prefix}{{{'; '.join(map(show, value))}}}")
        elif value is True:
            inside.append(field.name)
        elif value:
            inside.append(str(value))
    name = type(statement).__name__
    return f"{name}({', '.join(inside)})" if inside else name
