"""Loops that are right in an unusual way: the laws take no offence at how a thing is done."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from conformance.backends.backend import Backend
from conformance.backends.virtual import VirtualLoop
from conformance.book import all_claims
from conformance.claim import Library
from conformance.judging.effort import Effort
from conformance.judging.judge import judge

LAWS = {claim.id: claim for claim in all_claims()}


class PurePythonTasks(VirtualLoop):
    """Its tasks are those that asyncio has for want of a compiler; in the log they are handles."""

    def __init__(self) -> None:
        super().__init__()
        self.set_task_factory(self._make)

    def _make(self, loop: asyncio.AbstractEventLoop, coro: Any, **more: Any) -> asyncio.Task[Any]:
        # No public name says which of the two asyncio.Task is.
        task: asyncio.Task[Any] = asyncio.tasks._PyTask(coro, loop=loop, **more)  # type: ignore[attr-defined]  # see above
        return task


@pytest.fixture
def one_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 3.14 on the two kinds of tasks are registered apart; a loop that has one says so to both."""
    for name in ("_enter_task", "_leave_task", "_register_task"):
        if hasattr(asyncio.tasks, f"_py{name}"):
            compiled = getattr(asyncio.tasks, f"_c{name}", getattr(asyncio.tasks, name))
            monkeypatch.setattr(asyncio.tasks, f"_py{name}", compiled)


@pytest.mark.usefixtures("one_registry")
@pytest.mark.parametrize("law", ["LAW-DELIVER-01", "LAW-DELIVER-16", "LAW-GATHER-03"])
@pytest.mark.parametrize("library", ["asyncio", "anyio"])
def test_tasks_may_be_in_pure_python(law: str, library: Library) -> None:
    if library not in LAWS[law].statements:
        pytest.skip("there is one of the two only")
    backend = Backend("asyncio", loop=PurePythonTasks, io_loop=PurePythonTasks)
    verdict = judge(LAWS[law].statements[library], backend, Effort(examples=25))
    assert verdict.as_expected, f"{verdict.verdict}: {verdict.counterexample or verdict.reason}"
