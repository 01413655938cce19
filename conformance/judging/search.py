"""Running a statement's examples until one fails that nothing on record explains.

A space that is small is run whole, simplest first.  Of a larger one as many cases are run as the effort
says, in an order that gives everything drawn its share; if an antecedent has come true too seldom by
then, the search goes on until it has, or until there is no case left: that a floor is missed is never
chance.  What does not know its elements is drawn by Hypothesis, which also shrinks what it finds.
Nothing here knows what any claim says.
"""

from __future__ import annotations

import inspect
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from itertools import islice
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, assume, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, StopTest, Unsatisfiable, UnsatisfiedAssumption
from hypothesis.strategies import SearchStrategy

from conformance.backends.backend import Backend
from conformance.backends.deadlock import is_given_up
from conformance.claim import Expect, Statement, counting
from conformance.expectations.lookup import NOTHING, OnRecord, covers
from conformance.judging.draws import from_the_seed_alone
from conformance.judging.effort import Effort
from conformance.outcomes.classify import leaves
from conformance.printable import counted
from conformance.toolbox import spaces

WHOLE = 1000
"""A space of at most this many cases is run whole, whatever the effort: then nothing is left to chance."""

TIMES = 10
"""So is one of at most this many times the examples: that costs less than sampling it."""

ORDERS = 3
"""In how many orders of running tasks each case of an enumerated space is run, where order is drawn."""

KEPT = 4
"""What is on record is seen in one for so many examples: it has failed before, and costs as much again."""

ROUNDS = 20
"""How often Hypothesis is asked again for what an antecedent lacks, where it alone knows the space."""

_ORDER = "order_of_running_tasks"

Values = Mapping[str, Any]

Pulse = Callable[[Statement, "Values | None"], None]
"""Hears of every example before it is run: its statement, and the values it was drawn with.

``None`` says that no example is in flight: what follows is judging's own work.
"""

Only = Callable[..., bool]


class _GivenUp(BaseException):
    """Ends a search in which an example had to be given up after real time: each more costs as much."""


class _Failed(BaseException):
    """Ends a search: an example failed in a way that nothing on record explains."""


@dataclass(frozen=True)
class Failure:
    """An example that failed: what it was drawn with, the order of running tasks, and what it raised."""

    values: Values
    order: int
    error: BaseException


@dataclass
class Search:
    """What running a statement's examples gave.

    ``failure`` is the one that nothing on record explains, ``explained`` the first that each entry on
    record does.
    """

    examples: int = 0
    exhaustive: bool = False
    beyond: int = 0
    note: str | None = None
    antecedents: Counter[str] = field(default_factory=Counter)
    failure: Failure | None = None
    explained: dict[Expect, Failure] = field(default_factory=dict)


def anything(**values: object) -> bool:
    """Every case."""
    return True


