"""Retry helpers: does one that does not check for a cancel go on retrying?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType

from hypothesis import given

from conformance.claim import Claim, antecedent, article, holds, law, refuted
from conformance.programs.instants import (
    CANCEL_THEN_COMPLETION,
    COMPLETION_THEN_CANCEL,
    NEVER,
    WAITING,
    Instant,
    cancel_at,
    settle,
)
from conformance.programs.scopes import cancelled, open_group
from conformance.programs.space import every, up_to
from conformance.programs.waits import ANYIO_PENDING, ASYNCIO_PENDING, TRIO_PENDING, Wait, Waiting

HANDLERS = (
    "except Exception",
    "except BaseException",
    "except",
    "except (Exception, Cancelled)",
)
"""What retry helpers catch; ``Cancelled`` stands for the library's own exception."""

WHERE = ("in the request", "in the interval")
INSTANTS = (WAITING, CANCEL_THEN_COMPLETION, COMPLETION_THEN_CANCEL)


@dataclass
class Retry:
    """A retry helper, and what it was seen to do.

    Its first ``failures`` requests fail at once; the next one waits for ``wait`` and then fails, or
    fails at once too, so that the helper waits out the interval, as ``where`` says.
    """

    handler: str
    failures: int
    where: str
    wait: Callable[[], Awaitable[object]]
    sleep: Callable[[float], Awaitable[object]]
    cancelled: type[BaseException]
    in_interval: bool = False
    requests: int = 0

    async def request(self) -> None:
        self.requests += 1
        if self.requests == self.failures + 1 and self.where == "in the request":
            antecedent("waits in the request")
            await self.wait()
        raise ConnectionError("refused")

    async def run(self) -> None:
        caught: dict[str, tuple[type[BaseException], ...]] = {
            "except Exception": (Exception,),
            "except BaseException": (BaseException,),
            "except": (BaseException,),
            "except (Exception, Cancelled)": (Exception, self.cancelled),
        }
        for _ in range(self.failures + 3):
            try:
                return await self.request()
            except caught[self.handler]:
                pass
            if self.requests <= self.failures:
                await self.sleep(0)
                continue
            if self.where == "in the interval":
                antecedent("waits in the interval")
            self.in_interval = True
            await self.sleep(NEVER)


async def retry_in_asyncio(
    handler: str, failures: int, where: str, wait: Wait, instant: Instant
) -> tuple[bool, int]:
    """Cancel a retry helper: whether it waits out its interval then, and its requests."""
    waiting: Waiting = await wait.new()
    retry = Retry(handler, failures, where, waiting.wait, asyncio.sleep, asyncio.CancelledError)
    task = asyncio.create_task(retry.run())
    await cancel_at(instant, task.cancel, waiting.complete)
    await settle()
    waits = retry.in_interval and not task.done()
    while not task.done():
        task.cancel()  # lets the helper go that still waits
        await settle()
    return waits, retry.requests


async def retry_in_a_scope(
    library: ModuleType, handler: str, failures: int, where: str, wait: Wait, instant: Instant
) -> tuple[bool, int]:
    """The same in a scope."""
    waiting: Waiting = await wait.new()
    retry = Retry(handler, failures, where, waiting.wait, library.sleep, cancelled(library))
    ended = []

    async def host() -> None:
        try:
            await retry.run()
        finally:
            ended.append("the helper")

    async with open_group(library) as group:
        group.start_soon(host)
        await cancel_at(
            instant,
            group.cancel_scope.cancel,
            waiting.complete,
            pause=library.lowlevel.cancel_shielded_checkpoint,
            settled=partial(settle, library),
        )
        with library.CancelScope(shield=True):
            await settle(library)
        waits = not ended
    return waits, retry.requests


RETRYING = Claim(
    "NEST-04",
    "A retry helper that does not check for a cancel goes on to wait out its retry interval after"
    " its task was cancelled.",
    source=article("§4"),
    instead=("LAW-NEST-12", "LAW-NEST-13"),
)


