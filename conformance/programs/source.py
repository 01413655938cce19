"""A program as Python source: what is shown is what is executed.

The source of a program has two parts.  The tasks' functions depend on the program alone and are
compiled once (:mod:`conformance.programs.functions`); ``main()``, which starts the tasks and does what
the schedule says, is the same for many programs and is written and compiled once for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from textwrap import indent

from conformance.claim import Library
from conformance.programs.dialects import DIALECTS, Dialect
from conformance.programs.functions import Functions, Lines, seconds, shape
from conformance.programs.reference.machine import PASS
from conformance.programs.reference.meaning import called
from conformance.programs.reference.run import COUNTS, spawns
from conformance.programs.schedule import (
    CancelTask,
    Complete,
    Pass,
    Schedule,
    Shutdown,
    Step,
    Turn,
)
from conformance.programs.syntax import (
    AsCompleted,
    Cancel,
    Consume,
    Gather,
    Group,
    Hold,
    Program,
    Shield,
    Start,
    Statement,
    Thing,
    Timeout,
    Wait,
    WaitAll,
    WaitFor,
    With,
    Yield,
    statements,
    things,
)


@dataclass(frozen=True)
class Driver:
    """Writes ``main()``.

    The fields are all that it depends on besides the schedule, so that programs which have them in
    common share what is written.  ``functions`` are the tasks' functions: the same one twice takes the
    name of its task.  ``cancels``: they cancel by a name that ``main()`` gives; ``shapes``: an exception may be a group;
    ``raises``: one may get out of a task in its scope; ``spawns``: tasks of its own may be left.  In
    ``turns`` turns of the loop everything comes to rest.
    """

    library: Library
    real_clock: bool
    names: tuple[str, ...]
    functions: tuple[str, ...]
    things: tuple[Thing, ...]
    cancels: bool
    shapes: bool
    raises: bool
    spawns: bool
    turns: int

    @cached_property
    def _hash(self) -> int:
        return hash(tuple(getattr(self, name) for name in self.__dataclass_fields__))

    def __hash__(self) -> int:
        # What is written is looked up by it in every run.
        return self._hash

    @property
    def dialect(self) -> Dialect:
        """The library's words."""
        return DIALECTS[self.library]

    @property
    def edge(self) -> bool:
        """Whether the library is asyncio."""
        return self.library == "asyncio"

    @property
    def alike(self) -> bool:
        """Whether the tasks run one function."""
        return len(set(self.functions)) < len(self.functions)

    def parts(self, schedule: Schedule) -> Lines:
        """``main()``, which starts the tasks and does what ``schedule`` says, after what it uses."""
        shut = any(isinstance(action, Shutdown) for action in schedule.steps[-1])
        shared, own = self._setting_up
        parts = [self.shared] if shared else []
        settle = self.settle
        if len(settle) > 1 and len(schedule.steps) - shut > 1:
            parts.append("async def settle():\n" + "\n".join("    " + line for line in settle))
            settle = ["await settle()"]
        steps: Lines = []
        for number, step in enumerate(schedule.steps):
            steps += self._step(number, step, schedule)
            steps += [] if shut and number + 1 == len(schedule.steps) else settle
        left = [] if shut else list(self._account())
        if self.edge:
            counts = ", cancelling {NAME_task.cancelling()}" if COUNTS else ""
            if not shut:
                ends = [
                    f'print(f"{name}: {{outcome({name}_task)}}{counts}")'.replace("NAME", name)
                    for name in self.names
                ]
                left = [*ends, *left]
                if self.spawns:
                    left.append('print(f"tasks: {len(asyncio.all_tasks()) - 1} left")')
                parts.append(self._outcome())
            body = [*own, *steps, *left]
        else:
            opener = "open_nursery" if self.library == "trio" else "create_task_group"
            if not shut:
                left.append("nursery.cancel_scope.cancel()")
            parts.append(self._supervise())
            body = [
                *own,
                f"async with {self.library}.{opener}() as nursery:",
                *("    " + line for line in [*steps, *left]),
            ]
        parts.append("async def main():\n" + "\n".join("    " + line for line in body))
        return parts

    @property
    def shared(self) -> str:
        """The part of the driver that the functions refer to; it may stand before them too."""
        return "\n".join(self._setting_up[0])

    @cached_property
    def _setting_up(self) -> tuple[Lines, Lines]:
        """What makes the things and the scopes: lines of the module, and lines of ``main()``."""
        shared: Lines = []
        own: Lines = []
        shared_names: list[str] = []
        for spelling in map(self.dialect.spell, self.things):
            for line in spelling.make:
                # Not every version of anyio can make them outside of an event loop.
                outside = "await" not in line and "running_loop" not in line
                (shared if outside and self.library != "anyio" else own).append(line)
            if self.library == "anyio" or any("running_loop" in line for line in spelling.make):
                shared_names += spelling.names
        if not self.edge:
            for name in self.names:
                line = f"{name}_scope = {self.library}.CancelScope()"
                if self.cancels and self.library == "trio":
                    shared.append(line)
                else:
                    own.append(line)
                    if self.cancels:
                        shared_names.append(f"{name}_scope")
        elif self.cancels:
            shared_names += (f"{name}_task" for name in self.names)
        return shared, [f"global {', '.join(shared_names)}"] * bool(shared_names) + own

    def _step(self, number: int, step: Step, schedule: Schedule) -> Iterator[str]:
        if number < len(self.names):
            name = self.names[number]
            function = self.functions[number]
            if self.edge:
                argument = f'"{name}"' if self.alike else ""
                # Named in any case: the event loop alone does not keep a task.
                unused = "" if self.cancels or _names(schedule, name) else "_"
                yield f"{unused}{name}_task = asyncio.create_task({function}({argument}))"
            else:
                yield f'nursery.start_soon(supervise, "{name}", {function}, {name}_scope)'
        for action in step:
            if isinstance(action, Complete):
                yield from self.dialect.spell(action.thing).complete
            elif isinstance(action, CancelTask):
                yield f"{action.name}_{'task' if self.edge else 'scope'}.cancel()"
            elif isinstance(action, Turn):
                yield self.dialect.yields
            elif isinstance(action, Pass):
                yield self.dialect.sleep.format(seconds(PASS, self.real_clock))
            elif not self.edge:
                yield "nursery.cancel_scope.cancel()"

    def _account(self) -> Iterator[str]:
        for thing in self.things:
            left = self.dialect.spell(thing).left
            if left is not None:
                yield f'print(f"{called(thing)}: {left}")'

    @cached_property
    def settle(self) -> Lines:
        """The lines that let everything run until every task waits."""
        return [line.format(turns=self.turns) for line in self.dialect.settle]

    def _outcome(self) -> str:
        return (
            "def outcome(task):\n"
            "    if not task.done() or task.cancelled():\n"
            '        return "cancelled" if task.done() else "still running"\n'
            f'    return f"raised {{{shape("e", self.shapes)}}}" if (e := task.exception()) '
            'else f"returned {task.result()}"'
        )

    def _supervise(self) -> str:
        argument = "name" if self.alike else ""
        lines = [
            "with scope:",
            f'    print(f"{{name}}: returned {{await body({argument})}}")',
            "if scope.cancelled_caught:",
            '    print(f"{name}: cancelled")',
        ]
        if self.raises:
            lines = [
                "try:",
                *("    " + line for line in lines),
                "except Exception as error:",
                f'    print(f"{{name}}: raised {{{shape("error", self.shapes)}}}")',
            ]
        return "async def supervise(name, body, scope):\n" + indent("\n".join(lines), "    ")


