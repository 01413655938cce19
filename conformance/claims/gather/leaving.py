"""The one who waits for several children is cancelled: what does it wait for still, and what is raised?"""

from __future__ import annotations

import asyncio
from types import ModuleType

from hypothesis import given

from conformance.claim import (
    antecedent,
    holds,
    law,
)
from conformance.toolbox.instants import (
    CANCEL_THEN_COMPLETION,
    COMPLETION_THEN_CANCEL,
    WAITING,
    Instant,
    cancel_at,
    settle,
)
from conformance.toolbox.scopes import open_group
from conformance.toolbox.spaces import every, flags, sequences, up_to
from conformance.toolbox.words import counted

GATHER_DOCS = "https://docs.python.org/3/library/asyncio-task.html#asyncio.gather"


ENDINGS = ("returns", "fails")
ON_CANCEL = ("gives way", "swallows it", "fails on its way out", "takes time to clean up")


WAITS_FOR_CLEANUP = law(
    "LAW-GATHER-06",
    "Cancelled while it awaits gather(return_exceptions=True) or, in anyio and trio, sits in a group,"
    " once or again while its children clean up, the parent goes on only when every child has ended,"
    " and then no further than its next checkpoint.",
    source=f"{GATHER_DOCS}, https://github.com/python/cpython/issues/76865",
)


@WAITS_FOR_CLEANUP.states(
    "asyncio",
    expect=holds(),
    antecedents=("the parent was cancelled while it gathered", "a child took time to clean up"),
    builds_on=(),
)
@given(
    on_cancel=sequences(ON_CANCEL, least=1, most=2),
    instant=every((WAITING, CANCEL_THEN_COMPLETION, COMPLETION_THEN_CANCEL)),
    ending=every(ENDINGS),
    again=flags(),
)
async def test_the_parent_waits_for_every_cleanup_and_is_interrupted(
    on_cancel: tuple[str, ...], instant: Instant, ending: str, again: bool
) -> None:
    """``again``: it is cancelled a second time while its children clean up."""
    complete, never, cleaned_up = asyncio.Event(), asyncio.Event(), asyncio.Event()
    cleaning: list[int] = []
    did: list[str] = []
    cancelled = False

    async def child(place: int) -> None:
        try:
            await (never if place else complete).wait()
        except asyncio.CancelledError:
            if on_cancel[place] == "swallows it":
                return
            if on_cancel[place] == "fails on its way out":
                raise KeyError from None
            if on_cancel[place] == "takes time to clean up":
                antecedent("a child took time to clean up")
                cleaning.append(place)
                try:
                    await cleaned_up.wait()
                except asyncio.CancelledError:
                    await cleaned_up.wait()
                cleaning.remove(place)
            raise
        if ending == "fails":
            raise KeyError

    async def parent() -> None:
        did.append("gathers")
        children = [child(place) for place in range(len(on_cancel))]
        try:
            await asyncio.gather(*children, return_exceptions=True)
        finally:
            did.append("has left gather()")
        await asyncio.sleep(0)
        did.append("ran on")

    def cancel() -> None:
        nonlocal cancelled
        if did == ["gathers"] and task.cancel():
            antecedent("the parent was cancelled while it gathered")
            cancelled = True

    task = asyncio.ensure_future(parent())
    await cancel_at(instant, cancel, complete.set)
    await settle()
    if again:
        task.cancel()
        await settle()
    early = list(did) if cleaning else ["gathers"]
    cleaned_up.set()
    await settle()
    task.cancel()
    await asyncio.wait([task])
    if cancelled:
        case = (
            f"children that {on_cancel}, the first {ending} when its wait ends, and the parent"
            f" cancelled {instant.name}"
        )
        assert early == ["gathers"], f"{case}: while one cleaned up the parent {early[-1]}"
        assert task.cancelled() and did[-1] != "ran on", f"{case}: the parent {did[-1]}"


@WAITS_FOR_CLEANUP.states(
    "anyio",
    "trio",
    expect=holds(),
    antecedents=("the parent was cancelled while it gathered", "a child took time to clean up"),
    builds_on=(),
)
@given(
    on_cancel=sequences(ON_CANCEL, least=1, most=2),
    instant=every((WAITING, CANCEL_THEN_COMPLETION, COMPLETION_THEN_CANCEL)),
    ending=every(ENDINGS),
    again=flags(),
)
async def test_the_parent_of_a_group_waits_for_every_cleanup_and_is_interrupted(
    library: ModuleType, on_cancel: tuple[str, ...], instant: Instant, ending: str, again: bool
) -> None:
    """``again``: it is cancelled a second time while its children clean up."""
    complete, never, cleaned_up = library.Event(), library.Event(), library.Event()
    scope = library.CancelScope()
    cleaning: list[int] = []
    did: list[str] = []
    cancelled = False

    async def child(place: int) -> None:
        try:
            await (never if place else complete).wait()
        except BaseException:
            if on_cancel[place] == "swallows it":
                return
            if on_cancel[place] == "fails on its way out":
                raise KeyError from None
            if on_cancel[place] == "takes time to clean up":
                antecedent("a child took time to clean up")
                cleaning.append(place)
                with library.CancelScope(shield=True):
                    await cleaned_up.wait()
                cleaning.remove(place)
            raise
        if ending == "fails":
            raise KeyError

    async def parent() -> None:
        did.append("waits")
        with scope:
            try:
                async with open_group(library) as group:
                    for place in range(len(on_cancel)):
                        group.start_soon(child, place)
            except BaseException as error:  # the rest is raised again
                did.append("has left the group")
                # Python 3.10 cannot say it otherwise: except* KeyError
                rest = error.split(KeyError)[1] if hasattr(error, "split") else error
                if rest is not None:
                    raise rest from None
            await library.sleep(0)
            did.append("ran on")

    def cancel() -> None:
        nonlocal cancelled
        if did == ["waits"]:
            antecedent("the parent was cancelled while it gathered")
            cancelled = True
        scope.cancel()

    async with open_group(library) as outer:
        outer.start_soon(parent)
        await cancel_at(
            instant,
            cancel,
            complete.set,
            pause=lambda: library.sleep(0),
            settled=lambda: settle(library),
        )
        await settle(library)
        if again:
            scope.cancel()
            await settle(library)
        early = list(did) if cleaning else ["waits"]
        cleaned_up.set()
        never.set()
    if cancelled:
        case = (
            f"children that {on_cancel}, the first {ending} when its wait ends, and the parent"
            f" cancelled {instant.name}"
        )
        assert early == ["waits"], f"{case}: while one cleaned up the parent {early[-1]}"
        assert did[-1] != "ran on", f"{case}: the parent ran on"