@RETRYING.states(
    "asyncio",
    expect=refuted(
        "`except Exception` does not catch the CancelledError, and nothing catches it in the"
        " interval: only a helper that catches it in the request goes on to wait"
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
    expect=refuted("the interval is a checkpoint, where the cancel is raised again"),
    antecedents=("waits in the request", "waits in the interval"),
)
@given(
    handler=every(HANDLERS),
    where=every(WHERE),
    failures=up_to(2),
    wait=every(ANYIO_PENDING),
    instant=every(INSTANTS),
)
async def test_a_retry_helper_waits_on_in_anyio(
    library: ModuleType, handler: str, where: str, failures: int, wait: Wait, instant: Instant
) -> None:
    waits, _ = await retry_in_a_scope(library, handler, failures, where, wait, instant)
    assert waits, f"with `{handler}`, cancelled {where}, the helper ended instead of waiting"


@RETRYING.states(
    "trio",
    expect=refuted("the interval is a checkpoint, where the cancel is raised again"),
    antecedents=("waits in the request", "waits in the interval"),
)
@given(
    handler=every(HANDLERS),
    where=every(WHERE),
    failures=up_to(2),
    wait=every(TRIO_PENDING),
    instant=every(INSTANTS),
)
async def test_a_retry_helper_waits_on_in_trio(
    library: ModuleType, handler: str, where: str, failures: int, wait: Wait, instant: Instant
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


async def a_cancel_leaves_it(library: ModuleType, where: str, failures: int, wait: Wait) -> None:
    """LAW-NEST-12 in terms of scopes."""
    waits, requests = await retry_in_a_scope(
        library, "except Exception", failures, where, wait, WAITING
    )
    assert not waits, f"cancelled {where}, the helper waited out its interval"
    assert requests == failures + 1, f"cancelled {where}, the helper tried again"


@LEFT_AT_ONCE.states(
    "anyio",
    expect=holds("the backends' exceptions are BaseExceptions and no Exceptions"),
    antecedents=("waits in the request", "waits in the interval"),
)
@given(where=every(WHERE), failures=up_to(1), wait=every(ANYIO_PENDING))
async def test_a_cancel_leaves_a_retry_helper_of_anyio(
    library: ModuleType, where: str, failures: int, wait: Wait
) -> None:
    await a_cancel_leaves_it(library, where, failures, wait)


@LEFT_AT_ONCE.states(
    "trio",
    expect=holds("Cancelled is a BaseException and no Exception"),
    antecedents=("waits in the request", "waits in the interval"),
)
@given(where=every(WHERE), failures=up_to(1), wait=every(TRIO_PENDING))
async def test_a_cancel_leaves_a_retry_helper_of_trio(
    library: ModuleType, where: str, failures: int, wait: Wait
) -> None:
    await a_cancel_leaves_it(library, where, failures, wait)


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


async def a_catch_all_helper_is_left(
    library: ModuleType, handler: str, where: str, failures: int, wait: Wait
) -> None:
    """LAW-NEST-13 in terms of scopes."""
    waits, requests = await retry_in_a_scope(library, handler, failures, where, wait, WAITING)
    assert not waits, f"with `{handler}`, cancelled {where}, the helper waited out its interval"
    assert requests == failures + 1, f"with `{handler}`, cancelled {where}, it tried again"


@CATCHING_ALL.states(
    "anyio",
    expect=holds("every checkpoint in a cancelled scope raises"),
    antecedents=("waits in the request", "waits in the interval"),
)
@given(handler=every(CATCHES_ALL), where=every(WHERE), failures=up_to(1), wait=every(ANYIO_PENDING))
async def test_a_catch_all_helper_of_anyio_is_left(
    library: ModuleType, handler: str, where: str, failures: int, wait: Wait
) -> None:
    await a_catch_all_helper_is_left(library, handler, where, failures, wait)


@CATCHING_ALL.states(
    "trio",
    expect=holds("every checkpoint in a cancelled scope raises"),
    antecedents=("waits in the request", "waits in the interval"),
)
@given(handler=every(CATCHES_ALL), where=every(WHERE), failures=up_to(1), wait=every(TRIO_PENDING))
async def test_a_catch_all_helper_of_trio_is_left(
    library: ModuleType, handler: str, where: str, failures: int, wait: Wait
) -> None:
    await a_catch_all_helper_is_left(library, handler, where, failures, wait)
