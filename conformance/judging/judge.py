"""A claim on a runtime gives a verdict.

A statement whose whole space is small is run on every case; a larger one is searched by Hypothesis,
which also shrinks what it finds.  Nothing here knows what any claim says.
"""

from __future__ import annotations

import errno
import inspect
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, assume, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import (
    Flaky,
    StopTest,
    Unsatisfiable,
    UnsatisfiedAssumption,
)
from hypothesis.strategies import SearchStrategy

from conformance.backends.backend import Backend
from conformance.backends.deadlock import Deadlock, is_given_up
from conformance.claim import NotApplicable, Statement, counting
from conformance.judging.deviations import Deviations
from conformance.judging.draws import from_the_seed_alone
from conformance.judging.effort import SMALL, Effort
from conformance.judging.expectations import expectation, reason_for
from conformance.programs import space
from conformance.programs.script import script
from conformance.verdict import Counterexample, Example, Verdict, VerdictName

WHOLE = 10
"""A space of at most this many times the examples is run whole: that costs less than sampling it."""

ORDERS = 3
"""In how many orders of running tasks each case of an enumerated space is run, where order is drawn."""

_ORDER = "order_of_running_tasks"

Pulse = Callable[[Statement, Mapping[str, Any]], None]
"""Hears of every example before it is run: its statement, and the values it was drawn with."""


class _GivenUp(BaseException):
    """Ends a search in which an example had to be given up after real time: each more costs as much."""


@dataclass
class _Search:
    """What running a statement's examples gave."""

    examples: int = 0
    exhaustive: bool = False
    beyond: int = 0
    note: str | None = None
    antecedents: Counter[str] = field(default_factory=Counter)
    failure: BaseException | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


def _anything(**values: object) -> bool:
    return True


class _Subject:
    """One statement on one backend, ready to run examples."""

    def __init__(
        self,
        statement: Statement,
        backend: Backend,
        memory: dict[Any, Any] | None = None,
        pulse: Pulse | None = None,
    ) -> None:
        self.statement = statement
        self.backend = backend
        self.memory = memory
        self.pulse = pulse
        handle = getattr(statement.test, "hypothesis", None)
        self.function: Callable[..., Any] = statement.test if handle is None else handle.inner_test
        # HypothesisHandle has no public name for what @given was given.
        self.strategies: dict[str, SearchStrategy[Any]] = dict(
            {} if handle is None else handle._given_kwargs  # noqa: SLF001  # see the line above
        )
        self.streamed = space.stream_of(self.strategies)
        self.place = space.Place(
            statement.library, eager=backend.eager, real_clock=not backend.virtual
        )
        self.is_async = inspect.iscoroutinefunction(self.function)
        self.extras = self._extras()

    def _extras(self) -> dict[str, Any]:
        library, io = self.statement.library, self.statement.io
        offered: dict[str, Callable[[], Any]] = {
            "library": lambda: import_module(library),
            "run": lambda: self.backend.library_run(library, io=io, memory=self.memory),
            "new_event_loop": lambda: self.backend.new_event_loop(io=io),
        }
        wanted = inspect.signature(self.function).parameters
        return {name: make() for name, make in offered.items() if name in wanted}

    def run(self, values: Mapping[str, Any], order: int) -> None:
        """Run one example.  Raises what it raises."""
        if self.is_async:
            example = partial(self.function, **values, **self.extras)
            self.backend.run(example, order=order, io=self.statement.io)
        else:
            self.backend.draw_order(order)
            self.function(**values, **self.extras)

    def search(self, effort: Effort, only: Callable[..., bool] = _anything) -> _Search:
        """Run examples until one fails: all there are, or as many as ``effort`` says.

        ``only`` takes an example's values and says whether it is to be run.
        """
        found = _Search()

        pulse = self.pulse

        def example(values: Mapping[str, Any], order: int) -> None:
            found.examples += 1
            if pulse is not None:
                pulse(self.statement, values)
            try:
                with counting(found.antecedents):
                    self.run(values, order)
            except (UnsatisfiedAssumption, StopTest, KeyboardInterrupt):
                raise
            except Exception as failure:
                found.failure, found.values = failure, values
                if any(is_given_up(leaf) for leaf in _leaves(failure)):
                    raise _GivenUp from failure
                raise
            except BaseException as escaped:
                # A cancellation that got out of the test's own tasks is a mistake in the test;
                # a SystemExit may be the loop's, and ends nothing of ours.
                mistake = RuntimeError(f"{type(escaped).__name__} got out of the example")
                found.failure, found.values = mistake, values
                raise mistake from escaped

        orders = ORDERS if self.backend.draws_order and self.is_async else 1
        total = space.size(self.strategies)
        with suppress(_GivenUp):
            if self.streamed is not None:
                self._stream(*self.streamed, example, only, effort, found)
            elif total is not None and total * orders <= WHOLE * effort.examples:
                found.exhaustive = True
                self._enumerate(example, only, orders)
            else:
                self._sample(self.strategies, example, only, effort, found)
        return found

    def _stream(
        self,
        name: str,
        streamed: space.Streamed[Any],
        example: Callable[[Mapping[str, Any], int], None],
        only: Callable[..., bool],
        effort: Effort,
        found: _Search,
    ) -> None:
        """Run every element up to the size asked for, then some of those beyond."""
        found.exhaustive = True
        for number, element in enumerate(streamed.stream(self.place, effort.size)):
            try:
                example({name: element}, number)
            except UnsatisfiedAssumption:
                continue
            except Exception:
                return
        whole = found.examples
        self._sample({name: streamed.drawn(self.place)}, example, only, effort.beyond, found)
        found.beyond = found.examples - whole
        found.note = f"{streamed.extent(effort.size)}; {found.beyond:,} more were drawn"
        left_out = streamed.left_out(self.place)
        if left_out:
            found.note += f"; left out: {'; '.join(left_out)}"

    def _enumerate(
        self,
        example: Callable[[Mapping[str, Any], int], None],
        only: Callable[..., bool],
        orders: int,
    ) -> None:
        for values in space.cases(self.strategies):
            if not only(**values):
                continue
            for order in range(orders):
                try:
                    example(values, order)
                except UnsatisfiedAssumption:
                    continue
                except Exception:
                    return

    def _sample(
        self,
        strategies: Mapping[str, SearchStrategy[Any]],
        example: Callable[[Mapping[str, Any], int], None],
        only: Callable[..., bool],
        effort: Effort,
        found: _Search,
    ) -> None:
        strategies = dict(strategies)
        if self.backend.draws_order:
            strategies[_ORDER] = st.integers(0, 2**16 - 1)

        def test(**drawn: Any) -> None:
            order = drawn.pop(_ORDER, 0)
            assume(only(**drawn))
            example(drawn, order)

        name = f"{self.statement.claim.id} {self.statement.library} {self.backend.name}"
        # Everything is said here: no profile of the user's, and no CI=1, changes what is run.
        search = settings(
            max_examples=effort.examples,
            database=None,  # the same seed gives the same run, whatever ran before
            deadline=None,  # no wall clock in a verdict
            derandomize=False,
            backend="hypothesis",
            verbosity=Verbosity.normal,
            phases=(Phase.generate, Phase.shrink),
            report_multiple_bugs=False,
            print_blob=False,
            # Too slow, too large, too filtered: these judge the test's writing, not the claim.
            suppress_health_check=list(HealthCheck),
        )(seed(effort.seed ^ zlib.crc32(name.encode()))(given(**strategies)(test)))
        try:
            with from_the_seed_alone():
                search()
        except (Unsatisfiable, Flaky) as failure:
            found.failure = failure
        except Exception as failure:
            if found.failure is None:
                found.failure = failure


