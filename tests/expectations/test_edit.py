"""What was judged, put on record."""

from __future__ import annotations

import platform
from dataclasses import replace
from typing import Any, get_args

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from conformance.backends.backend import Backend
from conformance.backends.discovery import builtin_backends
from conformance.backends.naming import Origin
from conformance.claim import Claim, Library
from conformance.conditions import fits, installed_version
from conformance.expectations.deviations import BadDeviations, Deviation, Deviations, check, parse
from conformance.expectations.edit import Added, Update, edited, pin, rendered, update
from conformance.expectations.lookup import expectation
from conformance.verdict import (
    GONE,
    OTHER_CASE,
    Counterexample,
    Explanation,
    Verdict,
    VerdictName,
    VerdictRecord,
)
from tests.judging.laws import ARTICLE, LAW, OTHER

BACKENDS = {
    **{backend.name: backend for backend in builtin_backends()},
    "asyncio+mine": Backend(
        "asyncio+mine", script_style="loop:mine:new", spec="mine:new", foreign=True
    ),
}
FILE = """\
# Ours, and so it stays.

# The first one.
[[deviation]]
claim = "TEST-LAW"
library = "asyncio"
seen = "refuted"
why = "because"   # so it is

# The second one
# is about hanging.
[[deviation]]
claim = "TEST-OTHER"
library = "asyncio"
backend = ["asyncio", "asyncio+debug"]
seen = "hung"

[[deviation]]
claim = "TEST-OTHER"
library = "anyio"
seen = "error"
# The end.
"""


def seen(
    claim: Claim,
    verdict: VerdictName,
    backend: str = "asyncio",
    library: Library = "asyncio",
    text: str | None = "number = 4",
    reason: str | None = None,
    file: str = FILE,
) -> VerdictRecord:
    """A verdict, and what is on record in ``file`` beside it."""
    on_record = Deviations(parse(file, "own.toml"))
    expected = expectation(claim.statements[library], backend, on_record)
    return Verdict(
        claim.id,
        library,
        backend,
        verdict,
        None if expected is None else expected.verdict,
        reason=reason,
        counterexample=None if text is None else Counterexample("", text),
    ).record()


def changes(*verdicts: VerdictRecord, file: str = FILE, target: str = "own.toml") -> Update:
    return update(
        verdicts,
        (LAW, OTHER, ARTICLE),
        BACKENDS.values(),
        Deviations(parse(file, "own.toml")),
        target,
    )


def after(found: Update, file: str = FILE) -> str:
    """The file with the changes made; it must say what was seen."""
    text = edited(file, found)
    parse(text, "own.toml")
    return text


def test_what_is_on_record_changes_nothing() -> None:
    found = changes(
        seen(LAW, "refuted"),
        seen(OTHER, "hung"),
        seen(OTHER, "holds", "asyncio+eager"),
        seen(ARTICLE, "refuted"),
    )
    assert found == Update()
    assert after(found) == FILE


def test_a_breach_that_is_not_on_record_is_added() -> None:
    found = changes(seen(LAW, "hung", library="anyio", reason="every task waits", file=""), file="")
    assert len(found.said) == 1
    assert found.said[0].startswith(
        "added to own.toml: TEST-LAW is hung on anyio/asyncio, where anyio>="
    )
    text = after(found, "")
    (known,) = parse(text, "own.toml")
    assert (known.claim, known.library, known.on, known.verdict) == (
        "TEST-LAW",
        "anyio",
        ("asyncio",),
        "hung",
    )
    assert fits(known.when)
    assert known.counterexample == "number = 4\nevery task waits\n"
    assert known.missing == ("why", "issue")
    assert 'why = "" # TODO: ' in text
    assert 'issue = "" # TODO: ' in text
    # What it was judged on is now as it is on record.
    assert changes(seen(LAW, "hung", library="anyio", file=text), file=text) == Update()


