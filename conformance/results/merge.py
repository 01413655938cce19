"""Several records, of several Pythons, side by side."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from conformance.results.columns import combined, each_loop_once
from conformance.results.record import EnvironmentRecord, Record
from conformance.results.shown import shown

_ASKED = re.compile(r"(?:py|python|cpython)?-?(\d)\.?(\d+)(t?)", re.IGNORECASE)
_ASKED_PYPY = re.compile(r"pypy-?(\d)\.?(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Run:
    """One record, and the label of the Python that it is of: ``3.13``, ``3.13t``, ``PyPy 3.11``."""

    label: str
    record: Record


@dataclass(frozen=True)
class Merged:
    """Records in order of implementation, free threading and version.

    ``skipped`` are the labels of the Pythons that were asked for and have no record.
    """

    runs: tuple[Run, ...]
    skipped: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the runs, all different."""
        return tuple(run.label for run in self.runs)


def merge(records: Iterable[Record], asked: Sequence[str] = ()) -> Merged:
    """The records side by side, as they may be shown; those of one Python's backends as one.

    ``asked`` names Pythons as people and tox do (``3.13``, ``py313t``, ``pypy3``): those without a
    record are listed as skipped.
    """
    ordered = sorted(combined(each_loop_once(map(shown, records))), key=_key)
    short = [label(record["environment"]) for record in ordered]
    wanted = [_with_version(text) for text in map(asked_label, asked)]
    return Merged(
        runs=tuple(map(Run, _distinct(ordered, short), ordered)),
        skipped=tuple(text for _, text in sorted(set(wanted)) if not _is_there(text, short)),
    )


def _is_there(wanted: str, labels: Sequence[str]) -> bool:
    # "PyPy" alone is any PyPy.
    return wanted in labels or any(each.startswith(f"{wanted} ") for each in labels)


def single(record: Record) -> Merged:
    """One record, as if it were many."""
    return merge([record])


def label(environment: EnvironmentRecord) -> str:
    """The short name of a Python: ``3.13``, ``3.13t`` without the lock, ``PyPy 3.11``."""
    version = ".".join(environment["python"].split(".")[:2])
    threads = "" if environment["gil"] else "t"
    family = environment["implementation"]
    return f"{version}{threads}" if family == "CPython" else f"{family} {version}{threads}"


def asked_label(name: str) -> str:
    """The label of a Python that was asked for as ``py313``, ``3.13t``, ``pypy3.11``.

    ``pypy`` and ``pypy3`` are any PyPy; a name of another form is its own label.
    """
    if name.lower() in ("pypy", "pypy3"):
        return "PyPy"
    match = _ASKED_PYPY.fullmatch(name)
    if match is not None:
        return f"PyPy {match.group(1)}.{match.group(2)}"
    match = _ASKED.fullmatch(name)
    if match is not None:
        return f"{match.group(1)}.{match.group(2)}{match.group(3).lower()}"
    return name


def parse_label(text: str) -> tuple[str, tuple[int, int]] | None:
    """The family and the version of a label: ``("PyPy ", (3, 11))``, ``("t", (3, 13))``.

    ``None`` for a label that is not of the short form.
    """
    match = re.fullmatch(r"(?:(\S+) )?(\d+)\.(\d+)(t?)", text)
    if match is None:
        return None
    implementation, major, minor, threads = match.groups()
    return f"{implementation or ''} {threads}", (int(major), int(minor))


def _key(record: Record) -> tuple[bool, str, bool, Version, str, str]:
    where = record["environment"]
    return (
        where["implementation"] != "CPython",
        where["implementation"],
        not where["gil"],
        _version(where["python"]),
        where["platform"],
        record["run"]["started"],
    )


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        # A build of one's own, as in 3.14.0a1+local.x_y: its release is what orders it.
        match = re.match(r"[0-9]+(\.[0-9]+)*", text)
        return Version(match.group() if match else "0")


def _with_version(text: str) -> tuple[tuple[bool, str, tuple[int, int]], str]:
    parsed = parse_label(text)
    if parsed is None:
        return (True, "~", (0, 0)), text
    family, version = parsed
    return (family.strip() not in ("", "t"), family, version), text


def _distinct(records: Sequence[Record], short: Sequence[str]) -> list[str]:
    """Labels that are all different: short where that will do, else with the whole version."""
    counts = Counter(short)
    labels: list[str] = []
    for record, text in zip(records, short, strict=True):
        if counts[text] > 1:
            where = record["environment"]
            text = text.replace(".".join(where["python"].split(".")[:2]), where["python"])
        base, number = text, 1
        while text in labels:
            number += 1
            text = f"{base} (run {number})"
        labels.append(text)
    return labels
