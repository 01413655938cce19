"""Known breaches of laws: what is on record, how a file of them is read, and what a verdict makes of it."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from conformance.backends.discovery import builtin_backends, usable_here
from conformance.book import all_claims
from conformance.claim import Claim, Expect, holds, not_applicable
from conformance.conditions import fits
from conformance.expectations.deviations import (
    PACKAGE_FILE,
    SAID,
    BadDeviations,
    Deviation,
    Deviations,
    check,
    check_backends,
    load,
    package_deviations,
    parse,
    runtimes,
)
from conformance.expectations.lookup import expectation, reason_for
from conformance.judging.effort import Effort
from conformance.judging.judge import judge
from conformance.judging.message import unexpected
from conformance.verdict import ANSWERS, BREACHES, VERDICT_NAMES, Verdict, VerdictName
from tests.judging.laws import ARTICLE, LAW

# The package may be installed elsewhere.
ROOT = Path(__file__).parents[2]
CLAIMS = {claim.id: claim for claim in all_claims()}
LAWS = [claim for claim in CLAIMS.values() if claim.kind == "law"]
BACKENDS = {backend.name: backend for backend in builtin_backends()}
ON_RECORD = package_deviations().entries

every_deviation = pytest.mark.parametrize(
    "known", ON_RECORD, ids=lambda known: f"{known.claim}-{known.library}-{known.first}"
)


# What the house has on record


@pytest.mark.parametrize("claim", LAWS, ids=lambda claim: claim.id)
def test_a_law_is_expected_to_hold_wherever_it_applies(claim: Claim) -> None:
    """That it is broken somewhere is a deviation, which stands in the file and not in the code."""
    for statement in claim.statements.values():
        assert {each.verdict for each in statement.expect} <= {"holds", "not-applicable"}


def test_every_deviation_is_of_a_law_that_is_stated_there() -> None:
    check(ON_RECORD, CLAIMS.values())


@every_deviation
def test_a_deviation_says_all_that_it_can(known: Deviation) -> None:
    assert not known.missing
    assert known.issue is not None
    assert known.issue.startswith("https://") or (ROOT / known.issue).is_file()
    assert known.counterexample.endswith("\n")


@every_deviation
def test_the_backends_of_a_deviation_exist(known: Deviation) -> None:
    for name in (each.removeprefix("!") for each in known.on):
        assert name in BACKENDS or name.startswith("asyncio+"), f"there is no backend {name}"
        kinds = BACKENDS[name].libraries if name in BACKENDS else ("asyncio", "anyio")
        assert known.library in kinds, f"{known.library} does not run on {name}"


def case_of(counterexample: str) -> list[str]:
    """What was drawn, as a counterexample begins; what is said of it may be worded better one day."""
    lines = counterexample.strip().splitlines()
    return list(takewhile(re.compile(r"\w+ = |program:|schedule:|\s").match, lines))


@every_deviation
def test_what_is_pinned_is_what_is_found(known: Deviation) -> None:
    """The case on record is the one that judging shrinks to, where the deviation is here."""
    here = [
        backend
        for backend in BACKENDS.values()
        if usable_here(backend) is None
        and known.library in backend.libraries
        and package_deviations().find(known.claim, known.library, backend.name) == known
    ]
    if not here:
        pytest.skip(f"it is on record where {known.when}")
    verdict = judge(CLAIMS[known.claim].statements[known.library], here[0])
    assert verdict.verdict == known.verdict
    assert verdict.counterexample is not None
    case = case_of(known.counterexample)
    assert case
    assert case_of(verdict.counterexample.text) == case


# How a file is read

ONE = """\
# Ours.

[[deviation]]
claim = "TEST-LAW"
library = "asyncio"
backend = [
    "asyncio+mine",
]
when = "python>=3"
seen = "hung"
why = "it  forgets\\nto wake up"
issue = "https://example.org/1"
counterexample = '''
[[deviation]]
claim = 1
'''