def test_the_backends_that_say_the_same_share_an_entry() -> None:
    found = changes(
        seen(OTHER, "refuted", "asyncio+pytask"),
        seen(OTHER, "refuted", "asyncio+eager"),
        seen(OTHER, "crashed", "asyncio+mine"),
    )
    assert [(added.deviation.verdict, added.deviation.on) for added in found.added] == [
        ("refuted", ("asyncio+pytask", "asyncio+eager")),
        ("crashed", ("asyncio+mine",)),
    ]


def test_what_no_longer_happens_is_removed_with_its_own_comments() -> None:
    found = changes(
        seen(OTHER, "holds", text=None), seen(OTHER, "holds", "asyncio+debug", text=None)
    )
    assert found.said == [
        "removed lines 12-16 of own.toml: TEST-OTHER holds on asyncio, asyncio+debug"
    ]
    lines = FILE.split("\n")
    assert after(found) == "\n".join(lines[:9] + lines[17:])


def test_what_is_on_record_under_a_condition_says_so_when_it_is_removed() -> None:
    file = FILE.replace('seen = "hung"', 'seen = "hung"\nwhen = "python>=3"')
    found = changes(seen(OTHER, "holds", file=file), file=file)
    assert found.said == [
        "removed lines 12-17 of own.toml: TEST-OTHER holds on asyncio (it was on record where "
        "python>=3)"
    ]


def test_the_first_and_the_last_can_be_removed() -> None:
    found = changes(
        seen(LAW, "holds", text=None),
        seen(OTHER, "holds", text=None),
        seen(OTHER, "holds", library="anyio", text=None),
    )
    assert after(found) == "# Ours, and so it stays.\n\n# The end.\n"


def test_a_comment_that_opens_the_file_stays() -> None:
    file = FILE.partition("\n\n")[2]
    found = changes(seen(LAW, "holds", file=file), file=file)
    assert after(found, file).startswith("# The first one.\n# The second one\n")


def test_what_still_happens_elsewhere_is_left_to_a_person() -> None:
    found = changes(seen(OTHER, "holds"), seen(OTHER, "hung", "asyncio+debug"))
    assert not found.added
    assert not found.removed
    assert found.left == [
        "TEST-OTHER holds on asyncio, and is still hung elsewhere: narrow the backends of lines "
        "12-16 of own.toml"
    ]


def test_another_breach_takes_the_place_of_the_one_on_record() -> None:
    found = changes(seen(LAW, "crashed", text=None, reason="SIGSEGV"))
    assert [line.partition(":")[0] for line in found.said] == [
        "removed lines 4-8 of own.toml",
        "added to own.toml",
    ]
    *_, new = parse(after(found), "own.toml")
    assert (new.verdict, new.counterexample) == ("crashed", "SIGSEGV\n")


def test_another_breach_on_one_backend_stands_before_the_entry_for_all() -> None:
    found = changes(seen(LAW, "crashed", "asyncio+mine"), seen(LAW, "refuted"))
    text = after(found)
    entries = Deviations(parse(text, "own.toml"))
    assert [each.verdict for each in entries.of("TEST-LAW")] == ["crashed", "refuted"]
    here = entries.find("TEST-LAW", "asyncio", "asyncio+mine")
    assert here is not None
    assert here.verdict == "crashed"
    assert "because" in text


def test_what_stands_in_another_file_is_not_removed() -> None:
    found = changes(seen(LAW, "holds"), target="another.toml")
    assert not found.removed
    assert found.left == [
        "TEST-LAW holds on asyncio, not refuted, as lines 4-8 of own.toml say: change that file"
    ]
    # One's own entry wins over it: there is nothing left to do.
    found = changes(seen(LAW, "hung"), target="another.toml")
    assert (len(found.added), found.removed, found.left) == (1, [], [])
    assert found.added[0].before is None


@pytest.mark.parametrize("verdict", ["vacuous", "not-applicable"])
def test_what_is_no_breach_is_left_to_a_person(verdict: VerdictName) -> None:
    found = changes(seen(LAW, verdict, library="anyio"))
    assert not found.added
    assert found.left == [
        f"TEST-LAW is {verdict} on anyio/asyncio, not holds: that is no breach of the law, look into it"
    ]


