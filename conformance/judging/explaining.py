"""In which cases a claim fails, and what is said in them: the smallest region that has just those."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from hypothesis.errors import UnsatisfiedAssumption

from conformance.backends.deadlock import is_given_up
from conformance.expectations.lookup import OnRecord
from conformance.expectations.regions import common, plain, quoted, smallest
from conformance.judging.effort import Effort
from conformance.judging.search import WHOLE, Only, Subject, Values
from conformance.outcomes.classify import classify, leaves, message
from conformance.programs.cases import Case
from conformance.programs.syntax import KINDS, STATEMENTS
from conformance.toolbox import spaces
from conformance.verdict import Explanation

SECONDS = 20.0
"""Real seconds after which no region is looked for: it is part of no verdict."""


def explanation(
    subject: Subject, effort: Effort, only: Only, known: OnRecord
) -> Explanation | None:
    """The region of the cases that fail, and that ``known`` does not explain; ``None`` if none does.

    Every case is run, or a thousand of those that there are; ``only`` says which count at all.
    ``None``, too, if that takes too long: a loop that goes quiet is waited for in each of them.
    """
    begun = time.monotonic()
    failed: list[Values] = []
    held: list[Values] = []
    messages: list[str] = []
    for number, values in enumerate(_cases(subject, effort)):
        if not only(**values):
            continue
        if time.monotonic() - begun > SECONDS:
            return None
        subject.tell(values)
        try:
            subject.run(values, number)
        except UnsatisfiedAssumption:
            continue
        except Exception as error:
            if classify(error)[0] == "refuted" and known.explaining(values, error) is None:
                failed.append(values)
                messages.append(message(error))
            if any(is_given_up(leaf) for leaf in leaves(error)):
                break  # each more costs as much
        except (SystemExit, GeneratorExit, asyncio.CancelledError):
            continue  # what the search makes of it has been told
        else:
            held.append(values)
    subject.tell(None)
    if not failed:
        return None
    return Explanation(
        region=_smallest(failed, held),
        message=common(messages),
        failed=len(failed),
        cases=len(failed) + len(held),
    )


def _cases(subject: Subject, effort: Effort) -> Iterator[Values]:
    if subject.streamed is not None:
        name, streamed = subject.streamed
        return ({name: element} for element in streamed.stream(subject.place, effort.size))
    total = spaces.size(subject.strategies)
    if total is None:
        return iter(())
    if total <= WHOLE:
        return spaces.cases(subject.strategies)
    return islice(spaces.sample(subject.strategies, subject.seed(effort)), WHOLE)


def _smallest(failed: Sequence[Values], held: Sequence[Values]) -> str:
    """The region that says most in few words: of what is drawn, or of what is in a drawn sequence."""
    elements = _elements([*failed, *held])
    found = [
        smallest([each(case, elements) for case in failed], [each(case, elements) for case in held])
        for each in (_drawn, _inside)
    ]
    text, _ = min(found, key=lambda each: (each[1], len(each[0])))
    return text


_Elements = Mapping[str, Iterable[Any]]


def _elements(cases: Sequence[Values]) -> _Elements:
    """What is in the sequences that are drawn, by their names."""
    found: dict[str, dict[Any, None]] = {}
    for case in cases:
        for name, value in case.items():
            if isinstance(value, tuple):
                found.setdefault(name, {}).update(dict.fromkeys(value))
    return found


def _drawn(case: Values, elements: _Elements) -> Values:
    """What a region can say of a case: what is drawn, or of a run of a program what is in it."""
    return _program(case) or case


def _inside(case: Values, elements: _Elements) -> Values:
    """The same, but of a sequence what is in it, and how many."""
    found: dict[str, object] = {}
    for name, value in (_program(case) or case).items():
        if name in elements:
            found[f"len({name})"] = len(value)
            for each in elements[name]:
                found[f"{quoted(plain(each))} in {name}"] = each in value
        else:
            found[name] = value
    return found


def _program(case: Values) -> Values | None:
    """What is in a run of a program, ``None`` if no program is drawn."""
    for name, value in case.items():
        if isinstance(value, Case):
            return {
                f"{name}.races": value.races,
                **{f'"{each}" in {name}.things': each in value.things for each in KINDS},
                **{
                    f'"{each}" in {name}.statements': each in value.statements
                    for each in STATEMENTS
                },
            }
    return None
