"""The model of a table: claims by runtimes, from one record or several.  Every report draws this."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from conformance.printable import counted
from conformance.results.merge import Merged, Run, parse_label
from conformance.results.record import ClaimRecord
from conformance.results.runtimes import in_order, runtimes_of, split
from conformance.verdict import BREACHES, VerdictRecord

VERDICTS = {
    "holds": "the claim is true there",
    "refuted": "the claim is false there: there is a counterexample",
    "qualified": "true in its fair reading, false in its widest one",
    "not-applicable": "the concept does not exist there",
    "hung": "no answer: the example could never end",
    "crashed": "no answer: the process died",
    "blocked": "no answer: a claim that it builds on failed",
    "vacuous": "no answer: the claim's 'if' half never came true",
    "error": "no answer: the claim's own code failed",
}
"""Every verdict, with what it means."""


@dataclass(frozen=True)
class Cell:
    """A claim on a runtime: the verdict of each Python that judged it, by label.

    ``missed`` are the labels of the Pythons that judged the runtime but not this claim.
    """

    verdicts: tuple[tuple[str, VerdictRecord], ...] = ()
    missed: tuple[str, ...] = ()

    @property
    def unexpected(self) -> bool:
        """Whether one of the verdicts is not the one on record."""
        return any(not verdict["as_expected"] for _, verdict in self.verdicts)

    @property
    def parts(self) -> tuple[tuple[str, bool, tuple[str, ...]], ...]:
        """Each verdict, whether it is as expected, and the Pythons that gave it."""
        groups: dict[tuple[str, bool], list[str]] = {}
        for label, verdict in self.verdicts:
            groups.setdefault((verdict["verdict"], verdict["as_expected"]), []).append(label)
        return tuple((name, right, tuple(labels)) for (name, right), labels in groups.items())

    @property
    def text(self) -> str:
        """The verdict, once if all Pythons agree, else by version; ``!`` marks what is unexpected.

        Empty if nobody judged it.
        """
        parts = self.parts
        whole = len(parts) == 1 and not self.missed
        return ", ".join(
            f"{name}{'' if right else '!'}" + ("" if whole else f" {ranges(labels)}")
            for name, right, labels in parts
        )

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons given for the verdicts, each once."""
        reasons = (verdict["reason"] for _, verdict in self.verdicts)
        return tuple(dict.fromkeys(reason for reason in reasons if reason))


@dataclass(frozen=True)
class Row:
    """A claim and its cells, one for each runtime of the matrix."""

    claim: ClaimRecord
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Chapter:
    """A chapter's claims: the article's before the laws."""

    name: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Gap:
    """What was not judged, why, and in which Pythons (none named: in all there are)."""

    what: str
    why: str
    labels: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """In one line."""
        where = f" ({ranges(self.labels)})" if self.labels else ""
        return f"{self.what}{where}: {self.why}"


@dataclass(frozen=True)
class Matrix:
    """Claims by runtimes, with everything that a report says around the table."""

    labels: tuple[str, ...]
    runtimes: tuple[str, ...]
    chapters: tuple[Chapter, ...]
    gaps: tuple[Gap, ...]
    growth: tuple[str, ...]
    seeds: tuple[tuple[int, tuple[str, ...]], ...]

    @property
    def rows(self) -> Iterator[Row]:
        """Every chapter's rows."""
        return (row for chapter in self.chapters for row in chapter.rows)

    @property
    def verdicts(self) -> Iterator[tuple[str, VerdictRecord]]:
        """Every verdict, with the label of its Python."""
        return (each for row in self.rows for cell in row.cells for each in cell.verdicts)

    @property
    def unexpected(self) -> tuple[tuple[str, VerdictRecord], ...]:
        """The verdicts that are not the ones on record, with the labels of their Pythons."""
        return tuple(each for each in self.verdicts if not each[1]["as_expected"])

    @property
    def seed(self) -> str:
        """The seed, or the seeds if there are several."""
        if not self.seeds:
            return "no run"
        if len(self.seeds) == 1:
            return f"seed {self.seeds[0][0]}"
        return "seeds " + ", ".join(f"{seed} ({ranges(where)})" for seed, where in self.seeds)

    @property
    def summary(self) -> str:
        """How much was judged and how much of it is not as expected, with the seed."""
        claims = sum(1 for _ in self.rows)
        verdicts = sum(1 for _ in self.verdicts)
        pythons = f" on {len(self.labels)} Pythons" if len(self.labels) > 1 else ""
        return (
            f"{counted(claims, 'claim')}, {counted(verdicts, 'verdict')}{pythons}, "
            f"{len(self.unexpected):,} not as expected; {self.seed}"
        )


