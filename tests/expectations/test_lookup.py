"""The one condition language."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
import tomlkit

from conformance.book import all_claims
from conformance.claim import Claim, Expect, holds, refuted
from conformance.conditions import PACKAGES, PYTHONS, BadCondition, fits, installed_version
from conformance.expectations.lookup import expectation


@pytest.mark.parametrize(
    ("condition", "is_true"),
    [
        ("", True),
        ("python>=3.10", True),
        ("python<3", False),
        ("python>=3.10,python<3", False),
        ("python>=3.10, anyio>=1", True),
        ("Python>=3.10, PyTest>=1, pytest_asyncio!=0.0", True),
        ("winloop<0", False),
        ("uvloop<0", False),
        (f"python=={platform.python_version()}", True),
    ],
)
def test_conditions(condition: str, is_true: bool) -> None:
    assert fits(condition) is is_true


def test_the_implementation_is_a_name() -> None:
    here = platform.python_implementation().lower()
    other = "pypy" if here == "cpython" else "cpython"
    assert fits(f"{here}>=3")
    assert not fits(f"{other}>=3")


@pytest.mark.parametrize(
    "condition", ["python", ">=3.10", "python>=3.10,<3.12", "python ~= x", "a b>=1"]
)
def test_anything_else_is_refused(condition: str) -> None:
    with pytest.raises(BadCondition):
        fits(condition)


@pytest.mark.parametrize("condition", ["uvlop<1", "python>=3.10,no-such-package>=0", "jython>=2"])
def test_a_package_that_nobody_knows_is_refused(condition: str) -> None:
    with pytest.raises(BadCondition, match=r"is neither installed nor known; there is python, "):
        fits(condition)


def test_what_the_package_depends_on_is_known_installed_or_not() -> None:
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    project = tomlkit.parse(text).unwrap()["project"]
    extras = {name for name in project["optional-dependencies"] if name != "all"}
    assert extras <= set(PACKAGES)
    for name in (*PYTHONS, *extras):
        fits(f"{name}>=0")


def test_the_first_that_fits_is_the_one() -> None:
    claim = Claim("TEST-FIRST", "First wins.", source="a test")

    def test() -> None: ...

    claim.states(
        "asyncio",
        expect=(
            refuted("never", when="python<3"),
            refuted("only there", on=("asyncio+eager",)),
            holds("everywhere else"),
        ),
        antecedents=(),
    )(test)
    statement = claim.statements["asyncio"]
    assert (found := expectation(statement, "asyncio")) is not None
    assert found.why == "everywhere else"
    assert (found := expectation(statement, "asyncio+eager")) is not None
    assert found.why == "only there"


def test_what_is_no_answer_cannot_be_expected() -> None:
    with pytest.raises(ValueError, match="no answer"):
        Expect("hung", "it always does")


@pytest.mark.parametrize("claim", all_claims(), ids=lambda claim: claim.id)
def test_every_condition_in_the_law_book_is_understood(claim: Claim) -> None:
    for statement in claim.statements.values():
        for expect in statement.on_record:
            fits(expect.when)


def test_versions() -> None:
    assert installed_version("python") == platform.python_version()
    assert installed_version("no-such-package") is None
