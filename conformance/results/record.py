"""The record of a run: made, checked against the schema that ships with the package, written, read."""

from __future__ import annotations

import json
import math
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from functools import cache
from importlib import metadata, resources
from typing import Any, Literal, TypedDict, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from conformance.claim import Claim
from conformance.conditions import PACKAGES
from conformance.ending import Refusal
from conformance.printable import one_line
from conformance.results.files import write_text
from conformance.results.runtimes import runtime_key
from conformance.verdict import GrowthRecord, VerdictRecord, runtime_name

SCHEMA_VERSION = 1
DISTRIBUTION = "cancellation-conformance"


class EnvironmentRecord(TypedDict):
    """Where a run took place."""

    python: str
    implementation: str
    gil: bool
    platform: str
    packages: dict[str, str]


class _RunRecord(TypedDict):
    seed: int
    profile: str
    started: str
    seconds: float
    conformance: str


class RunRecord(_RunRecord, total=False):
    """How a run was made.

    ``size`` is the size up to which all programs were run; a record from before there were any has none.
    """

    size: int


class ClaimRecord(TypedDict):
    """A claim as it stands in a record."""

    id: str
    chapter: str
    kind: Literal["article", "law"]
    sentence: str
    source: str
    libraries: list[str]
    instead: list[str]


class _BackendRecord(TypedDict):
    name: str
    available: bool
    reason: str | None


class BackendRecord(_BackendRecord, total=False):
    """A backend as it stands in a record; ``reason`` says why it is not available.

    ``package`` is the distribution and version that its loop is from, ``loop`` the loop's class, and
    ``spec`` what was given to ``--loop`` or an entry point, where there is such;
    ``growth`` is there if something grows from example to example.
    """

    package: str
    loop: str
    spec: str
    growth: GrowthRecord


class Record(TypedDict):
    """What ``conformance run --json`` writes."""

    schema_version: int
    environment: EnvironmentRecord
    run: RunRecord
    claims: list[ClaimRecord]
    backends: list[BackendRecord]
    verdicts: list[VerdictRecord]


class BadRecord(Refusal):
    """A record that cannot be used: one line that says which, why and what would do."""

    def __init__(self, text: str) -> None:
        # In one line, whatever the record holds.
        super().__init__(one_line(text))


def environment() -> EnvironmentRecord:
    """What a verdict may depend on, here: the Python, the platform and the packages' versions."""
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    # New in 3.13, and CPython's alone.
    gil_enabled = getattr(sys, "_is_gil_enabled", None)
    return EnvironmentRecord(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        gil=True if gil_enabled is None else bool(gil_enabled()),
        platform=platform.platform(),
        packages=packages,
    )


def conformance_version() -> str:
    """The version of this package, ``"unknown"`` if it is run without having been installed."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "unknown"


def run_record(
    *, seed: int, profile: str, size: int, started: datetime, seconds: float
) -> RunRecord:
    """How the run was made.  ``started`` is a time that knows its zone; it is recorded in UTC."""
    return RunRecord(
        seed=seed,
        profile=profile,
        size=size,
        started=started.astimezone(timezone.utc).isoformat(timespec="seconds"),
        seconds=round(seconds, 3),
        conformance=conformance_version(),
    )


def claim_record(claim: Claim) -> ClaimRecord:
    """``claim`` as it stands in a record (and in ``conformance list --json``)."""
    return ClaimRecord(
        id=claim.id,
        chapter=claim.chapter,
        kind=claim.kind,
        sentence=claim.sentence,
        source=claim.source,
        libraries=list(claim.libraries),
        instead=list(claim.instead),
    )


def make_record(
    verdicts: Iterable[VerdictRecord],
    claims: Iterable[Claim],
    backends: Iterable[BackendRecord],
    run: RunRecord,
) -> Record:
    """The record of a run made here.

    ``claims`` and ``backends`` are those that were asked for.  Verdicts come in any order and stand in the
    record in the order of ``claims``, then of the runtimes.
    """
    claim_records = [claim_record(claim) for claim in claims]
    place = {claim["id"]: number for number, claim in enumerate(claim_records)}
    return Record(
        schema_version=SCHEMA_VERSION,
        environment=environment(),
        run=run,
        claims=claim_records,
        backends=list(backends),
        verdicts=sorted(
            verdicts,
            key=lambda verdict: (
                place.get(verdict["claim"], len(place)),
                runtime_key(verdict["runtime"]),
            ),
        ),
    )


def backend_record(
    name: str,
    reason: str | None,
    package: str | None = None,
    growth: GrowthRecord | None = None,
    *,
    loop: str | None = None,
    spec: str | None = None,
) -> BackendRecord:
    """A backend as it stands in a record; ``reason`` says why it is not available (``None``: it is)."""
    record = BackendRecord(name=name, available=reason is None, reason=reason)
    if loop:
        record["loop"] = loop
    if spec:
        record["spec"] = spec
    if package is not None:
        record["package"] = package
    if growth is not None:
        record["growth"] = growth
    return record


@cache
def schema() -> Mapping[str, Any]:
    """The record's JSON Schema, as it ships in the package."""
    text = resources.files(__package__).joinpath("schema.json").read_text(encoding="utf-8")
    return cast("Mapping[str, Any]", json.loads(text))


