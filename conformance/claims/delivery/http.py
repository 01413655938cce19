"""An HTTP request as a suspension point: aiohttp's client against aiohttp's own server, on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from conformance.programs.instants import MANY, turns
from conformance.programs.space import every

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
TURNS = {"at the first turn": 1, "at the third turn": 3, "at the ninth turn": 9}

NOT_ON_TRIO = {"trio": "aiohttp needs an event loop of asyncio's"}
NO_GET = refuted(
    "aiohttp has had no get() since its 2.0: ClientSession has one",
    message="aiohttp … has no function called get",
)


class SlowServer:
    """Answers no request to its end: ``reached`` is set at its ``stage``, ``url`` says where it is."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.reached = asyncio.Event()
        self.closing = asyncio.Event()
        self.url = ""

    async def respond(self, request: Any) -> Any:
        from aiohttp import web

        response = web.StreamResponse()
        if self.stage == "within the response":
            await response.prepare(request)
            await response.write(b"some of it")
        self.reached.set()
        await self.closing.wait()
        return response

    async def until_the_instant(self) -> None:
        """Wait until it is time to cancel."""
        if self.stage in TURNS:
            await turns(TURNS[self.stage])
        else:
            await self.reached.wait()


@asynccontextmanager
async def slow_server(stage: str) -> AsyncIterator[SlowServer]:
    """A server on loopback, at a port of the system's choice."""
    from aiohttp import web

    server = SlowServer(stage)
    application = web.Application()
    application.router.add_get("/", server.respond)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        server.url = f"http://{host}:{port}/"
        yield server
    finally:
        server.closing.set()
        await runner.cleanup()


async def request(get: Any, url: str) -> bytes:
    async with get(url) as response:
        return bytes(await response.read())


async def cancel_a_task(get: Any, stage: str) -> bool:
    """Whether a task that makes this request, cancelled at ``stage``, ends as cancelled."""
    async with slow_server(stage) as server:
        task = asyncio.ensure_future(request(get, server.url))
        await server.until_the_instant()
        task.cancel()
        await turns(MANY)
        server.closing.set()  # answers a request that the cancel did not end
        await asyncio.wait([task])
        return task.cancelled()


async def cancel_a_scope(library: Any, get: Any, stage: str) -> bool:
    """Whether a scope that makes this request, cancelled at ``stage``, ends as cancelled."""
    scope = library.CancelScope()

    async def child() -> None:
        with scope:
            try:
                await request(get, server.url)
            except Exception:  # it ended otherwise, and the scope will have caught nothing
                pass

    async with slow_server(stage) as server, library.create_task_group() as group:
        group.start_soon(child)
        await server.until_the_instant()
        scope.cancel()
        await turns(MANY)
        server.closing.set()  # answers a request that the cancel did not end
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
