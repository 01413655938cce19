"""The matrix on a terminal."""

from __future__ import annotations

import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from conformance.report.terminal import ALARM, KNOWN_BUG, SIGNS, show
from conformance.results.merge import Merged, merge, single
from conformance.results.record import Record
from conformance.results.runtimes import runtimes_of
from conformance.verdict import VERDICT_NAMES
from tests.results.samples import BACKENDS, claim, record, records, verdict

RUNTIMES = [runtime for backend in BACKENDS for _, runtime in runtimes_of(backend)]


def shown(
    merged: Merged, width: int = 100, *, terminal: bool = False, encoding: str = "utf-8"
) -> str:
    """What is printed on a console of that kind."""
    data = io.BytesIO()
    file = io.TextIOWrapper(data, encoding=encoding, newline="")
    show(merged, Console(file=file, width=width, force_terminal=terminal, _environ={}))
    file.flush()
    return data.getvalue().decode(encoding)


def full() -> Record:
    """A record with every verdict, on every runtime."""
    ids = [f"DELIVER-{number:02}" for number in range(len(VERDICT_NAMES))]
    return record(
        [
            verdict(id, runtime, name, "holds", reason=f"it is {name}")
            for id, name in zip(ids, VERDICT_NAMES, strict=True)
            for runtime in RUNTIMES
        ],
        claims=[claim(id, sentence="A sentence as long as they are. " * 3) for id in ids],
        seed=77,
    )


