"""What an example of a claim costs, as a ratio to the floor in the same process.

The floor is an empty Hypothesis example plus a bare run of the backend.  A case of a space that is
enumerated whole costs no Hypothesis at all, so its ratio may be below one.

    python benchmarks/per_example.py [--backend asyncio] [--examples 1000] ['GATHER-*' ...]

prints a line for each claim that runs to its last example there (a claim that is refuted stops at its
counterexample), then the median, and how the time grows with the number of examples.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from conformance.backends.backend import Backend
from conformance.backends.discovery import builtin_backends, usable_here
from conformance.book import all_claims, matches, statements_on
from conformance.judging.effort import Effort
from conformance.judging.judge import judge

ROUNDS = 5


def best(measure: Callable[[], float], rounds: int = ROUNDS) -> float:
    """The smallest of several measurements: what disturbs a machine only ever adds time."""
    return min(measure() for _ in range(rounds))


def empty_example(examples: int) -> float:
    """Seconds that Hypothesis takes for one example of a test that does nothing."""

    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(number=st.integers(0, 2**32))
    def test(number: int) -> None:
        pass

    started = time.perf_counter()
    test()
    return (time.perf_counter() - started) / examples


def bare_run(backend: Backend, runs: int) -> float:
    """Seconds that one run of the backend takes whose example does nothing."""

    async def nothing() -> None:
        pass

    started = time.perf_counter()
    for _ in range(runs):
        backend.run(nothing)
    return (time.perf_counter() - started) / runs


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("patterns", nargs="*", metavar="PATTERN")
    parser.add_argument("--backend", default="asyncio")
    parser.add_argument("--examples", type=int, default=1000)
    options = parser.parse_args()
    if options.examples < 4:
        parser.error(
            f"--examples {options.examples}: a quarter of it is measured too, give 4 or more"
        )
    usable = {each.name: each for each in builtin_backends() if usable_here(each) is None}
    if options.backend not in usable:
        parser.error(f"no backend {options.backend!r} here: there is {', '.join(usable)}")
    backend = usable[options.backend]
    example = best(lambda: empty_example(options.examples))
    run = best(lambda: bare_run(backend, options.examples))
    floor = example + run
    print(
        f"floor on {backend.name}: {example * 1e6:.0f} us (an empty Hypothesis example) "
        f"+ {run * 1e6:.0f} us (a bare run) = {floor * 1e6:.0f} us"
    )
    ratios, seconds = [], {options.examples // 4: 0.0, options.examples: 0.0}
    for claim in all_claims():
        if not matches(claim.id, options.patterns):
            continue
        for statement in statements_on(claim, backend):
            judged = {
                count: [judge(statement, backend, Effort(count)) for _ in range(2)]
                for count in seconds
            }
            verdict = min(judged[options.examples], key=lambda each: each.seconds)
            if verdict.verdict != "holds":
                continue
            for count, verdicts in judged.items():
                seconds[count] += min(each.seconds for each in verdicts)
            ratio = verdict.seconds / verdict.examples / floor
            ratios.append(ratio)
            how = "all cases" if verdict.exhaustive else "sampled"
            print(
                f"{claim.id:<16} {verdict.runtime:<18} {verdict.examples:>6} {how:<9} "
                f"{verdict.seconds / verdict.examples * 1e6:>6.0f} us  {ratio:.2f} x floor"
            )
    if not ratios:
        parser.error(f"no claim of {' '.join(options.patterns) or 'all'} holds on {backend.name}")
    few, many = seconds
    print(f"median of {len(ratios)} claims: {statistics.median(ratios):.2f} x floor")
    print(
        f"{few} examples took {seconds[few]:.2f} s, {many} took {seconds[many]:.2f} s: "
        f"{seconds[many] / seconds[few]:.1f} x the time for {many / few:.1f} x the examples"
    )


if __name__ == "__main__":
    main()
