"""Claims are ordinary tests: they say the same where people test, without a line of this suite's plugin."""

from __future__ import annotations

import inspect
import os
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from conformance.book import all_claims
from conformance.claim import Library, Statement
from conformance.expectations.lookup import expectation

ROOT = Path(__file__).parents[2]

needs_pytest_asyncio = pytest.mark.skipif(
    find_spec("pytest_asyncio") is None, reason="pytest-asyncio is not installed"
)

UVLOOP = ["asyncio+uvloop"] if find_spec("uvloop") is not None else []

SETTINGS = """
from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "plain",
    database=None,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # whether it fails is asked, not the smallest example
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("plain")
"""

LOOP_FACTORIES = """
import asyncio

def pytest_asyncio_loop_factories(config, item):
    factories = {"asyncio": asyncio.new_event_loop}
    try:
        import uvloop
    except ImportError:
        pass
    else:
        factories["asyncio+uvloop"] = uvloop.new_event_loop
    return factories
"""

ANYIO_BACKENDS = """
import pytest

BACKENDS = {
    "asyncio": ("asyncio", {}),
    "asyncio+debug": ("asyncio", {"debug": True}),
    "asyncio+uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}

def backends(*names):
    @pytest.fixture(scope="module", params=[pytest.param(BACKENDS[name], id=name) for name in names])
    def anyio_backend(request):
        return request.param

    return anyio_backend
"""


def plain(statement: Statement) -> bool:
    """Whether the statement's test is an async one that needs nothing but the module ``library``."""
    drawn = getattr(statement.test, "hypothesis", None)
    return (
        drawn is not None
        and inspect.iscoroutinefunction(drawn.inner_test)
        and set(inspect.signature(statement.test).parameters) <= {"library"}
        and not statement.io
    )


def sample(library: Library, backend: str) -> Iterator[Statement]:
    """One claim of each chapter that holds on ``backend``, and one that is refuted: the first of each."""
    chosen = set()
    for claim in all_claims():
        statement = claim.statements.get(library)
        if statement is None or not plain(statement) or claim.chapter == "testing":
            continue
        expected = expectation(statement, backend)
        kind = (claim.chapter, expected.verdict if expected else "nothing")
        if kind[1] in ("holds", "refuted") and kind not in chosen:
            chosen.add(kind)
            yield statement


def name_of(statement: Statement) -> str:
    return f"test_{statement.claim.id.replace('-', '_')}"


def as_tests(statements: Sequence[Statement], library: Library, mark: str) -> str:
    """A test module that imports the claims' functions and marks them: nothing else is done to them."""
    lines = [
        "import pytest",
        f"import {library} as the_library",
        "",
        "@pytest.fixture(scope='module')",
        "def library():",
        "    return the_library",
        "",
    ]
    for statement in statements:
        module, function = statement.test.__module__, statement.test.__name__
        lines += [
            f"from {module} import {function} as claim",
            f"{name_of(statement)} = pytest.mark.{mark}(claim)",
        ]
    return "\n".join([*lines, "del claim", ""])


@pytest.fixture(autouse=True)
def only_what_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The inner processes find this checkout, and load no plugin but those they name."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def outcomes(pytester: pytest.Pytester, plugin: str, ini: str, file: Path) -> dict[str, str]:
    """Run ``file`` under ``plugin`` in a process of its own: what each test gave, by its name.

    ``"passed"``, or the first word of what made it fail.
    """
    pytester.makeini(f"[pytest]\n{ini}\n")
    pytester.runpytest_subprocess(
        *("-p", "no:conformance", "-p", "no:cacheprovider", "-p", plugin, "--junitxml=report.xml"),
        file,
        timeout=120,
    )
    found = {}
    for case in ET.parse(pytester.path / "report.xml").iter("testcase"):
        trouble = [each for kind in ("failure", "error", "skipped") for each in case.iter(kind)]
        found[str(case.get("name"))] = (
            str(trouble[0].get("message")).partition("\n")[0] if trouble else "passed"
        )
    return found