def judge(
    statement: Statement,
    backend: Backend,
    effort: Effort | None = None,
    memory: dict[Any, Any] | None = None,
    pulse: Pulse | None = None,
    deviations: Deviations | None = None,
) -> Verdict:
    """The verdict on ``statement`` on ``backend``, with what is on record beside it.

    ``pulse`` hears of every example before it is run.
    ``deviations`` are the known ones, the package's own if none are given.
    ``memory`` is handed from one claim to the next that is judged on the same backend in the same
    process: claims that range over the same runs of programs have them made once.
    """
    effort = effort or Effort()
    started = time.perf_counter()
    expected = expectation(statement, backend.known_as, deviations)
    with _in_peace():
        verdict, search, reason = _decide(_Subject(statement, backend, memory, pulse), effort)
    counterexample = None
    if verdict in ("refuted", "qualified", "hung", "error") and search.failure:
        counterexample = Counterexample(
            script=script(statement, backend.script_style, search.values)
            if verdict in ("refuted", "qualified")
            else "",
            text=describe(search.values, search.failure),
        )
    return Verdict(
        claim=statement.claim.id,
        library=statement.library,
        backend=backend.name,
        verdict=verdict,
        expected=None if expected is None else expected.verdict,
        examples=search.examples - search.beyond,
        exhaustive=search.exhaustive and verdict == "holds",
        antecedents=dict(sorted(search.antecedents.items())),
        seconds=time.perf_counter() - started,
        reason=reason_for(verdict, reason, expected),
        counterexample=counterexample,
    )


