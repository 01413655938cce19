"""What ``conformance explain`` prints."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from rich.console import Console

from conformance.claim import Claim, holds, law, not_applicable, refuted
from conformance.expectations.deviations import Deviation
from conformance.report.explain import expectation_text, explain, show_code
from conformance.verdict import Example, VerdictRecord
from tests.results.samples import verdict


@drawn(depth=st.integers())
async def asking(depth: int) -> None:
    """What a claim says, as a test."""
    assert depth < 0


def law_book() -> tuple[Claim, Claim]:
    """A claim and its law.  Made here: pytest would judge those that a module holds."""
    claim = Claim("NEST-03", "Asking [it] tells.", "§4", instead=("LAW-NEST-03", "LAW-NONE"))
    expect = (
        not_applicable("there is none", when="python<3.11", on=("asyncio+eager",)),
        refuted("it is not so", issue="https://github.com/python/cpython/issues/1"),
    )
    claim.states("asyncio", "anyio", expect=expect, antecedents=("asked",))(asking)
    claim.not_applicable("trio", because="no task there", missing=("trio.no_such_name",))
    instead = law("LAW-NEST-03", "Counting tells.", source="https://docs.python.org")
    instead.states("asyncio", expect=holds(), antecedents=())(lambda: None)
    return claim, instead


SCRIPT = f'''import asyncio


async def main():
    print("{"a long line " * 12}[bold]{{}}[/bold] :smile: {{}}".format(1, 2), "\\x1b" == chr(27))


asyncio.run(main())
'''


def explained(
    claim: Claim | None = None, verdicts: list[VerdictRecord] | None = None, **options: bool
) -> str:
    file = io.StringIO()
    console = Console(file=file, width=100, _environ={}, **options)  # type: ignore[arg-type]  # the options are all bools
    book = law_book()
    explain(
        claim or book[0],
        console,
        claims=book,
        verdicts=verdicts or [],
        judged_on="Python 3.13, seed 0",
    )
    return file.getvalue()


def given() -> list[VerdictRecord]:
    """Verdicts as a run gives them, with those of another claim among them."""
    counterexample = {"script": SCRIPT, "text": "depth = 0\nit was [False]"}
    return [
        verdict("NEST-03", "trio", "not-applicable", "not-applicable", examples=1),
        verdict("NEST-03", "asyncio+debug", "refuted", "refuted", counterexample=counterexample),
        verdict("NEST-03", "asyncio", "refuted", "refuted", counterexample=counterexample),
        verdict("NEST-03", "anyio/asyncio", "holds", "refuted", exhaustive=True, examples=1944),
        verdict("GATHER-01", "asyncio", "crashed"),
    ]


def test_a_claim_is_explained_like_this() -> None:
    text = explained(None, given())
    before, script, after = text.partition(SCRIPT)
    assert script, text
    assert before.splitlines() == [
        "NEST-03: an article claim",
        "Asking [it] tells.",
        "",
        "source: §4",
        "",
        "verdicts on record",
        "  asyncio",
        "    not-applicable on asyncio+eager where python<3.11: there is none",
        "    refuted otherwise: it is not so (https://github.com/python/cpython/issues/1)",
        "  anyio",
        "    not-applicable on asyncio+eager where python<3.11: there is none",
        "    refuted otherwise: it is not so (https://github.com/python/cpython/issues/1)",
        "  trio",
        "    not-applicable: no task there",
        "",
        "verdicts given on Python 3.13, seed 0",
        "  asyncio: refuted (100 examples)",
        "  asyncio+debug: refuted (100 examples)",
        "  anyio/asyncio: holds (all 1,944 cases), expected refuted",
        "  trio: not-applicable (1 example)",
        "",
        "true instead",
        "  LAW-NEST-03: Counting tells.",
        "  LAW-NONE",
        "",
        "the smallest counterexample on asyncio",
        "  depth = 0",
        "  it was [False]",
        "",
        "As a program that runs by itself:",
        "",
    ]
    assert after.splitlines()[:3] == [
        "",
        "the code for asyncio and anyio",
        f"# {__name__}, line {_line('@drawn(depth=st.integers())')}",
    ]
    assert 'async def asking(depth: int) -> None:\n    """What' in after
    assert "for trio" not in after


