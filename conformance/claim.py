"""The word *claim*: a statement about cancellation that is true or false for every program of some kind.

A module of the law book makes a :class:`Claim` and states it as ordinary Hypothesis tests::

    CALL = Claim("DELIVER-01", "...", source=article("summary"), instead=("LAW-DELIVER-01",))

    @CALL.states("asyncio", expect=refuted("asyncio has no such function"), antecedents=("...",))
    @given(...)
    async def test_the_call_is_asyncio_cancel(...) -> None: ...

The decorator only notes what it was told and hands the test back unchanged.
"""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, ClassVar, Literal, TypeVar

from conformance.conditions import CAME_WITH, fits
from conformance.verdict import ANSWERS, VerdictName

Library = Literal["asyncio", "anyio", "trio"]
LIBRARIES: tuple[Library, ...] = ("asyncio", "anyio", "trio")

Test = TypeVar("Test", bound=Callable[..., Any])

TASKS_RUN = "LAW-LOOP-03"
"""The law that every asynchronous statement builds on if it says nothing else: tasks run to their end."""

DEFAULT_FLOOR = 0.05
"""The share of a claim's examples in which each of its antecedents must come true."""

ARTICLE = "Python 异步任务取消与异常处理 (php.cn, 2026-01-28)"
"""The article on trial, as it is cited: title, publisher, date."""


class NotApplicable(Exception):
    """Raised by a claim's test where the concept that the claim is about does not exist.

    The message says which concept is missing, and where.
    """


def article(section: str) -> str:
    """The source of a claim made by the article: ``section`` is ``"summary"``, ``"§1"`` to ``"§4"``."""
    return f"{ARTICLE}, {section}"


Region = Callable[..., bool]
"""A part of the drawn cases: takes drawn values by their names, as many as it likes, and says yes or no."""


@dataclass(frozen=True)
class Expect:
    """A verdict on record, with the reason why it is right.

    ``when`` is a condition on versions (``"python>=3.12,anyio<4.5"``, empty: always), ``on`` the
    names of the backends it is for (none: all; a known deviation may leave one out by ``!`` before its
    name), ``issue`` the upstream issue behind it.

    Of a verdict that has counterexamples, ``region`` says which cases it explains (none: every one),
    and ``messages`` what is then seen: the message of each counterexample is one of them, where
    ``…`` stands for any text.  Outside the region the claim must hold.
    """

    verdict: VerdictName
    why: str
    when: str = ""
    on: tuple[str, ...] = ()
    issue: str | None = None
    region: Region | None = field(default=None, compare=False)
    messages: tuple[str, ...] = ()

    expectable: ClassVar[frozenset[VerdictName]] = ANSWERS

    @property
    def where(self) -> str:
        """The backends that it is for, as in ``on asyncio, trio``; empty if it is for all."""
        those = [name for name in self.on if not name.startswith("!")]
        without = [name.removeprefix("!") for name in self.on if name.startswith("!")]
        if not self.on:
            return ""
        but = f" but {', '.join(without)}" if without else ""
        return f"on {', '.join(those) or 'every backend'}{but}"

    @property
    def has_counterexamples(self) -> bool:
        """Whether it says that the claim is false in some cases."""
        return self.verdict not in ("holds", "not-applicable")

    def __post_init__(self) -> None:
        if self.verdict not in self.expectable:
            raise ValueError(
                f"{self.verdict!r} is no answer and cannot be expected: one of "
                f"{sorted(self.expectable)} can"
            )


def holds(
    why: str = "", *, when: str = "", on: Sequence[str] = (), issue: str | None = None
) -> Expect:
    """The claim is true there."""
    return Expect("holds", why, when, tuple(on), issue)


def refuted(
    why: str,
    *,
    when: str = "",
    on: Sequence[str] = (),
    issue: str | None = None,
    region: Region | None = None,
    message: str | Sequence[str] = (),
) -> Expect:
    """The claim is false there; ``why`` says what is so instead, in one sentence.

    ``region`` says which cases are counterexamples (none: every one of them may be), and ``message``
    what they say, where ``…`` stands for any text.
    """
    messages = (message,) if isinstance(message, str) else tuple(message)
    return Expect("refuted", why, when, tuple(on), issue, region, messages)


def qualified(
    why: str,
    *,
    when: str = "",
    on: Sequence[str] = (),
    issue: str | None = None,
    region: Region | None = None,
    message: str | Sequence[str] = (),
) -> Expect:
    """The claim is true in its fair reading and false in its widest one.

    ``region`` says which cases are counterexamples (none: every one of them may be), and ``message``
    what they say, where ``…`` stands for any text.
    """
    messages = (message,) if isinstance(message, str) else tuple(message)
    return Expect("qualified", why, when, tuple(on), issue, region, messages)


