"""What supervision costs: the same claims judged in children that are watched, and in one process.

Run ``python benchmarks/supervision.py [--backend NAME] [PATTERN …]`` on an idle machine.  Both ways are run in turns,
one backend at a time, and the least of each is compared: ``supervised / one process``.
"""

from __future__ import annotations

import argparse
import time

from conformance import book
from conformance.backends.discovery import builtin_backends, usable_here
from conformance.judging.effort import Effort
from conformance.judging.plan import Outcome, Plan
from conformance.judging.supervision.supervisor import in_one_process, supervise

ROUNDS = 3


def main() -> None:
    """Time both ways, and print the ratio of each backend and of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patterns", nargs="*", metavar="PATTERN")
    parser.add_argument("--backend", action="append", default=[])
    parser.add_argument("--examples", type=int, default=Effort.examples)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    claims = tuple(each for each in book.all_claims() if book.matches(each.id, options.patterns))
    totals = [0.0, 0.0]
    for backend in builtin_backends():
        if usable_here(backend) is not None or (
            options.backend and backend.name not in options.backend
        ):
            continue
        plan = Plan((backend,), claims, effort=Effort(options.examples))
        least = [float("inf")] * 2
        for _ in range(options.rounds):
            for way in (0, 1):
                started = time.perf_counter()
                outcome = Outcome()
                if way:
                    supervise(plan, outcome, jobs=1)
                else:
                    in_one_process(plan, outcome)
                least[way] = min(least[way], time.perf_counter() - started)
                assert len(outcome.verdicts) == plan.size
        for way in (0, 1):
            totals[way] += least[way]
        _show(backend.name, *least)
    _show("all", *totals)


def _show(name: str, one_process: float, supervised: float) -> None:
    print(
        f"{name:<16} one process {one_process:6.1f} s   supervised {supervised:6.1f} s   "
        f"ratio {supervised / one_process:.3f}"
    )


if __name__ == "__main__":
    main()
