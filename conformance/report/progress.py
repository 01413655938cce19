"""How far a run has come, on a terminal: a bar for all of it and one for each backend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from conformance.judging.plan import Heard, Listener, Plan
from conformance.report.plain import clean, console_for

_ALL = "all"
_ITEM = 70
"""Columns from which on there is room for the claim in flight."""


_WIDE = 120
"""And for it and a bar of full length."""


@contextmanager
def progress(plan: Plan, file: TextIO) -> Iterator[Listener]:
    """Show on ``file`` what the listener hears; nothing if it is no terminal."""
    console = console_for(file)
    # FORCE_COLOR asks for colours in a pipe, not for a bar that moves.
    if not (console.is_terminal and file.isatty()):
        yield lambda heard: None
        return
    with bars_on(console) as bars:
        yield Listening(plan, bars)


def bars_on(console: Console) -> Progress:
    """Bars with how much is done, how much there is, and the time that is left; the claim in flight if it fits."""
    bar = 40 if console.width >= _WIDE else 20
    columns = [
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        BarColumn(bar_width=None, table_column=Column(min_width=6, max_width=bar)),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
    ]
    if console.width >= _ITEM:
        # What is in flight: NEST-03[asyncio] is no style.
        column = Column(no_wrap=True, overflow="ellipsis", ratio=1)
        columns.append(TextColumn("{task.fields[item]}", markup=False, table_column=column))
    # Claims take their time, each another: what is left is reckoned from many of them.
    return Progress(
        *columns, console=console, transient=True, expand=True, speed_estimate_period=600
    )


class Listening:
    """Moves the bars as it hears of claims."""

    def __init__(self, plan: Plan, bars: Progress) -> None:
        self.bars = bars
        encoding = bars.console.encoding
        self.all = bars.add_task(_ALL, total=plan.size, item="")
        self.tasks = {
            backend.name: bars.add_task(
                clean(backend.name, encoding),
                total=len(plan.statements(backend)),
                item="",
                start=False,
            )
            for backend in plan.backends
        }

    def __call__(self, heard: Heard) -> None:
        """A claim was begun, or judged."""
        task = self.tasks[heard.backend]
        if heard.verdict is None:
            self.bars.start_task(task)
            self.bars.update(task, item=clean(heard.item, self.bars.console.encoding))
        else:
            self.bars.update(task, item="", advance=1)
            self.bars.update(self.all, advance=1)