def _line(text: str) -> int:
    return Path(__file__).read_text(encoding="utf-8").splitlines().index(text) + 1


def test_a_law_says_which_claims_it_stands_in_for() -> None:
    text = explained(law_book()[1])
    assert text.startswith("LAW-NEST-03: a law\nCounting tells.\n")
    assert "stands in for\n  NEST-03: Asking [it] tells.\n" in text
    assert "    holds\n" in text


def test_a_script_can_be_cut_out_and_run(tmp_path: Path) -> None:
    text = explained(None, given())
    start = text.index("import asyncio\n")
    end = text.index("asyncio.run(main())\n") + len("asyncio.run(main())\n")
    path = tmp_path / "script.py"
    path.write_text(text[start:end], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, path], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    assert done.stdout.endswith("[bold]1[/bold] :smile: 2 True\n")


@pytest.mark.parametrize("terminal", [False, True])
def test_colours_are_for_terminals(terminal: bool) -> None:
    assert ("\x1b" in explained(None, given(), force_terminal=terminal)) is terminal


def test_on_a_terminal_too_the_code_is_neither_wrapped_nor_indented() -> None:
    file = io.StringIO()
    show_code(Console(file=file, width=20, force_terminal=True, _environ={}), SCRIPT)
    plain = "".join(
        part.partition("m")[2] if place else part
        for place, part in enumerate(file.getvalue().split("\x1b["))
    )
    assert plain == SCRIPT


@drawn(
    st.text(
        st.characters(exclude_categories=["C"], exclude_characters="\u2028\u2029"), max_size=200
    )
)
def test_what_is_piped_is_the_code_as_it_is(code: str) -> None:
    file = io.StringIO()
    show_code(Console(file=file, width=20), code)
    assert file.getvalue() == code + "\n"


def test_code_that_is_nowhere_is_said_to_be() -> None:
    claim = Claim("NEST-99", "…", "§4")
    space: dict[str, object] = {"__name__": "nowhere"}
    # A function without a file is what is tested; "<string>" has a source where "python -c" ran.
    exec(compile("def test(): pass", "<nowhere>", "exec"), space)  # noqa: S102  # a function without a file needs code without one
    claim.states("asyncio", antecedents=())(space["test"])  # type: ignore[type-var]  # made by exec, and callable
    assert "the source of nowhere is not here" in explained(claim)
    assert "  asyncio\n    none\n" in explained(claim)


def test_an_example_is_shown_with_its_runtime() -> None:
    file = io.StringIO()
    example = Example(script=SCRIPT, text="program:\n    [it] waits")
    explain(law_book()[1], Console(file=file, _environ={}), examples=[("anyio/trio", example)])
    shown = file.getvalue()
    assert "an example of what is judged on anyio/trio\n  program:\n      [it] waits\n" in shown
    assert f"As a program that runs by itself:\n\n{SCRIPT}" in shown


def test_an_expectation_is_one_line() -> None:
    assert expectation_text(holds("it is", when="anyio<4.5")) == "holds where anyio<4.5: it is"
    assert expectation_text(holds(), last=True) == "holds otherwise"


def test_a_law_names_its_deviations() -> None:
    _, instead = law_book()
    deviation = Deviation(
        "hung",
        "it forgets",
        "python<3.12",
        ("asyncio+mine",),
        "https://example.org/1",
        claim=instead.id,
        library="asyncio",
        file="own.toml",
        first=3,
        last=9,
    )
    file = io.StringIO()
    explain(instead, Console(file=file, width=200, _environ={}), deviations=[deviation])
    assert (
        "  asyncio\n"
        "    hung on asyncio+mine where python<3.12: it forgets (https://example.org/1) [a known "
        "deviation: lines 3-9 of own.toml]\n"
        "    holds otherwise\n"
    ) in file.getvalue()
