"""Waits, instants, scopes and the library under test: what a script writes out, and what it asks again."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from conformance.toolbox.instants import CANCEL_THEN_COMPLETION, COMPLETION_THEN_CANCEL, WAITING
from conformance.toolbox.waits import ASYNCIO_PENDING, ASYNCIO_READY, TRIO_PENDING
from tests.scripts.making import main_of

EVENT = next(wait for wait in ASYNCIO_PENDING if wait.name == "Event.wait()")
LOCK = next(wait for wait in ASYNCIO_PENDING if wait.name == "Lock.acquire()")


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