def _decide(subject: _Subject, effort: Effort) -> tuple[VerdictName, _Search, str | None]:
    """The verdict, the search that shows it, and the reason if it is not the one on record."""
    statement = subject.statement
    fair = statement.fair
    search = subject.search(effort, fair or _anything)
    if search.failure is not None:
        verdict, reason = classify(search.failure)
        return verdict, search, reason
    missed = _missed(search, statement.floors)
    if missed:
        return "vacuous", search, missed if fair is None else f"in its fair reading: {missed}"
    if fair is None:
        return "holds", search, search.note
    # The fair reading holds: is the widest one false?
    rest = subject.search(effort, lambda **values: not fair(**values))
    rest.examples += search.examples
    if rest.failure is None or isinstance(rest.failure, Unsatisfiable):
        rest.antecedents.update(search.antecedents)
        rest.failure = None
        return "holds", rest, None
    verdict, reason = classify(rest.failure)
    if verdict != "refuted":
        return verdict, rest, reason
    rest.antecedents = search.antecedents
    return "qualified", rest, statement.qualification


def example(statement: Statement, backend: Backend) -> Example | None:
    """One of the cases of a streamed space as a program that runs by itself.

    It is the first in which every antecedent came true and the claim held.  ``None`` if the statement
    draws from no such space, or if there is no such case among the smallest.
    """
    subject = _Subject(statement, backend)
    if subject.streamed is None:
        return None
    name, streamed = subject.streamed
    with _in_peace():
        for number, element in enumerate(streamed.stream(subject.place, SMALL)):
            found: Counter[str] = Counter()
            try:
                with counting(found):
                    subject.run({name: element}, number)
            except Exception:  # noqa: S112  # the verdict says what is wrong with it
                continue
            if found.keys() >= statement.floors.keys():
                text = script(statement, backend.script_style, {name: element})
                return Example(text, streamed.describe(element))
    return None


_USED_UP = (errno.EMFILE, errno.ENFILE)


def classify(failure: BaseException) -> tuple[VerdictName, str | None]:
    """What an example's failure means for its claim, and the reason if there is more to say."""
    leaves = list(_leaves(failure))
    if any(isinstance(leaf, Deadlock) for leaf in leaves):
        return "hung", str(next(leaf for leaf in leaves if isinstance(leaf, Deadlock)))
    if any(isinstance(leaf, NotApplicable) for leaf in leaves):
        return "not-applicable", str(
            next(leaf for leaf in leaves if isinstance(leaf, NotApplicable))
        )
    if any(isinstance(leaf, OSError) and leaf.errno in _USED_UP for leaf in leaves):
        return "blocked", (
            "the process has no file descriptor left: the loops that were closed keep some open "
            "(LAW-LOOP-12 judges that)"
        )
    if any(isinstance(leaf, Unsatisfiable) for leaf in leaves):
        return "vacuous", "no example satisfied what the claim assumes"
    if isinstance(failure, Flaky):
        return "error", f"the same example did not fail twice: {failure}"
    if leaves and all(isinstance(leaf, AssertionError) for leaf in leaves):
        return "refuted", None
    first = next(leaf for leaf in leaves if not isinstance(leaf, AssertionError))
    return "error", f"{type(first).__name__}: {first}"


def _leaves(failure: BaseException) -> Iterator[BaseException]:
    """The exceptions that are no groups, of a group or of one exception alone."""
    members = getattr(failure, "exceptions", None)
    if isinstance(members, tuple) and not isinstance(failure, Flaky):
        for member in members:
            yield from _leaves(member)
    else:
        yield failure


def _missed(search: _Search, floors: Mapping[str, float]) -> str | None:
    """Which antecedent came true too seldom, in words, or ``None``."""
    if not floors:
        return "the claim names no antecedent"
    for name, share in floors.items():
        floor = max(1, int(share * search.examples))
        if search.antecedents[name] < floor:
            return (
                f"{name!r} came true in {search.antecedents[name]} of {search.examples} "
                f"examples: at least {floor} must"
            )
    return None


def describe(values: Mapping[str, Any], failure: BaseException | None = None) -> str:
    """An example in words: the case, and what was seen if it failed."""
    texts = {name: repr(value) for name, value in values.items()}
    # What takes several lines says itself what it is.
    lines = [text if "\n" in text else f"{name} = {text}" for name, text in texts.items()]
    for leaf in _leaves(failure) if failure else ():
        # Where pytest rewrites assertions it adds what it makes of the expression.
        message, _, _ = str(leaf).partition("\nassert ")
        lines.append(message or type(leaf).__name__)
    return "\n".join(lines)


@contextmanager
def _in_peace() -> Iterator[None]:
    """Keep what the examples leave behind (warnings, asyncio's log) out of the run's own output."""
    import logging

    log = logging.getLogger("asyncio")
    propagate, log.propagate = log.propagate, False
    silent = logging.NullHandler()
    log.addHandler(silent)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.removeHandler(silent)
        log.propagate = propagate
