"""The loops that a project's conftest.py declares, for pytest-asyncio and for anyio."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.backends.declared import look_into
from conformance.backends.discovery import BadBackend, choose
from conformance.book import all_claims
from conformance.claim import Statement
from conformance.judging.effort import Effort
from conformance.judging.judge import judge

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

HOOK = """\
import asyncio

class Fast(asyncio.SelectorEventLoop):
    pass

def pytest_asyncio_loop_factories(config, item):
    return {
        "std": asyncio.new_event_loop,
        "fast": Fast,
        "unnamed": lambda: asyncio.SelectorEventLoop(),
    }
"""

FIXTURE = """\
import asyncio
import pytest

class Fast(asyncio.SelectorEventLoop):
    pass

@pytest.fixture(
    scope="module",
    params=[
        "asyncio",
        ("asyncio", {"debug": True}),
        ("asyncio", {"use_uvloop": True}),
        ("asyncio", {"loop_factory": Fast}),
        pytest.param(("asyncio", {"loop_factory": lambda: Fast(), "debug": True}), id="checked"),
        ("trio", {"restrict_keyboard_interrupt_to_checkpoints": True}),
    ],
    ids=[None, "careful", None, None, None, None],
)
def anyio_backend(request):
    return request.param
"""

Project = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Writes the files of a project, each with modules of its own, and goes there."""
    known = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def write(**files: str) -> Path:
        for name, text in files.items():
            path = tmp_path / f"{name.replace('__', '/', 1)}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return tmp_path

    yield write
    for name in set(sys.modules) - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def names(spec: str) -> dict[str, str | None]:
    return {each.declared.name: each.declared.builtin for each in look_into(spec)}


def test_the_hook_of_pytest_asyncio(project: Project) -> None:
    project(conftest=HOOK)
    assert names("conftest.py") == {"std": "asyncio", "fast": None, "unnamed": None}
    backends = choose([], ["conftest.py"])
    assert [each.name for each in backends] == ["asyncio", "asyncio+fast", "asyncio+unnamed"]
    assert [each.spec for each in backends] == [None, "conftest.py::fast", "conftest.py::unnamed"]
    (one,) = choose([], ["conftest.py::fast"])
    loop = one.new_event_loop()()
    assert type(loop).__name__ == "Fast"
    loop.close()


def test_the_fixture_of_anyio(project: Project) -> None:
    project(conftest=FIXTURE)
    assert names("conftest.py") == {
        "asyncio": "asyncio",
        "careful": "asyncio+debug",
        "asyncio+uvloop": "asyncio+uvloop",
        "Fast": None,
        "checked": None,
        "trio": "trio",
    }
    backends = {each.name: each for each in choose([], ["conftest.py"])}
    assert list(backends) == [
        "asyncio",
        "asyncio+debug",
        "asyncio+uvloop",
        "trio",
        "asyncio+Fast",
        "asyncio+checked",
    ]
    assert backends["asyncio+checked"].debug
    assert not backends["asyncio+Fast"].debug
    assert [each.name for each in choose([], ["conftest.py::careful"])] == ["asyncio+debug"]


@pytest.mark.parametrize(
    ("body", "expect"),
    [
        ('    return "trio"\n', {"trio": "trio"}),
        ('    yield ("asyncio", {})\n', {"asyncio": "asyncio"}),
        (
            '    return ("asyncio", {"loop_factory": asyncio.SelectorEventLoop})\n',
            {"_UnixSelectorEventLoop": None},
        ),
        (
            '    return ("asyncio", {"use_uvloop": True, "debug": True})\n',
            {"uvloop+debug": None},
        ),
    ],
)
def test_a_fixture_without_params(
    project: Project, body: str, expect: dict[str, str | None]
) -> None:
    project(
        conftest=f"import asyncio, pytest\n\n@pytest.fixture\ndef anyio_backend():\n{body}",
    )
    if sys.platform != "win32":
        assert names("conftest.py") == expect


