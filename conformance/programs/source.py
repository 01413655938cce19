"""A program as Python source: what is shown is what is executed.

The source of a program has two parts.  The tasks' functions depend on the program alone and are
compiled once; ``main()``, which starts the tasks and does what the schedule says, is the same for many
programs and is compiled once for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from textwrap import indent

from conformance.claim import Library
from conformance.programs.dialects import DIALECTS, NEVER, TICK, Dialect
from conformance.programs.labels import Labelled, LabelledBlock, label, ticks
from conformance.programs.reference.machine import PASS
from conformance.programs.reference.meaning import called
from conformance.programs.reference.run import COUNTS, spawns
from conformance.programs.schedule import CancelTask, Complete, Pass, Schedule, Shutdown, Turn
from conformance.programs.syntax import (
    AsCompleted,
    Cancel,
    Consume,
    Gather,
    Group,
    Hold,
    Program,
    Raise,
    Return,
    Start,
    Statement,
    Timeout,
    Try,
    Wait,
    WaitAll,
    With,
    statements,
    things,
)

Lines = list[str]


@dataclass
class Source:
    """Writes one program in one library.

    ``real_clock`` makes every timer so long that none is ever due.
    """

    program: Program
    library: Library
    real_clock: bool = False
    functions: list[str] = field(default_factory=list)

    @property
    def dialect(self) -> Dialect:
        """The library's words."""
        return DIALECTS[self.library]

    @property
    def edge(self) -> bool:
        """Whether the library is asyncio."""
        return self.library == "asyncio"

    @cached_property
    def used(self) -> frozenset[type[Statement]]:
        """The kinds of statements that the program has."""
        return frozenset(type(statement) for statement in statements(self.program))

    def seconds(self, number: int) -> str:
        """``number`` ticks, as seconds."""
        return f"{number * TICK * (NEVER if self.real_clock else 1):g}"

    # The tasks' functions.

    def tasks(self) -> str:
        """The definitions that the program consists of."""
        self.functions = []
        for name, block in zip(self.program.names, label(self.program), strict=True):
            self.main = name
            self.function(name, name, block)
        return "\n\n\n".join([*self.classes(), *self.functions])

    def classes(self) -> Iterator[str]:
        """The exceptions and helpers that the functions use."""
        if Raise in self.used:
            yield "class Oops(Exception):\n    pass"
        handlers = {each.handler for each in statements(self.program) if isinstance(each, Try)}
        if "replace" in handlers:
            yield "class Replaced(Exception):\n    pass"
        if self.shapes:
            yield (
                "def shape(error):\n"
                '    members = getattr(error, "exceptions", None)\n'
                "    if members is None:\n"
                "        return type(error).__name__\n"
                "    return f\"[{', '.join(sorted(map(shape, members)))}]\""
            )

    @property
    def shapes(self) -> bool:
        """Whether an exception may be a group."""
        return Group in self.used

    def shape(self, error: str) -> str:
        """The expression that names an exception."""
        return f"shape({error})" if self.shapes else f"type({error}).__name__"

    def function(
        self, name: str, lane: str, block: LabelledBlock, result: str | None = None
    ) -> str:
        """Define a coroutine function that runs ``block``.  Returns its name."""
        name = name.replace(" ", "_")
        lines = self.block(lane, block)
        if result is not None and not (block and isinstance(block[-1].statement, (Raise, Return))):
            lines.append(f'return "{result}"')
        self.functions.append(
            f"async def {name}():\n" + indent("\n".join(lines or ["pass"]), "    ")
        )
        return name

    def block(self, lane: str, block: LabelledBlock) -> Lines:
        """The lines of statements one after the other."""
        return [
            line
            for at in block
            for line in getattr(self, f"write_{type(at.statement).__name__.lower()}")(lane, at)
        ]

    def inside(self, lane: str, block: LabelledBlock) -> Lines:
        """The lines of a block within a compound statement."""
        return ["    " + line for line in self.block(lane, block) or ["pass"]]

    def children(self, at: Labelled, *, results: bool = True) -> list[str]:
        """Define a function for each child.  Returns their names."""
        return [
            self.function(f"child {n}", f"child {n}", block, f"child {n}" if results else None)
            for n, block in at.children
        ]

    def write_compute(self, lane: str, at: Labelled) -> Lines:
        return [say(lane, "computed")]

    def write_await(self, lane: str, at: Labelled) -> Lines:
        if "async def nothing():\n    pass" not in self.functions:
            self.functions.append("async def nothing():\n    pass")
        return ["await nothing()", say(lane, "awaited nothing")]

    def write_yield(self, lane: str, at: Labelled) -> Lines:
        return [self.dialect.yields, say(lane, "yielded")]

    def write_raise(self, lane: str, at: Labelled) -> Lines:
        return ["raise Oops"]

    def write_return(self, lane: str, at: Labelled) -> Lines:
        return ["return"] if lane.startswith("numbers") else ['return "early"']

    def write_wait(self, lane: str, at: Labelled) -> Lines:
        assert isinstance(at.statement, Wait)
        thing = at.statement.thing
        if thing.kind == "sleep":
            return [self.dialect.sleep.format(self.seconds(ticks(at))), say(lane, "slept")]
        came = say(lane, f"{called(thing)} came")
        wait = list(self.dialect.spell(thing).wait)
        return [*wait, f"    {came}" if wait[-1].endswith(":") else came]

    def write_hold(self, lane: str, at: Labelled) -> Lines:
        assert isinstance(at.statement, Hold)
        thing = at.statement.thing
        return [
            *self.dialect.spell(thing).wait,
            "    " + say(lane, f"holds the {called(thing)}"),
            *("    " + line for line in self.block(lane, at.body)),
        ]

    def write_call(self, lane: str, at: Labelled) -> Lines:
        return [f"await {self.function(f'inner {at.n}', lane, at.body)}()", say(lane, "called")]

    def write_try(self, lane: str, at: Labelled) -> Lines:
        how = at.statement
        assert isinstance(how, Try)
        lines = [say(lane, f"enters {at.n}"), "try:", *self.inside(lane, at.body)]
        if how.handler in ("exception", "base"):
            caught = "Exception" if how.handler == "exception" else "BaseException"
            lines += [
                f"except {caught} as error:",
                f'    print(f"{lane}: caught {{{self.shape("error")}}} in {at.n}")',
            ]
        elif how.handler is not None:
            lines += [
                f"except {self.dialect.cancelled}:",
                "    " + say(lane, f"cancelled in {at.n}"),
            ]
        if how.handler is not None:
            lines += ["    " + line for line in self.block(lane, at.handling)]
            end = {"reraise": "raise", "replace": "raise Replaced", "return": 'return "rescued"'}
            if how.handler in end:
                line = end[how.handler]
                if how.handler == "return" and lane.startswith("numbers"):
                    line = "return"
                lines.append(f"    {line}")
        if at.finally_ is not None:
            lines += ["finally:", "    " + say(lane, f"finally {at.n}")]
            lines += ["    " + line for line in self.block(lane, at.finally_)]
        return lines

    def write_with(self, lane: str, at: Labelled) -> Lines:
        assert isinstance(at.statement, With)
        a, manager = (
            ("async ", "asynccontextmanager")
            if at.statement.asynchronous
            else ("", "contextmanager")
        )
        lines = [
            f"@{manager}",
            f"{a}def resource_{at.n}():",
            "    " + say(lane, f"opens {at.n}"),
            "    try:",
            "        yield",
            "    finally:",
            *(["        " + self.dialect.yields] if a else []),
            "        " + say(lane, f"closes {at.n}"),
        ]
        self.functions.append("\n".join(lines))
        return [f"{a}with resource_{at.n}():", *self.inside(lane, at.body)]

    def write_shield(self, lane: str, at: Labelled) -> Lines:
        if self.edge:
            inner = self.function(f"shielded {at.n}", f"shielded {at.n}", at.body)
            return [f"await asyncio.shield({inner}())", say(lane, "shielded")]
        return [
            f"with {self.library}.CancelScope(shield=True):",
            *self.inside(lane, at.body),
            say(lane, "shielded"),
        ]

    def write_timeout(self, lane: str, at: Labelled) -> Lines:
        how = at.statement
        assert isinstance(how, Timeout)
        limit = self.seconds(ticks(at))
        body = self.inside(lane, at.body)
        makes = "async with asyncio.timeout" if self.edge else f"with {self.library}.fail_after"
        if how.rescheduled:
            late = self.seconds(4 * PASS)
            if self.edge:
                moves = f"deadline.reschedule(asyncio.get_running_loop().time() + {limit})"
            else:
                moves = f"deadline.deadline = {self.library}.current_time() + {limit}"
            lines = [f"{makes}({late}) as deadline:", f"    {moves}", *body]
        else:
            lines = [f"{makes}({limit}):", *body]
        if how.caught:
            return [
                "try:",
                *("    " + line for line in lines),
                f"except {self.dialect.timeout_error}:",
                "    " + say(lane, f"timeout {at.n}"),
            ]
        return lines

    def write_waitfor(self, lane: str, at: Labelled) -> Lines:
        inner = self.function(f"limited {at.n}", lane, at.body)
        limit = self.seconds(ticks(at))
        return [f"await asyncio.wait_for({inner}(), {limit})", say(lane, "waited for")]

    def write_group(self, lane: str, at: Labelled) -> Lines:
        names = self.children(at, results=False)
        if self.edge:
            opens = "async with asyncio.TaskGroup() as group:"
            starts = [f"    group.create_task({name}())" for name in names]
        else:
            opener = "open_nursery" if self.library == "trio" else "create_task_group"
            opens = f"async with {self.library}.{opener}() as group:"
            starts = [f"    group.start_soon({name})" for name in names]
        return [
            opens,
            *starts,
            *("    " + line for line in self.block(lane, at.body)),
            say(lane, "group over"),
        ]

    def write_gather(self, lane: str, at: Labelled) -> Lines:
        assert isinstance(at.statement, Gather)
        calls = ", ".join(f"{name}()" for name in self.children(at))
        if not at.statement.return_exceptions:
            return [f'print(f"{lane}: gathered {{await asyncio.gather({calls})}}")']
        named = f"each if isinstance(each, str) else {self.shape('each')}"
        return [
            f"results = await asyncio.gather({calls}, return_exceptions=True)",
            f'print(f"{lane}: gathered {{[{named} for each in results]}}")',
        ]

    def write_waitall(self, lane: str, at: Labelled) -> Lines:
        assert isinstance(at.statement, WaitAll)
        tasks = ", ".join(f"asyncio.create_task({name}())" for name in self.children(at))
        first = ", return_when=asyncio.FIRST_COMPLETED" if at.statement.first else ""
        return [
            f"done, _ = await asyncio.wait([{tasks}]{first})",
            f'print(f"{lane}: done: {{len(done)}}")',
        ]

    def write_ascompleted(self, lane: str, at: Labelled) -> Lines:
        calls = ", ".join(f"{name}()" for name in self.children(at))
        return [
            f"for each in asyncio.as_completed([{calls}]):",
            f'    print(f"{lane}: completed {{await each}}")',
        ]

    def write_start(self, lane: str, at: Labelled) -> Lines:
        (child,) = self.children(at)
        return [
            f"{child}_task = asyncio.create_task({child}())",
            *self.block(lane, at.body),
            f'print(f"{lane}: joined {{await {child}_task}}")',
        ]

    def write_consume(self, lane: str, at: Labelled) -> Lines:
        assert isinstance(at.statement, Consume)
        generator = f"numbers {at.n}"
        body = [
            "try:",
            *("    " + line for line in self.block(generator, at.body)),
            "    yield 1",
            "    yield 2",
            "finally:",
            "    " + say(generator, "closed"),
        ]
        self.functions.append(f"async def numbers_{at.n}():\n" + indent("\n".join(body), "    "))
        item = f'    print(f"{lane}: item {{number}}")'
        if at.statement.how == "closing":
            return [
                f"async with aclosing(numbers_{at.n}()) as numbers:",
                "    async for number in numbers:",
                f"    {item}",
                "        break",
            ]
        rest = ["    break"] if at.statement.how == "abandoned" else []
        return [f"async for number in numbers_{at.n}():", item, *rest]

    def write_cancel(self, lane: str, at: Labelled) -> Lines:
        assert isinstance(at.statement, Cancel)
        of = at.statement.of
        if not self.edge:
            return [f"{of or self.main}_scope.cancel()"]
        return [f"{of}_task.cancel()" if of else "asyncio.current_task().cancel()"]

    # The main task.

    def driver(self, schedule: Schedule) -> str:
        """``main()``: what starts the tasks and does what ``schedule`` says."""
        shut = any(isinstance(action, Shutdown) for action in schedule.steps[-1])
        body = self._setting_up()
        steps = [
            line for number, step in enumerate(schedule.steps) for line in self._step(number, step)
        ]
        left = [] if shut else list(self._account())
        if self.edge:
            counts = ", cancelling {NAME_task.cancelling()}" if COUNTS else ""
            if not shut:
                ends = [
                    f'print(f"{name}: {{outcome({name}_task)}}{counts}")'.replace("NAME", name)
                    for name in self.program.names
                ]
                left = [*ends, *left]
                if spawns(self.program):
                    left.append('print(f"tasks: {len(asyncio.all_tasks()) - 1} left")')
            body += steps + left
        else:
            opener = "open_nursery" if self.library == "trio" else "create_task_group"
            if not shut:
                left.append("nursery.cancel_scope.cancel()")
            body.append(f"async with {self.library}.{opener}() as nursery:")
            body += ["    " + line for line in [*steps, *left]]
        parts = [self._settle(), f"async def main():\n{indent(chr(10).join(body), '    ')}"]
        if self.edge and not shut:
            parts.insert(0, self._outcome())
        elif not self.edge:
            parts.insert(0, self._supervise())
        return "\n\n\n".join(parts)

    def _setting_up(self) -> Lines:
        """Make the things, and the scopes."""
        made = [self.dialect.spell(thing) for thing in things(self.program)]
        names = [name for spelling in made for name in spelling.names]
        lines = [line for spelling in made for line in spelling.make]
        if self.edge:
            if Cancel in self.used:
                names += (f"{name}_task" for name in self.program.names)
        else:
            names += (f"{name}_scope" for name in self.program.names)
            lines += (f"{name}_scope = {self.library}.CancelScope()" for name in self.program.names)
        return [f"global {', '.join(names)}", *lines] if names else lines

    def _step(self, number: int, step: tuple[object, ...]) -> Iterator[str]:
        if number < len(self.program.tasks):
            name = self.program.names[number]
            if self.edge:
                yield f"{name}_task = asyncio.create_task({name}())"
            else:
                yield f'nursery.start_soon(supervise, "{name}", {name}, {name}_scope)'
        for action in step:
            if isinstance(action, Complete):
                yield from self.dialect.spell(action.thing).complete
            elif isinstance(action, CancelTask):
                yield f"{action.name}_{'task' if self.edge else 'scope'}.cancel()"
            elif isinstance(action, Turn):
                yield self.dialect.yields
            elif isinstance(action, Pass):
                yield self.dialect.sleep.format(self.seconds(PASS))
            elif not self.edge:
                yield "nursery.cancel_scope.cancel()"
        if not any(isinstance(action, Shutdown) for action in step):
            yield "await settle()"

    def _account(self) -> Iterator[str]:
        for thing in things(self.program):
            left = self.dialect.spell(thing).left
            if left is not None:
                yield f'print(f"{called(thing)}: {left}")'

    def _settle(self) -> str:
        turns = 12 + 6 * sum(1 for each in statements(self.program) if type(each) in _DEEP)
        lines = (line.format(turns=turns) for line in self.dialect.settle)
        return "async def settle():\n" + indent("\n".join(lines), "    ")

    def _outcome(self) -> str:
        return (
            "def outcome(task):\n"
            "    if not task.done() or task.cancelled():\n"
            '        return "cancelled" if task.done() else "still running"\n'
            "    error = task.exception()\n"
            f'    return f"raised {{{self.shape("error")}}}" if error '
            'else f"returned {task.result()}"'
        )

    def _supervise(self) -> str:
        return (
            "async def supervise(name, body, scope):\n"
            "    try:\n"
            "        with scope:\n"
            '            print(f"{name}: returned {await body()}")\n'
            "        if scope.cancelled_caught:\n"
            '            print(f"{name}: cancelled")\n'
            "    except Exception as error:\n"
            f'        print(f"{{name}}: raised {{{self.shape("error")}}}")'
        )


_DEEP = frozenset({Group, Gather, WaitAll, AsCompleted, Start, Consume, Timeout})


def say(lane: str, event: str) -> str:
    """The line that adds an event to the trace."""
    return f'print("{lane}: {event}")'


@lru_cache(maxsize=64)
def source_of(program: Program, library: Library, real_clock: bool = False) -> Source:
    """The writer of ``program`` in ``library``."""
    return Source(program, library, real_clock)
