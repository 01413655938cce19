"""A child fails: what becomes of the other children?

gather() leaves them alone; a group (asyncio.TaskGroup, anyio's task group, trio's nursery) cancels
them and waits for them.
"""

from __future__ import annotations

import asyncio
from types import ModuleType

from hypothesis import given

from conformance.claim import Claim, antecedent, article, holds, law, qualified, refuted
from conformance.toolbox.exceptions import ERRORS
from conformance.toolbox.instants import settle
from conformance.toolbox.scopes import open_group
from conformance.toolbox.spaces import every, sequences, up_to
from conformance.toolbox.waits import ASYNCIO_PENDING, Wait
from conformance.toolbox.words import counted

GATHER_DOCS = "https://docs.python.org/3/library/asyncio-task.html#asyncio.gather"


FIRST_STEP, AFTER_A_WAIT, BEFORE = "at its first step", "after a wait", "before gather() is called"

NO_TASK_WITHOUT_A_GROUP = "a child lives in a group there, and no group ends before its children"


STOPPED = Claim(
    "GATHER-02",
    "When the first child of gather() fails, it stops there: the other children are stopped.",
    source=article("§3"),
    instead=("LAW-GATHER-02", "LAW-GATHER-03"),
)


@STOPPED.states(
    "asyncio",
    expect=refuted(
        "gather() leaves the other children alone: they run on to their own end",
        message="a child … and gather() raised it: of …, waiting for …, … ran on",
    ),
    antecedents=("gather() raised",),
    builds_on=(),
)
@given(
    how=every(ERRORS),
    when=every((AFTER_A_WAIT, FIRST_STEP, BEFORE)),
    wait=every(ASYNCIO_PENDING),
    waiting=up_to(3, least=1),
)
async def test_the_other_children_of_gather_are_stopped(
    how: str, when: str, wait: Wait, waiting: int
) -> None:
    fail = asyncio.Event()

    async def failing() -> None:
        if when == AFTER_A_WAIT or how == "is cancelled":
            await fail.wait()
        raise ERRORS[how]

    first = asyncio.ensure_future(failing())
    others = [asyncio.ensure_future((await wait.new()).wait()) for _ in range(waiting)]
    if when == AFTER_A_WAIT:
        gathering = asyncio.gather(first, *others)
        await settle()
    if how == "is cancelled":
        first.cancel()
    else:
        fail.set()
    if when == FIRST_STEP:
        gathering = asyncio.gather(first, *others)
    await settle()
    if when == BEFORE:
        gathering = asyncio.gather(first, *others)
    try:
        await gathering
    except BaseException:  # GATHER-01 looks at what is raised
        antecedent("gather() raised")
    await settle()
    running = sum(not other.done() for other in others)
    assert not running, (
        f"a child {how} {when} and gather() raised it: of {counted(waiting, 'other')}, waiting for"
        f" {wait.name}, {running} ran on"
    )


def _fails_and_none_refuses(how: str, others: tuple[str, ...]) -> bool:
    refuse = {"waits in a shield", "swallows the cancel"} & set(others)
    return how != "is cancelled" and not refuse


@STOPPED.states(
    "anyio",
    "trio",
    expect=qualified(
        "a child that shields itself, or swallows the cancel, runs on, and so do all others of one"
        " that is cancelled in a scope of its own, which is no failure there",
        region=lambda others: set(others) != {"has ended"},
        message=(
            "a child is cancelled …, the others: …: … ran on",
            "a child raises …, the others: …: ['swallows the cancel'] ran on",
            "a child raises …, the others: …: ['waits in a shield'] ran on",
            "a child raises …, the others: …: ['swallows the cancel', 'waits in a shield'] ran on",
        ),
    ),
    antecedents=("another child still ran",),
    fair=_fails_and_none_refuses,
    qualification="The child fails by raising, not by being cancelled, and the others neither shield"
    " themselves from the cancel nor swallow it.",
)
@given(
    how=every(("raises an Exception", "raises a BaseException", "is cancelled")),
    when=every((AFTER_A_WAIT, FIRST_STEP)),
    others=sequences(
        ("has ended", "waits", "waits in a group", "waits in a shield", "swallows the cancel"),
        least=1,
        most=2,
    ),
)
async def test_the_other_children_of_a_group_are_stopped(
    library: ModuleType, how: str, when: str, others: tuple[str, ...]
) -> None:
    fail, go_on = library.Event(), library.Event()
    ran_on: set[str] = set()

    async def failing() -> None:
        if when == AFTER_A_WAIT:
            await fail.wait()
        if how != "is cancelled":
            raise ERRORS[how]
        with library.CancelScope() as own_scope:
            own_scope.cancel()
            await library.sleep(0)

    async def other(does: str) -> None:
        if does == "has ended":
            return
        antecedent("another child still ran")
        if does == "waits in a group":
            async with open_group(library) as inner:
                inner.start_soon(go_on.wait)
        elif does == "waits in a shield":
            with library.CancelScope(shield=True):
                await go_on.wait()
        elif does == "swallows the cancel":
            try:
                await go_on.wait()
            except BaseException:  # swallowing is the point
                pass
        else:
            await go_on.wait()
        ran_on.add(does)

    async def parent() -> None:
        try:
            async with open_group(library) as group:
                for does in others:
                    group.start_soon(other, does)
                group.start_soon(failing)
        except BaseException:  # GATHER-01 looks at what is raised
            pass

    async with open_group(library) as outer:
        outer.start_soon(parent)
        await settle(library)
        fail.set()
        await settle(library)
        go_on.set()
    assert not ran_on, f"a child {how} {when}, the others: {others}: {sorted(ran_on)} ran on"


