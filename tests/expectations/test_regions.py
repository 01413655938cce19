"""Regions in words."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from conformance.expectations.regions import BadRegion, common, region, smallest
from conformance.toolbox.instants import COMPLETION_THEN_CANCEL
from conformance.toolbox.waits import ASYNCIO_PENDING

WAIT = next(wait for wait in ASYNCIO_PENDING if wait.name == "wait_for()")
VALUES: dict[str, Any] = {
    "wait": WAIT,
    "instant": COMPLETION_THEN_CANCEL,
    "turns": 2,
    "twice": False,
    "error": KeyError,
    "plan": (("call_soon", 1),),
}


@pytest.mark.parametrize(
    "text",
    [
        'wait == "wait_for()"',
        "instant.same_turn and turns >= 1",
        'error == "KeyError" and not twice',
        'instant in ("while it waits", "just after the completion, in the same turn")',
        'plan == (("call_soon", 1),) or len(plan) > 3',
        "1 < turns <= 2\n  and wait.suspends",
        "turns != -2",
    ],
)
def test_a_region_has_a_case(text: str) -> None:
    assert region(text)(**VALUES)
    assert not region(f"not ({text})")(**VALUES)


def test_what_cannot_be_compared_is_not_in_a_region() -> None:
    assert not region('wait > 3 or turns in 5 or turns < "x"')(**VALUES)


def test_a_region_names_what_it_speaks_of() -> None:
    assert region("len(plan) > 1 and instant.same_turn").names == {"plan", "instant"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("wait ==", "is no region; write it as in"),
        ("wait.__class__", "is private"),
        ("open('x')", "calls something"),
        ("wait.of('trio')", "calls something"),
        ("turns + 1 == 2", "means nothing in a region"),
        ("[x for x in plan]", "means nothing in a region"),
        ("wait == b'x'", "is no text, number or flag"),
    ],
)
def test_what_is_no_region_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadRegion, match=why):
        region(text)


def test_a_name_that_is_not_drawn_is_told() -> None:
    with pytest.raises(BadRegion, match="'wiat' is not drawn; what is drawn is 'wait', "):
        region("wiat == 1")(**VALUES)


CASES = [
    {"letter": letter, "number": number, "flag": flag}
    for letter, number, flag in product("abc", range(5), (False, True))
]


@pytest.mark.parametrize(
    "text",
    [
        "",
        'letter == "a"',
        'letter != "a"',
        "number >= 3",
        "number <= 1 and flag",
        'letter != "b" and number in (1, 3) and not flag',
        '(letter == "a" and number == 0) or (letter == "b" and flag)',
    ],
)
def test_the_smallest_region_is_found(text: str) -> None:
    """Given the cases that are in a region, and the others, it is that region that is found."""
    failed = [case for case in CASES if not text or region(text)(**case)]
    held = [case for case in CASES if case not in failed]
    assert smallest(failed, held) == (text, False)


def test_a_region_that_would_be_too_long_is_one_box() -> None:
    """Every second case of forty fails: the box has all of them, and says no more than it must."""
    cases = [{"case": f"number {number}", "flag": number < 40} for number in range(50)]
    failed = [case for case in cases if case["flag"]][::2]
    assert smallest(failed, [case for case in cases if case not in failed]) == ("flag", True)


def test_what_all_messages_say_is_found() -> None:
    assert common(["one thing only"]) == "one thing only"
    assert (
        common(["cancelled early, 1 of 2 went on", "cancelled very late, 2 of 2 went on"])
        == "cancelled … of 2 went on"
    )
