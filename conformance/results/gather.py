"""The records of files and folders, and what was passed over there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from conformance.results.columns import made
from conformance.results.record import BadRecord, ClaimRecord, Record, read

_NAMED = 3
"""How many of those that disagree are named."""


class Source(NamedTuple):
    """A record and the file that it is from."""

    path: str
    record: Record


@dataclass
class Gathered:
    """The records that were found, in order, and in ``notes`` a line for all that is to be told of them."""

    sources: list[Source] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def records(self) -> list[Record]:
        """The records alone."""
        return [source.record for source in self.sources]


def gather(names: Sequence[str]) -> Gathered:
    """The records of ``names``: files, and folders with all that is below them.

    What is no record is passed over in a folder, and noted.  A record that is there twice is taken
    once.  Records that tell different stories of the same thing are noted.
    Raises :class:`BadRecord` for a file that is named and is no record, and for a folder without any.
    """
    found = Gathered()
    for name in names:
        if os.path.isdir(name):
            _folder(name, found)
        else:
            _take(Source(name, read(name)), found)
    found.notes += _other_words(found.sources)
    found.notes += _other_verdicts(found.sources)
    return found


def _folder(name: str, found: Gathered) -> None:
    some = False
    passed_over: list[str] = []
    for path in _files(name, passed_over):
        try:
            source = Source(path, read(path))
        except BadRecord as error:
            passed_over.append(str(error))
        else:
            some = True
            _take(source, found)
    if not some:
        why = f" ({'; '.join(passed_over)})" if passed_over else ""
        raise BadRecord(
            f"no records in {name}{why}: 'conformance run --json {os.path.join(name, 'NAME.json')}' "
            "writes one"
        )
    found.notes += [f"passed over: {each}" for each in passed_over]


def _files(folder: str, passed_over: list[str]) -> Iterator[str]:
    """The files below ``folder`` that may be records, in order; folders that cannot be read are noted."""

    def note(error: OSError) -> None:
        passed_over.append(f"cannot read {error.filename}: {error.strerror or error}")

    for root, folders, files in os.walk(folder, onerror=note):
        folders.sort()
        yield from (os.path.join(root, each) for each in sorted(files) if each.endswith(".json"))


def _take(source: Source, found: Gathered) -> None:
    for other in found.sources:
        if other.record == source.record:
            what = f"is the record that {other.path} is"
            if os.path.realpath(source.path) == os.path.realpath(other.path):
                what = "is named twice"
            found.notes.append(f"taken once: {source.path} {what}")
            return
    found.sources.append(source)


def _other_words(sources: Sequence[Source]) -> Iterator[str]:
    """A note for each record in which claims are not what they are in one before it."""
    said: dict[str, tuple[str, ClaimRecord]] = {}
    for path, record in sources:
        differ: dict[str, list[str]] = {}
        for claim in record["claims"]:
            before, words = said.setdefault(claim["id"], (path, claim))
            if words != claim:
                differ.setdefault(before, []).append(claim["id"])
        for before, ids in differ.items():
            yield f"{_in_short(ids)} read otherwise in {before} and {path}"


def _other_verdicts(sources: Sequence[Source]) -> Iterator[str]:
    """A note for each record that disagrees with one before it that was made in the same way."""
    given: dict[tuple[str, str], tuple[str, str]] = {}
    for path, record in sources:
        alike = made(record)
        differ: dict[str, list[str]] = {}
        for verdict in record["verdicts"]:
            cell = f"{verdict['claim']}[{verdict['runtime']}]"
            before, name = given.setdefault((alike, cell), (path, verdict["verdict"]))
            if name != verdict["verdict"]:
                differ.setdefault(before, []).append(cell)
        for before, cells in differ.items():
            yield f"{before} and {path} were made in the same way and disagree on {_in_short(cells)}"


def _in_short(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return f"{', '.join(names[:_NAMED])}{f' and {more:,} more' if more > 0 else ''}"
