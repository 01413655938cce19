"""The matrix as Markdown."""

from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import strategies as st

from conformance.report.markdown import heads, markdown
from conformance.report.prose import prose
from conformance.results.merge import merge, single
from conformance.results.record import Record
from tests.results.samples import claim, record, records, verdict


def test_a_page_of_two_pythons_is_this() -> None:
    claims = [
        claim("NEST-03", sentence="Asking cancelled() tells it.", instead=["LAW-NEST-03"]),
        claim("LAW-NEST-03", libraries=["asyncio"], source="https://docs.python.org/3/#x"),
    ]
    old = record(
        [
            verdict("NEST-03", "asyncio", "refuted", "refuted", reason="it is always False"),
            verdict("NEST-03", "asyncio+debug", "refuted", "refuted", reason="it is always False"),
            verdict("NEST-03", "trio", "not-applicable", "not-applicable", reason="no a_b there"),
            verdict("LAW-NEST-03", "asyncio", "not-applicable", "not-applicable", reason="3.11+"),
            verdict("LAW-NEST-03", "asyncio+debug", "vacuous", "not-applicable", reason="never"),
        ],
        claims=claims,
        python="3.10.4",
        size=2,
    )
    new = copy.deepcopy(old)
    new["environment"]["python"] = "3.12.1"
    new["verdicts"][3:] = [
        verdict("LAW-NEST-03", "asyncio"),
        verdict("LAW-NEST-03", "asyncio+debug"),
    ]
    page = markdown(merge([new, old], asked=["py313"]), title="On trial")
    assert (
        page
        == """\
# On trial

2 claims, 10 verdicts on 2 Pythons, 1 not as expected; seed 0.

## Where

- Python: 3.10 (CPython 3.10.4), 3.12 (CPython 3.12.1), 3.13 (not found, skipped)
- platform: `Linux-6.1-x86_64`
- conformance: 0.1.0
- profile: default
- seed: 0
- programs: all up to size 2
- anyio: 4.16.0
- trio: 0.35.0

## How to read it

- **holds**: the claim is true there
- **refuted**: the claim is false there: there is a counterexample
- **n/a** (not-applicable): the concept does not exist there
- **vacuous**: no answer: the claim's 'if' half never came true
- **!** after a verdict: it is not the one on record
- a column **+name** is the backend to its left with that option or loop
- a claim has several rows where the Pythons do not agree
- an empty cell was not judged: the last section says why

## nest

| claim       | Python | asyncio | +debug   | trio |
| ----------- | ------ | ------- | -------- | ---- |
| NEST-03     | all    | refuted | refuted  | n/a  |
| LAW-NEST-03 | 3.10   | n/a     | vacuous! |      |
| LAW-NEST-03 | 3.12   | holds   | holds    |      |

- **NEST-03**: Asking `cancelled()` tells it. (§1)
  - refuted on asyncio (all): it is always False
  - not-applicable on trio: no `a_b` there
  - true instead: LAW-NEST-03

- **LAW-NEST-03**: What LAW-NEST-03 says is so. (<https://docs.python.org/3/#x>)
  - not-applicable 3.10, holds 3.12 on asyncio: 3.11+
  - vacuous! 3.10, holds 3.12 on asyncio+debug: never

## Not as expected

- **LAW-NEST-03[asyncio+debug]** on Python 3.10: expected not-applicable, found vacuous: never

## Not judged, and why

- anyio/asyncio: not judged: not asked for, or the run was stopped before
- anyio/asyncio+debug: not judged: not asked for, or the run was stopped before
- anyio/trio: not judged: not asked for, or the run was stopped before
- LAW-NEST-03: not stated in anyio and trio
- Python 3.13: not found, skipped
"""
    )


def test_a_column_is_named_in_short_only_after_its_own_backend() -> None:
    assert heads(
        ["asyncio", "asyncio+debug", "anyio/asyncio+debug", "anyio/asyncio+x", "trio"]
    ) == [
        "asyncio",
        "+debug",
        "anyio/asyncio+debug",
        "+x",
        "trio",
    ]


@given(st.lists(records(), max_size=3))
def test_the_page_does_not_say_when_or_how_long(made: list[Record]) -> None:
    later = copy.deepcopy(made)
    for each in later:
        each["run"]["started"] = "2027-01-01T00:00:00+00:00"
        each["run"]["seconds"] = 100
        for one in each["verdicts"]:
            one["seconds"] += 1
    assert markdown(merge(later)) == markdown(merge(made))


@given(records())
def test_every_claim_and_runtime_is_on_the_page(made: Record) -> None:
    page = markdown(single(made))
    page.encode()
    for each in made["claims"]:
        assert f"**{each['id']}**" in page
    for backend in made["backends"]:
        if not backend["available"]:
            assert f"- {prose(backend['name'])}: " in page


def test_a_known_deviation_is_told_with_its_issue() -> None:
    reason = "a known deviation: it forgets (https://example.org/1)"
    made = record([verdict("LAW-NEST-03", "asyncio", "hung", "hung", reason=reason)])
    page = markdown(single(made))
    assert f"  - hung on asyncio: {reason}\n" in page
    legend = "- a law that is broken without **!**: a known deviation, told with its issue under the table"
    assert legend in page
    assert legend not in markdown(single(record([verdict("LAW-NEST-03", "asyncio")])))
