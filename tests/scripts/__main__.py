"""Which verdicts have a script, and which scripts say what their verdict says.

``python -m tests.scripts [--backend NAME] [--keep FOLDER] [PATTERN ...]`` judges the claims of which
a counterexample is on record, runs each script as a file, and lists those that say something else.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

from conformance.backends.discovery import builtin_backends
from conformance.book import all_claims
from conformance.expectations.lookup import expectation
from tests.scripts.run import Outcome, outcomes

BACKENDS = ("asyncio", "trio", "asyncio+uvloop", "asyncio+rloop", "asyncio+rsloop")


def to_judge(name: str, patterns: list[str]) -> list[str]:
    """The claims of which a counterexample is on record for the backend called ``name``."""
    backend = next(each for each in builtin_backends() if each.name == name)
    found = []
    for claim in all_claims():
        for statement in claim.statements.values():
            expected = expectation(statement, backend.known_as)
            if (
                any(fnmatch(claim.id, pattern) for pattern in patterns or ["*"])
                and statement.library in backend.libraries
                and expected is not None
                and expected.verdict in ("refuted", "qualified")
            ):
                found.append(claim.id)
    return list(dict.fromkeys(found))


def judged(name: str, patterns: list[str], folder: Path) -> list[Outcome]:
    """Judge the claims on one backend, in processes of their own, and run the scripts."""
    ids = to_judge(name, patterns)
    if not ids:
        return []
    record = folder / f"{name}.json"
    call = [
        sys.executable,
        "-m",
        "conformance",
        "run",
        *ids,
        "--backend",
        name,
        "--json",
        str(record),
    ]
    subprocess.run(call, stdout=subprocess.DEVNULL, check=False)
    read = json.loads(record.read_text(encoding="utf-8"))
    chapters = {claim["id"]: claim["chapter"] for claim in read["claims"]}
    return outcomes(read["verdicts"], chapters, folder)


def main() -> int:
    """Judge, run, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.scripts", description=__doc__)
    parser.add_argument("patterns", nargs="*", metavar="PATTERN")
    parser.add_argument("--backend", action="append", metavar="NAME")
    parser.add_argument("--keep", metavar="FOLDER", help="where the scripts are left")
    asked = parser.parse_args()
    folder = Path(asked.keep or tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    usable = [each.name for each in builtin_backends() if each.why_not is None]
    everything: list[Outcome] = []
    for name in asked.backend or [each for each in BACKENDS if each in usable]:
        everything += judged(name, asked.patterns, folder)
    _print_table(everything)
    problems = [each for each in everything if each.problem]
    for each in problems:
        print(f"\n{each.verdict['claim']} {each.verdict['runtime']}: {each.problem}")
    return 1 if problems else 0


def _print_table(everything: list[Outcome]) -> None:
    total: Counter[tuple[str, str]] = Counter()
    have: Counter[tuple[str, str]] = Counter()
    right: Counter[tuple[str, str]] = Counter()
    for each in everything:
        for key in ((each.verdict["runtime"], each.chapter), (each.verdict["runtime"], "all")):
            total[key] += 1
            have[key] += each.has_script
            right[key] += not each.problem
    print(f"{'runtime':24} {'chapter':12} {'judged':>6} {'script':>6} {'same':>6}")
    for runtime, chapter in sorted(total):
        key = (runtime, chapter)
        print(f"{runtime:24} {chapter:12} {total[key]:6} {have[key]:6} {right[key]:6}")
    counts = [sum(n for (_, c), n in of.items() if c == "all") for of in (total, have, right)]
    print(f"{'all':37} {counts[0]:6} {counts[1]:6} {counts[2]:6}")


if __name__ == "__main__":
    sys.exit(main())
