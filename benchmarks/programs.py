"""How many runs of programs a second are judged on one core, and what bounds that.

A run is what the laws over programs make of each: it is generated, its trace predicted, its source
written and compiled, it is run, and the trace that is seen is compared.  All of it is counted.

    python benchmarks/programs.py [--backend asyncio] [--library asyncio] [--size 3] [--runs N]

prints for each library of the backend the runs a second, what a run costs as a ratio to the floor in the
same process (a bare run of the library on that backend, whose main does nothing), and where the time
goes.  The runs are all that there are up to that size, as ``conformance run 'PROGRAM-*'`` makes them, or
the first ``N`` of those.  Seconds are the processor's: what else the machine does is not counted.

With ``--profile`` it also prints the functions that take the most time, as cProfile has them.  A call
costs more under it than without: it says what bounds the runs, not how long they take.
"""

from __future__ import annotations

import argparse
import cProfile
import logging
import pstats
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import islice
from typing import Any

from conformance.backends.backend import Backend
from conformance.backends.discovery import builtin_backends, usable_here
from conformance.claim import LIBRARIES, Library
from conformance.programs.cases import Case, runs
from conformance.toolbox.spaces import Place, stream_of

FLOOR_RUNS = 2000
PROFILE_LINES = 30


@dataclass
class Shares:
    """Seconds by what they were spent on."""

    predicting: float = 0.0
    writing: float = 0.0
    running: float = 0.0
    comparing: float = 0.0

    @property
    def total(self) -> float:
        """All of them."""
        return sum(getattr(self, each.name) for each in fields(self))

    def __str__(self) -> str:
        names = {
            "running": "in the library's run",
            "predicting": "generating and predicting",
            "writing": "writing, compiling and reading the trace",
            "comparing": "comparing",
        }
        return ", ".join(
            f"{getattr(self, name) / self.total:.0%} {what}" for name, what in names.items()
        )


def cases(backend: Backend, library: Library, size: int) -> Iterator[Case]:
    """The runs of all programs up to ``size``, as a law over programs has them."""
    found = stream_of({"case": runs(largest=size)})
    assert found is not None
    place = Place(library, eager=backend.eager, real_clock=not backend.virtual)
    yield from found[1].stream(place, size)


def judged(backend: Backend, library: Library, size: int, most: int | None) -> tuple[int, Shares]:
    """Judge runs, and say how many and what the seconds went into.

    Raises ``AssertionError`` if one is not as predicted: nobody wants to know how fast that is.
    """
    clock = time.process_time
    shares = Shares()
    library_run = backend.library_run(library)

    def run(main: Any) -> object:
        started = clock()
        try:
            return library_run(main)
        finally:
            shares.running += clock() - started

    number = 0
    stream = islice(cases(backend, library, size), most)
    while True:
        started = clock()
        case = next(stream, None)
        generated = clock()
        shares.predicting += generated - started
        if case is None:
            return number, shares
        backend.draw_order(number)
        before = shares.running
        seen = case.perform(run)
        performed = clock()
        shares.writing += performed - generated - (shares.running - before)
        assert case.allows(seen), f"not as predicted:\n{case}\n{case.compared(seen)}"
        shares.comparing += clock() - performed
        number += 1


def bare_run(backend: Backend, library: Library) -> float:
    """Seconds that a run takes whose main does nothing."""
    run = backend.library_run(library)

    async def nothing() -> None:
        pass

    started = time.process_time()
    for _ in range(FLOOR_RUNS):
        run(nothing() if library == "asyncio" else nothing)
    return (time.process_time() - started) / FLOOR_RUNS


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--backend", default="asyncio")
    parser.add_argument("--library", choices=LIBRARIES)
    parser.add_argument("--size", type=int, default=3)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    usable = {each.name: each for each in builtin_backends() if usable_here(each) is None}
    if options.backend not in usable:
        parser.error(f"no backend {options.backend!r} here: there is {', '.join(usable)}")
    backend = usable[options.backend]
    libraries = [each for each in backend.libraries if options.library in (None, each)]
    if not libraries:
        parser.error(
            f"{options.library} does not run on {backend.name}: {', '.join(backend.libraries)} do"
        )
    # What the programs leave behind is theirs, and was seen: it is not for this terminal.
    warnings.simplefilter("ignore")
    logging.getLogger("asyncio").disabled = True
    for library in libraries:
        floor = bare_run(backend, library)
        profile = cProfile.Profile(time.process_time)
        if options.profile:
            profile.enable()
        number, shares = judged(backend, library, options.size, options.runs)
        profile.disable()
        each = shares.total / number
        print(
            f"{library} on {backend.name}: {number / shares.total:,.0f} runs a second "
            f"({number:,} in {shares.total:.1f} s); {each * 1e6:.0f} us a run, "
            f"{each / floor:.2f} x floor ({floor * 1e6:.0f} us)"
        )
        print(f"  {shares}")
        if options.profile:
            pstats.Stats(profile).sort_stats("tottime").print_stats(PROFILE_LINES)


if __name__ == "__main__":
    main()