def problem(record: object) -> str | None:
    """What is wrong with ``record``, in one line, or ``None`` if it is valid.

    Beyond the schema, whatever is said twice must agree: no two fields may tell different stories.
    """
    error = best_match(Draft202012Validator(schema()).iter_errors(record))
    if error is not None:
        return f"{_place(error.absolute_path)}: {_short(error.message)}"
    return _disagreement(cast("Record", record))


def write(record: Record, path: str | os.PathLike[str]) -> None:
    """Write ``record`` to ``path``, whole or not at all.

    Raises :class:`BadRecord` if it is not valid, ``CannotWrite`` if the file cannot be written.
    """
    wrong = problem(record)
    if wrong is not None:
        raise BadRecord(
            f"the record for {os.fspath(path)} was not written: {wrong}; report this bug"
        )
    # ASCII only: it reads the same in any locale, and a lone surrogate that was drawn survives.
    write_text(path, json.dumps(record, indent=2, allow_nan=False) + "\n")


def read(path: str | os.PathLike[str]) -> Record:
    """The record at ``path``.

    Raises :class:`BadRecord` if there is none, or it cannot be read, is no JSON, does not fit the
    schema, or was written by a newer version.
    """
    name = os.fspath(path)
    remedy = "give a file that 'conformance run --json' wrote"
    try:
        # Some editors begin a file with a mark of its encoding.
        with open(path, encoding="utf-8-sig") as file:
            record = json.loads(
                file.read(),
                parse_constant=_no_constant,
                parse_float=_finite,
                object_pairs_hook=_each_key_once,
            )
        version = record.get("schema_version") if isinstance(record, dict) else None
        if type(version) is int and version > SCHEMA_VERSION:
            raise BadRecord(
                f"{name} has schema version {version}, and this conformance reads {SCHEMA_VERSION}: "
                f"pip install --upgrade {DISTRIBUTION}"
            )
        wrong = problem(record)
    except FileNotFoundError:
        raise BadRecord(
            f"there is no record {name}: 'conformance run --json {name}' writes one"
        ) from None
    except OSError as error:
        raise BadRecord(f"cannot read {name}: {error.strerror or error}; {remedy}") from error
    except RecursionError as error:
        raise BadRecord(f"{name} is nested too deeply for a record; {remedy}") from error
    except ValueError as error:
        raise BadRecord(f"{name} is not JSON: {_short(str(error))}; {remedy}") from error
    if wrong is not None:
        raise BadRecord(f"{name} is not a valid record: {wrong}; {remedy}")
    return cast("Record", record)


def _disagreement(record: Record) -> str | None:
    ids = [claim["id"] for claim in record["claims"]]
    names = [backend["name"] for backend in record["backends"]]
    available = {backend["name"] for backend in record["backends"] if backend["available"]}
    judged = [f"{verdict['claim']}[{verdict['runtime']}]" for verdict in record["verdicts"]]
    for number, claim in enumerate(record["claims"]):
        twice = _repeated(claim["libraries"])
        if twice is not None:
            return f"claims[{number}].libraries: {twice} is there twice"
    for what, listed in (("claims", ids), ("backends", names), ("verdicts", judged)):
        twice = _repeated(listed)
        if twice is not None:
            return f"{what}: {twice} is there twice"
    known = set(ids)
    for number, verdict in enumerate(record["verdicts"]):
        where = f"verdicts[{number}]"
        if verdict["claim"] not in known:
            return f"{where}: {verdict['claim']} is not among the claims"
        if verdict["backend"] not in available:
            return f"{where}: {verdict['backend']} is not among the available backends"
        if verdict["runtime"] != runtime_name(verdict["library"], verdict["backend"]):
            return (
                f"{where}: {verdict['runtime']} is not {verdict['library']} on {verdict['backend']}"
            )
        if not _agrees(verdict):
            return f"{where}: as_expected does not agree with verdict and expected"
    return None


def _agrees(verdict: VerdictRecord) -> bool:
    """Whether ``as_expected`` can be true of the verdict.

    The verdict on record is not as expected where its counterexample is another: it ``departs``.  A
    hang that departs has no counterexample to say so.
    """
    counterexample = verdict["counterexample"]
    departs = counterexample is not None and "departs" in counterexample
    on_record = verdict["verdict"] == verdict["expected"]
    if verdict["as_expected"]:
        return on_record and not departs
    return not on_record or departs or verdict["verdict"] in {"hung", "crashed"}


def _repeated(names: Sequence[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _place(path: Iterable[str | int]) -> str:
    """Where in the record, as in ``verdicts[3].claim``."""
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return _short(steps.lstrip(".")) or "the whole"


def _short(message: str) -> str:
    """``message`` in one line that a terminal can take: jsonschema's may quote half the record."""
    line = one_line(message)
    return line if len(line) <= 160 else f"{line[:60]} … {line[-96:]}"


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON's")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{_short(text)} is too large a number")
    return number


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"{_repeated([key for key, _ in pairs])!r} is there twice in one object")
    return found
