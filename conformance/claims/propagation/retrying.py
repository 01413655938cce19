"""Retry helpers: does one that does not check for a cancel go on retrying?"""

from __future__ import annotations

import asyncio
from types import ModuleType

from hypothesis import given

from conformance.claim import Claim, antecedent, article, holds, law, refuted
from conformance.toolbox.instants import (
    CANCEL_THEN_COMPLETION,
    COMPLETION_THEN_CANCEL,
    NEVER,
    WAITING,
    Instant,
    cancel_at,
    settle,
)
from conformance.toolbox.scopes import cancelled, open_group
from conformance.toolbox.spaces import every, up_to
from conformance.toolbox.waits import ASYNCIO_PENDING, SCOPED_PENDING, ScopedWait, Wait

HANDLERS = ("except Exception", "except BaseException", "except (Exception, Cancelled)")
"""What retry helpers catch; ``Cancelled`` stands for the library's own exception."""

WHERE = ("in the request", "in the interval")
INSTANTS = (WAITING, CANCEL_THEN_COMPLETION, COMPLETION_THEN_CANCEL)


def caught(
    handler: str, library: ModuleType
) -> type[BaseException] | tuple[type[BaseException], ...]:
    """What ``handler`` catches, in ``library``."""
    if handler == "except Exception":
        return Exception
    if handler == "except BaseException":
        return BaseException
    return (Exception, cancelled(library))


async def retry_in_asyncio(
    handler: str, failures: int, where: str, wait: Wait, instant: Instant
) -> tuple[bool, int]:
    """Cancel a retry helper: whether it waits out its interval then, and how often it has tried.

    Its first requests fail at once, ``failures`` of them.  Then it is cancelled, ``where`` it waits:
    in the next request, for ``wait``, or in the interval after it.
    """
    requests = 0
    in_interval = False
    waiting = await wait.new()

    async def request() -> None:
        nonlocal requests
        requests += 1
        if failures and requests <= failures:
            raise ConnectionError("refused")
        if where == "in the request":
            antecedent("waits in the request")
            await waiting.wait()
        raise ConnectionError("refused")

    async def retry() -> None:
        nonlocal in_interval
        for _ in range(failures + 2):
            try:
                return await request()
            except caught(handler, asyncio):
                pass
            if failures and requests <= failures:
                await asyncio.sleep(0)
                continue
            if where == "in the interval":
                antecedent("waits in the interval")
            in_interval = True
            await asyncio.sleep(NEVER)

    task = asyncio.create_task(retry())
    await cancel_at(instant, task.cancel, waiting.complete)
    await settle()
    waits = in_interval and not task.done()
    while not task.done():
        task.cancel()  # lets the helper go that still waits
        await settle()
    return waits, requests


async def retry_in_a_scope(
    library: ModuleType, handler: str, failures: int, where: str, wait: ScopedWait, instant: Instant
) -> tuple[bool, int]:
    """The same in a scope."""
    requests = 0
    ended = False
    waiting = await wait.of(library).new()

    async def request() -> None:
        nonlocal requests
        requests += 1
        if failures and requests <= failures:
            raise ConnectionError("refused")
        if where == "in the request":
            antecedent("waits in the request")
            await waiting.wait()
        raise ConnectionError("refused")

    async def retry() -> None:
        nonlocal ended
        try:
            for _ in range(failures + 2):
                try:
                    return await request()
                except caught(handler, library):
                    pass
                if failures and requests <= failures:
                    await library.sleep(0)
                    continue
                if where == "in the interval":
                    antecedent("waits in the interval")
                await library.sleep(NEVER)
        finally:
            ended = True

    async with open_group(library) as group:
        group.start_soon(retry)
        await cancel_at(
            instant,
            group.cancel_scope.cancel,
            waiting.complete,
            pause=library.lowlevel.cancel_shielded_checkpoint,
            settled=lambda: settle(library),
        )
        with library.CancelScope(shield=True):
            await settle(library)
        waits = not ended
    return waits, requests


RETRYING = Claim(
    "NEST-04",
    "A retry helper that does not check for a cancel goes on to wait out its retry interval after"
    " its task was cancelled.",
    source=article("§4"),
    instead=("LAW-NEST-12", "LAW-NEST-13"),
)

ENDED = "with `…`, cancelled …, the helper ended instead of waiting"


@RETRYING.states(
    "asyncio",
    expect=(
        refuted(
            "`except Exception` does not catch the CancelledError, and nothing catches it in the"
            " interval: only a helper that catches it in the request goes on to wait, or one whose"
            " request has swallowed it, as wait_for() did before Python 3.12",
            when="python<3.12",
            issue="https://github.com/python/cpython/issues/86296",
            region=lambda handler, where, wait, instant: (
                where == "in the interval"
                or (
                    handler == "except Exception"
                    and not (wait.name == "wait_for()" and instant.same_turn)
                )
            ),
            message=ENDED,
        ),
        refuted(
            "`except Exception` does not catch the CancelledError, and nothing catches it in the"
            " interval: only a helper that catches it in the request goes on to wait",
            region=lambda handler, where: (
                where == "in the interval" or handler == "except Exception"
            ),
            message=ENDED,
        ),
    ),
    antecedents=("waits in the request", "waits in the interval"),
)
@given(
    handler=every(HANDLERS),
    where=every(WHERE),
    failures=up_to(2),
    wait=every(ASYNCIO_PENDING),
    instant=every(INSTANTS),
)
async def test_a_retry_helper_waits_on_in_asyncio(
    handler: str, where: str, failures: int, wait: Wait, instant: Instant
) -> None:
    waits, _ = await retry_in_asyncio(handler, failures, where, wait, instant)
    assert waits, f"with `{handler}`, cancelled {where}, the helper ended instead of waiting"


