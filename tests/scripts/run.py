"""Running the scripts of a record, and comparing what they say with what the verdicts say."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from conformance.verdict import VerdictRecord

SECONDS = 30
"""Real time after which a script is given up."""


@dataclass(frozen=True)
class Outcome:
    """What became of one verdict's script: ``problem`` is empty where it says what the verdict says."""

    verdict: VerdictRecord
    chapter: str
    problem: str = ""

    @property
    def has_script(self) -> bool:
        """Whether there is one."""
        counterexample = self.verdict["counterexample"]
        return counterexample is not None and bool(counterexample["script"])


def message_of(text: str) -> str:
    """What the claim itself said: the end of a counterexample's text, after what was drawn."""
    lines = text.splitlines()
    drawn = [number for number, line in enumerate(lines) if re.match(r"\w+ = ", line)]
    return "\n".join(lines[drawn[-1] + 1 if drawn else 0 :])


def run_file(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script as its reader does, in isolated mode."""
    return subprocess.run(
        [sys.executable, "-I", file, *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def problem_of(verdict: VerdictRecord, chapter: str, folder: Path) -> str:
    """Run the script of a refuted or qualified verdict, and say what is wrong with it, if anything."""
    counterexample = verdict["counterexample"]
    if counterexample is None:
        return f"the verdict is {verdict['verdict']}: {verdict['reason']}"
    if not counterexample["script"]:
        return f"there is no script: {verdict['reason']}"
    file = folder / f"{verdict['claim']}.{verdict['runtime'].replace('/', '_')}.py"
    file.write_text(counterexample["script"], encoding="utf-8")
    try:
        ran = run_file(file)
    except subprocess.TimeoutExpired:
        return f"it does not end within {SECONDS} seconds"
    if chapter == "programs":
        # A program prints its trace: all that was seen, as the counterexample's text ends.
        seen = {line.strip() for line in counterexample["text"].splitlines()}
        if ran.returncode or not set(ran.stdout.splitlines()) <= seen:
            return f"it prints something else:\n{ran.stdout}{ran.stderr}"
        return ""
    message = message_of(counterexample["text"])
    if ran.returncode != 1 or message not in ran.stderr:
        return f"it exits with {ran.returncode} and says:\n{ran.stderr}instead of\n{message}"
    return ""


def outcomes(
    verdicts: Sequence[VerdictRecord], chapters: dict[str, str], folder: Path
) -> list[Outcome]:
    """Run the scripts of all refuted and qualified verdicts, two at a time."""
    shown = [each for each in verdicts if each["verdict"] in ("refuted", "qualified")]
    with ThreadPoolExecutor(2) as pool:
        problems = pool.map(
            lambda verdict: problem_of(verdict, chapters[verdict["claim"]], folder), shown
        )
        return [
            Outcome(verdict, chapters[verdict["claim"]], problem)
            for verdict, problem in zip(shown, problems, strict=True)
        ]
