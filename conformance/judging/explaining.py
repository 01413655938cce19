"""In which cases a claim fails, and what is said in them: the smallest region that has just those."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from hypothesis.errors import UnsatisfiedAssumption

from conformance.backends.deadlock import is_given_up
from conformance.judging.classify import classify, leaves, message
from conformance.judging.effort import Effort
from conformance.judging.expectations import OnRecord
from conformance.judging.regions import common, smallest
from conformance.judging.search import WHOLE, Only, Subject
from conformance.programs import space
from conformance.programs.cases import Case
from conformance.programs.syntax import KINDS, STATEMENTS
from conformance.verdict import Explanation


def explanation(
    subject: Subject, effort: Effort, only: Only, known: OnRecord
) -> Explanation | None:
    """The region of the cases that fail, and that ``known`` does not explain; ``None`` if none does.

    Every case is run, or a thousand of those that there are; ``only`` says which count at all.
    """
    failed: list[Mapping[str, Any]] = []
    held: list[Mapping[str, Any]] = []
    messages: list[str] = []
    for number, values in enumerate(_cases(subject, effort)):
        if not only(**values):
            continue
        case = _features(values)
        try:
            subject.run(values, number)
        except UnsatisfiedAssumption:
            continue
        except Exception as error:
            if classify(error)[0] == "refuted" and known.explaining(values, error) is None:
                failed.append(case)
                messages.append(message(error))
            if any(is_given_up(leaf) for leaf in leaves(error)):
                break  # each more costs as much
        else:
            held.append(case)
    if not failed:
        return None
    return Explanation(
        region=smallest(failed, held),
        message=common(messages),
        failed=len(failed),
        cases=len(failed) + len(held),
    )


def _cases(subject: Subject, effort: Effort) -> Iterator[Mapping[str, Any]]:
    if subject.streamed is not None:
        name, streamed = subject.streamed
        return ({name: element} for element in streamed.stream(subject.place, effort.size))
    total = space.size(subject.strategies)
    if total is None:
        return iter(())
    if total <= WHOLE:
        return space.cases(subject.strategies)
    return islice(space.sample(subject.strategies, subject.seed(effort)), WHOLE)


def _features(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a region can speak of: the drawn values, or of a run of a program what is in it."""
    for name, value in values.items():
        if isinstance(value, Case):
            return {
                f"{name}.races": value.races,
                **{f'"{each}" in {name}.things': each in value.things for each in KINDS},
                **{
                    f'"{each}" in {name}.statements': each in value.statements
                    for each in STATEMENTS
                },
            }
    return values