def matrix(merged: Merged) -> Matrix:
    """The table of ``merged``: rows claims, columns the runtimes that were judged or could not be."""
    runs = merged.runs
    claims = {claim["id"]: claim for run in runs for claim in run.record["claims"]}
    found = {
        (run.label, verdict["claim"], verdict["runtime"]): verdict
        for run in runs
        for verdict in run.record["verdicts"]
    }
    runtimes = _columns(runs)
    judged = {
        runtime: [
            run.label
            for run in runs
            if any(each["runtime"] == runtime for each in run.record["verdicts"])
        ]
        for runtime in runtimes
    }

    def cell(claim: str, runtime: str) -> Cell:
        here = [
            (label, found[label, claim, runtime])
            for label in judged[runtime]
            if (label, claim, runtime) in found
        ]
        has = {label for label, _ in here}
        missed = tuple(label for label in judged[runtime] if label not in has)
        return Cell(tuple(here), missed if here else ())

    chapters: dict[str, list[Row]] = {}
    for claim in sorted(claims.values(), key=lambda claim: claim["kind"] == "law"):
        row = Row(claim, tuple(cell(claim["id"], runtime) for runtime in runtimes))
        chapters.setdefault(claim["chapter"], []).append(row)
    seeds: dict[int, list[str]] = {}
    for run in runs:
        seeds.setdefault(run.record["run"]["seed"], []).append(run.label)
    return Matrix(
        labels=merged.labels,
        runtimes=tuple(runtimes),
        chapters=tuple(Chapter(name, tuple(rows)) for name, rows in chapters.items()),
        gaps=tuple(_gaps(merged, claims.values())),
        growth=tuple(_growth(merged)),
        seeds=tuple((seed, tuple(labels)) for seed, labels in seeds.items()),
    )


def ranges(labels: Sequence[str]) -> str:
    """Labels of Pythons in short: ``3.10–3.12 and PyPy 3.11``.

    Only neighbouring versions make a range: nothing is said of a version that was not run.
    """
    spans: list[list[str]] = []
    for label in labels:
        if spans and _follows(spans[-1][-1], label):
            spans[-1].append(label)
        else:
            spans.append([label])
    return " and ".join(span[0] if len(span) == 1 else f"{span[0]}–{span[-1]}" for span in spans)


def by_python(row: Row, labels: Sequence[str]) -> list[tuple[tuple[str, ...], list[str]]]:
    """A row once for each group of Pythons that agree: their labels, and a verdict or ``""`` a cell.

    A runtime that a Python could not judge at all does not set it apart; a claim that it left out
    on a runtime that it judged does.
    """
    groups: list[tuple[list[str], list[str | None]]] = []
    for label in labels:
        own = [_of_python(cell, label) for cell in row.cells]
        for members, cells in groups:
            if all(
                one is None or two is None or one == two
                for one, two in zip(own, cells, strict=True)
            ):
                members.append(label)
                cells[:] = [
                    two if one is None else one for one, two in zip(own, cells, strict=True)
                ]
                break
        else:
            groups.append(([label], own))
    return [(tuple(members), [text or "" for text in cells]) for members, cells in groups]


def _of_python(cell: Cell, label: str) -> str | None:
    """What a Python said: ``None`` where it could not, ``""`` where it did not."""
    for where, verdict in cell.verdicts:
        if where == label:
            return verdict["verdict"] + ("" if verdict["as_expected"] else "!")
    return "" if label in cell.missed else None


@dataclass(frozen=True)
class Finding:
    """What a row says, of some of its runtimes: the cells' text, where, and the reasons for it."""

    text: str
    where: str
    reasons: tuple[str, ...]


