"""A program's tasks as Python source: the functions that they run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from textwrap import indent

from conformance.claim import Library
from conformance.programs.dialects import DIALECTS, NEVER, TICK, Dialect
from conformance.programs.numbering import Labelled, LabelledBlock, label, ticks
from conformance.programs.reference.machine import PASS
from conformance.programs.reference.meaning import called
from conformance.programs.syntax import (
    Await,
    Cancel,
    Compute,
    Consume,
    Gather,
    Group,
    Hold,
    Program,
    Raise,
    Return,
    Statement,
    Timeout,
    Try,
    Wait,
    WaitAll,
    With,
    Yield,
    statements,
)

Lines = list[str]


@dataclass
class Functions:
    """Writes the functions of one program in one library.

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
        return seconds(number, self.real_clock)

    # The tasks' functions.

    def tasks(self) -> str:
        """The definitions that the program consists of."""
        self.functions = []
        labelled = label(self.program)
        if self.alike:
            self.function("contend", "{name}", labelled[0], parameter="name")
        else:
            for name, block in zip(self.program.names, labelled, strict=True):
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
                '    members = sorted(map(shape, getattr(error, "exceptions", ())))\n'
                "    return f\"[{', '.join(members)}]\" if members else type(error).__name__"
            )

    @cached_property
    def alike(self) -> bool:
        """Whether two tasks do the same, in one function that takes the name of its task."""
        first, *others = self.program.tasks
        timers = any(
            isinstance(each, Wait) and each.thing.kind == "sleep"
            for each in statements(self.program)
        )
        return others == [first] and self.used <= _SIMPLE and not timers

    @property
    def shapes(self) -> bool:
        """Whether an exception may be a group."""
        return Group in self.used

    @cached_property
    def raises(self) -> bool:
        """Whether something else than a cancel may get out of a task in a library with scopes."""
        return Raise in self.used or any(
            (isinstance(each, Try) and each.handler == "replace")
            or (isinstance(each, Timeout) and not each.caught)
            for each in statements(self.program)
        )

    def shape(self, error: str) -> str:
        """The expression that names an exception."""
        return shape(error, self.shapes)

    def function(
        self,
        name: str,
        lane: str,
        block: LabelledBlock,
        result: str | None = None,
        parameter: str = "",
    ) -> str:
        """Define a coroutine function that runs ``block``.  Returns its name."""
        name = name.replace(" ", "_")
        lines = self.block(lane, block)
        if result is not None and not (block and isinstance(block[-1].statement, (Raise, Return))):
            lines.append(f'return "{result}"')
        self.functions.append(
            f"async def {name}({parameter}):\n" + indent("\n".join(lines or ["pass"]), "    ")
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
            handling = self.block(lane, at.handling)
            lines += [
                "    " + line + " from None" * line.endswith("raise Oops") for line in handling
            ]
            end = {
                "reraise": "raise",
                "replace": "raise Replaced from None",
                "return": 'return "rescued"',
            }
            over = at.handling and isinstance(at.handling[-1].statement, (Raise, Return))
            if how.handler in end and not over:
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
            f"names = [{named} for each in results]",
            f'print(f"{lane}: gathered {{names}}")',
        ]

    def write_waitall(self, lane: str, at: Labelled) -> Lines:
        assert isinstance(at.statement, WaitAll)
        tasks = ", ".join(f"asyncio.create_task({name}())" for name in self.children(at))
        waits = [f"done, _ = await asyncio.wait([{tasks}])"]
        if at.statement.first:
            waits = [
                f"tasks = [{tasks}]",
                "done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)",
            ]
        return [
            *waits,
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


_SIMPLE = frozenset({Await, Compute, Hold, Raise, Return, Wait, Yield})
"""What is written without a function or a number of its own; a sleep has a number."""


def say(lane: str, event: str) -> str:
    """The line that adds an event to the trace."""
    return f'print({"f" if "{" in lane else ""}"{lane}: {event}")'


def seconds(number: int, real_clock: bool) -> str:
    """``number`` ticks, as seconds."""
    return f"{number * TICK * (NEVER if real_clock else 1):g}"


def shape(error: str, shapes: bool) -> str:
    """The expression that names an exception, which may be a group if there are ``shapes``."""
    return f"shape({error})" if shapes else f"type({error}).__name__"