def not_applicable(
    why: str, *, when: str = "", on: Sequence[str] = (), issue: str | None = None
) -> Expect:
    """The concept does not exist there; ``why`` names it."""
    return Expect("not-applicable", why, when, tuple(on), issue)


@dataclass(frozen=True)
class Statement:
    """A claim in one library's words: an ordinary Hypothesis test, and what is on record about it."""

    claim: Claim
    library: Library
    test: Callable[..., Any]
    expect: tuple[Expect, ...]
    floors: Mapping[str, float]
    fair: Callable[..., bool] | None = None
    qualification: str | None = None
    io: bool = False
    builds_on: tuple[str, ...] = ()
    exists: tuple[str, ...] = ()
    unless: Mapping[str, str] = field(default_factory=dict)

    def absence(self, backend: Sequence[str]) -> str | None:
        """Why there is nothing to judge on the backend of these names, here; ``None`` if there is.

        That is the first thing that the statement needs and that does not exist, or the reason that
        it has for leaving the backend out.
        """
        for place, why in self.unless.items():
            if fits(place) if _is_condition(place) else place in backend:
                return why
        for name in self.exists:
            if not (fits(name) if _is_condition(name) else exists(name)):
                return _absent(name)
        return None

    def expected_absence(self, backend: Sequence[str]) -> Expect | None:
        """What is on record of a concept that does not exist on the backend of these names, here."""
        for expect in self.absences:
            here = not expect.on or set(expect.on).intersection(backend)
            # A condition on an installed package has no opposite: it is looked up.
            if here and (fits(expect.when) if expect.when else self.absence(backend) is not None):
                return expect
        return None

    @property
    def drawn(self) -> tuple[str, ...]:
        """The names of what its test draws."""
        handle = getattr(self.test, "hypothesis", None)
        # HypothesisHandle has no public name for what @given was given.
        return () if handle is None else tuple(handle._given_kwargs)  # noqa: SLF001  # see above

    @property
    def absences(self) -> tuple[Expect, ...]:
        """The verdicts on record that follow from ``exists`` and ``unless``."""
        found: list[Expect] = []
        for place, why in self.unless.items():
            if _is_condition(place):
                found.append(not_applicable(why, when=place))
            else:
                found.append(not_applicable(why, on=(place,)))
        for name in self.exists:
            when = "" if _is_condition(name) else CAME_WITH[name].replace(">=", "<")
            found.append(not_applicable(_absent(name), when=when))
        return tuple(found)

    @property
    def on_record(self) -> tuple[Expect, ...]:
        """Everything on record about it but deviations: the first that fits is the expectation."""
        return (*self.absences, *self.expect)


def _is_condition(text: str) -> bool:
    """Whether it is a condition on versions, and no name."""
    return any(sign in text for sign in "<>=")


def _absent(name: str) -> str:
    """Why there is nothing to judge where ``name`` does not exist."""
    if _is_condition(name):
        return f"{name} is not installed here"
    package, _, version = CAME_WITH[name].partition(">=")
    return f"{name} came with {package.replace('python', 'Python')} {version}"


