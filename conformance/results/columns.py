"""Which verdicts belong into one column, and which records are of one Python."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import cast

from conformance.results.record import BackendRecord, Record
from conformance.verdict import runtime_name


def each_loop_once(records: Iterable[Record]) -> list[Record]:
    """``records`` in which no two loops have the same name: where they would, it is told which is which."""
    found = list(records)
    loops: dict[str, set[str]] = {}
    for record in found:
        for backend in record["backends"]:
            if loop := loop_of(backend):
                loops.setdefault(backend["name"], set()).add(loop)
    return [
        _renamed(
            record,
            {
                backend["name"]: f"{backend['name']}:{loop_of(backend)}"
                for backend in record["backends"]
                if loop_of(backend) and len(loops[backend["name"]]) > 1
            },
        )
        for record in found
    ]


def loop_of(backend: BackendRecord) -> str:
    """Which loop a backend has, whatever its version; ``""`` where the record does not say."""
    loop = backend.get("loop", "")
    package = backend.get("package", "").rpartition(" ")[0]
    # One that is from no package may be an ordinary loop that was made in its own way.
    where = package or backend.get("spec", "")
    return f"{loop} of {where}" if loop and where else loop or where


def _renamed(record: Record, names: Mapping[str, str]) -> Record:
    """``record`` with other names for backends, and for the runtimes on them."""
    if not names:
        return record
    backends = [
        {**each, "name": names.get(each["name"], each["name"])} for each in record["backends"]
    ]
    verdicts = []
    for each in record["verdicts"]:
        backend = names.get(each["backend"], each["backend"])
        verdicts.append(
            {**each, "backend": backend, "runtime": runtime_name(each["library"], backend)}
        )
    return cast("Record", {**record, "backends": backends, "verdicts": verdicts})


def combined(records: Iterable[Record]) -> list[Record]:
    """``records`` with those as one that were made in the same way, each on backends of its own."""
    found: dict[str, list[Record]] = {}
    for record in records:
        alike = found.setdefault(made(record), [])
        for place, other in enumerate(alike):
            if _fit_together(other, record):
                alike[place] = _together(other, record)
                break
        else:
            alike.append(record)
    return [record for alike in found.values() for record in alike]


def made(record: Record) -> str:
    """All that a verdict may follow from: the environment, and how the run was made."""
    run = {key: value for key, value in record["run"].items() if key not in ("started", "seconds")}
    return json.dumps([record["environment"], run], sort_keys=True)


def _fit_together(one: Record, other: Record) -> bool:
    claims = {claim["id"]: claim for claim in one["claims"]}
    return all(claims.get(claim["id"], claim) == claim for claim in other["claims"]) and not (
        {verdict["backend"] for verdict in one["verdicts"]}
        & {verdict["backend"] for verdict in other["verdicts"]}
    )


def _together(one: Record, other: Record) -> Record:
    claims = {claim["id"]: claim for claim in (*one["claims"], *other["claims"])}
    backends: dict[str, BackendRecord] = {}
    for backend in (*one["backends"], *other["backends"]):
        known = backends.get(backend["name"])
        if known is None or (backend["available"] and not known["available"]):
            backends[backend["name"]] = backend
    return cast(
        "Record",
        {
            **one,
            "run": {
                **one["run"],
                "started": min(one["run"]["started"], other["run"]["started"]),
                "seconds": one["run"]["seconds"] + other["run"]["seconds"],
            },
            "claims": list(claims.values()),
            "backends": list(backends.values()),
            "verdicts": [*one["verdicts"], *other["verdicts"]],
        },
    )
