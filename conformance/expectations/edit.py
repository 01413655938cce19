"""What was judged, put on record: which deviations a file gains and loses, and its new text."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import tomlkit
from tomlkit.items import Item

from conformance.backends.backend import Backend
from conformance.claim import Claim, Library
from conformance.conditions import installed_version
from conformance.expectations.deviations import TABLE, Deviation, Deviations
from conformance.expectations.lookup import without_deviations
from conformance.verdict import BREACHES, GONE, VerdictName, VerdictRecord

TODO = {
    "why": "TODO: one sentence: what the runtime does instead, in which of its versions",
    "issue": "TODO: the address of the upstream issue, or the path of a report",
}
"""What stands beside the keys that only a person can fill in."""

HEADER = "# Known breaches of laws, as 'conformance deviations update' found them.\n"


_THREAD = re.compile(r"^(?:Current thread|Thread) 0x.*\n?", re.MULTILINE)
_PATH = re.compile(r'\bFile "[^"\n]*?([^/\\"\n]+[/\\][^/\\"\n]+)"')
"""Lines of a dumped stack: which thread it is of, and a file, of which the last two parts are kept."""


class Added(NamedTuple):
    """A deviation to add, and the entry that would be found instead if it did not stand before it."""

    deviation: Deviation
    before: Deviation | None


@dataclass
class Update:
    """What a file gains and loses.

    ``said`` tells of each entry in one line; ``left`` tells of what stays different and needs a person.
    """

    added: list[Added] = field(default_factory=list)
    removed: list[Deviation] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


class _Breach(NamedTuple):
    """What the verdicts that make one entry have in common."""

    claim: str
    library: Library
    seen: VerdictName
    when: str
    known: Deviation | None
    region: str = ""
    message: str = ""


def update(
    verdicts: Iterable[VerdictRecord],
    claims: Iterable[Claim],
    backends: Iterable[Backend],
    deviations: Deviations,
    file: str,
) -> Update:
    """What ``file``, whose entries are among ``deviations``, must gain and lose to agree with ``verdicts``."""
    by_id = {claim.id: claim for claim in claims}
    by_name = {backend.name: backend for backend in backends}
    result = Update()
    happens: set[Deviation] = set()
    gone: dict[Deviation, list[VerdictRecord]] = {}
    new: dict[_Breach, list[VerdictRecord]] = {}
    for verdict in verdicts:
        claim, library = by_id[verdict["claim"]], cast("Library", verdict["library"])
        names = by_name[verdict["backend"]].known_as
        known = next(
            filter(None, (deviations.find(claim.id, library, name) for name in names)), None
        )
        if known is not None and known.verdict == verdict["verdict"]:
            happens.add(known)
        # What is blocked follows from another law's breach, which is what goes on record.
        if verdict["as_expected"] or verdict["verdict"] == "blocked":
            continue
        differs = f"{_found([verdict])}, not {verdict['expected']}"
        if claim.kind != "law":
            result.left.append(f"{differs}: only laws have deviations, this is an article claim")
            continue
        shown = verdict["counterexample"]
        departs = None if shown is None else shown.get("departs")
        if known is not None and departs is None:
            gone.setdefault(known, []).append(verdict)
        elif known is not None:
            # It is broken as it was, or in another way besides.
            every = (each for name in names for each in deviations.all(claim.id, library, name))
            for each in dict.fromkeys(every):
                if departs == GONE.format(each.lines):
                    gone.setdefault(each, []).append(verdict)
                    happens.discard(each)
            known = None
            if any(verdict in verdicts for verdicts in gone.values()):
                continue
        plain = without_deviations(claim.statements[library], names)
        if verdict["verdict"] in BREACHES:
            seen = next(name for name in BREACHES if name == verdict["verdict"])
            when = pin(library, by_name[verdict["backend"]])
            breach = _Breach(
                claim.id,
                library,
                seen,
                when,
                known,
                region="" if shown is None else shown.get("region", ""),
                message="" if shown is None else shown.get("message", ""),
            )
            new.setdefault(breach, []).append(verdict)
        elif plain is None or plain.verdict != verdict["verdict"]:
            result.left.append(f"{differs}: that is no breach of the law, look into it")
    inherited = {
        known
        for known, verdicts in gone.items()
        if not any(_is_for(known, by_name[verdict["backend"]]) for verdict in verdicts)
    }
    _remove(result, gone, happens | inherited, file)
    _add(result, new, file)
    return result


def _is_for(known: Deviation, backend: Backend) -> bool:
    """Whether ``known`` is on record of ``backend`` itself, and not of what its loop derives from."""
    return any(known.is_for(name) for name in (backend.name, *backend.aliases))


def _remove(
    result: Update,
    gone: Mapping[Deviation, Sequence[VerdictRecord]],
    happens: set[Deviation],
    file: str,
) -> None:
    for known, verdicts in gone.items():
        healed = [verdict for verdict in verdicts if verdict["verdict"] not in BREACHES]
        if known.file == file and known not in happens:
            bound = f" (it was on record where {known.when})" if known.when else ""
            result.removed.append(known)
            result.said.append(f"removed {known.lines}: {_found(verdicts)}{bound}")
        elif healed and known.file == file:
            result.left.append(
                f"{_found(healed)}, and is still {known.verdict} elsewhere: narrow the backends of "
                f"{known.lines}"
            )
        elif healed:
            result.left.append(
                f"{_found(healed)}, not {known.verdict}, as {known.lines} say: change that file"
            )


def _add(result: Update, new: Mapping[_Breach, Sequence[VerdictRecord]], file: str) -> None:
    for breach, verdicts in new.items():
        deviation = Deviation(
            breach.seen,
            "",
            breach.when,
            tuple(verdict["backend"] for verdict in verdicts),
            messages=(breach.message,) if breach.message else (),
            claim=breach.claim,
            library=breach.library,
            cases=breach.region,
            counterexample=_counterexample(verdicts[0]),
            file=file,
        )
        before = breach.known
        if before is not None and (before in result.removed or before.file != file):
            before = None
        result.added.append(Added(deviation, before))
        where = f", where {breach.when}" if breach.when else ""
        if breach.region:
            where += f", in the cases of {breach.region}"
        result.said.append(f"added to {file}: {_found(verdicts)}{where}")


def _found(verdicts: Sequence[VerdictRecord]) -> str:
    """As in ``LAW-X holds on asyncio, anyio/asyncio``."""
    where: dict[str, list[str]] = {}
    for verdict in verdicts:
        is_so = "holds" if verdict["verdict"] == "holds" else f"is {verdict['verdict']}"
        where.setdefault(is_so, []).append(verdict["runtime"])
    parts = (f"{is_so} on {', '.join(runtimes)}" for is_so, runtimes in where.items())
    return f"{verdicts[0]['claim']} {' and '.join(parts)}"


def _counterexample(verdict: VerdictRecord) -> str:
    """The case, what was seen, and the reason for an outcome that is no answer."""
    text = "" if verdict["counterexample"] is None else verdict["counterexample"]["text"]
    reason = verdict["reason"] or ""
    whole = text if reason in text else f"{text}\n{reason}"
    # Where it stands on one machine is nothing to keep, nor which thread it was.
    whole = _PATH.sub(r'File "\1"', _THREAD.sub("", whole))
    # What was drawn may hold a lone surrogate, which no file can.
    return whole.strip().encode("utf-8", "backslashreplace").decode()


def pin(library: Library, backend: Backend) -> str:
    """The condition that is true of what is installed here and of what comes after it.

    Of what is older nothing was seen; and what no longer happens fails a run, which then asks for the
    condition to be narrowed.  It is about the distribution that the event loop is from; if it is
    Python's own, about that of the library; for asyncio itself, about this Python.  It is empty for a
    loop that is from no distribution: what it does is in the hands of whoever keeps the file.
    """
    name, _, version = (backend.origin.package or "").rpartition(" ")
    if not version and _is_python_s(backend):
        name = platform.python_implementation().lower() if library == "asyncio" else library
        version = installed_version(name) or ""
    # A condition knows no versions of somebody's own build.
    return f"{name}>={version.partition('+')[0]}" if version else ""


def _is_python_s(backend: Backend) -> bool:
    """Whether the loops of ``backend`` are Python's own, or trio's."""
    module = (backend.spec or "asyncio").partition(":")[0].partition(".")[0]
    return not backend.foreign or module in sys.stdlib_module_names


def rendered(deviation: Deviation) -> str:
    """``deviation`` as TOML, ending in a line end."""
    table = tomlkit.table()
    table.add("claim", deviation.claim)
    table.add("library", deviation.library)
    if deviation.on:
        table.add("backend", list(deviation.on))
    if deviation.when:
        table.add("when", deviation.when)
    table.add("seen", deviation.verdict)
    if deviation.cases:
        table.add("region", _text(deviation.cases))
    if deviation.messages:
        messages = [_text(each) for each in deviation.messages]
        table.add("message", messages[0] if len(messages) == 1 else messages)
    for key in ("why", "issue"):
        value = getattr(deviation, key) or ""
        text = tomlkit.string(value)
        if not value:
            text.comment(TODO[key])
        table.add(key, text)
    if deviation.counterexample:
        table.add("counterexample", _lines(deviation.counterexample))
    return f"[[{TABLE}]]\n{table.as_string()}"


def _text(text: str) -> Item:
    """``text`` as a string of TOML, in the quotes in which it reads best."""
    # What was drawn may hold a lone surrogate, which no file can.
    text = text.encode("utf-8", "backslashreplace").decode()
    if "\n" in text:
        return _lines(text)
    plain = '"' in text and "'" not in text and text.isprintable()
    return tomlkit.string(text, literal=plain)


def _lines(text: str) -> Item:
    """``text`` as a string of TOML whose lines stand as lines."""
    inside = tomlkit.string(f"{text}\n", multiline=True).as_string()[3:-3]
    # The line end behind the quotes is none of the text's.
    start = "" if inside.startswith("\n") else "\n"
    return tomlkit.value(f'"""{start}{inside}"""')


def edited(text: str, changes: Update) -> str:
    """``text``, a file of deviations, with ``changes`` made; all else, and the order, stays."""
    lines = (text or HEADER).split("\n")
    at_end = [added.deviation for added in changes.added if added.before is None]
    edits: list[tuple[int, int, list[str]]] = []
    for known in changes.removed:
        start = known.first - 1
        # Comments that stand right on it are about it, unless they open the file.
        while start > 0 and lines[start - 1].startswith("#"):
            start -= 1
        if start == 0:
            start = known.first - 1
        end = known.last
        if end < len(lines) - 1 and not lines[end].strip():
            end += 1
        edits.append((start, end, []))
    for deviation, before in changes.added:
        if before is not None:
            block = rendered(deviation).split("\n")
            edits.append((before.first - 1, before.first - 1, block))
    for start, end, block in sorted(edits, key=lambda edit: edit[0], reverse=True):
        lines[start:end] = block
    whole = "\n".join(lines).rstrip("\n") + "\n"
    for deviation in at_end:
        whole += f"\n{rendered(deviation)}"
    return whole