def test_ids_may_be_a_function(project: Project) -> None:
    project(
        conftest="""\
        import asyncio, pytest
        class A(asyncio.SelectorEventLoop): pass
        class B(asyncio.SelectorEventLoop): pass
        @pytest.fixture(
            params=[("asyncio", {"loop_factory": A}), ("asyncio", {"loop_factory": B})],
            ids=lambda param: "first" if param[1]["loop_factory"] is A else None,
        )
        def anyio_backend(request): return request.param
        """
    )
    assert list(names("conftest.py")) == ["first", "B"]


def test_both_ways_in_one_file_and_a_name_that_is_taken(project: Project) -> None:
    project(
        conftest="""\
        import asyncio, pytest
        class A(asyncio.SelectorEventLoop): pass
        class B(asyncio.SelectorEventLoop): pass
        def pytest_asyncio_loop_factories():
            return {"A": A, "mine": A}
        @pytest.fixture(params=[
            ("asyncio", {"loop_factory": A}),
            pytest.param(("asyncio", {"loop_factory": B}), id="mine"),
        ])
        def anyio_backend(request): return request.param
        """
    )
    assert list(names("conftest.py")) == ["A", "mine", "mine-2"]
    (second,) = choose([], ["conftest.py::mine-2"])
    assert second.name == "asyncio+mine-2"
    made = second.new_event_loop()()
    assert type(made).__name__ == "B"
    made.close()


def test_a_name_of_a_built_in_backend_is_not_taken_from_it(project: Project) -> None:
    project(
        conftest="""\
        import asyncio
        class Loop(asyncio.SelectorEventLoop): pass
        def pytest_asyncio_loop_factories(config, item):
            return {"uvloop": Loop}
        """
    )
    (backend,) = choose([], ["conftest.py"])
    assert backend.name == "asyncio+conftest.py::uvloop"


def test_a_name_can_be_shown_and_typed(project: Project) -> None:
    project(
        conftest="""\
        import asyncio
        class Loop(asyncio.SelectorEventLoop): pass
        def pytest_asyncio_loop_factories(config, item):
            names = ["red \\x1b[31m\\n\\u202eloop", "", "x" * 3000, "x" * 4000]
            return {name: type(str(i), (Loop,), {}) for i, name in enumerate(names)}
        """
    )
    found = names("conftest.py")
    assert list(found) == [r"red \x1b[31m \u202eloop", "1", "x" * 80, f"{'x' * 80}-2"]
    for name in found:
        (backend,) = choose([], [f"conftest.py::{name}"])
        assert backend.spec == f"conftest.py::{name}"


@pytest.mark.parametrize(
    ("text", "spec", "says"),
    [
        ("", "nowhere.py", "there is no file nowhere.py in "),
        (
            "raise ValueError('not\\ntoday')",
            "conftest.py",
            "cannot import conftest.py: ValueError: ",
        ),
        ("import sys; sys.exit(4)", "conftest.py", "cannot import conftest.py: SystemExit: 4"),
        ("", "conftest.py", "neither pytest-asyncio's hook pytest_asyncio_loop_factories("),
        ("", "conftest.py", "nor anyio's fixture anyio_backend"),
        (HOOK, "conftest.py::fats", "declares no loop 'fats': there is std, fast, unnamed"),
        (
            "def pytest_asyncio_loop_factories(config, item):\n    return config.option.loops\n",
            "conftest.py",
            "pytest_asyncio_loop_factories(None, None) of conftest.py raised AttributeError",
        ),
        (
            "def pytest_asyncio_loop_factories():\n    return [1]\n",
            "conftest.py",
            "returned list: it must return a mapping of names to loop factories",
        ),
        (
            "def pytest_asyncio_loop_factories():\n    return {'x': 1}\n",
            "conftest.py",
            "conftest.py::x is not callable",
        ),
        (
            "def pytest_asyncio_loop_factories():\n    return {'x': dict}\n",
            "conftest.py",
            "conftest.py::x() returned dict, which is no asyncio event loop",
        ),
        ("anyio_backend = 'asyncio'\n", "conftest.py", "is no pytest fixture"),
        (
            "import pytest\n@pytest.fixture\ndef anyio_backend(request): return 1\n",
            "conftest.py",
            "takes arguments and has no params",
        ),
        (
            "import pytest\n@pytest.fixture\ndef anyio_backend(): return 'curio'\n",
            "conftest.py",
            "gives 'curio', which anyio does not take",
        ),
    ],
)
@pytest.mark.parametrize("apart", [False, True])
def test_what_cannot_be_had_is_told_in_one_line(
    project: Project, text: str, spec: str, says: str, apart: bool
) -> None:
    project(conftest=text)
    with pytest.raises(BadBackend) as caught:
        choose([], [spec], apart=apart)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_process_sees_the_same(project: Project) -> None:
    project(conftest=FIXTURE + "\n\n" + HOOK)
    here, apart = choose([], ["conftest.py"]), choose([], ["conftest.py"], apart=True)
    assert [(each.name, each.spec, each.script_style, each.debug) for each in here] == [
        (each.name, each.spec, each.script_style, each.debug) for each in apart
    ]