def test_what_is_blocked_needs_no_entry() -> None:
    assert changes(seen(LAW, "blocked")) == Update()


def test_an_article_claim_is_left_to_a_person() -> None:
    found = changes(seen(ARTICLE, "hung"))
    assert not found.added
    assert found.left == [
        "TEST-ARTICLE is hung on asyncio, not refuted: only laws have deviations, this is an article "
        "claim"
    ]


@pytest.mark.parametrize(
    ("backend", "library", "name"),
    [
        ("asyncio", "asyncio", platform.python_implementation().lower()),
        ("asyncio+debug", "asyncio", platform.python_implementation().lower()),
        ("asyncio", "anyio", "anyio"),
        ("trio", "anyio", "anyio"),
        ("trio", "trio", "trio"),
    ],
)
def test_what_is_added_is_for_what_is_installed_and_later(
    backend: str, library: Library, name: str
) -> None:
    condition = pin(library, BACKENDS[backend])
    assert condition == f"{name}>={installed_version(name)}"
    assert fits(condition)


def test_the_loop_of_a_package_is_told_by_its_version() -> None:
    theirs = Backend("asyncio+x", spec="x:loop", foreign=True, origin=Origin(package="x 1.2.3"))
    assert pin("asyncio", theirs) == pin("anyio", theirs) == "x>=1.2.3"
    own_build = replace(theirs, origin=Origin(package="my-loop 1.2.dev3+g0a1b2c"))
    assert pin("asyncio", own_build) == "my-loop>=1.2.dev3"


def test_a_loop_of_ones_own_has_no_version() -> None:
    assert pin("asyncio", BACKENDS["asyncio+mine"]) == pin("anyio", BACKENDS["asyncio+mine"]) == ""
    (added,) = changes(seen(OTHER, "refuted", "asyncio+mine")).added
    assert "when" not in rendered(added.deviation)


def test_a_loop_of_the_standard_library_is_python_s() -> None:
    loop = Backend("asyncio+SelectorEventLoop", spec="asyncio:SelectorEventLoop", foreign=True)
    assert pin("asyncio", loop) == pin("asyncio", BACKENDS["asyncio"])


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"))


@given(text=texts, why=texts)
def test_any_text_can_be_written_and_read_again(text: str, why: str) -> None:
    known = Deviation("hung", why, claim="TEST-LAW", library="trio", counterexample=text)
    (table,) = tomlkit.parse(rendered(known)).unwrap()["deviation"]
    assert table["why"] == why
    assert table.get("counterexample", "\n") == f"{text}\n"


def test_a_lone_surrogate_that_was_drawn_is_written_escaped() -> None:
    (added,) = changes(seen(LAW, "hung", library="anyio", text="name = '\ud800'")).added
    text = edited("", Update(added=[Added(added.deviation, None)]))
    assert text.encode()
    (known,) = parse(text, "own.toml")
    assert known.counterexample == "name = '\\ud800'\n"


def test_a_stack_is_kept_without_what_is_of_one_machine_alone() -> None:
    text = (
        "number = 4\nFatal Python error: Aborted\nCurrent thread 0x7f (most recent call first):\n"
        '  File "/home/me/lib/mine/loop.py", line 6 in create_future\n'
        '  File "C:\\Python\\asyncio\\tasks.py", line 7 in wait\n  File "<string>", line 1 in run'
    )
    (added,) = changes(seen(OTHER, "crashed", "asyncio+mine", text=text, reason="SIGABRT")).added
    assert added.deviation.counterexample.splitlines() == [
        "number = 4",
        "Fatal Python error: Aborted",
        '  File "mine/loop.py", line 6 in create_future',
        '  File "asyncio\\tasks.py", line 7 in wait',
        '  File "<string>", line 1 in run',
        "SIGABRT",
    ]


def test_every_library_can_be_pinned() -> None:
    for library in get_args(Library):
        backend = BACKENDS["trio" if library == "trio" else "asyncio"]
        assert fits(pin(library, backend))


