"""The arrows of the house point one way."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomlkit

from tools import structure

ROOT = structure.PACKAGE  # the checkout, whatever is installed
LEVEL = {name: number for number, name in enumerate(("__main__", *structure.ROOMS))}
FILES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_room_uses_one_above_it(path: Path) -> None:
    room = structure.room_of(path)
    if room == "__init__":
        return
    for name in sorted(structure.imports(path)):
        used = name.split(".")[1]
        assert LEVEL[used] >= LEVEL[room], f"{room} may not use {used}, which is above it"


def test_every_room_is_known() -> None:
    assert set(map(structure.room_of, FILES)) == {*LEVEL, "__init__"}


@pytest.mark.parametrize("room", ["conformance", "tests", "tools", "benchmarks"])
def test_no_file_is_long(room: str) -> None:
    for path in (ROOT.parent / room).rglob("*.py"):
        lines = len(path.read_text("utf-8").splitlines())
        assert lines <= 500, f"{path.relative_to(ROOT.parent)} has {lines} lines: split it"


def test_the_picture_is_up_to_date() -> None:
    assert structure.made() == structure.PAGE.read_text("utf-8"), "run tox -e regenerate"


def test_what_is_cited_is_what_is_built() -> None:
    project = tomlkit.parse((ROOT.parent / "pyproject.toml").read_text("utf-8")).unwrap()["project"]
    cited = (ROOT.parent / "CITATION.cff").read_text("utf-8").splitlines()
    assert f"version: {project['version']}" in cited
    assert f'repository-code: "{project["urls"]["Repository"]}"' in cited
    assert project["urls"]["Repository"] in (ROOT.parent / "docs" / "ci.md").read_text("utf-8")
