"""Somebody else's project: it has an event loop, and of this one nothing but the built wheel."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LOOP = """
import asyncio


class Loop(asyncio.SelectorEventLoop):
    pass


def new_event_loop():
    return Loop()
"""

PROJECT = """
[project]
name = "mypkg"
version = "1.0"

[project.entry-points."conformance.backends"]
mypkg = "mypkg:new_event_loop"
"""

SOME = "LAW-NEST-0*"
"""The claims that are judged here: which they are says nothing about the way there."""


class Project:
    """A folder with the project, and an environment in which it and the wheel are installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        (self.folder / "mypkg.py").write_text(LOOP, encoding="utf-8")
        (self.folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
        venv.create(folder / "venv", with_pip=True)
        self.bin = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
        self.wheels = folder / "wheels"

    def run(self, command: str, code: int = 0) -> str:
        """What ``command`` prints in the project's folder; it must end with ``code``."""
        words = shlex.split(command)
        done = subprocess.run(
            [str(self.bin / words[0]), *words[1:]],
            cwd=self.folder,
            env={
                "PATH": os.pathsep.join([str(self.bin), os.environ["PATH"]]),
                "PYTHONIOENCODING": "utf-8",
                **{name: os.environ[name] for name in ("HOME", "SYSTEMROOT") if name in os.environ},
            },
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == code, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("scratch"))
    made.run(f"pip wheel --quiet --no-deps --wheel-dir {made.wheels} {ROOT}")
    (wheel,) = made.wheels.glob("cancellation_conformance-*.whl")
    # The newest Hypothesis has no wheel for every Python here, and needs a compiler then.
    made.run(f"pip install --quiet --prefer-binary {wheel}")
    made.run("pip install --quiet .")
    return made


def test_one_command_gives_the_matrix(project: Project) -> None:
    shown = project.run(f"conformance run --loop mypkg:new_event_loop {SOME}")
    assert "asyncio+mypkg" in shown
    assert "LAW-NEST-03" in shown
    assert "0 not as expected" in shown


def test_the_suite_runs_in_its_own_pytest(project: Project) -> None:
    options = "-q -k LAW-NEST-0 --conformance-loop mypkg:new_event_loop"
    shown = project.run(f"pytest --pyargs conformance.claims {options}")
    assert re.search(r"^\d+ passed", shown, re.MULTILINE), shown


def test_the_entry_point_makes_it_a_backend(project: Project) -> None:
    shown = project.run(f"conformance run --backend asyncio+mypkg {SOME}")
    assert "0 not as expected" in shown


def test_what_the_page_tells_a_ci_to_run_does_run(project: Project) -> None:
    """Each `run:` of the snippet, but for the installation: the package is not on an index yet."""
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    commands = re.findall(r"- run: (.+)", page)
    assert commands[0].startswith("pip install . 'cancellation-conformance @ git+https://")
    for command in commands[1:]:
        project.run(f"{command} {SOME}")
    record = json.loads((project.folder / "conformance.json").read_text(encoding="utf-8"))
    assert {each["runtime"] for each in record["verdicts"]} == {
        "asyncio+mypkg",
        "anyio/asyncio+mypkg",
    }
    assert (project.folder / "conformance.xml").exists()


def test_a_known_bug_is_put_on_record_and_then_the_run_is_green(project: Project) -> None:
    (project.folder / "broken.py").write_text(
        "import asyncio\n\n\n"
        "class Task(asyncio.Task):\n"
        "    def uncancel(self):\n"
        "        return self.cancelling()\n\n\n"
        "def new_event_loop():\n"
        "    loop = asyncio.SelectorEventLoop()\n"
        "    loop.set_task_factory(lambda loop, coro, **more: Task(coro, loop=loop, **more))\n"
        "    return loop\n",
        encoding="utf-8",
    )
    where = "--loop broken:new_event_loop --library asyncio LAW-NEST-16"
    if sys.version_info < (3, 11, 3):
        pytest.skip("uncancel() came with Python 3.11")
    project.run(f"conformance run {where}", code=1)
    project.run(f"conformance deviations update --deviations known.toml {where}")
    project.run(f"conformance run --deviations known.toml {where}")
