"""The columns of a matrix on a terminal: what stands over each, and how wide it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

_SHORT = {
    "asyncio": "asy",
    "asyncio+pytask": "pyt",
    "asyncio+debug": "dbg",
    "asyncio+eager": "eag",
    "asyncio+uvloop": "uvl",
    "trio": "tri",
}
_LEAST = 4
"""A sign, its mark, and room to the next."""


@dataclass(frozen=True)
class Column:
    """One runtime's column: the library over it, if it is the first of its columns; its head; its width."""

    runtime: str
    family: str
    head: str
    width: int


@dataclass(frozen=True)
class Heads:
    """Heads for all columns, and what they need to be explained: each head that is not a name."""

    columns: tuple[Column, ...]
    legend: Mapping[str, str]

    @property
    def width(self) -> int:
        """Of all columns together."""
        return sum(column.width for column in self.columns)


def heads_for(runtimes: Sequence[str], width: int, margin: int, sentence: int) -> Heads:
    """The longest heads with which ``runtimes`` fit into ``width``, beside ``margin`` and a sentence.

    If not even the short ones fit, these: the table then needs several blocks.
    """
    named = {runtime: backend_of(runtime) for runtime in runtimes}
    without = {runtime: name.removeprefix("asyncio") or name for runtime, name in named.items()}
    added = {"+NAME": "asyncio+NAME"} if without != named else {}
    short = short_heads(runtimes)
    for labels, legend in ((named, {}), (without, added)):
        heads = _heads(runtimes, labels, legend)
        if margin + heads.width + sentence <= width:
            return heads
    return _heads(runtimes, short, {short[each]: named[each] for each in runtimes})


def blocks(heads: Heads, room: int) -> list[tuple[Column, ...]]:
    """The columns in as few blocks as fit into ``room``, each of one column at least."""
    found: list[list[str]] = [[]]
    labels = {column.runtime: column.head for column in heads.columns}
    for column in heads.columns:
        wider = [*found[-1], column.runtime]
        if found[-1] and _heads(wider, labels).width > room:
            found.append([column.runtime])
        else:
            found[-1].append(column.runtime)
    return [_heads(each, labels).columns for each in found]


def _heads(
    runtimes: Sequence[str], labels: Mapping[str, str], legend: Mapping[str, str] | None = None
) -> Heads:
    columns: list[Column] = []
    for place, runtime in enumerate(runtimes):
        family = family_of(runtime)
        is_first = place == 0 or family != family_of(runtimes[place - 1])
        is_last = place == len(runtimes) - 1 or family != family_of(runtimes[place + 1])
        head = labels[runtime]
        width = max(_LEAST, cell_len(head) + 2 if cell_len(head) >= _LEAST else _LEAST)
        if is_last:
            # What stands over them all must have room, too.
            before = sum(each.width for each in columns if family_of(each.runtime) == family)
            width = max(width, len(family) + 2 - before)
        columns.append(Column(runtime, family if is_first else "", head, width))
    return Heads(tuple(columns), legend or {})


def backend_of(runtime: str) -> str:
    """The backend of a runtime."""
    return runtime.removeprefix("anyio/")


def family_of(runtime: str) -> str:
    """What stands over the columns of a library."""
    library = (
        "anyio" if runtime.startswith("anyio/") else "trio" if runtime == "trio" else "asyncio"
    )
    return f"{library} on"


def short_heads(runtimes: Sequence[str]) -> dict[str, str]:
    """A head of at most three characters for each runtime, the same for the same backend."""
    short: dict[str, str] = {}
    for runtime in runtimes:
        backend = backend_of(runtime)
        if backend in short:
            continue
        text = _SHORT.get(backend) or backend.rpartition("+")[2].rpartition(":")[2][:3]
        number = 1
        base = text
        while text in short.values() or (backend not in _SHORT and text in _SHORT.values()):
            number += 1
            text = f"{base[: 3 - len(str(number))]}{number}"
        short[backend] = text
    return {runtime: short[backend_of(runtime)] for runtime in runtimes}
