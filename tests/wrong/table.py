"""The page on falsifiability: which wrong runtime each law refutes, and which laws catch each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from conformance.claim import LIBRARIES, Claim, Library
from tests.wrong.catalogue import wrong_runtimes
from tests.wrong.kit import PARTS, Wrong
from tests.wrong.measure import laws, on_file, to_be_measured

PAGE = Path(__file__).parents[2] / "docs" / "falsifiability.md"

WITHOUT_A_KILLER: dict[tuple[str, Library], str] = {
    ("LAW-TESTING-10", "trio"): "trio.run() has no event loop that a second call could find again",
    ("LAW-IO-06", "anyio"): "anyio waits by what is broken under the name of asyncio",
    ("LAW-DELIVER-15", "anyio"): "anyio itself refutes it: there is nothing left to break",
    ("PROGRAM-12", "anyio"): "anyio itself refutes it: there is nothing left to break",
    ("LAW-TESTING-06", "anyio"): "anyio itself refutes it: there is nothing left to break",
}
"""Where a law is stated in a library, and no wrong runtime of that library refutes it, with the reason."""

INTRODUCTION = """\
# Falsifiability

A law that nothing can refute proves nothing.
For every law there are runtimes here that are wrong on purpose, each by a few lines put over the real
one (`tests/wrong/`), and each named after what it does wrong.
`tests/test_wrong.py` judges each of them by the laws that it is there to refute: the law must hold
without the mistake, be refuted with it, and say so in words from which the mistake can be seen.

This page is written by `tox -e regenerate` from the same catalogue.
What else catches a wrong runtime is measured on Python 3.13 with a small effort (`--measure`), and a test
judges a tenth of these pairs again on every Python; `--narrow` drops what is not so on the Python that
runs it.
Where the event loop itself is broken nearly every law fails, so only those are listed that it is there
to refute.
"""


def stated(law: Claim) -> list[Library]:
    """The libraries in which ``law`` is a test that is to hold, in some version at least."""
    return [
        library
        for library in law.libraries
        if any(expect.verdict == "holds" for expect in law.statements[library].expect)
    ]


def killers(law: Claim, library: Library, runtimes: Iterable[Wrong]) -> list[Wrong]:
    """The runtimes in which ``library`` is wrong, and which are there to be refuted by ``law``."""
    return [each for each in runtimes if each.library == library and law.id in each.kills]


def pairs_without_a_killer() -> list[tuple[str, Library]]:
    """Where a law is stated, and no wrong runtime of that library refutes it."""
    runtimes = wrong_runtimes()
    return [
        (law.id, library)
        for law in laws().values()
        for library in stated(law)
        if not killers(law, library, runtimes)
    ]


def page() -> str:
    """The whole page, in Markdown."""
    runtimes = wrong_runtimes()
    return "\n".join(
        [
            INTRODUCTION,
            *_counts(runtimes),
            "## For every law, what refutes it",
            "",
            *_by_law(runtimes),
            "## For every wrong runtime, what catches it",
            "",
            *_by_runtime(runtimes),
            "## Without a killer",
            "",
            "In these libraries nothing refutes the law:",
            "",
            *_without(),
        ]
    )


def _counts(runtimes: list[Wrong]) -> list[str]:
    of = Counter((wrong.breaks, wrong.library) for wrong in runtimes)
    known = laws()
    pairs = sum(len(stated(law)) for law in known.values())
    lines = [
        f"There are {len(known)} laws, stated {pairs} times, and {len(runtimes)} wrong runtimes:"
        f" {sum(len(wrong.kills) for wrong in runtimes)} kills are judged one by one.",
        f"{sum(wrong.issue is not None for wrong in runtimes)} of the runtimes make a bug again that"
        " was reported.",
        "",
        f"| what is broken | {' | '.join(LIBRARIES)} |",
        f"| --- |{' ---: |' * len(LIBRARIES)}",
    ]
    for part in PARTS:
        row = [str(of[part, library] or "") for library in LIBRARIES]  # type: ignore[index]  # a part is one of PARTS
        if any(row):
            lines.append(f"| {part} | {' | '.join(row)} |")
    total = Counter(wrong.library for wrong in runtimes)
    lines += [f"| all | {' | '.join(str(total[library]) for library in LIBRARIES)} |", ""]
    return lines


def _by_law(runtimes: list[Wrong]) -> list[str]:
    lines: list[str] = []
    for law in laws().values():
        lines += [f"### {law.id}", "", law.sentence, ""]
        for library in stated(law):
            names = [wrong.name for wrong in killers(law, library, runtimes)]
            lines.append(f"- {library}: {'; '.join(names) or 'nothing refutes it'}")
        lines.append("")
    return lines


def _by_runtime(runtimes: list[Wrong]) -> list[str]:
    caught = on_file()
    lines: list[str] = []
    for library in LIBRARIES:
        lines += [
            f"### {library}",
            "",
            "| what is wrong | in its | it is there to refute | is caught by as well | made again |",
            "| --- | --- | --- | --- | --- |",
        ]
        for wrong in sorted(runtimes, key=lambda wrong: PARTS.index(wrong.breaks)):
            if wrong.library == library:
                others = [law for law in caught.get(wrong.key, []) if law not in wrong.kills]
                if wrong.key not in caught and to_be_measured([wrong]):
                    others = ["not measured yet"]
                where = f" ({wrong.when})" if wrong.when else ""
                lines.append(
                    f"| {wrong.name}{where} | {wrong.breaks} | {', '.join(wrong.kills)} |"
                    f" {', '.join(others)} | {_link(wrong.issue)} |"
                )
        lines.append("")
    return lines


def _link(issue: str | None) -> str:
    if issue is None:
        return ""
    owner, name, _, number = issue.removeprefix("https://github.com/").split("/")
    return f"[{owner}/{name}#{number}]({issue})"


def _without() -> list[str]:
    return [
        f"- {law} in {library}: {WITHOUT_A_KILLER.get((law, library), 'there is none yet')}."
        for law, library in pairs_without_a_killer()
    ] + [""]
