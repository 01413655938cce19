"""An HTTP request as a suspension point: aiohttp's client against aiohttp's own server, on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from hypothesis import given

from conformance.claim import (
    Claim,
    antecedent,
    article,
    holds,
    law,
    refuted,
)
from conformance.claims.loop import SOCKETS, TASKS
from conformance.toolbox.instants import MANY, turns
from conformance.toolbox.spaces import every

AIOHTTP_GET = Claim(
    "DELIVER-09B",
    "aiohttp.get() is a suspension point that can be cancelled.",
    source=article("§1"),
    instead=("LAW-DELIVER-19",),
)

STAGES = (
    "before the response begins",
    "within the response",
    "at the first turn",
    "at the third turn",
    "at the ninth turn",
)

NOT_ON_TRIO = {"trio": "aiohttp needs an event loop of asyncio's"}
NO_GET = refuted(
    "aiohttp has had no get() since its 2.0: ClientSession has one",
    message="aiohttp … has no function called get",
)


@asynccontextmanager
async def slow_server(
    stage: str, reached: asyncio.Event, closing: asyncio.Event
) -> AsyncIterator[str]:
    """A server on loopback, as its URL.

    A request sets ``reached`` when it has reached ``stage``, and is answered when ``closing`` is set.
    """
    from aiohttp import web

    async def respond(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if stage == "within the response":
            await response.prepare(request)
            await response.write(b"some of it")
        reached.set()
        await closing.wait()
        return response

    application = web.Application()
    application.router.add_get("/", respond)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        # At a port of the system's choice.
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/"
    finally:
        closing.set()
        await runner.cleanup()


async def until_the_instant(stage: str, reached: asyncio.Event) -> None:
    """Wait until it is time to cancel."""
    if stage == "at the first turn":
        await turns(1)
    elif stage == "at the third turn":
        await turns(3)
    elif stage == "at the ninth turn":
        await turns(9)
    else:
        await reached.wait()


async def cancel_a_task(get: Any, stage: str) -> bool:
    """Whether a task that makes this request, cancelled at ``stage``, ends as cancelled."""
    reached, closing = asyncio.Event(), asyncio.Event()

    async def request(url: str) -> None:
        async with get(url) as response:
            await response.read()

    async with slow_server(stage, reached, closing) as url:
        task = asyncio.ensure_future(request(url))
        await until_the_instant(stage, reached)
        task.cancel()
        await turns(MANY)
        # A request that the cancel did not end is answered.
        closing.set()
        await asyncio.wait([task])
    return task.cancelled()


async def cancel_a_scope(library: Any, get: Any, stage: str) -> bool:
    """Whether a scope that makes this request, cancelled at ``stage``, ends as cancelled."""
    reached, closing = asyncio.Event(), asyncio.Event()
    scope = library.CancelScope()

    async def request(url: str) -> None:
        # If it ends otherwise, the scope will have caught nothing.
        with scope, suppress(Exception):
            async with get(url) as response:
                await response.read()

    async with slow_server(stage, reached, closing) as url, library.create_task_group() as group:
        group.start_soon(request, url)
        await until_the_instant(stage, reached)
        scope.cancel()
        await turns(MANY)
        # A request that the cancel did not end is answered.
        closing.set()
    return bool(scope.cancelled_caught)


@AIOHTTP_GET.states(
    "asyncio",
    expect=NO_GET,
    exists="aiohttp>=2",
    antecedents=("aiohttp is installed",),
    io=True,
)
@given(stage=every(STAGES))
async def test_a_task_is_cancelled_at_aiohttp_get(stage: str) -> None:
    import aiohttp

    antecedent("aiohttp is installed")
    get = getattr(aiohttp, "get", None)
    assert get is not None, f"aiohttp {aiohttp.__version__} has no function called get"
    assert await cancel_a_task(get, stage), f"cancelled {stage}, the request went on"


@AIOHTTP_GET.states(
    "anyio",
    expect=NO_GET,
    exists="aiohttp>=2",
    unless=NOT_ON_TRIO,
    antecedents=("aiohttp is installed",),
    io=True,
)
@given(stage=every(STAGES))
async def test_a_scope_is_cancelled_at_aiohttp_get(library: Any, stage: str) -> None:
    import aiohttp

    antecedent("aiohttp is installed")
    get = getattr(aiohttp, "get", None)
    assert get is not None, f"aiohttp {aiohttp.__version__} has no function called get"
    assert await cancel_a_scope(library, get, stage), f"cancelled {stage}, the request went on"


AIOHTTP_GET.not_applicable(
    "trio",
    because="aiohttp needs an event loop of asyncio's",
    missing=("trio.lowlevel.current_event_loop",),
)


SESSION_GET = law(
    "LAW-DELIVER-19",
    "A request made by aiohttp's ClientSession.get() is ended by a cancel at whatever point it has"
    " reached: connecting, waiting for the response, or reading it.",
    source="https://docs.aiohttp.org/en/stable/client_reference.html#aiohttp.ClientSession.get",
)


@SESSION_GET.states(
    "asyncio",
    expect=holds(),
    exists="aiohttp>=2",
    antecedents=("aiohttp is installed",),
    io=True,
    builds_on=(TASKS, SOCKETS),
)
@given(stage=every(STAGES))
async def test_a_task_is_cancelled_at_a_request(stage: str) -> None:
    import aiohttp

    antecedent("aiohttp is installed")
    async with aiohttp.ClientSession() as session:
        cancelled = await cancel_a_task(session.get, stage)
    assert cancelled, f"cancelled {stage}, the request went on"


@SESSION_GET.states(
    "anyio",
    expect=holds(),
    exists="aiohttp>=2",
    unless=NOT_ON_TRIO,
    antecedents=("aiohttp is installed",),
    io=True,
    builds_on=(TASKS, SOCKETS),
)
@given(stage=every(STAGES))
async def test_a_scope_is_cancelled_at_a_request(library: Any, stage: str) -> None:
    import aiohttp

    antecedent("aiohttp is installed")
    async with aiohttp.ClientSession() as session:
        cancelled = await cancel_a_scope(library, session.get, stage)
    assert cancelled, f"cancelled {stage}, the request went on"


SESSION_GET.not_applicable(
    "trio",
    because="aiohttp needs an event loop of asyncio's",
    missing=("trio.lowlevel.current_event_loop",),
)
