"""How each library spells what programs are made of."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.claim import Library
from conformance.programs.syntax import Kind, Thing

TICK = 0.002
"""Seconds of a tick: a script that waits for a deadline is over soon, and stalls shorter than this
times a few do not matter."""

NEVER = 36_000
"""How many times longer every timer is where the clock is real: none of them is ever due."""


@dataclass(frozen=True)
class Spelling:
    """The source for one kind of thing; ``{it}`` stands for its name.

    ``make`` are the lines that make it as it is at the start, ``names`` what they bind, ``wait`` the
    lines that wait for it, of which the last is a ``with`` where it has to be given back,
    ``complete`` the lines that let one wait complete, ``left`` what is said of it at the end, with the braces of an f-string.
    """

    make: tuple[str, ...]
    wait: tuple[str, ...]
    complete: tuple[str, ...]
    left: str | None = None
    names: tuple[str, ...] = ("{it}",)


_TAKEN = "{{'taken' if {it}.locked() else 'free'}}"
_HELD = ("async with {it}:",)

_ASYNCIO: dict[Kind, Spelling] = {
    "event": Spelling(("{it} = asyncio.Event()",), ("await {it}.wait()",), ("{it}.set()",)),
    "future": Spelling(
        ("{it} = asyncio.get_running_loop().create_future()",),
        ("await {it}",),
        ("if not {it}.done():", "    {it}.set_result(None)"),
    ),
    "lock": Spelling(
        ("{it} = asyncio.Lock()", "await {it}.acquire()"), _HELD, ("{it}.release()",), _TAKEN
    ),
    "semaphore": Spelling(
        ("{it} = asyncio.BoundedSemaphore()", "await {it}.acquire()"),
        _HELD,
        ("{it}.release()",),
        _TAKEN,
    ),
    "condition": Spelling(
        ("{it} = asyncio.Condition()",),
        ("async with {it}:", "    await {it}.wait()"),
        ("async with {it}:", "    {it}.notify()"),
    ),
    "queue": Spelling(
        ("{it} = asyncio.Queue()",),
        ("await {it}.get()",),
        ('{it}.put_nowait("item")',),
        "{{{it}.qsize()}} left",
    ),
    "full queue": Spelling(
        ("{it} = asyncio.Queue(1)", '{it}.put_nowait("old")'),
        ('await {it}.put("new")',),
        ("{it}.get_nowait()",),
        "{{{it}.qsize()}} left",
    ),
}


def _scoped(library: str) -> dict[Kind, Spelling]:
    stream = {"anyio": "create_memory_object_stream", "trio": "open_memory_channel"}[library]
    return {
        "event": Spelling(
            (f"{{it}} = {library}.Event()",), ("await {it}.wait()",), ("{it}.set()",)
        ),
        "lock": Spelling(
            (f"{{it}} = {library}.Lock()", "await {it}.acquire()"),
            _HELD,
            ("{it}.release()",),
            "{{'taken' if {it}.statistics().locked else 'free'}}",
        ),
        "semaphore": Spelling(
            (f"{{it}} = {library}.Semaphore(0, max_value=1)",),
            _HELD,
            ("{it}.release()",),
            "{{'free' if {it}.value else 'taken'}}",
        ),
        "condition": Spelling(
            (f"{{it}} = {library}.Condition()",),
            ("async with {it}:", "    await {it}.wait()"),
            ("{it}.acquire_nowait()", "{it}.notify()", "{it}.release()"),
        ),
        "queue": Spelling(
            (f"{{it}}_in, {{it}} = {library}.{stream}(10)",),
            ("await {it}.receive()",),
            ('{it}_in.send_nowait("item")',),
            "{{{it}.statistics().current_buffer_used}} left",
            names=("{it}_in", "{it}"),
        ),
        "full queue": Spelling(
            (f"{{it}}, {{it}}_out = {library}.{stream}(1)", '{it}.send_nowait("old")'),
            ('await {it}.send("new")',),
            ("{it}_out.receive_nowait()",),
            "{{{it}.statistics().current_buffer_used}} left",
            names=("{it}", "{it}_out"),
        ),
    }


@dataclass(frozen=True)
class Dialect:
    """A library's spelling of everything that is no construct of its own."""

    library: Library
    things: dict[Kind, Spelling]
    cancelled: str
    timeout_error: str
    yields: str
    sleep: str
    settle: tuple[str, ...]

    def spell(self, thing: Thing) -> Spelling:
        """The spelling of ``thing``, with its name put in."""
        it = variable(thing)
        spelling = self.things[thing.kind]

        def named(lines: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(line.format(it=it) for line in lines)

        return Spelling(
            named(spelling.make),
            named(spelling.wait),
            named(spelling.complete),
            None if spelling.left is None else spelling.left.format(it=it),
            named(spelling.names),
        )


def variable(thing: Thing) -> str:
    """The name of ``thing`` in a program's source."""
    name = thing.kind.replace(" ", "_")
    return name if thing.number == 1 else f"{name}_{thing.number}"


DIALECTS: dict[Library, Dialect] = {
    "asyncio": Dialect(
        "asyncio",
        _ASYNCIO,
        cancelled="asyncio.CancelledError",
        timeout_error="TimeoutError",
        yields="await asyncio.sleep(0)",
        sleep="await asyncio.sleep({})",
        settle=("for _ in range({turns}):", "    await asyncio.sleep(0)"),
    ),
    "anyio": Dialect(
        "anyio",
        _scoped("anyio"),
        cancelled="anyio.get_cancelled_exc_class()",
        timeout_error="TimeoutError",
        yields="await anyio.lowlevel.checkpoint()",
        sleep="await anyio.sleep({})",
        settle=("for _ in range({turns}):", "    await anyio.lowlevel.checkpoint()"),
    ),
    "trio": Dialect(
        "trio",
        _scoped("trio"),
        cancelled="trio.Cancelled",
        timeout_error="trio.TooSlowError",
        yields="await trio.lowlevel.checkpoint()",
        sleep="await trio.sleep({})",
        settle=("await trio.testing.wait_all_tasks_blocked()",),
    ),
}
