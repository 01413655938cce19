"""Under which rules a program runs: a discipline, and what is known to be wrong with this version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from conformance.claim import Library
from conformance.conditions import fits

Discipline = Literal["edge", "level"]


@dataclass(frozen=True)
class Quirk:
    """A known departure from what is promised: the reference follows it where ``when`` is true.

    ``says`` what is done there, ``law`` is the law of the book that this breaks, and ``issue`` where
    it is on record.
    """

    name: str
    library: Library
    says: str
    law: str
    issue: str
    when: str = ""


QUIRKS = (
    Quirk(
        "send raises though delivered",
        "anyio",
        "A send that is cancelled while it waits stays in line until its task has gone on: a receiver "
        "that comes in the same turn takes the item, and send() raises.",
        law="LAW-DELIVER-15",
        issue="docs/findings/anyio-send-raises-though-delivered.md",
    ),
    Quirk(
        "notification is lost",
        "asyncio",
        "A task that is notified and cancelled in the same turn does not pass the notification on.",
        law="LAW-DELIVER-06",
        issue="https://github.com/python/cpython/issues/112202",
        when="python<3.13",
    ),
    Quirk(
        "counts are not kept",
        "asyncio",
        "A TaskGroup whose child fails while it waits for its children does not take its own request "
        "back, nor does it see to it that somebody else's is delivered after the group has raised; and "
        "uncancel() does not rescind a request that has yet to be delivered.",
        law="LAW-NEST-17",
        issue="https://github.com/python/cpython/issues/116720",
        when="python>=3.11,python<3.13",
    ),
)


@dataclass(frozen=True)
class Rules:
    """What holds for a library on a backend.

    ``eager`` tasks take their first step as they are started.  ``quirks`` are the names of the known
    departures to follow.
    """

    library: Library
    eager: bool = False
    quirks: frozenset[str] = frozenset()

    @property
    def discipline(self) -> Discipline:
        """How a cancel is delivered."""
        return "edge" if self.library == "asyncio" else "level"


def rules_here(library: Library, *, eager: bool = False) -> Rules:
    """The rules of ``library`` as it is installed here."""
    known = (quirk.name for quirk in QUIRKS if quirk.library == library and fits(quirk.when))
    return Rules(library, eager, frozenset(known))