def findings(row: Row, runtimes: Sequence[str]) -> list[Finding]:
    """A row in words: runtimes of the same verdicts and reasons are told of together.

    ``asyncio (all)`` stands for all of a library's runtimes on asyncio that were judged.
    """
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    judged = []
    for runtime, cell in zip(runtimes, row.cells, strict=True):
        if cell.text:
            judged.append(runtime)
            groups.setdefault((cell.text, cell.reasons), []).append(runtime)
    return [
        Finding(text, ", ".join(_families(members, judged)), reasons)
        for (text, reasons), members in groups.items()
    ]


def unexpected_together(table: Matrix) -> list[tuple[VerdictRecord, tuple[str, ...]]]:
    """The verdicts that are not as expected, each once, with the Pythons that say the same.

    Those that are blocked are not among them: :func:`blocked_together` has them.
    """
    groups: dict[tuple[str, ...], tuple[VerdictRecord, list[str]]] = {}
    for label, verdict in table.unexpected:
        if verdict["verdict"] == "blocked":
            continue
        key = (
            verdict["claim"],
            verdict["runtime"],
            verdict["verdict"],
            verdict["expected"] or "",
            verdict["reason"] or "",
        )
        groups.setdefault(key, (verdict, []))[1].append(label)
    return [(verdict, tuple(labels)) for verdict, labels in groups.values()]


def blocked_together(table: Matrix) -> list[str]:
    """What was blocked otherwise than on record, in a sentence for each cause and backend."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for label, verdict in table.unexpected:
        if verdict["verdict"] == "blocked":
            where = f" on Python {label}" if len(table.labels) > 1 else ""
            key = (verdict["backend"], where, verdict["reason"] or "")
            groups.setdefault(key, []).append(f"{verdict['claim']}[{verdict['runtime']}]")
    return [
        f"{counted(len(items), 'verdict')} on {backend}{where} blocked because {reason}: "
        + ", ".join(items)
        for (backend, where, reason), items in groups.items()
    ]


@dataclass(frozen=True)
class Known:
    """A law that is broken as it is on record: the verdict, where, in which Pythons, and why."""

    claim: str
    verdict: str
    where: str
    labels: tuple[str, ...]
    reason: str


def known_deviations(table: Matrix) -> list[Known]:
    """The breaches of laws that are on record: no law is expected to be anything but true otherwise."""
    found = []
    for row in table.rows:
        if row.claim["kind"] != "law":
            continue
        groups: dict[tuple[str, str], dict[str, list[str]]] = {}
        judged = [
            runtime
            for runtime, cell in zip(table.runtimes, row.cells, strict=True)
            if cell.verdicts
        ]
        for runtime, cell in zip(table.runtimes, row.cells, strict=True):
            for label, verdict in cell.verdicts:
                if verdict["as_expected"] and verdict["verdict"] in BREACHES:
                    key = (verdict["verdict"], verdict["reason"] or "")
                    groups.setdefault(key, {}).setdefault(runtime, []).append(label)
        for (name, reason), where in groups.items():
            labels = {label for each in where.values() for label in each}
            found.append(
                Known(
                    row.claim["id"],
                    name,
                    ", ".join(_families(list(where), judged)),
                    tuple(label for label in table.labels if label in labels),
                    reason,
                )
            )
    return found


def _families(members: Sequence[str], judged: Sequence[str]) -> Iterator[str]:
    """``members`` with all of a library's asyncio runtimes written as one."""
    done: set[str] = set()
    for runtime in members:
        library, backend = split(runtime)
        family = [each for each in judged if _family(each) == _family(runtime)]
        if backend == "trio" or len(family) == 1 or not set(family) <= set(members):
            yield runtime
        elif library not in done:
            done.add(library)
            yield f"{'anyio/' if library == 'anyio' else ''}asyncio (all)"


def _family(runtime: str) -> tuple[str, bool]:
    library, backend = split(runtime)
    return library, backend == "trio"


