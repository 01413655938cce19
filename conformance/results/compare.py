"""What changed from one record to another."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.results.columns import loop_of
from conformance.results.record import Record
from conformance.results.runtimes import runtime_key
from conformance.results.shown import shown
from conformance.verdict import VerdictRecord


@dataclass(frozen=True)
class Change:
    """A claim on a runtime whose verdict or expectation is not what it was.

    ``old`` is ``None`` where it appeared, ``new`` where it vanished.
    """

    claim: str
    runtime: str
    old: VerdictRecord | None
    new: VerdictRecord | None

    @property
    def name(self) -> str:
        """As pytest names it: ``GATHER-04[asyncio+uvloop]``."""
        return f"{self.claim}[{self.runtime}]"


@dataclass(frozen=True)
class Difference:
    """The differences between two records.

    ``information`` lists what differs between the two environments and runs, as name, old and new:
    it may explain a change and is none.
    """

    changed: tuple[Change, ...] = ()
    expectations: tuple[Change, ...] = ()
    appeared: tuple[Change, ...] = ()
    vanished: tuple[Change, ...] = ()
    information: tuple[tuple[str, str, str], ...] = ()

    @property
    def any(self) -> bool:
        """Whether something changed."""
        return bool(self.changed or self.expectations or self.appeared or self.vanished)


def compare(old: Record, new: Record) -> Difference:
    """What changed from ``old`` to ``new``.

    ``changed`` are the verdicts that differ, ``expectations`` those that do not but are expected
    otherwise now; ``appeared`` and ``vanished`` those that only one of the records has.
    All of it may be shown.
    """
    old, new = shown(old), shown(new)
    before, after = _verdicts(old), _verdicts(new)
    ids = dict.fromkeys(claim["id"] for claim in [*old["claims"], *new["claims"]])
    order = {claim: place for place, claim in enumerate(ids)}
    changes = [
        Change(claim, runtime, before.get((claim, runtime)), after.get((claim, runtime)))
        for claim, runtime in sorted(
            before.keys() | after.keys(),
            key=lambda cell: (order[cell[0]], runtime_key(cell[1])),
        )
    ]
    both = [
        (change, change.old, change.new)
        for change in changes
        if change.old is not None and change.new is not None
    ]
    return Difference(
        changed=tuple(each for each, was, now in both if was["verdict"] != now["verdict"]),
        expectations=tuple(
            each
            for each, was, now in both
            if was["verdict"] == now["verdict"] and was["expected"] != now["expected"]
        ),
        appeared=tuple(change for change in changes if change.old is None),
        vanished=tuple(change for change in changes if change.new is None),
        information=_information(old, new),
    )


def _verdicts(record: Record) -> dict[tuple[str, str], VerdictRecord]:
    return {(each["claim"], each["runtime"]): each for each in record["verdicts"]}


def _information(old: Record, new: Record) -> tuple[tuple[str, str, str], ...]:
    before, after, now = _facts(old), _facts(new), _loops(new)
    return tuple(
        (name, before.get(name, "none"), after.get(name, "none"))
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ) + tuple(
        (f"loop of {name}", loop, now[name])
        for name, loop in _loops(old).items()
        if now.get(name, loop) != loop
    )


def _loops(record: Record) -> dict[str, str]:
    """Which loops the backends have, where the record says so."""
    return {backend["name"]: loop for backend in record["backends"] if (loop := loop_of(backend))}


def _facts(record: Record) -> dict[str, str]:
    where, run = record["environment"], record["run"]
    facts = {
        "python": f"{where['implementation']} {where['python']}",
        "gil": "on" if where["gil"] else "off",
        "platform": where["platform"],
        "conformance": run["conformance"],
        "profile": run["profile"],
        "seed": str(run["seed"]),
        **({"size of programs": str(run["size"])} if "size" in run else {}),
    }
    for name, version in where["packages"].items():
        facts[f"package {name}" if name in facts else name] = version
    for backend in record["backends"]:
        facts[f"backend {backend['name']}"] = backend["reason"] or "available"
    return facts