@dataclass
class Claim:
    """A statement about cancellation, with its source and the tests that judge it.

    ``id`` is permanent: never reused, never renumbered.  ``sentence`` is one sentence of plain
    English.  ``source`` is the article's section, a documentation page and anchor, or an upstream
    issue.  ``instead`` names the laws that are true where this claim is not; a claim with a
    ``source`` of ours (``kind="law"``) must hold wherever it applies.
    """

    id: str
    sentence: str
    source: str
    instead: tuple[str, ...] = ()
    kind: Literal["article", "law"] = "article"
    statements: dict[Library, Statement] = field(default_factory=dict, repr=False)
    module: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # The module that makes a claim is its owner: it alone collects it, whoever imports it.
        frame: FrameType | None = sys._getframe()  # noqa: SLF001  # it is documented
        while frame is not None and frame.f_globals["__name__"] == __name__:
            frame = frame.f_back
        self.module = "" if frame is None else str(frame.f_globals["__name__"])

    @property
    def chapter(self) -> str:
        """The chapter of the law book: the first name below ``claims`` in the owner's module path."""
        parts = self.module.split(".")
        return parts[parts.index("claims") + 1] if "claims" in parts[:-1] else parts[-1]

    @property
    def libraries(self) -> tuple[Library, ...]:
        """The libraries that the claim is stated in, in the order asyncio, anyio, trio."""
        return tuple(name for name in LIBRARIES if name in self.statements)

    def states(
        self,
        *libraries: Library,
        expect: Expect | Sequence[Expect] = (),
        antecedents: Sequence[str] | Mapping[str, float],
        fair: Callable[..., bool] | None = None,
        qualification: str | None = None,
        io: bool = False,
        builds_on: Sequence[str] | None = None,
        exists: str | Sequence[str] = (),
        unless: Mapping[str, str] | None = None,
    ) -> Callable[[Test], Test]:
        """Say that the decorated Hypothesis test is this claim, in the words of ``libraries``.

        ``expect`` lists the verdicts on record: the first whose condition and backend fit is the one.
        ``antecedents`` names the "if" halves that the test reports with :func:`antecedent`; as a
        mapping it also gives each the share of examples in which it must come true.
        ``fair`` takes the test's drawn arguments and is true of those that the claim's fair, narrow
        reading covers; ``qualification`` says that reading in one sentence.
        ``io`` asks for real sockets, threads and time instead of virtual time.
        ``builds_on`` names the laws that it builds on: where one of them fails, this is not judged but
        ``blocked``, for it would only say the same again.  If nothing is said, an asynchronous test
        builds on :data:`TASKS_RUN`, another on nothing.
        ``exists`` names what must be there for the claim to make sense: dotted names that
        :data:`~conformance.conditions.CAME_WITH` knows the version of, or conditions
        (``"pytest-asyncio>=1.1"``).  ``unless`` maps backends' names, or conditions, to the reason why
        the claim makes no sense there.  In both cases the verdict is ``not-applicable``, and is on
        record as that: nothing is run, and nothing has to be said twice.

        The test may take, beside what it draws, ``library`` (the module: asyncio, anyio or trio),
        and, when it is an ordinary function that runs loops of its own, ``run`` (the library's
        ``run`` on the backend) and ``new_event_loop`` (asyncio only).
        """
        if (fair is None) != (qualification is None):
            raise TypeError(f"{self.id}: fair and qualification go together")
        expectations = (expect,) if isinstance(expect, Expect) else tuple(expect)
        names = (exists,) if isinstance(exists, str) else tuple(exists)
        for name in names:
            if not _is_condition(name) and name not in CAME_WITH:
                raise TypeError(f"{self.id}: {name} came with which version? Say so in CAME_WITH")
        floors = (
            dict(antecedents)
            if isinstance(antecedents, Mapping)
            else dict.fromkeys(antecedents, DEFAULT_FLOOR)
        )

        def note(test: Test) -> Test:
            basis = (TASKS_RUN,) if _is_async(test) else ()
            for library in libraries:
                self._add(
                    Statement(
                        self,
                        library,
                        test,
                        expectations,
                        floors,
                        fair,
                        qualification,
                        io,
                        basis if builds_on is None else tuple(builds_on),
                        names,
                        unless or {},
                    )
                )
            test.conformance_claim = self  # type: ignore[attr-defined]  # functions take attributes
            return test

        return note

    def not_applicable(self, *libraries: Library, because: str, missing: Sequence[str]) -> None:
        """Say that the claim makes no sense in ``libraries``.

        ``because`` is the reason in one sentence; ``missing`` are the dotted names whose absence is
        the evidence, looked up when the claim is judged.
        """

        def test() -> None:
            present = [name for name in missing if exists(name)]
            assert not present, (
                f"{' and '.join(present)} should not exist, but does: the claim can be stated there"
            )
            raise NotApplicable(because)

        for library in libraries:
            self._add(Statement(self, library, test, (not_applicable(because),), {}))

    def _add(self, statement: Statement) -> None:
        if statement.library in self.statements:
            raise TypeError(f"{self.id} is stated twice in {statement.library}")
        self.statements[statement.library] = statement


def law(id: str, sentence: str, *, source: str) -> Claim:
    """A claim that we make: it must hold wherever it applies.

    ``source`` is the documentation's page and anchor, or the upstream issue, that promises it.
    """
    return Claim(id, sentence, source, kind="law")


def exists(dotted: str) -> bool:
    """Whether ``dotted`` (a module and attributes, as in ``"asyncio.Task.uncancel"``) exists here."""
    import importlib

    module, _, rest = dotted.partition(".")
    try:
        thing: object = importlib.import_module(module)
    except ImportError:
        return False
    for name in rest.split(".") if rest else ():
        if not hasattr(thing, name):
            return False
        thing = getattr(thing, name)
    return True


def _is_async(test: Callable[..., Any]) -> bool:
    """Whether what was written is a coroutine function, with or without Hypothesis around it."""
    handle = getattr(test, "hypothesis", None)
    return inspect.iscoroutinefunction(test if handle is None else handle.inner_test)


_seen: set[str] | None = None


def antecedent(name: str) -> None:
    """Report, from inside a claim's test, that its "if" half called ``name`` came true.

    Counted once an example.  Outside judging (the test run as a plain test) it does nothing.
    """
    if _seen is not None:
        _seen.add(name)


@contextmanager
def counting(counts: Counter[str]) -> Iterator[None]:
    """While one example runs, add each antecedent that it reports to ``counts``, once."""
    global _seen  # one example runs at a time; a claim may report from any thread of that example
    _seen = set()
    try:
        yield
    finally:
        counts.update(_seen)
        _seen = None