def test_a_small_record_is_shown_like_this() -> None:
    made = record(
        [
            verdict("GATHER-01", "asyncio", "refuted", "refuted"),
            verdict("GATHER-01", "trio", "not-applicable", "not-applicable"),
            verdict("LAW-GATHER-01", "asyncio"),
            verdict("LAW-GATHER-01", "trio", "hung", reason="it waits for ever"),
        ],
        why_not={"asyncio+uvloop": "not installed"},
        seed=3,
    )
    assert shown(single(made), 80).splitlines() == [
        "                 asyncio on  trio on",
        "                 asyncio     trio",
        "gather",
        "  GATHER-01      ✗           -        What GATHER-01 says is so.",
        "  LAW-GATHER-01  ✓           H!       What LAW-GATHER-01 says is so.",
        "",
        "  ✓  holds          the claim is true there",
        "  ✗  refuted        the claim is false there: there is a counterexample",
        "  -  not-applicable the concept does not exist there",
        "  H  hung           no answer: the example could never end",
        "  !  not the verdict on record",
        "",
        "not as expected",
        "  LAW-GATHER-01[trio]: expected holds, found hung: it waits for ever",
        "",
        "not judged, and why",
        "  asyncio+uvloop: not installed",
        "  anyio/asyncio: not judged: not asked for, or the run was stopped before",
        "  anyio/trio: not judged: not asked for, or the run was stopped before",
        "",
        "2 claims, 4 verdicts, 1 not as expected; seed 3",
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits(width: int) -> None:
    text = shown(single(full()), width, terminal=True)
    plain = "".join(
        part.partition("m")[2] if i else part for i, part in enumerate(text.split("\x1b["))
    )
    assert max(len(line) for line in plain.splitlines()) <= width


def test_columns_that_do_not_fit_go_into_a_second_table() -> None:
    text = shown(single(full()), 40)
    table = text.partition("\n\n")[0].splitlines()
    assert max(map(len, table)) <= 40
    assert sum("DELIVER-00" in line for line in table) > 1
    assert sum(line.count("✓") for line in table) == len(RUNTIMES)


def test_the_heads_are_as_long_as_there_is_room_for() -> None:
    made = record(
        [verdict("GATHER-01", each) for each in ("asyncio", "asyncio+uvloop", "anyio/trio", "trio")]
    )

    def head(width: int) -> list[str]:
        return [line.strip() for line in shown(single(made), width).splitlines()[:2]]

    assert head(100) == [
        "asyncio on               anyio on  trio on",
        "asyncio  asyncio+uvloop  trio      trio",
    ]
    assert head(80) == ["asyncio on        anyio on  trio on", "asyncio  +uvloop  trio      trio"]
    assert head(60) == ["asyncio on  anyio on  trio on", "asy uvl     tri       tri"]
    assert "columns: +NAME = asyncio+NAME" in shown(single(made), 80)
    assert "columns: asy = asyncio, uvl = asyncio+uvloop, tri = trio" in shown(single(made), 60)
    assert "columns: " not in shown(single(made), 100)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
def test_no_head_is_cut(width: int) -> None:
    lines = shown(single(full()), width).splitlines()
    heads = [line for line in lines if line.split()[1:2] == ["on"] and "DELIVER" not in line]
    assert sum(line.count(" on") for line in heads) >= 3
    for line in heads:
        assert set(line.split()) <= {"asyncio", "anyio", "trio", "on"}


def test_a_run_in_which_all_is_on_record_is_not_red() -> None:
    known = [
        verdict("GATHER-01", "asyncio", "refuted", "refuted"),
        verdict("LAW-GATHER-01", "asyncio", "refuted", "refuted", reason="a known deviation: so"),
        verdict("LAW-GATHER-02", "asyncio", "hung", "hung", reason="a known deviation: so"),
    ]
    text = shown(single(record(known)), terminal=True)
    assert not any(code in text for code in ("\x1b[31m", "\x1b[1;31m", ";41m"))
    assert f"\x1b[33m{SIGNS['refuted'][0]}" in text, f"a broken law is {KNOWN_BUG}"
    assert f"\x1b[34m{SIGNS['refuted'][0]}" in text
    new = verdict("GATHER-02", "asyncio", "holds", "refuted")
    text = shown(single(record([*known, new])), terminal=True)
    assert "\x1b[1;37;41m✓!\x1b[0m" in text, ALARM


def test_colour_never_says_anything_alone() -> None:
    assert len({fancy for fancy, _, _ in SIGNS.values()}) == len(VERDICT_NAMES) == len(SIGNS)
    assert len({simple for _, simple, _ in SIGNS.values()}) == len(SIGNS)


def test_what_is_piped_has_no_codes_and_what_is_on_a_terminal_has() -> None:
    assert "\x1b" not in shown(single(full()))
    assert "\x1b" in shown(single(full()), terminal=True)


def test_no_color_takes_the_colours_away(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    show(single(full()), Console(file=file, force_terminal=True, _environ={"NO_COLOR": "1"}))
    codes = {part.partition("m")[0] for part in file.getvalue().split("\x1b[")[1:]}
    # Bold, dim and reverse are no colours.
    assert codes <= {"0", "1", "2", "7", "1;7"}


def test_ascii_will_do() -> None:
    text = shown(merge([full(), record(python="3.12.1")]), encoding="ascii")
    assert "x  refuted" in text
    assert "\\u" not in text


def test_what_differs_by_version_is_told_below() -> None:
    old = record([verdict("NEST-01", "asyncio", "refuted", "refuted")], python="3.11.1")
    new = record([verdict("NEST-01", "asyncio", "holds", "holds")], python="3.12.1")
    text = shown(merge([old, new], asked=["3.13"]))
    assert "  NEST-01  *" in text
    assert "NEST-01: refuted 3.11, holds 3.12 on asyncio" in text
    assert "Python 3.13: not found, skipped" in text
    assert "1 claim, 2 verdicts on 2 Pythons, 0 not as expected; seed 0" in text


def test_nothing_judged_is_said() -> None:
    assert "nothing was judged" in shown(single(record()))
    assert "nothing was judged" in shown(merge([]))


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(st.lists(records(), max_size=3), st.sampled_from([20, 80, 160]), st.booleans())
def test_anything_can_be_shown_and_the_last_line_is_the_summary(
    made: list[Record], width: int, terminal: bool
) -> None:
    text = shown(merge(made), width, terminal=terminal)
    assert "not as expected; " in text.splitlines()[-1]
    assert "\x00" not in text


def test_laws_that_are_known_to_be_broken_are_told_with_their_issue() -> None:
    reason = "a known deviation: it forgets (https://example.org/1)"
    made = record([verdict("LAW-NEST-03", "asyncio", "hung", "hung", reason=reason)])
    text = shown(single(made))
    assert (f"laws that are known to be broken\n  LAW-NEST-03 hung on asyncio: {reason}\n") in text
    assert "not as expected\n" not in text
    other = record([verdict("LAW-NEST-03", "asyncio")], python="3.10.4")
    assert "LAW-NEST-03 hung on asyncio on Python 3.13: " in shown(merge([made, other]), 200)
    assert "known to be broken" not in shown(single(other))