class Subject:
    """One statement on one backend, ready to run examples.

    ``pulse`` hears of every example before it is run; ``memory`` keeps runs of programs for the
    statements that are judged next.
    """

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
        self.streamed = spaces.stream_of(self.strategies)
        self.place = spaces.Place(
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

    def run(self, values: Values, order: int) -> None:
        """Run one example.  Raises what it raises."""
        if self.is_async:
            example = partial(self.function, **values, **self.extras)
            self.backend.run(example, order=order, io=self.statement.io)
        else:
            self.backend.draw_order(order)
            self.function(**values, **self.extras)

    def tell(self, values: Values | None) -> None:
        """Let whoever listens know that an example is about to be run, or that none is."""
        if self.pulse is not None:
            self.pulse(self.statement, values)

    @property
    def draws_order(self) -> bool:
        """Whether the order of running tasks is a part of an example."""
        return self.backend.draws_order and self.is_async

    def seed(self, effort: Effort) -> int:
        """The seed of this search: another one for each statement and backend."""
        name = f"{self.statement.claim.id} {self.statement.library} {self.backend.name}"
        return effort.seed ^ zlib.crc32(name.encode())

    def search(
        self, effort: Effort, only: Only = anything, on_record: OnRecord = NOTHING
    ) -> Search:
        """Run examples until one fails that ``on_record`` does not explain.

        Those are all there are, or as many as ``effort`` says and the floors need.
        ``only`` takes an example's values and says whether it is to be run.
        """
        return _Run(self, effort, only, on_record).found


class _Run:
    """One search of a subject."""

    def __init__(self, subject: Subject, effort: Effort, only: Only, on_record: OnRecord) -> None:
        self.subject = subject
        self.effort = effort
        self.only = only
        self.on_record = on_record
        self.found = Search()
        with suppress(_GivenUp, _Failed):
            self._search()

    def _search(self) -> None:
        subject, effort = self.subject, self.effort
        total = spaces.size(subject.strategies)
        if subject.streamed is not None:
            self._stream(*subject.streamed)
        elif total is None:
            self._draw(subject.strategies, effort)
            self._draw_until_no_floor_is_missed()
            for entry in self.on_record.entries:
                self._draw_a_simple_one(entry)
        elif total <= max(WHOLE, TIMES * effort.examples):
            self.found.exhaustive = True
            self._enumerate(total)
        else:
            self._sample()

    # One example.

    def _example(self, values: Values, order: int) -> None:
        """Run one example, and note what came of it.

        Raises what it raises, if nothing on record explains that.
        """
        found, subject = self.found, self.subject
        if self._has_been_seen_at_a_price(values):
            return
        found.examples += 1
        subject.tell(values)
        try:
            with counting(found.antecedents):
                subject.run(values, order)
        except (UnsatisfiedAssumption, StopTest, KeyboardInterrupt):
            raise
        except Exception as error:
            failure = Failure(values, order, error)
            entry = self.on_record.explaining(values, error)
            if entry is not None:
                found.explained.setdefault(entry, failure)
                return
            found.failure = failure
            if any(is_given_up(leaf) for leaf in leaves(error)):
                raise _GivenUp from error
            raise
        except BaseException as escaped:
            # A cancellation that got out of the test's own tasks is a mistake in the test;
            # a SystemExit may be the loop's, and ends nothing of ours.
            mistake = RuntimeError(f"{type(escaped).__name__} got out of the example")
            found.failure = Failure(values, order, mistake)
            raise mistake from escaped

    def _has_been_seen_at_a_price(self, values: Values) -> bool:
        """Whether it is on record that the example does not end, and one like it has not."""
        return any(_has_a_price(entry) and covers(entry, values) for entry in self.found.explained)

    def _run(self, values: Values, order: int) -> None:
        """Run one example, and end the search if it fails."""
        with suppress(UnsatisfiedAssumption):
            try:
                self._example(values, order)
            except Exception as error:
                raise _Failed from error

    # A space that knows its elements.

    def _enumerate(self, total: int) -> None:
        """Run every case, but of those that what is on record explains only some once it was seen."""
        orders = max(1, min(ORDERS, WHOLE // total)) if self.subject.draws_order else 1
        known = self._known_to_fail()
        left_out = set(known).difference(
            known[:: max(1, KEPT * len(known) // self.effort.examples)]
        )
        cases = [
            (number, values)
            for number, values in enumerate(spaces.cases(self.subject.strategies))
            if self.only(**values)
        ]
        if any(map(_has_a_price, self.on_record.entries)):
            # What ends the process comes last: all else is judged before.
            cases.sort(key=lambda case: case[0] in known)
        for number, values in cases:
            if number in left_out and self._has_been_seen(values):
                continue
            for order in range(orders):
                self._run(values, number * ORDERS + order)

    def _has_been_seen(self, values: Values) -> bool:
        """Whether everything on record that covers the case has been seen in another one."""
        return all(
            entry in self.found.explained
            for entry in self.on_record.entries
            if covers(entry, values)
        )

    def _known_to_fail(self) -> list[int]:
        """The numbers of the cases that what is on record covers."""
        if not self.on_record.has_counterexamples:
            return []
        return [
            number
            for number, values in enumerate(spaces.cases(self.subject.strategies))
            if self.only(**values) and self.on_record.covers(values)
        ]

    def _sample(self) -> None:
        """Run as many cases as asked for, then as many as the floors and what is on record need."""
        found, effort = self.found, self.effort
        cases = enumerate(self._cases())
        for number, values in islice(cases, effort.examples):
            self._run_sampled(values, number)
        floors = self.subject.statement.floors
        for number, values in cases:
            # What fails may do so before its antecedent has come true.
            if found.explained or not missed(found, floors, effort.examples):
                break
            self._run_sampled(values, number)
        for entry in self.on_record.entries:
            self._direct(entry)

    def _cases(self) -> Iterator[dict[str, Any]]:
        """The cases of the space, in the order of the sample."""
        every = spaces.sample(self.subject.strategies, self.subject.seed(self.effort))
        return (values for values in every if self.only(**values))

    def _run_sampled(self, values: Values, order: int) -> None:
        """Run a case that came by the seed; if it fails, find a simple one that does."""
        try:
            self._run(values, order)
        except _Failed:
            assert self.found.failure is not None
            self.found.failure = self._simplest(self.found.failure, None)
            raise

    def _direct(self, entry: Expect) -> None:
        """See what ``entry`` has on record: in the cases that it covers, and as simple as can be."""
        if not entry.has_counterexamples:
            return
        explained = self.found.explained
        known = (values for values in self._cases() if covers(entry, values))
        for number, values in enumerate(islice(known, self.effort.examples)):
            if entry in explained:
                break
            self._run_sampled(values, number)
        if entry in explained and not _has_a_price(entry):
            explained[entry] = self._simplest(explained[entry], entry)

    def _simplest(self, failure: Failure, entry: Expect | None) -> Failure:
        """A failure like ``failure`` that has nothing simpler beside it.

        Like it is what ``entry`` explains, or else what nothing on record does.
        """
        if any(is_given_up(leaf) for leaf in leaves(failure.error)):
            return failure
        found = failure
        while True:
            for values in spaces.simpler(self.subject.strategies, found.values):
                error = self._error(values, found.order) if self.only(**values) else None
                if error is not None and self.on_record.explaining(values, error) is entry:
                    found = Failure(values, found.order, error)
                    break
            else:
                return found

    def _error(self, values: Values, order: int) -> BaseException | None:
        """What an example raises, counted nowhere."""
        self.subject.tell(values)
        try:
            self.subject.run(values, order)
        except UnsatisfiedAssumption:
            return None
        except Exception as error:
            return error
        return None

    # Spaces that only Hypothesis knows, and programs.

    def _stream(self, name: str, streamed: spaces.Streamed[Any]) -> None:
        """Run every element up to the size asked for, then some of those beyond."""
        found, effort, place = self.found, self.effort, self.subject.place
        found.exhaustive = True
        for number, element in enumerate(streamed.stream(place, effort.size)):
            self._run({name: element}, number)
        whole = found.examples
        self._draw({name: streamed.drawn(place)}, effort.beyond)
        found.beyond = found.examples - whole
        found.note = f"{streamed.extent(effort.size)}; {found.beyond:,} more were drawn"
        left_out = streamed.left_out(place)
        if left_out:
            found.note += f"; left out: {'; '.join(left_out)}"

    def _draw_until_no_floor_is_missed(self) -> None:
        floors, effort = self.subject.statement.floors, self.effort
        for more in range(1, ROUNDS):
            if self.found.explained or not missed(self.found, floors, effort.examples):
                return
            self._draw(self.subject.strategies, effort, more)

    def _draw_a_simple_one(self, entry: Expect) -> None:
        """See what ``entry`` has on record, as simple as Hypothesis makes it."""
        if not entry.has_counterexamples or _has_a_price(entry):
            return

        def unless_explained(values: Values, order: int) -> None:
            assume(covers(entry, values))
            error = self._error(values, order)
            if error is not None and self.on_record.explaining(values, error) is entry:
                self.found.explained[entry] = Failure(values, order, error)
                raise error

        with suppress(Exception):
            self._hypothesis(self.subject.strategies, self.effort, unless_explained)

    def _draw(
        self, strategies: Mapping[str, SearchStrategy[Any]], effort: Effort, more: int = 0
    ) -> None:
        try:
            self._hypothesis(strategies, effort, self._example, more)
        except (Unsatisfiable, Flaky) as error:
            self.found.failure = Failure({}, 0, error)
        except Exception as error:
            if self.found.failure is None:
                self.found.failure = Failure({}, 0, error)

    def _hypothesis(
        self,
        strategies: Mapping[str, SearchStrategy[Any]],
        effort: Effort,
        example: Callable[[Values, int], None],
        more: int = 0,
    ) -> None:
        """Let Hypothesis draw examples, and shrink one that fails.  Raises what that raises."""
        strategies = dict(strategies)
        if self.subject.backend.draws_order:
            strategies[_ORDER] = st.integers(0, 2**16 - 1)

        def test(**drawn: Any) -> None:
            order = drawn.pop(_ORDER, 0)
            assume(self.only(**drawn))
            example(drawn, order)

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
        )(seed(self.subject.seed(effort) + more)(given(**strategies)(test)))
        with from_the_seed_alone():
            search()


def _has_a_price(entry: Expect) -> bool:
    """Whether it is on record that an example hangs or crashes: each costs time, or the process."""
    return entry.has_counterexamples and entry.verdict not in ("refuted", "qualified")


def missed(search: Search, floors: Mapping[str, float], examples: int | None = None) -> str | None:
    """Which antecedent came true too seldom, in words, or ``None``.

    Its share is one of the examples that were run, or of ``examples``, if these are fewer: a search
    that goes on for the sake of one floor does not raise the others.
    """
    if not floors:
        return "the claim names no antecedent"
    of = search.examples if examples is None else min(examples, search.examples)
    for name, share in floors.items():
        floor = max(1, int(share * of))
        if search.antecedents[name] < floor:
            return (
                f"{name!r} came true in {search.antecedents[name]} of "
                f"{counted(search.examples, 'example')}: at least {floor} must"
            )
    return None