FIRST_TO_END = law(
    "LAW-GATHER-07",
    "By default a gather() that is cancelled raises, without waiting for the rest, what the first child"
    " to end otherwise than by returning ended with, and CancelledError if all return: a child's"
    " failure hides the cancel, which then shows in Task.cancelling() (3.11+) alone.",
    source=GATHER_DOCS,
)


@FIRST_TO_END.states(
    "asyncio",
    expect=holds(),
    antecedents=("a child failed on its way out", "a child took time to clean up"),
)
@given(on_cancel=sequences(ON_CANCEL, least=1, most=3), parents=flags())
async def test_a_cancelled_gather_raises_what_the_first_child_ended_with(
    on_cancel: tuple[str, ...], parents: bool
) -> None:
    cleaned_up = asyncio.Event()

    async def child(does: str) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if does == "swallows it":
                return
            if does == "fails on its way out":
                antecedent("a child failed on its way out")
                raise KeyError from None
            if does == "takes time to clean up":
                antecedent("a child took time to clean up")
                await cleaned_up.wait()
            raise

    gathering = asyncio.gather(*[child(does) for does in on_cancel])
    raised: list[str] = []
    requests: list[int] = []

    async def parent() -> None:
        try:
            await gathering
        except BaseException as error:  # what is raised is the question
            raised.append(type(error).__name__)
        if hasattr(task, "cancelling"):  # Python 3.11
            requests.append(task.cancelling())

    task = asyncio.ensure_future(parent())
    await settle()
    (task if parents else gathering).cancel()
    await settle()
    early = list(raised)
    cleaned_up.set()
    await settle()
    ended = [does for does in on_cancel if does != "swallows it"]
    at_once = [does for does in ended if does != "takes time to clean up"]
    expected = "KeyError" if at_once[:1] == ["fails on its way out"] else "CancelledError"
    case = f"{'the parent' if parents else 'gather()'} was cancelled, and the children: {on_cancel}"
    assert raised == [expected], f"{case}: {expected} was to be raised, not {raised}"
    if at_once:
        assert early == raised, f"{case}: gather() raised nothing before the cleanup was over"
    elif ended:
        assert not early, f"{case}: gather() raised {expected} before the cleanup was over"
    assert requests in ([], [int(parents)]), (
        f"{case}: cancelling() said {requests}, not {[int(parents)]}"
    )


FIRST_TO_END.not_applicable(
    "anyio",
    "trio",
    because="nothing there raises before every child has ended: see LAW-GATHER-06",
    missing=("anyio.create_task", "trio.create_task", "trio.gather"),
)


OVER = law(
    "LAW-GATHER-10",
    "Once gather() has raised there is nothing left to cancel: its cancel() says False, and the other"
    " children run on to their own end.",
    source=f"{GATHER_DOCS}, https://github.com/python/cpython/issues/81884",
)


@OVER.states("asyncio", expect=holds(), antecedents=("gather() raised",))
@given(
    error=every((KeyError, asyncio.CancelledError)),
    others=up_to(3, least=1),
    cancels=up_to(2, least=1),
)
async def test_cancelling_a_gather_that_has_raised_does_nothing(
    error: type[BaseException], others: int, cancels: int
) -> None:
    go_on = asyncio.Event()

    async def failing() -> None:
        raise error

    siblings = [asyncio.ensure_future(go_on.wait()) for _ in range(others)]
    gathering = asyncio.gather(failing(), *siblings)
    try:
        await gathering
    except BaseException:  # LAW-GATHER-01 looks at what is raised
        antecedent("gather() raised")
    answers = [gathering.cancel() for _ in range(cancels)]
    await settle()
    go_on.set()
    await settle()
    ended = [done.done() and not done.cancelled() for done in siblings]
    assert True not in answers, (
        f"gather() had raised {error.__name__}: its cancel() was to say False, and said True"
    )
    assert all(ended), (
        f"gather() had raised {error.__name__}, and was cancelled:"
        f" {ended.count(False)} of {counted(others, 'other child', 'other children')} did not come to"
        " an end"
    )


OVER.not_applicable(
    "anyio",
    "trio",
    because="a group that has raised has no children left",
    missing=("anyio.create_task", "trio.create_task", "trio.gather"),
)
