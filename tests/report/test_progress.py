"""How far a run has come, on a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from conformance import book
from conformance.backends.discovery import builtin_backends
from conformance.judging.plan import Heard, Plan
from conformance.report.progress import Listening, bars_on, progress
from tests.results.samples import verdict

PLAN = Plan(
    tuple(each for each in builtin_backends() if each.name in ("asyncio", "trio")),
    tuple(each for each in book.all_claims() if each.id in ("NEST-03", "LAW-NEST-03")),
)


@pytest.mark.parametrize("width", [30, 60, 80, 120, 200])
def test_there_is_a_total_and_what_is_left_and_what_is_in_flight(width: int) -> None:
    file = io.StringIO()
    bars = bars_on(Console(file=file, width=width, height=25, force_terminal=True, _environ={}))
    listen = Listening(PLAN, bars)
    listen(Heard("asyncio", "NEST-03[asyncio]"))
    listen(Heard("asyncio", "NEST-03[asyncio]", verdict("NEST-03", "asyncio")))
    listen(Heard("asyncio", "LAW-\x1b[31mNEST-03[asyncio]"))
    with bars.console.capture() as captured:
        bars.console.print(bars.get_renderable())
    shown = Text.from_ansi(captured.get()).plain
    total, asyncio, trio = shown.splitlines()
    assert total.startswith("all")
    assert "1/8" in total and "1/4" in asyncio and "0/4" in trio
    assert "-:--" in total, "the time that is left, when it is known"
    assert (r"LAW-\x1b[31mNEST-03[asyncio]" in asyncio) == (width >= 80)


def test_what_is_piped_has_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    file = io.StringIO()
    with progress(PLAN, file) as listen:
        listen(Heard("asyncio", "NEST-03[asyncio]"))
    assert file.getvalue() == ""
