"""The pages on findings: what they show is what lies beside them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tomlkit

from conformance.expectations.deviations import PACKAGE_FILE

ROOT = Path(__file__).parent.parent
FINDINGS = ROOT / "docs" / "findings"
PAGES = sorted(page for page in FINDINGS.glob("*.md") if page.name != "README.md")
SCRIPTS = sorted((FINDINGS / "scripts").glob("*.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_shows_the_script_that_it_names(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.search(r"\(scripts/(\w+\.py)\)", text)
    if named is None:
        pytest.skip("its script is in the page alone")
    shown = re.search(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert shown is not None
    assert shown[1] == (FINDINGS / "scripts" / named[1]).read_text(encoding="utf-8")


def test_every_page_is_listed() -> None:
    listed = set(re.findall(r"\(([\w-]+\.md)\)", (FINDINGS / "README.md").read_text("utf-8")))
    assert listed == {page.name for page in PAGES}


def test_every_script_is_named_somewhere() -> None:
    pages = [*PAGES, ROOT / "docs" / "judged-loops.md"]
    texts = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    assert [script.name for script in SCRIPTS if f"scripts/{script.name}" not in texts] == []


def test_the_reports_that_deviations_name_are_there() -> None:
    deviations = tomlkit.parse(PACKAGE_FILE.read_text("utf-8"))
    paths = {entry.get("issue", "") for entry in deviations.unwrap()["deviation"]}
    assert [
        path for path in paths if path.startswith("docs/") and not (ROOT / path).is_file()
    ] == []
