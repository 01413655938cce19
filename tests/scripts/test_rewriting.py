"""Each rewriting, by a small example: what a test says, what is drawn, and what its script says."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from conformance.toolbox.waits import ASYNCIO_PENDING
from tests.scripts.making import main_of

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
