"""Inside a project's own pytest: what its conftest.py declares is judged where that is asked for."""

from __future__ import annotations

import sys

import pytest

CONFTEST = """\
import asyncio, pytest

class Mine(asyncio.SelectorEventLoop):
    pass

@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories(config, item):
    return {"std": asyncio.new_event_loop, "mine": Mine}
"""
CLAIMS = ("--pyargs", "conformance.claims.propagation", "--conformance-claim=NEST-03")


def _names(ran: pytest.RunResult) -> set[str]:
    return {
        line.rpartition("::")[2]
        for line in ran.outlines
        if "::NEST-03[" in line and " " not in line
    }


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST)
    return pytester


def test_a_hook_adds_nothing_by_itself(project: pytest.Pytester) -> None:
    ran = project.runpytest_subprocess(*CLAIMS, "--collect-only", "-q")
    assert "NEST-03[asyncio]" in _names(ran)
    assert not any("mine" in name for name in _names(ran))


def test_a_file_adds_what_it_declares(project: pytest.Pytester) -> None:
    ran = project.runpytest_subprocess(
        *CLAIMS, "--collect-only", "-q", "--conformance-loop=conftest.py"
    )
    assert _names(ran) == {
        "NEST-03[asyncio]",
        "NEST-03[anyio/asyncio]",
        "NEST-03[asyncio+mine]",
        "NEST-03[anyio/asyncio+mine]",
    }
    ran = project.runpytest_subprocess(*CLAIMS, "-q", "--conformance-loop=conftest.py::mine")
    ran.assert_outcomes(passed=2)


def test_a_name_that_is_not_there_is_told_in_one_line(project: pytest.Pytester) -> None:
    ran = project.runpytest_subprocess(*CLAIMS, "--conformance-loop=conftest.py::mnie")
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(["ERROR: conftest.py declares no loop 'mnie': there is std, mine"])


def test_the_projects_own_conftest_is_not_imported_twice(project: pytest.Pytester) -> None:
    project.makeconftest(f"print('imported', flush=True)\n{CONFTEST}")
    ran = project.runpytest_subprocess(
        *CLAIMS,
        "--collect-only",
        "-q",
        "-s",
        "--conformance-loop=conftest.py",
        f"--rootdir={project.path}",
    )
    said = [line for line in ran.outlines if "imported" in line]
    assert len(said) == 1, sys.version