def _follows(first: str, second: str) -> bool:
    one, other = parse_label(first), parse_label(second)
    if one is None or other is None or one[0] != other[0]:
        return False
    return one[1][0] == other[1][0] and one[1][1] + 1 == other[1][1]


def _columns(runs: Sequence[Run]) -> list[str]:
    """The runtimes that have a verdict; what is not available is listed with its reason, below."""
    return in_order(verdict["runtime"] for run in runs for verdict in run.record["verdicts"])


def _growth(merged: Merged) -> Iterator[str]:
    """What grows from example to example, a line a backend and Python."""
    for run in merged.runs:
        for backend in run.record["backends"]:
            growth = backend.get("growth")
            if growth is None:
                continue
            where = f"{backend['name']} on {run.label}" if merged.runs[1:] else backend["name"]
            parts = []
            if growth["descriptors"]:
                parts.append(f"{growth['descriptors']:.3g} file descriptors")
            if growth["bytes"]:
                parts.append(f"{growth['bytes'] / 1024:.3g} KiB of memory")
            text = f"an empty example leaves behind {' and '.join(parts) or 'nothing'}"
            claims = growth["claims"]
            if claims:
                most = max(claims, key=lambda item: claims[item])
                text += (
                    f"; of {counted(len(claims), 'claim')} an example leaves descriptors open, "
                    f"of {most} {claims[most]:.3g}"
                )
            yield f"{where}: {text}"


def _gaps(merged: Merged, claims: Iterable[ClaimRecord]) -> Iterator[Gap]:
    every = merged.labels
    unavailable: dict[tuple[str, str], list[str]] = {}
    unjudged: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for run in merged.runs:
        for name, reason in _not_available(run):
            unavailable.setdefault((name, reason), []).append(run.label)
        for what in _not_judged(run):
            unjudged.setdefault(what, []).append(run.label)

    def labels(where: list[str]) -> tuple[str, ...]:
        return () if len(where) == len(every) else tuple(where)

    for (name, reason), where in unavailable.items():
        yield Gap(name, reason, labels(where))
    why = "not judged: not asked for, or the run was stopped before"
    for (runtime, ids), where in unjudged.items():
        yield Gap(f"{', '.join(ids)} on {runtime}" if ids else runtime, why, labels(where))
    unstated: dict[tuple[str, ...], list[str]] = {}
    for claim in claims:
        absent = tuple(
            name for name in ("asyncio", "anyio", "trio") if name not in claim["libraries"]
        )
        if absent:
            unstated.setdefault(absent, []).append(claim["id"])
    for absent, stated in unstated.items():
        yield Gap(_in_short(stated), f"not stated in {' and '.join(absent)}")
    for label in merged.skipped:
        yield Gap(f"Python {label}", "not found, skipped")


def _in_short(ids: Sequence[str]) -> str:
    """Ids in a list, of which neighbours make a range: ``LAW-LOOP-01 to 16``."""
    spans: list[list[str]] = []
    for each in ids:
        stem, _, number = each.rpartition("-")
        before, _, last = spans[-1][-1].rpartition("-") if spans else ("", "", "")
        follows = number.isdigit() and last.isdigit() and int(number) == int(last) + 1
        if before == stem and follows:
            spans[-1].append(each)
        else:
            spans.append([each])
    return ", ".join(
        f"{span[0]} to {span[-1].rpartition('-')[2]}" if span[2:] else ", ".join(span)
        for span in spans
    )


def _not_available(run: Run) -> Iterator[tuple[str, str]]:
    for backend in run.record["backends"]:
        if not backend["available"]:
            yield backend["name"], backend["reason"] or "no reason is on record"


def _not_judged(run: Run) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Runtimes that could have been judged, with the claims that were not (none named: all)."""
    done = {(verdict["claim"], verdict["runtime"]) for verdict in run.record["verdicts"]}
    begun = {runtime for _, runtime in done}
    for backend in run.record["backends"]:
        for library, runtime in runtimes_of(backend["name"]) if backend["available"] else ():
            missing = tuple(
                claim["id"]
                for claim in run.record["claims"]
                if library in claim["libraries"] and (claim["id"], runtime) not in done
            )
            if missing:
                yield runtime, missing if runtime in begun else ()