def check(statement: Statement, backend: str, outcome: str) -> None:
    """A claim that holds passes as a plain test; one that is refuted fails with its own message."""
    expected = expectation(statement, backend)
    assert expected is not None
    where = f"{statement.claim.id} on {backend}, which is on record as {expected.verdict}"
    if expected.verdict == "holds":
        assert outcome == "passed", f"{where}: {outcome}"
    else:
        assert outcome.startswith("AssertionError"), f"{where}: {outcome}"


@needs_pytest_asyncio
@pytest.mark.parametrize("library", ["asyncio", "anyio"])
def test_claims_run_unchanged_under_pytest_asyncio(
    pytester: pytest.Pytester, library: Library
) -> None:
    """In strict mode, once for each of its loop factories."""
    statements = list(sample(library, "asyncio"))
    pytester.makeconftest(SETTINGS + LOOP_FACTORIES)
    file = pytester.makepyfile(as_tests(statements, library, "asyncio"))
    found = outcomes(
        pytester,
        "pytest_asyncio.plugin",
        "asyncio_mode = strict\nasyncio_default_fixture_loop_scope = function",
        file,
    )
    backends = ["asyncio", *UVLOOP]
    assert len(found) == len(statements) * len(backends)
    for statement in statements:
        for backend in backends:
            # With one factory alone, pytest-asyncio leaves the name of the test as it is.
            suffix = f"[{backend}]" if len(backends) > 1 else ""
            check(statement, backend, found[f"{name_of(statement)}{suffix}"])


@pytest.mark.parametrize(
    ("library", "backends"),
    [
        ("asyncio", ["asyncio", "asyncio+debug", *UVLOOP]),
        ("anyio", ["asyncio", "asyncio+debug", *UVLOOP, "trio"]),
        ("trio", ["trio"]),
    ],
    ids=["asyncio", "anyio", "trio"],
)
def test_claims_run_unchanged_under_anyio(
    pytester: pytest.Pytester, library: Library, backends: list[str]
) -> None:
    """In strict mode, on each backend and its options."""
    statements = list(sample(library, backends[0]))
    pytester.makeconftest(SETTINGS)
    pytester.makepyfile(backends=ANYIO_BACKENDS)
    file = pytester.makepyfile(
        f"from backends import backends\nanyio_backend = backends(*{backends})\n"
        + as_tests(statements, library, "anyio")
    )
    found = outcomes(pytester, "anyio.pytest_plugin", "anyio_mode = strict", file)
    assert len(found) == len(statements) * len(backends)
    for statement in statements:
        for backend in backends:
            check(statement, backend, found[f"{name_of(statement)}[{backend}]"])


def test_the_sample_is_of_every_chapter_and_of_both_verdicts() -> None:
    """An empty sample would show nothing."""
    # These chapters are ordinary functions that run loops of their own, or do I/O.
    others = {"testing", "programs", "loop", "io"}
    chapters = {claim.chapter for claim in all_claims()} - others
    chosen = [
        (statement.claim.chapter, expected.verdict)
        for statement in sample("asyncio", "asyncio")
        if (expected := expectation(statement, "asyncio")) is not None
    ]
    assert set(chosen) == {
        (chapter, verdict) for chapter in chapters for verdict in ("holds", "refuted")
    }


FRESH = next(claim for claim in all_claims() if claim.id == "LAW-TESTING-10")


@needs_pytest_asyncio
def test_a_fresh_loop_for_each_example_is_what_our_driver_adds(pytester: pytest.Pytester) -> None:
    """The claim about it holds here and under anyio's plugin; pytest-asyncio's examples share a loop."""
    statement = FRESH.statements["asyncio"]
    pytester.makeconftest(SETTINGS)
    file = pytester.makepyfile(as_tests([statement], "asyncio", "asyncio"))
    ini = "asyncio_mode = strict\nasyncio_default_fixture_loop_scope = function"
    found = outcomes(pytester, "pytest_asyncio.plugin", ini, file)
    assert "of an earlier example lived on into this one" in found[name_of(statement)]

    file = pytester.makepyfile(
        "import pytest\n@pytest.fixture(scope='module')\ndef anyio_backend():\n    return 'asyncio'\n"
        + as_tests([statement], "asyncio", "anyio")
    )
    found = outcomes(pytester, "anyio.pytest_plugin", "anyio_mode = strict", file)
    assert found == {name_of(statement): "passed"}
