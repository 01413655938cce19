"""The arrows of the house point one way."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import tomlkit

import conformance

ROOT = Path(conformance.__file__).parent

# From the top down: a room may use those after it, never those before it.
ROOMS = (
    ("__main__",),
    ("cli",),
    ("report",),
    ("results",),
    ("judging",),
    ("scripts",),
    ("expectations",),
    ("book",),
    ("claims",),
    ("programs",),
    ("toolbox",),
    ("outcomes",),
    ("backends",),
    ("claim",),
    ("conditions",),
    ("ending",),
    ("printable",),
    ("verdict",),
)
LEVEL = {name: number for number, names in enumerate(ROOMS) for name in names}
FILES = sorted(ROOT.rglob("*.py"))


def _room(parts: tuple[str, ...]) -> str:
    return parts[0].removesuffix(".py")


def _imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found.append(str(node.module))
            if node.module == "conformance":
                found += [f"conformance.{name.name}" for name in node.names]
    return [name for name in found if name.startswith("conformance.")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_room_uses_one_above_it(path: Path) -> None:
    room = _room(path.relative_to(ROOT).parts)
    if room == "__init__":
        return
    for name in _imports(path):
        used = name.split(".")[1]
        assert LEVEL[used] >= LEVEL[room], f"{room} may not use {used}, which is above it"


def test_every_room_is_known() -> None:
    assert {_room(path.relative_to(ROOT).parts) for path in FILES} == {*LEVEL, "__init__"}


def test_what_is_cited_is_what_is_built() -> None:
    project = tomlkit.parse((ROOT.parent / "pyproject.toml").read_text("utf-8")).unwrap()["project"]
    cited = (ROOT.parent / "CITATION.cff").read_text("utf-8").splitlines()
    assert f"version: {project['version']}" in cited
    assert f'repository-code: "{project["urls"]["Repository"]}"' in cited
    assert project["urls"]["Repository"] in (ROOT.parent / "docs" / "ci.md").read_text("utf-8")
