"""Every statement of the law book has a script for whatever it draws, but for those that are listed."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from zlib import crc32

import pytest

from conformance.book import all_claims
from conformance.claim import Statement
from conformance.scripts.script import NoScript, script
from conformance.toolbox import spaces

PAGE = Path(__file__).parents[2] / "docs" / "scripts.md"

WITHOUT: set[tuple[str, str]] = set()
"""The statements without a script.  It may get shorter, and no longer."""


def statements() -> list[Statement]:
    """Those that draw something, but for those of programs: these are written by what runs them."""
    return [
        statement
        for claim in all_claims()
        for statement in claim.statements.values()
        if hasattr(statement.test, "hypothesis") and claim.chapter != "programs"
    ]


@pytest.mark.parametrize(
    "statement", statements(), ids=lambda each: f"{each.claim.id}-{each.library}"
)
def test_every_statement_has_a_script(statement: Statement) -> None:
    strategies = statement.test.hypothesis._given_kwargs  # type: ignore[attr-defined]  # no public name
    # Always the same case, and another one for each statement.
    random = Random(crc32(f"{statement.claim.id}{statement.library}".encode()))  # noqa: S311  # no secret
    values = {
        name: random.choice(list(spaces._elements[strategy]))  # it is held whole
        for name, strategy in strategies.items()
    }
    style = "trio" if statement.library == "trio" else "asyncio"
    if (statement.claim.id, statement.library) in WITHOUT:
        with pytest.raises(NoScript):
            script(statement, style, values)
        return
    text = script(statement, style, values)
    compile(text, "script.py", "exec")
    # Ours is what is judged with: a reader has none of it.
    assert "conformance" not in text


def test_the_page_lists_those_without() -> None:
    listed = re.findall(r"^- `([A-Z0-9-]+)` in (\w+): ", PAGE.read_text(encoding="utf-8"), re.M)
    assert set(listed) == WITHOUT