@RETRYING.states(
    "anyio",
    "trio",
    expect=refuted("the interval is a checkpoint, where the cancel is raised again", message=ENDED),
    antecedents=("waits in the request", "waits in the interval"),
)
@given(
    handler=every(HANDLERS),
    where=every(WHERE),
    failures=up_to(2),
    wait=every(SCOPED_PENDING),
    instant=every(INSTANTS),
)
async def test_a_retry_helper_waits_on_in_a_scope(
    library: ModuleType, handler: str, where: str, failures: int, wait: ScopedWait, instant: Instant
) -> None:
    waits, _ = await retry_in_a_scope(library, handler, failures, where, wait, instant)
    assert waits, f"with `{handler}`, cancelled {where}, the helper ended instead of waiting"


LEFT_AT_ONCE = law(
    "LAW-NEST-12",
    "A retry helper that catches Exception is left at once when it is cancelled while it waits, in"
    " any attempt, in the request as in the interval.",
    source="https://docs.python.org/3/library/asyncio-exceptions.html#asyncio.CancelledError",
)


@LEFT_AT_ONCE.states(
    "asyncio",
    expect=holds("CancelledError is a BaseException and no Exception"),
    antecedents=("waits in the request", "waits in the interval"),
)
@given(where=every(WHERE), failures=up_to(1), wait=every(ASYNCIO_PENDING))
async def test_a_cancel_leaves_a_retry_helper_of_asyncio(
    where: str, failures: int, wait: Wait
) -> None:
    waits, requests = await retry_in_asyncio("except Exception", failures, where, wait, WAITING)
    assert not waits, f"cancelled {where}, the helper waited out its interval"
    assert requests == failures + 1, f"cancelled {where}, the helper tried again"


@LEFT_AT_ONCE.states(
    "anyio",
    "trio",
    expect=holds("the backends' exceptions are BaseExceptions and no Exceptions"),
    antecedents=("waits in the request", "waits in the interval"),
)
@given(where=every(WHERE), failures=up_to(1), wait=every(SCOPED_PENDING))
async def test_a_cancel_leaves_a_retry_helper_in_a_scope(
    library: ModuleType, where: str, failures: int, wait: ScopedWait
) -> None:
    waits, requests = await retry_in_a_scope(
        library, "except Exception", failures, where, wait, WAITING
    )
    assert not waits, f"cancelled {where}, the helper waited out its interval"
    assert requests == failures + 1, f"cancelled {where}, the helper tried again"


CATCHING_ALL = law(
    "LAW-NEST-13",
    "A retry helper that catches whatever its request raises, and is cancelled while it waits there,"
    " goes on to wait out its interval in asyncio; in anyio and trio the interval is interrupted as"
    " well. Cancelled in the interval, it is left in all three.",
    source="https://anyio.readthedocs.io/en/stable/cancellation.html"
    "#differences-between-asyncio-and-anyio-cancellation-semantics",
)

CATCHES_ALL = ("except BaseException", "except (Exception, Cancelled)")


@CATCHING_ALL.states(
    "asyncio",
    expect=holds("one CancelledError is raised for one cancel(), and it was caught"),
    antecedents=("waits in the request", "waits in the interval"),
)
@given(
    handler=every(CATCHES_ALL), where=every(WHERE), failures=up_to(1), wait=every(ASYNCIO_PENDING)
)
async def test_a_catch_all_helper_of_asyncio_waits(
    handler: str, where: str, failures: int, wait: Wait
) -> None:
    waits, _ = await retry_in_asyncio(handler, failures, where, wait, WAITING)
    assert waits == (where == "in the request"), (
        f"with `{handler}`, cancelled {where}, the helper"
        f" {'waited out its interval, and was to be left' if waits else 'was left at once'}"
    )


@CATCHING_ALL.states(
    "anyio",
    "trio",
    expect=holds("every checkpoint in a cancelled scope raises"),
    antecedents=("waits in the request", "waits in the interval"),
)
@given(
    handler=every(CATCHES_ALL), where=every(WHERE), failures=up_to(1), wait=every(SCOPED_PENDING)
)
async def test_a_catch_all_helper_in_a_scope_is_left(
    library: ModuleType, handler: str, where: str, failures: int, wait: ScopedWait
) -> None:
    waits, requests = await retry_in_a_scope(library, handler, failures, where, wait, WAITING)
    assert not waits, f"with `{handler}`, cancelled {where}, the helper waited out its interval"
    assert requests == failures + 1, f"with `{handler}`, cancelled {where}, it tried again"
