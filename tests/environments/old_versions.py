"""What programs find in the versions of the libraries that are installed: run by hand, in a scratch venv.

    python -m tests.environments.old_versions anyio asyncio --size 3 --every 12

``docs/old-versions.md`` has what was found so.  Each program that departs from the reference is shown once,
with its first schedule; a run that cannot end ends the program where time is virtual, and hangs elsewhere.
"""

from __future__ import annotations

import argparse
import logging
import warnings
from collections.abc import Iterator

from conformance.backends.discovery import builtin_backends
from conformance.programs import syntax
from conformance.programs.cases import Case, runs
from conformance.programs.syntax import Program, statements
from conformance.toolbox.spaces import Place, stream_of


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("library", choices=["asyncio", "anyio", "trio"])
    parser.add_argument("backend", choices=[backend.name for backend in builtin_backends()])
    parser.add_argument("--size", type=int, default=2, help="programs up to this size")
    parser.add_argument("--every", type=int, default=1, help="only each N-th of the programs")
    parser.add_argument("--alone", action="store_true", help="only programs of one task")
    parser.add_argument("--of", nargs="*", default=[], help="only those made of these statements")
    return parser.parse_args()


def main() -> None:
    """Run what is asked for, and print what departs."""
    asked = options()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    backend = next(each for each in builtin_backends() if each.name == asked.backend)
    run = backend.library_run(asked.library)
    place = Place(asked.library, eager=backend.eager, real_clock=not backend.virtual)
    kinds = tuple(getattr(syntax, name) for name in asked.of)

    number = -1

    def chosen(program: Program) -> bool:
        nonlocal number
        if asked.alone and len(program.tasks) > 1:
            return False
        if kinds and not all(isinstance(each, kinds) for each in statements(program)):
            return False
        number += 1
        return number % int(asked.every) == 0

    space = stream_of({"case": runs(chosen, largest=asked.size)})
    assert space is not None
    cases: Iterator[Case] = space[1].stream(place, asked.size)
    count = 0
    departed: dict[Program, int] = {}
    for case in cases:
        count += 1
        backend.draw_order(count)
        seen = case.perform(run)
        if not case.allows(seen):
            if case.program not in departed:
                print(f"{case!r}\n{case.compared(seen)}\n", flush=True)
            departed[case.program] = departed.get(case.program, 0) + 1
    print(f"{count} runs: {sum(departed.values())} of {len(departed)} programs depart")


if __name__ == "__main__":
    main()