MINE = """\
[[deviation]]
claim = "TEST-OTHER"
library = "asyncio"
backend = ["asyncio+old"]
seen = "hung"
"""


@pytest.mark.parametrize(
    ("known_by", "removed"),
    [({"aliases": ("asyncio+old",)}, True), ({"kin": "asyncio+old"}, False)],
)
def test_what_is_on_record_under_another_name_is_found(
    known_by: dict[str, Any], removed: bool
) -> None:
    kin = (known_by.pop("kin"),) if "kin" in known_by else ()
    mine = replace(BACKENDS["asyncio+mine"], origin=Origin(kin=kin), **known_by)
    on_record = Deviations(parse(MINE, "own.toml"))

    def update_with(verdict: VerdictName) -> Update:
        made = Verdict("TEST-OTHER", "asyncio", "asyncio+mine", verdict, "hung").record()
        return update([made], [OTHER], [mine], on_record, "own.toml")

    assert update_with("hung") == Update()
    # What it derives from was not judged.
    found = update_with("holds")
    assert len(found.removed) == removed
    assert len(found.left) == (not removed)


# What explains a counterexample

KNOWN = """\
[[deviation]]
claim = "TEST-LAW"
library = "asyncio"
seen = "refuted"
region = "number == 9"
message = "nine"
"""


def unexplained(departs: str | None, backend: str = "asyncio") -> VerdictRecord:
    """A law that is refuted in other cases than those on record in :data:`KNOWN`."""
    known = Deviations(parse(KNOWN, "own.toml"))
    expected = expectation(LAW.statements["asyncio"], backend, known)
    assert expected is not None
    found = Explanation(
        region='number >= 4 and letter == "b"', message="… is\nmore", failed=2, cases=9
    )
    return Verdict(
        LAW.id,
        "asyncio",
        backend,
        "refuted",
        expected.verdict,
        departs=departs,
        counterexample=Counterexample("", "number = 4", found),
    ).record()


def test_another_counterexample_gets_an_entry_of_its_own() -> None:
    """With the region and the message that explain it; what is on record stays."""
    found = changes(unexplained(OTHER_CASE), unexplained(OTHER_CASE, "asyncio+debug"), file=KNOWN)
    assert found.removed == []
    first, second = parse(after(found, KNOWN), "own.toml")
    assert (first.cases, first.messages) == ("number == 9", ("nine",))
    assert (second.cases, second.messages) == ('number >= 4 and letter == "b"', ("… is\nmore",))
    assert second.on == ("asyncio", "asyncio+debug")


def test_one_of_several_known_bugs_that_is_gone_is_removed() -> None:
    file = KNOWN + KNOWN.replace("== 9", "== 8")
    _, gone = parse(file, "own.toml")
    found = changes(unexplained(GONE.format(gone.lines)), file=file)
    assert found.removed == [gone]
    assert found.added == []
    (left,) = parse(after(found, file), "own.toml")
    assert left.cases == "number == 9"


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("region", '"open()"', "region: open() calls something; a region may call len() alone"),
        ("region", '"number =="', "region: 'number ==' is no region; write it as in"),
        ("region", "3", "region is no string; write it in quotes"),
        ("message", "[3]", "message is no string; write it in quotes"),
    ],
)
def test_a_region_that_cannot_be_understood_is_told_with_its_line(
    key: str, value: str, why: str
) -> None:
    text = KNOWN.replace('region = "number == 9"\nmessage = "nine"\n', f"{key} = {value}\n")
    with pytest.raises(BadDeviations) as caught:
        parse(text, "own.toml")
    assert str(caught.value).startswith(f"own.toml:5: {why}")


def test_a_region_names_what_the_law_draws() -> None:
    known = parse(KNOWN.replace("number == 9", "nubmer == 9"), "own.toml")
    with pytest.raises(
        BadDeviations, match=r"own\.toml:1: region names nubmer; what TEST-LAW draws is number"
    ):
        check(known, [LAW])