def test_a_file_in_a_package_and_one_with_modules_beside_it(project: Project) -> None:
    project(
        pkg____init__="",
        pkg__loops="import asyncio\nclass Loop(asyncio.SelectorEventLoop): pass\n",
        pkg__conftest=(
            "from .loops import Loop\n"
            "def pytest_asyncio_loop_factories(config, item): return {'packaged': Loop}\n"
        ),
        beside__loop="import asyncio\nclass Loop(asyncio.SelectorEventLoop): pass\n",
        beside__conftest=(
            "from loop import Loop\n"
            "def pytest_asyncio_loop_factories(config, item): return {'beside': Loop}\n"
        ),
    )
    backends = choose([], ["pkg/conftest.py", "beside/conftest.py"])
    assert [(each.name, each.script_style) for each in backends] == [
        ("asyncio+packaged", "loop:pkg.loops:Loop"),
        ("asyncio+beside", "path:beside:loop:Loop"),
    ]


def _refuted(library: str) -> Statement:
    (claim,) = (claim for claim in all_claims() if claim.id == "NEST-03")
    return {str(name): statement for name, statement in claim.statements.items()}[library]


@pytest.mark.parametrize("library", ["asyncio", "anyio"])
@pytest.mark.parametrize("folder", [".", "tests"])
def test_a_counterexample_runs_by_itself_in_the_project(
    project: Project, library: str, folder: str
) -> None:
    # A fixture whose factory has no name of its own, a hook's likewise, and one with a name.
    text = FIXTURE + "\n\n" + HOOK
    here = project(**{"conftest" if folder == "." else f"{folder}__conftest": text})
    backends = [
        each for each in choose([], [f"{folder}/conftest.py"]) if each.spec and not each.virtual
    ]
    assert len(backends) == 4
    for backend in backends:
        found = judge(_refuted(library), backend, Effort(25)).counterexample
        assert found is not None
        (here / "shown.py").write_text(found.script)
        ran = subprocess.run(
            [sys.executable, "-W", "error", "shown.py"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 1, f"{found.script}\n{ran.stderr}"
        assert ran.stderr.strip() == found.text.splitlines()[-1]


@pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="uvloop is not installed")
def test_uvloop_in_debug_mode(project: Project) -> None:
    project(
        conftest="""\
        import pytest
        @pytest.fixture
        def anyio_backend(): return ("asyncio", {"use_uvloop": True, "debug": True})
        """
    )
    (backend,) = choose([], ["conftest.py"])
    assert (backend.name, backend.debug) == ("asyncio+uvloop+debug", True)
    assert backend.script_style == "debug+uvloop"
    assert not backend.virtual
