"""Draw ``docs/architecture.md``: the rooms, what each holds, and which uses which.

``python -m tools.regenerate`` writes the page; a test sees that it is up to date.
What a room holds is the first sentence of its docstring; the arrows are the imports, without those
that follow from others.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "conformance"  # the one beside this file: another one may be installed
PAGE = ROOT / "docs" / "architecture.md"

# From the top down: a room may use those after it, never those before it.
ROOMS = (
    "cli",
    "report",
    "results",
    "judging",
    "scripts",
    "expectations",
    "book",
    "claims",
    "programs",
    "toolbox",
    "outcomes",
    "backends",
    "claim",
    "conditions",
    "ending",
    "printable",
    "verdict",
)

BEGIN, END = "<!-- made by tools/structure.py -->", "<!-- end -->"


def room_of(path: Path) -> str:
    """The room that the file is in: a package, or a module beside the packages."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """The modules of this package that the file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module == "conformance":
                found.update(f"conformance.{name.name}" for name in node.names)
            elif node.module and not node.level:
                found.add(node.module)
    return {name for name in found if name.startswith("conformance.")}


def uses() -> dict[str, set[str]]:
    """For each room those that its files import from."""
    found: dict[str, set[str]] = {room: set() for room in ROOMS}
    for path in PACKAGE.rglob("*.py"):
        room = room_of(path)
        if room in found:
            found[room] |= {name.split(".")[1] for name in imports(path)} - {room}
    return found


def needed(arrows: Mapping[str, set[str]]) -> dict[str, list[str]]:
    """``arrows`` without those that lead where two others lead as well.  No circle is in them."""

    def reach(room: str) -> set[str]:
        return {far for near in arrows[room] for far in (near, *reach(near))}

    return {
        room: [
            each
            for each in ROOMS
            if each in arrows[room]
            and not any(each in reach(other) for other in arrows[room] - {each})
        ]
        for room in ROOMS
    }


def holds(room: str) -> str:
    """What the room holds, by its own docstring."""
    folder = PACKAGE / room
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(said.partition("\n\n")[0].split())


def drawn() -> str:
    """The table and the picture."""
    table = ["| room | holds |", "|---|---|"]
    for room in ROOMS:
        name = f"`{room}/`" if (PACKAGE / room).is_dir() else f"`{room}.py`"
        table.append(f"| {name} | {holds(room)} |")
    arrows = [
        f"    {room} --> {other}" for room, others in needed(uses()).items() for other in others
    ]
    return "\n".join([*table, "", "```mermaid", "flowchart TD", *arrows, "```"])


def made() -> str:
    """The page as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{drawn()}\n{END}{after}"
