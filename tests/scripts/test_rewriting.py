"""Each rewriting, by a small example: what a test says, what is drawn, and what its script says."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from conformance.toolbox.instants import CANCEL_THEN_COMPLETION, COMPLETION_THEN_CANCEL, WAITING
from conformance.toolbox.waits import ASYNCIO_PENDING, ASYNCIO_READY, TRIO_PENDING
from tests.scripts.making import main_of, script_of

EVENT = next(wait for wait in ASYNCIO_PENDING if wait.name == "Event.wait()")
LOCK = next(wait for wait in ASYNCIO_PENDING if wait.name == "Lock.acquire()")

EXAMPLES: dict[str, tuple[dict[str, Any], str, str]] = {
    "a drawn value stands where its name stood": (
        {"count": 3},
        "print(count)",
        "print(3)",
    ),
    "a number is worked out": (
        {"count": 3},
        "print(2 * count + 1, -count, count > 2)",
        "print(7, -3, True)",
    ),
    "the branch that is taken stays": (
        {"kind": "b"},
        """\
        if kind == "a":
            print("a")
        elif kind in ("b", "c"):
            print("b or c")
        else:
            print("another")
        """,
        'print("b or c")',
    ),
    "of a condition what is known goes": (
        {"twice": True, "late": False},
        """\
        if twice and print():
            print(1)
        if late or print():
            print(2)
        if late and print():
            print(3)
        """,
        """\
        if print():
            print(1)
        if print():
            print(2)
        """,
    ),
    "a conditional expression is its branch": (
        {"last": False},
        'print("at the end" if last else "at the head")',
        'print("at the head")',
    ),
    "a text has in it what is known": (
        {"name": "a task", "times": 2},
        'print(f"{name} was cancelled {times} times, and {len(name):>3} {asyncio.run}")',
        'print(f"a task was cancelled 2 times, and   6 {asyncio.run}")',
    ),
    "a match is its case": (
        {"kind": "b"},
        """\
        match kind:
            case "a":
                print(1)
            case "b" | "c":
                print(2)
            case _:
                print(3)
        """,
        "print(2)",
    ),
    "a loop whose steps differ is written out": (
        {"steps": ("wait", "cancel")},
        """\
        for step in steps:
            if step == "wait":
                await asyncio.sleep(0)
            else:
                print(step)
        """,
        """\
        await asyncio.sleep(0)
        print("cancel")
        """,
    ),
    "a loop whose steps are alike stays": (
        {"steps": 3},
        """\
        for step in range(steps):
            print(step)
        """,
        """\
        for step in range(3):
            print(step)
        """,
    ),
    "a loop of one step is none": (
        {"steps": 1},
        """\
        for step in range(steps):
            print(step)
        """,
        "print(0)",
    ),
    "each step that is written out has its own variables": (
        {"steps": (1, "two")},
        """\
        for step in steps:
            if step == 1:
                each = print()
            else:
                each = print(step)
            print(each)
        """,
        """\
        each = print()
        print(each)
        each_2 = print("two")
        print(each_2)
        """,
    ),
    "a variable outside of the loop stays one": (
        {"steps": (1, "two")},
        """\
        last = None
        for step in steps:
            if step == 1:
                last = print()
            else:
                last = print(step)
        print(last)
        """,
        """\
        last = print()
        last = print("two")
        print(last)
        """,
    ),
    "what a comprehension makes is written out": (
        {"kinds": ("a", "b")},
        """\
        def make(kind):
            return object() if kind == "a" else print(kind)
        print([make(kind) for kind in kinds])
        """,
        'print([object(), print("b")])',
    ),
    "a constant is not named": (
        {"times": 2},
        """\
        most = times + 1
        print(most, most)
        """,
        "print(3, 3)",
    ),
    "a variable that is bound again stands for what it was given last": (
        {"wait": True},
        """\
        kind = "a"
        if wait:
            kind = "b"
        print(kind)
        """,
        'print("b")',
    ),
    "what nobody reads is not there": (
        {"unused": 1},
        """\
        def never():
            print(unused)
        seen = []
        seen.append(unused)
        result = await asyncio.sleep(0)
        print("seen")
        """,
        """\
        await asyncio.sleep(0)
        print("seen")
        """,
    ),
    "a task is kept by its name": (
        {},
        """\
        task = asyncio.create_task(asyncio.sleep(0))
        await asyncio.sleep(0)
        """,
        """\
        task = asyncio.create_task(asyncio.sleep(0))
        await asyncio.sleep(0)
        """,
    ),
    "an assertion raises, whatever the flags": (
        {"name": "the task"},
        """\
        done = print()
        assert done, f"{name} is not done"
        assert done is not None
        assert done != 3 and not print(), "it is"
        """,
        """\
        done = print()
        if not done:
            raise AssertionError("the task is not done")
        if done == 3 or print():
            raise AssertionError("it is")
        """,
    ),
    "what is reported to the judge is not said": (
        {},
        """\
        if print():
            antecedent("it was printed")
        print("on")
        """,
        """\
        print()
        print("on")
        """,
    ),
    "where a claim is not applicable it has no script": (
        {},
        """\
        if not hasattr(asyncio, "Task"):
            raise NotApplicable("there are no tasks")
        print()
        """,
        "print()",
    ),
    "a comment stays with its statement": (
        {"late": True},
        """\
        # Said of what stays.
        print(1)  # and at its end
        if late:
            # In the branch.
            print(2)
        else:
            # Said of what goes.
            print(3)
        print(4)  # type: ignore[x]  # said to a tool
        """,
        """\
        # Said of what stays.
        # and at its end
        print(1)
        # In the branch.
        print(2)
        print(4)
        """,
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_rewriting(name: str, tmp_path: Path) -> None:
    values, before, after = EXAMPLES[name]
    assert main_of(tmp_path, before, **values) == dedent(after).strip()


HELPERS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "a function that is called once stands where it is called": (
        {"kind": "a"},
        """\
        async def helper(kind, times):
            for _ in range(times):
                await asyncio.sleep(0)
            return f"{kind} came"
        """,
        "print(await helper(kind, 2))",
        """\
        for _ in range(2):
            await asyncio.sleep(0)
        print("a came")
        """,
    ),
    "a function that comes to little stands wherever it is called": (
        {"cancels": ("in use",)},
        "",
        """\
        async def reach(place):
            if place in cancels:
                asyncio.get_running_loop().stop()
            await asyncio.sleep(0)
        await reach("before")
        await reach("in use")
        await reach("after")
        """,
        """\
        await asyncio.sleep(0)
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        """,
    ),
    "several ends of a function become branches": (
        {},
        """\
        def kind_of(thing):
            if thing is None:
                return "nothing"
            try:
                len(thing)
            except TypeError:
                return "one"
            return "several"
        """,
        """\
        found = kind_of(print())
        print(found, found)
        """,
        """\
        thing = print()
        if thing is None:
            found = "nothing"
        else:
            try:
                len(thing)
            except TypeError:
                found = "one"
            else:
                found = "several"
        print(found, found)
        """,
    ),
    "a lambda that is given is what is called": (
        {},
        """\
        async def call(what, pause=lambda: asyncio.sleep(0)):
            what()
            await pause()
        """,
        "await call(lambda: print(1))",
        """\
        print(1)
        await asyncio.sleep(0)
        """,
    ),
    "a context manager is what it does around its block": (
        {},
        """\
        @contextmanager
        def printed(first):
            print(first)
            try:
                yield [first]
            finally:
                print("over")
        """,
        """\
        with printed("begins") as said:
            said.append("on")
            print(said)
        """,
        """\
        print("begins")
        try:
            said = ["begins"]
            said.append("on")
            print(said)
        finally:
            print("over")
        """,
    ),
    "two functions may have variables of one name": (
        {},
        """\
        def first():
            result = print(1)
            print(result, result)
        """,
        """\
        result = print(2)
        first()
        print(result, result)
        """,
        """\
        result = print(2)
        result_2 = print(1)
        print(result_2, result_2)
        print(result, result)
        """,
    ),
    "nonlocal is there where it is needed": (
        {"times": 2},
        "",
        """\
        count = 0
        other = 0
        def add():
            nonlocal count, other
            count += times
            other += 1
            print("added")
        asyncio.get_running_loop().call_soon(add)
        await asyncio.sleep(0)
        print(count)
        """,
        """\
        count = 0

        def add():
            nonlocal count
            count += 2
            print("added")

        asyncio.get_running_loop().call_soon(add)
        await asyncio.sleep(0)
        print(count)
        """,
    ),
    "a table is what stands under the key": (
        {"how": "read"},
        """\
        WAYS = {"read": lambda reader: reader.read(100), "line": lambda reader: reader.readline()}
        """,
        """\
        reader = asyncio.StreamReader()
        reader.feed_eof()
        await WAYS[how](reader)
        """,
        """\
        reader = asyncio.StreamReader()
        reader.feed_eof()
        await reader.read(100)
        """,
    ),
}


HELPERS |= {
    "what a helper works with keeps its name where the caller drops it": (
        {},
        """\
        def made():
            thing = print(1)
            asyncio.get_running_loop().call_soon(lambda: print(thing))
            return thing, print(2)
        """,
        """\
        _, other = made()
        for _ in range(3):
            await asyncio.sleep(0)
        print(other, other)
        """,
        """\
        thing = print(1)
        asyncio.get_running_loop().call_soon(lambda: print(thing))
        other = print(2)
        for _ in range(3):
            await asyncio.sleep(0)
        print(other, other)
        """,
    ),
    "an event that nobody waits for goes": (
        {"waits": False},
        "",
        """\
        event = asyncio.Event()
        if waits:
            await event.wait()
        event.set()
        print("over")
        """,
        'print("over")',
    ),
    "a handler at the end that catches only to let go is none": (
        {},
        "",
        """\
        try:
            await asyncio.sleep(0)
        except KeyError:
            print("caught")
        except ValueError:
            antecedent("it was raised")
            raise
        """,
        """\
        try:
            await asyncio.sleep(0)
        except KeyError:
            print("caught")
        """,
    ),
}


@pytest.mark.parametrize("name", HELPERS)
def test_helpers(name: str, tmp_path: Path) -> None:
    values, helper, before, after = HELPERS[name]
    assert main_of(tmp_path, before, before=helper, **values) == dedent(after).strip()


def test_a_parameter_that_is_always_the_same_goes(tmp_path: Path) -> None:
    source = """\
    async def work(number, times, name="it"):
        for _ in range(times):
            await asyncio.sleep(0)
        print(name, number)

    async def test(times):
        tasks = [asyncio.ensure_future(work(number, times)) for number in range(9)]
        await asyncio.wait(tasks)
    """
    text = script_of(tmp_path, source, times=2)
    assert "async def work(number):\n    for _ in range(2):" in text
    assert 'print("it", number)' in text
    assert "asyncio.ensure_future(work(number)) for number in range(9)" in text


def test_a_field_that_is_always_the_same_goes(tmp_path: Path) -> None:
    source = """\
    class Worker:
        def __init__(self, times, name):
            self.times = times
            self.name = name
            self.done = 0

        async def work(self):
            for _ in range(self.times):
                self.done += 1
                await asyncio.sleep(0)
            print(self.name)

    async def test(times):
        worker = Worker(times, print())
        await worker.work()
        print(worker.done)
    """
    text = script_of(tmp_path, source, times=2)
    assert "def __init__(self, name):" in text
    assert "for _ in range(2):" in text
    assert "times" not in text.partition("class Worker")[2]


def test_what_is_waited_for_is_its_lines(tmp_path: Path) -> None:
    body = """\
    waiting = await wait.new()
    async def body():
        await waiting.wait()
        print(wait.name)
    task = asyncio.create_task(body())
    await cancel_at(instant, task.cancel, waiting.complete)
    await asyncio.wait([task])
    """
    assert main_of(tmp_path, body, wait=EVENT, instant=WAITING) == dedent("""\
        event = asyncio.Event()

        async def body():
            await event.wait()
            print("Event.wait()")

        task = asyncio.create_task(body())
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])""")


def test_what_a_helper_waits_for_is_its_lines(tmp_path: Path) -> None:
    """The helper is there twice while its body is put where it is called."""
    helper = """\
    async def ask(question, wait):
        answers = []
        waiting = await wait.new()

        async def body():
            await waiting.wait()
            answers.append(question(asyncio.current_task()))

        task = asyncio.create_task(body())
        await cancel_at(COMPLETION_THEN_CANCEL, task.cancel, waiting.complete)
        await asyncio.wait([task])
        return answers
    """
    body = "for answer in await ask(lambda task: task.cancelled(), wait):\n    print(answer)"
    said = main_of(tmp_path, body, before=helper, wait=EVENT)
    assert "await event.wait()" in said
    assert "event.set()" in said
    assert "SimpleNamespace" not in said


@pytest.mark.parametrize(
    ("instant", "lines"),
    [
        (CANCEL_THEN_COMPLETION, ["task.cancel()", "event.set()"]),
        (COMPLETION_THEN_CANCEL, ["event.set()", "task.cancel()"]),
    ],
    ids=str,
)
def test_an_instant_is_the_order_of_lines(instant: Any, lines: list[str], tmp_path: Path) -> None:
    body = """\
    waiting = await wait.new()
    task = asyncio.create_task(waiting.wait())
    await cancel_at(instant, task.cancel, waiting.complete)
    await asyncio.wait([task])
    """
    said = main_of(tmp_path, body, wait=EVENT, instant=instant).splitlines()
    assert said[-3:] == [*lines, "await asyncio.wait([task])"]


def test_what_is_awaited_stays_however_little_it_does(tmp_path: Path) -> None:
    body = """\
    waiting = await wait.new()
    await waiting.wait()
    print(wait.name)
    """
    only_returns = next(each for each in ASYNCIO_READY if "only returns" in each.name)
    assert "await compute()" in main_of(tmp_path, body, wait=only_returns)


def test_two_things_of_one_kind_have_two_names(tmp_path: Path) -> None:
    body = """\
    waiting = [await wait.new() for _ in range(2)]
    for each in waiting:
        task = asyncio.ensure_future(each.wait())
        await settle()
        each.complete()
        await task
    """
    said = main_of(tmp_path, body, wait=EVENT)
    assert "event = asyncio.Event()" in said
    assert "event_2 = asyncio.Event()" in said
    assert said.count("event.set()") == said.count("event_2.set()") == 1


def test_a_scope_is_written_in_its_library(tmp_path: Path) -> None:
    body = """\
    scope = library.CancelScope()
    async def child():
        with scope:
            try:
                await library.sleep_forever()
            except cancelled(library):
                print("cancelled")
                raise
    async with open_group(library) as group:
        group.start_soon(child)
        await settle(library)
        scope.cancel()
    """
    said = main_of(tmp_path, body, "trio")
    assert "async with trio.open_nursery() as group:" in said
    assert "except trio.Cancelled:" in said
    assert "await trio.testing.wait_all_tasks_blocked()" in said


def test_what_the_library_has_is_asked_again(tmp_path: Path) -> None:
    """Nothing of the runtime under test is worked out before the script runs."""
    body = """\
    cancel = getattr(asyncio, "cancel", None)
    assert cancel is not None, "there is none"
    """
    assert main_of(tmp_path, body) == dedent("""\
        cancel = getattr(asyncio, "cancel", None)
        if cancel is None:
            raise AssertionError("there is none")""")


def test_the_names_of_a_library_that_tell_it_from_another_are_known(tmp_path: Path) -> None:
    body = """\
    make = getattr(library, "open_memory_channel", None)
    print((make or library.create_memory_object_stream)(1))
    """
    assert main_of(tmp_path, body, "trio") == "print(trio.open_memory_channel(1))"
    assert main_of(tmp_path, body, "anyio") == "print(anyio.create_memory_object_stream(1))"


def test_something_that_is_no_text_has_none() -> None:
    """A wait whose lines are of several kinds stands for what it is: see the table of the waits."""
    assert LOCK.setup.count("\n") == 1
    assert {wait.library for wait in TRIO_PENDING} == {"trio"}