class Source(Functions):
    """Writes one program in one library: its functions, and the ``main()`` of a schedule."""

    @cached_property
    def stage(self) -> Driver:
        """What writes ``main()``."""
        return Driver(
            self.library,
            self.real_clock,
            self.program.names,
            ("contend",) * 2 if self.alike else self.program.names,
            things(self.program),
            cancels=any(
                isinstance(each, Cancel) and not (self.edge and each.of is None)
                for each in statements(self.program)
            ),
            shapes=self.shapes,
            # What a library has no use for is left out, so that more programs share one.
            raises=self.raises and not self.edge,
            spawns=self.edge and spawns(self.program),
            turns=0 if self.library == "trio" else turns(self.program, self.library),
        )

    @property
    def shared(self) -> str:
        """The part of the driver that the functions refer to; it may stand before them too."""
        return self.stage.shared

    def driver(self, schedule: Schedule) -> str:
        """``main()``: what starts the tasks and does what ``schedule`` says."""
        return "\n\n\n".join(self.stage.parts(schedule))


_TURNS: dict[type[Statement], int] = {
    Yield: 1,
    Wait: 1,
    Hold: 1,
    With: 1,
    Timeout: 1,
    WaitFor: 1,
    Consume: 2,
    Start: 3,
    Shield: 3,
    Gather: 4,
    WaitAll: 4,
    AsCompleted: 4,
    Group: 5,
}
"""In how many turns of the loop a statement is over, if nothing from outside is waited for."""


def turns(program: Program, library: Library) -> int:
    """In how many turns of the loop every task of ``program`` waits, whatever has just happened.

    Nothing runs twice, so it is no more than all statements take together.
    """
    # A task is started or woken in one; anyio tells a scope's tasks of a cancel in turns of its own.
    at_least = 3 if library == "asyncio" else 5
    return at_least + sum(_TURNS.get(type(each), 0) for each in statements(program))


def _names(schedule: Schedule, name: str) -> bool:
    """Whether ``main()`` cancels the task called ``name``, or says how it ended."""
    actions = [action for step in schedule.steps for action in step]
    return CancelTask(name) in actions or Shutdown() not in actions


@lru_cache(maxsize=64)
def source_of(program: Program, library: Library, real_clock: bool = False) -> Source:
    """The writer of ``program`` in ``library``."""
    return Source(program, library, real_clock)
