"""Which laws catch which wrong runtime: measured, and kept in ``caught.json`` beside this file.

``python -m tests.wrong --measure`` judges every law of a wrong runtime's library on it, if nothing is
on file for it; ``--narrow`` judges only what is on file, and keeps what is caught on this Python too.
Where the event loop itself is broken nearly everything is: that says little, and is not measured.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from conformance.book import all_claims
from conformance.claim import Claim, Library
from conformance.conditions import fits
from conformance.judging.effort import Effort
from conformance.judging.judge import judge
from tests.wrong.kit import Wrong

FILE = Path(__file__).with_name("caught.json")

CAUGHT = ("refuted", "hung")
"""The verdicts by which a law says that something is wrong."""

SECONDS = 10
"""How long one judgement may take: what spins is not counted as caught."""

DEAR = ("PROGRAM-05", "PROGRAM-14")
"""Laws whose antecedent is rare in small programs: they are judged only where ``kills`` names them."""

Caught = dict[str, list[str]]
Memory = dict[Any, Any]


def laws() -> dict[str, Claim]:
    """Every law by its id."""
    return {claim.id: claim for claim in all_claims() if claim.kind == "law"}


def on_file() -> Caught:
    """What was measured: the laws that catch a wrong runtime, by :attr:`Wrong.key`."""
    found: Caught = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    return found


def write(caught: Caught) -> None:
    """Put ``caught`` on file, a line a wrong runtime."""
    lines = [f"  {json.dumps(key)}: {json.dumps(sorted(caught[key]))}" for key in sorted(caught)]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def in_a_child(judged: Callable[[str, Memory], bool], laws: Sequence[str]) -> list[str]:
    """Those of ``laws`` of which ``judged`` says yes, in a forked child.

    A law in which the child spins or crashes is left out, and another child goes on behind it.
    """
    said: list[str] = []
    left = list(laws)
    while left:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what broken runtimes leave behind
                memory: Memory = {}
                for law in left:
                    signal.alarm(SECONDS)
                    os.write(writing, b"y" if judged(law, memory) else b"n")
            finally:
                os._exit(0)
        os.close(writing)
        with open(reading, "rb") as pipe:
            answers = pipe.read().decode()
        os.waitpid(child, 0)
        said += [law for law, answer in zip(left, answers, strict=False) if answer == "y"]
        left = left[len(answers) + 1 :]
    return said


def effort(law: Claim) -> Effort:
    """As much as a mistake needs that is worth a line in the table."""
    return Effort(examples=1 if law.chapter == "programs" else 20, size=1)


def holds(law: Claim, wrong: Wrong, memory: Memory) -> bool:
    """Whether ``law`` holds without the mistake: else it does not speak of the mistake."""
    statement, backend = law.statements[wrong.library], wrong.backend_without_the_mistake
    return judge(statement, backend, effort(law), memory, explain=False).verdict == "holds"


def catches(law: Claim, wrong: Wrong, memory: Memory) -> bool:
    """Whether ``law`` is refuted by the mistake."""
    statement = law.statements[wrong.library]
    with wrong.patch():
        return judge(statement, wrong.backend, effort(law), memory, explain=False).verdict in CAUGHT


def candidates(wrong: Wrong, known: dict[str, Claim]) -> list[str]:
    """The laws that may speak of ``wrong``: those of its library, and a plugin's only of plugins."""
    return [
        law.id
        for law in known.values()
        if wrong.library in law.statements
        and law.id not in DEAR
        and (law.chapter == "testing") == (wrong.breaks == "plugin")
    ]


def to_be_measured(runtimes: Sequence[Wrong]) -> list[Wrong]:
    """Those of ``runtimes`` of which it is of interest what else catches them."""
    return [wrong for wrong in runtimes if wrong.breaks not in ("loop", "io")]


def measure(runtimes: Sequence[Wrong], *, narrow: bool) -> Iterator[tuple[str, list[str]]]:
    """For each of ``runtimes``, as it is measured: its key, and the laws that catch it here.

    Of all laws, or with ``narrow`` of those on file.
    """
    known = laws()
    before = on_file()
    right: dict[Library, set[str]] = {}
    for wrong in runtimes:
        started = time.monotonic()
        if not fits(wrong.when):
            yield wrong.key, before.get(wrong.key, [])
            continue
        if wrong.library not in right:
            right[wrong.library] = set(
                in_a_child(
                    lambda law, memory, wrong=wrong: holds(known[law], wrong, memory),  # type: ignore[misc]  # a default binds it now
                    [law.id for law in known.values() if wrong.library in law.statements],
                )
            )
        asked = before.get(wrong.key, []) if narrow else candidates(wrong, known)
        caught = in_a_child(
            lambda law, memory, wrong=wrong: catches(known[law], wrong, memory),  # type: ignore[misc]  # a default binds it now
            [law for law in asked if law in right[wrong.library]],
        )
        seconds = time.monotonic() - started
        print(f"{wrong.key}: {' '.join(caught)} ({seconds:.0f}s)", flush=True)
        yield wrong.key, caught