# The next one.
[[deviation]]
claim = "TEST-LAW"
library = "anyio"
seen = "crashed"
"""


def test_an_entry_says_where_it_stands() -> None:
    first, second = parse(ONE, "own.toml")
    assert (first.first, first.last) == (3, 16)
    assert (second.first, second.last) == (19, 22)
    assert first.lines == "lines 3-16 of own.toml"
    assert first == Deviation(
        "hung",
        "it forgets to wake up",
        "python>=3",
        ("asyncio+mine",),
        "https://example.org/1",
        claim="TEST-LAW",
        library="asyncio",
        counterexample="[[deviation]]\nclaim = 1\n",
        file="own.toml",
        first=3,
        last=16,
    )


def test_a_list_may_be_the_end_of_an_entry() -> None:
    text = '[[deviation]]\nclaim = "A"\nlibrary = "trio"\nseen = "hung"\nbackend = [\n  "trio",\n]\n\n# more\n'
    (known,) = parse(text, "own.toml")
    assert (known.first, known.last) == (1, 7)


def test_a_file_may_be_empty() -> None:
    assert parse("", "own.toml") == ()
    assert parse("# nothing yet\n", "own.toml") == ()


HEAD = '[[deviation]]\nclaim = "A"\nlibrary = "asyncio"\nseen = "hung"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[deviation]]\nclaim = \n", "own.toml:2: this is no TOML: "),
        ('[[deviation]]\nlibrary = "asyncio"\nseen = "hung"\n', "own.toml:1: 'claim' is missing"),
        (
            HEAD + 'backends = ["trio"]\n',
            "own.toml:5: 'backends' is no key of a deviation; they are",
        ),
        (HEAD + 'backend = "trio"\n', 'own.toml:5: backend is no list of names; write it as ["asy'),
        (HEAD + "backend = []\n", "own.toml:5: backend is no list of names"),
        (HEAD + "when = 3.12\n", "own.toml:5: when is no string; write it in quotes"),
        (HEAD + 'when = "python"\n', "own.toml:5: when: 'python' is not NAME OPERATOR VERSION"),
        (
            HEAD.replace("hung", "holds"),
            "own.toml:4: seen = 'holds' is no breach of a law; it is refuted, hung, crashed or error",
        ),
        (
            HEAD.replace("asyncio", "curio"),
            "own.toml:3: there is no library 'curio'; it is asyncio, anyio or trio",
        ),
        (
            HEAD + "\n" + HEAD,
            "own.toml:6: A is on record for the same library, backends, versions and cases",
        ),
        ("[deviations]\n", "own.toml: 'deviations' means nothing here"),
        ("deviation = []\nother = 1\n", "own.toml: 'other' means nothing here"),
        ("deviation = [{}]\n", "own.toml: 'deviation' is not written as tables"),
        ("deviation = 3\n", "own.toml: 'deviation' is not written as tables"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_line(text: str, says: str) -> None:
    with pytest.raises(BadDeviations) as told:
        parse(text, "own.toml")
    assert str(told.value).startswith(says)
    assert ";" in str(told.value), "what would be right must be told too"
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (HEAD, "own.toml:1: there is no claim A; 'conformance list' shows all ids"),
        (
            HEAD.replace('"A"', '"TEST-ARTICLE"'),
            "own.toml:1: TEST-ARTICLE is an article claim; only laws",
        ),
        (
            HEAD.replace('"A"', '"TEST-LAW"').replace("asyncio", "trio"),
            "own.toml:1: TEST-LAW is not stated in trio; it is in asyncio, anyio",
        ),
    ],
)
def test_only_laws_have_deviations(entry: str, says: str) -> None:
    with pytest.raises(BadDeviations) as told:
        check(parse(entry, "own.toml"), [ARTICLE, LAW])
    assert str(told.value).startswith(says)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadDeviations, match=r"there is no file .*: 'conformance deviations update"):
        load([tmp_path / "none.toml"])
    with pytest.raises(BadDeviations, match=r"cannot read .*; give a file of deviations"):
        load([tmp_path])
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(BadDeviations, match=r"bytes.toml is not UTF-8: .*; save it as that"):
        load([tmp_path / "bytes.toml"])


def test_what_is_not_said_yet_is_a_warning() -> None:
    assert list(Deviations(parse(ONE, "own.toml")).warnings) == [
        "own.toml:19: the deviation of TEST-LAW has no why and no issue and no counterexample yet; "
        "say it, so that others can check it"
    ]
    assert SAID == ("why", "issue", "counterexample")


# Which one is found


def known(seen: VerdictName = "hung", *on: str, when: str = "", why: str = "") -> Deviation:
    return Deviation(seen, why, when, on, claim="TEST-LAW", library="asyncio")


@pytest.mark.parametrize(
    ("deviation", "fits_there"),
    [
        (known(), True),
        (known("hung", "asyncio"), False),
        (known("hung", "asyncio", "asyncio+mine"), True),
        (known("hung", "asyncio+*"), True),
        (known("hung", "*+mine"), True),
        (known("hung", "trio"), False),
        (known(when="python>=3"), True),
        (known(when="python<3"), False),
        (known(when="winloop>=0"), False),
    ],
)
def test_where_a_deviation_fits(deviation: Deviation, fits_there: bool) -> None:
    found = Deviations((deviation,)).find("TEST-LAW", "asyncio", "asyncio+mine")
    assert (found is not None) is fits_there
    assert runtimes(
        deviation, [(("asyncio+mine",), ("asyncio", "anyio")), (("trio",), ("trio",))]
    ) == (["asyncio+mine"] if fits_there else [])


def test_a_name_with_brackets_is_a_name() -> None:
    assert known("hung", "asyncio+a[1]").is_for("asyncio+a[1]")
    assert not known("hung", "!asyncio+eager").is_for("asyncio+eager")
    assert known("hung", "asyncio", "asyncio+*", "!asyncio+eager").is_for("asyncio+mine")
    assert known("hung", "!asyncio+eager").is_for("trio")


def test_where_it_is_is_said_in_words() -> None:
    assert known("hung").where == ""
    assert known("hung", "asyncio", "trio").where == "on asyncio, trio"
    assert known("hung", "!asyncio+eager").where == "on every backend but asyncio+eager"
    assert known("hung", "asyncio+*", "!asyncio+eager").where == "on asyncio+* but asyncio+eager"


def test_a_later_file_wins_and_the_package_s_own_comes_last(tmp_path: Path) -> None:
    files = [tmp_path / "one.toml", tmp_path / "two.toml"]
    for file, seen in zip(files, ("hung", "crashed"), strict=True):
        file.write_text(HEAD.replace("hung", seen).replace('"A"', '"LAW-DELIVER-15"'))
    entries = load(files).entries
    assert [each.verdict for each in entries[:2]] == ["crashed", "hung"]
    assert entries[2:] == ON_RECORD
    assert load([PACKAGE_FILE]).entries == ON_RECORD


# What it means for a verdict

STATEMENT = LAW.statements["asyncio"]
ASYNCIO = BACKENDS["asyncio"]


def told(deviations: Deviations) -> str:
    """The message about a verdict that is not as expected."""
    verdict = judge(STATEMENT, ASYNCIO, deviations=deviations)
    expected = expectation(STATEMENT, ASYNCIO.name, deviations)
    return unexpected(STATEMENT, verdict, expected, ASYNCIO, Effort())


def on_record(seen: VerdictName, **more: Any) -> Deviations:
    """A file with one entry."""
    entry = {
        "claim": "TEST-LAW",
        "library": "asyncio",
        "seen": seen,
        "why": "four is",
        "issue": "https://example.org/4",
        **more,
    }
    lines = [f"{key} = {value!r}" for key, value in entry.items()]
    return Deviations(parse("\n".join(["", "[[deviation]]", *lines, ""]), "own.toml"))


def test_a_deviation_is_the_verdict_on_record() -> None:
    verdict = judge(STATEMENT, ASYNCIO, deviations=on_record("refuted"))
    assert (verdict.verdict, verdict.expected, verdict.as_expected) == ("refuted", "refuted", True)
    assert verdict.reason == "a known deviation: four is (https://example.org/4)"
    assert not judge(STATEMENT, ASYNCIO).as_expected


def test_only_a_law_has_one() -> None:
    known = Deviation("hung", "", claim=ARTICLE.id, library="asyncio")
    found = expectation(ARTICLE.statements["asyncio"], "asyncio", Deviations((known,)))
    assert found is not None
    assert found.verdict == "refuted"


@pytest.mark.parametrize("name", VERDICT_NAMES)
def test_no_answer_is_expected_by_a_deviation_alone(name: VerdictName) -> None:
    if name in BREACHES:
        assert known(name).verdict == name
    else:
        with pytest.raises(ValueError, match="cannot be expected"):
            known(name)
    if name in ANSWERS:
        assert Expect(name, "").verdict == name
    else:
        with pytest.raises(ValueError, match="no answer"):
            Expect(name, "")


def test_the_reason_is_that_of_the_verdict() -> None:
    (deviation,) = on_record("hung").entries
    assert reason_for("hung", "every task waits", deviation) == (
        "a known deviation: four is (https://example.org/4); every task waits"
    )
    assert reason_for("refuted", None, deviation) is None
    assert reason_for("holds", None, holds("so it is")) == "so it is"
    assert reason_for("holds", "all of them", holds("so it is")) == "all of them"
    assert reason_for("holds", None, not_applicable("no")) is None
    assert reason_for("holds", None, None) is None


def test_a_breach_that_is_not_on_record_tells_how_to_record_it() -> None:
    text = told(Deviations())
    assert "find out which is wrong, the runtime or the law" in text
    assert (
        "    conformance deviations update TEST-LAW --backend asyncio --library asyncio "
        "--examples 100 --seed 0 --deviations deviations.toml"
    ) in text.splitlines()


def test_what_no_longer_happens_tells_which_lines_to_delete() -> None:
    fine = Verdict("TEST-LAW", "asyncio", "asyncio", "holds", "refuted")
    (bound,) = on_record("refuted", when="python>=3").entries
    text = unexpected(STATEMENT, fine, bound, ASYNCIO, Effort())
    assert (
        "  what to do: delete lines 2-8 of own.toml: TEST-LAW holds on asyncio. If it still happens "
        "elsewhere, narrow its backend or when instead."
    ) in text.splitlines()
    assert (
        "  expected  refuted where python>=3 because four is (https://example.org/4) on record in "
        "lines 2-8 of own.toml"
    ) in text.splitlines()
    (pinned,) = on_record("refuted", when="python==3.13.0", backend=["asyncio"]).entries
    text = unexpected(STATEMENT, fine, pinned, ASYNCIO, Effort())
    assert (
        "  what to do: delete lines 2-9 of own.toml: TEST-LAW holds on asyncio."
        in text.splitlines()
    )


def test_another_breach_tells_what_to_change() -> None:
    text = told(on_record("hung"))
    assert (
        "TEST-LAW is refuted on asyncio now: change seen to 'refuted' in lines 2-7 of own" in text
    )


def test_every_condition_on_record_is_understood() -> None:
    for each in ON_RECORD:
        fits(each.when)


THERE = [("asyncio",), ("asyncio+uvloop", "asyncio+Loop"), ("trio",)]


@pytest.mark.parametrize(
    "name", ["asyncio+*", "asyncio+uv*", "*", "trio", "asyncio+Loop", "asyncio+pytest:x"]
)
def test_a_backend_that_is_there_or_of_a_package_here_may_be_named(name: str) -> None:
    assert check_backends([known("hung", name)], THERE) == []


@pytest.mark.parametrize(
    ("name", "every", "refused"),
    [
        ("asynico", False, True),
        ("uvloop", False, True),
        ("anyio/asyncio", False, True),
        ("asyncio-*", False, True),
        ("asyncio+uvlop", True, True),
        ("asyncio+uvlop", False, False),
        ("asyncio+new_*", True, True),
    ],
)
def test_a_backend_that_there_is_not_is_refused(name: str, every: bool, refused: bool) -> None:
    entry = replace(known("hung", name), file="own.toml", first=7)
    if not refused:
        (warning,) = check_backends([entry], THERE, every=every)
        assert warning.startswith(f"own.toml:7: no backend is called {name!r}; ")
        return
    with pytest.raises(BadDeviations) as told:
        check_backends([entry], THERE, every=every)
    assert str(told.value).startswith(
        f"own.toml:7: no backend is called {name!r}; there is asyncio, asyncio+uvloop, trio; "
    )


def test_a_mark_of_the_encoding_is_no_part_of_a_file() -> None:
    assert [each.first for each in parse(f"\ufeff{ONE}", "own.toml")] == [
        each.first for each in parse(ONE, "own.toml")
    ]


def test_a_file_of_thousands_takes_no_longer_than_its_length() -> None:
    # What counts the lines from the start for each entry takes minutes.
    entries = (ONE.replace("TEST-LAW", f"TEST-{number}") for number in range(2_000))
    assert len(parse("\n".join(entries), "own.toml")) == 4_000
