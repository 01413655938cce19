"""Helpers: they stand where they are called, or come along with no more than they need."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.scripts.making import main_of, script_of

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