UNDETERMINED = Claim(
    "GATHER-05",
    "Once a child has failed and gather() has raised, what becomes of the other children is not"
    " determined: they may go on running.",
    source=article("§3"),
    instead=("LAW-GATHER-02", "LAW-GATHER-03"),
)

SIBLINGS = ("returns", "returns after a wait of its own", "raises", "is cancelled", "had returned")
"""How a child ends when nobody disturbs it."""

ENDS = {"raises": "LookupError", "is cancelled": "CancelledError"}
"""How that is seen, if not as a value."""


async def _fate_of_sibling(does: str, how: str) -> tuple[bool, str]:
    """Whether a child of gather() still runs when its neighbour has failed, and how it ends."""
    fail, go_on = asyncio.Event(), asyncio.Event()

    async def neighbour() -> None:
        await fail.wait()
        raise ERRORS[how]

    async def sibling() -> str:
        if does != "had returned":
            await go_on.wait()
        if does == "raises":
            raise LookupError
        if does == "returns after a wait of its own":
            await asyncio.sleep(0)
        return "its value"

    async def parent() -> None:
        try:
            await asyncio.gather(first, other)
        except BaseException:  # GATHER-01 looks at what is raised
            antecedent("gather() raised")

    first, other = asyncio.ensure_future(neighbour()), asyncio.ensure_future(sibling())
    gathering = asyncio.ensure_future(parent())
    await settle()
    if how == "is cancelled":
        first.cancel()
    else:
        fail.set()
    await settle()
    runs_on = not other.done()
    if does == "is cancelled":
        other.cancel()
    else:
        go_on.set()
    await asyncio.wait([gathering, other])
    try:
        return runs_on, await other
    except (LookupError, asyncio.CancelledError) as error:
        return runs_on, type(error).__name__


def _asked_whether_it_runs_on(asked: str) -> bool:
    return asked == "whether it runs on"


@UNDETERMINED.states(
    "asyncio",
    expect=qualified(
        "they do run on, but what becomes of them is determined: they end just as they would have"
        " without the failure",
        message="its neighbour … and gather() raised: a sibling that … ends with …,"
        " as it would have without that",
    ),
    antecedents=("gather() raised",),
    fair=_asked_whether_it_runs_on,
    qualification="Those that had not ended when gather() raised run on; how they end is determined.",
)
@given(asked=every(("whether it runs on", "how it ends")), does=every(SIBLINGS), how=every(ERRORS))
async def test_the_fate_of_a_sibling_is_undetermined_after_a_failure(
    asked: str, does: str, how: str
) -> None:
    runs_on, end = await _fate_of_sibling(does, how)
    if asked == "whether it runs on":
        assert runs_on == (does != "had returned"), (
            f"its neighbour {how} and gather() raised: a sibling that {does} runs on: {runs_on}"
        )
    else:
        # If it were undetermined, the failure would make a difference.
        assert end != ENDS.get(does, "its value"), (
            f"its neighbour {how} and gather() raised: a sibling that {does} ends with {end},"
            " as it would have without that"
        )


@UNDETERMINED.states(
    "anyio",
    "trio",
    expect=refuted(
        "it is determined: when the group raises, every child of it has ended",
        message="a child raises …, the other …: it had ended when the group raised",
    ),
    antecedents=("the group raised",),
)
@given(
    how=every(("raises an Exception", "raises a BaseException")),
    other=every(("waits", "takes time to clean up", "waits in a shield", "swallows the cancel")),
)
async def test_other_children_go_on_running_when_the_group_has_raised(
    library: ModuleType, how: str, other: str
) -> None:
    fail, go_on = library.Event(), library.Event()
    ended: list[str] = []

    async def failing() -> None:
        await fail.wait()
        raise ERRORS[how]

    async def sibling() -> None:
        try:
            with library.CancelScope(shield=other == "waits in a shield"):
                await go_on.wait()
        except BaseException:
            if other != "swallows the cancel":
                raise
        finally:
            if other == "takes time to clean up":
                with library.CancelScope(shield=True):
                    await go_on.wait()
            ended.append(other)

    running_on = None

    async def parent() -> None:
        nonlocal running_on
        try:
            async with open_group(library) as group:
                group.start_soon(sibling)
                group.start_soon(failing)
        except BaseException:  # GATHER-01 looks at what is raised
            antecedent("the group raised")
            running_on = not ended

    async with open_group(library) as outer:
        outer.start_soon(parent)
        await settle(library)
        fail.set()
        await settle(library)
        go_on.set()
    assert running_on, f"a child {how}, the other {other}: it had ended when the group raised"


RUN_ON = law(
    "LAW-GATHER-02",
    "When a child fails and gather() raises, the other children end just as they would have without"
    " the failure.",
    source=GATHER_DOCS,
)


@RUN_ON.states("asyncio", expect=holds(), antecedents=("gather() raised",))
@given(does=every(SIBLINGS), how=every(ERRORS))
async def test_siblings_end_as_they_would_have_without_the_failure(does: str, how: str) -> None:
    _, end = await _fate_of_sibling(does, how)
    assert end == ENDS.get(does, "its value"), (
        f"its neighbour {how} and gather() raised: a sibling that {does} ends with {end},"
        f" and with {ENDS.get(does, 'its value')} otherwise"
    )


RUN_ON.not_applicable(
    "anyio",
    "trio",
    because=NO_TASK_WITHOUT_A_GROUP,
    missing=("anyio.create_task", "trio.create_task", "trio.gather"),
)
