"""Records to test with: some written by hand, any number drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from hypothesis import strategies as st

from conformance.results.record import (
    BackendRecord,
    ClaimRecord,
    EnvironmentRecord,
    Record,
    RunRecord,
)
from conformance.results.runtimes import runtimes_of, split
from conformance.verdict import (
    ANSWERS,
    BREACHES,
    VERDICT_NAMES,
    CounterexampleRecord,
    VerdictRecord,
)

BACKENDS = (
    "asyncio",
    "asyncio+pytask",
    "asyncio+debug",
    "asyncio+eager",
    "asyncio+uvloop",
    "asyncio+new_event_loop",
    "trio",
)
WHY_NOT = "not installed (pip install 'cancellation-conformance[uvloop]')"


def environment(python: str = "3.13.1", **changes: Any) -> EnvironmentRecord:
    """A Python's environment."""
    made: dict[str, Any] = {
        "python": python,
        "implementation": "CPython",
        "gil": True,
        "platform": "Linux-6.1-x86_64",
        "packages": {"anyio": "4.16.0", "trio": "0.35.0"},
        **changes,
    }
    return cast("EnvironmentRecord", made)


def claim(id: str, *, instead: Sequence[str] = (), **changes: Any) -> ClaimRecord:
    """A claim, of the chapter that its id names."""
    made: dict[str, Any] = {
        "id": id,
        "chapter": id.removeprefix("LAW-").partition("-")[0].lower(),
        "kind": "law" if id.startswith("LAW-") else "article",
        "sentence": f"What {id} says is so.",
        "source": "§1",
        "libraries": ["asyncio", "anyio", "trio"],
        "instead": list(instead),
        **changes,
    }
    return cast("ClaimRecord", made)


def verdict(
    claim: str,
    runtime: str = "asyncio",
    verdict: str = "holds",
    expected: str | None = "holds",
    **changes: Any,
) -> VerdictRecord:
    """A verdict of a claim on a runtime."""
    library, backend = split(runtime)
    made: dict[str, Any] = {
        "claim": claim,
        "runtime": runtime,
        "library": library,
        "backend": backend,
        "verdict": verdict,
        "expected": expected,
        "as_expected": verdict == expected,
        "examples": 100,
        "exhaustive": False,
        "antecedents": {"cancelled while waiting": 100},
        "seconds": 0.25,
        "reason": None,
        "counterexample": None,
        **changes,
    }
    return cast("VerdictRecord", made)


def record(
    verdicts: Iterable[VerdictRecord] = (),
    *,
    claims: Iterable[ClaimRecord] | None = None,
    why_not: Mapping[str, str] | None = None,
    seed: int = 0,
    size: int | None = None,
    **changes: Any,
) -> Record:
    """A record of ``verdicts``; its claims are theirs and its backends too, if none are given."""
    verdicts = list(verdicts)
    why_not = dict(why_not or {})
    names = dict.fromkeys([*(each["backend"] for each in verdicts), *why_not])
    if claims is None:
        claims = [claim(id) for id in dict.fromkeys(each["claim"] for each in verdicts)]
    run = RunRecord(
        seed=seed,
        profile="default",
        started="2026-02-01T12:00:00+00:00",
        seconds=1.5,
        conformance="0.1.0",
    )
    if size is not None:
        run["size"] = size
    return Record(
        schema_version=1,
        environment=environment(**changes),
        run=run,
        claims=list(claims),
        backends=[
            BackendRecord(name=name, available=name not in why_not, reason=why_not.get(name))
            for name in names
        ],
        verdicts=verdicts,
    )


# Text as tests have it, control characters, markup and lone surrogates included.
texts = st.one_of(
    st.sampled_from(["[bold]x[/bold]", "a | b", "]]>&<", "\x1b[31m", "\x00", "\ud800", "…"]),
    st.text(st.characters(), max_size=20),
)
versions = st.sampled_from(["3.10.4", "3.11.2", "3.12.0", "3.13.1", "3.13.5", "3.14.0rc1"])
environments = st.builds(
    environment,
    python=versions,
    implementation=st.sampled_from(["CPython", "PyPy"]),
    gil=st.booleans(),
    platform=texts,
    packages=st.dictionaries(st.sampled_from(["anyio", "trio", "uvloop"]), st.just("1.0")),
)


@st.composite
def _verdicts(draw: st.DrawFn, claim: str, runtime: str) -> VerdictRecord:
    name = draw(st.sampled_from(VERDICT_NAMES))
    expected = draw(st.sampled_from([None, *sorted(ANSWERS | BREACHES)]))
    return verdict(
        claim,
        runtime,
        name,
        expected,
        examples=draw(st.integers(0, 2000)),
        exhaustive=draw(st.booleans()),
        reason=draw(st.none() | texts),
        counterexample=draw(st.none() | st.builds(CounterexampleRecord, script=texts, text=texts)),
    )


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Any valid record, of a run that may have been stopped anywhere."""
    ids = draw(
        st.lists(
            st.sampled_from(["GATHER-01", "GATHER-02", "LAW-GATHER-01", "NEST-03"]),
            unique=True,
            max_size=3,
        )
    )
    claims = [claim(id, sentence=draw(texts), source=draw(texts)) for id in ids]
    names = draw(st.lists(st.sampled_from(BACKENDS), unique=True, max_size=3))
    why_not = {name: WHY_NOT for name in names if draw(st.booleans())}
    cells = [
        (id, runtime)
        for id in ids
        for name in names
        if name not in why_not
        for _, runtime in runtimes_of(name)
    ]
    judged = [cell for cell in cells if draw(st.integers(0, 4))]
    made = record(
        [draw(_verdicts(*cell)) for cell in judged],
        claims=claims,
        seed=draw(st.integers(0, 99)),
        size=draw(st.none() | st.integers(1, 4)),
    )
    made["backends"] = [
        BackendRecord(name=name, available=name not in why_not, reason=why_not.get(name))
        for name in names
    ]
    made["environment"] = draw(environments)
    return made
