"""The pytest plugin, from the outside."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).with_name("example.py")


@pytest.fixture
def claims(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project whose one test module states the example claims."""
    shutil.copy(EXAMPLE, pytester.path / "test_claims.py")
    pytester.makepyprojecttoml(
        "[tool.pytest.ini_options]\nfilterwarnings = ['error']\n"
        "asyncio_default_fixture_loop_scope = 'function'\n"
    )
    return pytester


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)


def test_each_claim_is_one_item_for_each_runtime(claims: pytest.Pytester) -> None:
    result = run(
        claims,
        "--collect-only",
        "-q",
        "-k",
        "TEST-TRUE",
        "--conformance-backend",
        "asyncio",
        "--conformance-backend",
        "trio",
    )
    names = [line.partition("::")[2] for line in result.outlines if "::" in line]
    assert names == [
        "TEST-TRUE[asyncio]",
        "TEST-TRUE[anyio/asyncio]",
        "TEST-TRUE[anyio/trio]",
        "TEST-TRUE[trio]",
    ]


def test_a_verdict_as_expected_passes_whatever_it_is(claims: pytest.Pytester) -> None:
    result = run(
        claims, "-k", "TRUE or FALSE or LOOSE or UNFAIR", "--conformance-backend", "asyncio"
    )
    result.assert_outcomes(passed=7)


@pytest.mark.parametrize(
    ("claim", "says"),
    [
        ("TEST-VACUOUS", "*'it happened' came true in 1 of 10 examples*"),
        ("TEST-QUIET", "*every task waits*"),
        ("TEST-BROKEN", "*ZeroDivisionError: number 0*"),
        ("TEST-UNRECORDED", "*nothing is on record*"),
    ],
)
def test_anything_else_fails_and_says_why(claims: pytest.Pytester, claim: str, says: str) -> None:
    result = run(
        claims, "-k", claim, "--conformance-backend", "asyncio", "--conformance-library", "asyncio"
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            f"*{claim} on asyncio: *",
            "*  claim     *",
            "*  source    *",
            "*  expected  *",
            "*  found     *",
            "*what to do: *",
            f"*conformance run {claim} --backend asyncio *",
        ]
    )
    result.stdout.fnmatch_lines([says])


def test_an_inverted_expectation_fails_with_the_counterexample(claims: pytest.Pytester) -> None:
    module = claims.path / "test_claims.py"
    module.write_text(module.read_text().replace('expect=refuted("four is")', "expect=holds()"))
    result = run(
        claims,
        "-k",
        "TEST-FALSE and not ALL",
        "--conformance-backend",
        "trio",
        "--conformance-library",
        "trio",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*TEST-FALSE on trio: expected holds, found refuted*",
            "*No number is above three.*",
            "*the smallest counterexample:*",
            "*number = 4*",
            "*4 is above three*",
            "*what to do: find out which is wrong, the runtime or the record.*",
            "*conformance run TEST-FALSE --backend trio --library trio --examples 100 --seed 0*",
        ]
    )


def test_the_options_choose(claims: pytest.Pytester) -> None:
    result = run(
        claims,
        "--collect-only",
        "-q",
        "--conformance-claim",
        "TEST-T*",
        "--conformance-loop",
        "asyncio:SelectorEventLoop",
    )
    names = [line.partition("::")[2] for line in result.outlines if "::" in line]
    assert names == [
        "TEST-TRUE[asyncio+SelectorEventLoop]",
        "TEST-TRUE[anyio/asyncio+SelectorEventLoop]",
    ]


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (("--conformance-backend", "asincio"), "*no backend 'asincio': there is asyncio, *"),
        (("--conformance-loop", "nowhere:loop"), "*cannot import 'nowhere'*"),
        (("--conformance-examples", "0"), "*takes a whole number from 1 on*"),
    ],
)
def test_a_wrong_option_is_a_usage_error(
    claims: pytest.Pytester, option: tuple[str, str], says: str
) -> None:
    result = run(claims, *option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([says])


def test_it_is_inert_where_there_are_no_claims(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from hypothesis import given, settings, strategies as st

        before = settings.default

        @given(st.integers())
        def test_mine(number):
            assert settings.default is before
        """
    )
    result = run(pytester, "-p", "no:asyncio")
    result.assert_outcomes(passed=1)
    assert "conformance:" not in result.stdout.str()


def test_a_session_without_claims_imports_nothing_of_what_judging_needs() -> None:
    """Whoever has the package installed loads the plugin in every session of theirs."""
    heavy = {"anyio", "black", "hypothesis", "jsonschema", "rich", "tomlkit", "trio"}
    code = f"import sys, conformance.judging.plugin; print({heavy} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


def test_an_object_that_may_not_be_touched_is_left_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        class Proxy:
            def __getattribute__(self, name):
                raise RuntimeError("outside of the application's context")

        test_proxy = Proxy()

        def test_mine():
            pass
        """
    )
    # pytest itself touches what is called test_...; a proxy of another name is ours alone to spare.
    module = pytester.path / "test_an_object_that_may_not_be_touched_is_left_alone.py"
    module.write_text(module.read_text().replace("test_proxy", "request"))
    run(pytester, "-p", "no:asyncio").assert_outcomes(passed=1)


def test_a_session_says_how_hard_it_tries(claims: pytest.Pytester) -> None:
    result = run(claims, "--collect-only", "--conformance-size", "1")
    result.stdout.fnmatch_lines(["conformance: seed 0, 100 examples, all programs up to size 1"])


def test_a_claim_that_is_imported_is_not_collected_again(claims: pytest.Pytester) -> None:
    claims.makepyfile(test_other="from test_claims import TRUE\n\ndef test_here(): pass\n")
    result = run(claims, "-q", "test_other.py")
    result.assert_outcomes(passed=1)


def test_last_failed_and_exit_first(claims: pytest.Pytester) -> None:
    options = ("--conformance-backend", "asyncio", "--conformance-library", "asyncio")
    first = claims.runpytest_inprocess("-k", "TRUE or BROKEN or UNRECORDED", *options)
    first.assert_outcomes(passed=1, failed=2)
    again = claims.runpytest_inprocess("--lf", *options)
    again.assert_outcomes(failed=2)
    only = claims.runpytest_inprocess("--lf", "-x", *options)
    only.assert_outcomes(failed=1)


def test_under_xdist(claims: pytest.Pytester) -> None:
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    result = claims.runpytest_subprocess(
        "-n", "2", "-k", "TRUE or FALSE", "--conformance-backend", "asyncio"
    )
    result.assert_outcomes(passed=5)


def test_junit_has_the_claims_ids(claims: pytest.Pytester) -> None:
    run(claims, "-k", "TEST-TRUE", "--conformance-backend", "asyncio", "--junitxml", "junit.xml")
    text = (claims.path / "junit.xml").read_text()
    assert 'name="TEST-TRUE[anyio/asyncio]"' in text
