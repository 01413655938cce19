"""Known breaches of laws: read from TOML, checked, and looked up.

The package's own are in ``conformance/expectations/deviations.toml``; further files say what is known elsewhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, cast, get_args

import tomlkit
from tomlkit.exceptions import TOMLKitError

from conformance.backends.naming import distribution
from conformance.book import written
from conformance.claim import LIBRARIES, Claim, Expect, Library
from conformance.conditions import BadCondition, fits
from conformance.ending import Refusal
from conformance.expectations.regions import BadRegion, region
from conformance.verdict import BREACHES, VerdictName, runtime_name

PACKAGE_FILE = Path(__file__).with_name("deviations.toml")
"""The deviations that are known to this package, shipped with it."""

TABLE = "deviation"
NEEDED = ("claim", "library", "seen")
SAID = ("why", "issue", "counterexample")
"""The keys that a deviation may lack for a while, which is told every time that it is read."""

KEYS = (
    "claim",
    "library",
    "backend",
    "when",
    "seen",
    "region",
    "message",
    "why",
    "issue",
    "counterexample",
)


class BadDeviations(Refusal):
    """A file of deviations that cannot be used: one line that says where, why and what would do."""


@dataclass(frozen=True, kw_only=True)
class Deviation(Expect):
    """An expectation that a law is broken: a known bug.

    ``claim`` and ``library`` say which law, in whose words; ``on`` are the backends, as names or
    globs (none: all), without those that a ``!`` stands before; ``cases`` is its region in words; ``counterexample`` is the smallest that was
    found, in words.  ``file`` is where
    it is on record, from line ``first``, its header, to line ``last``.
    """

    expectable: ClassVar[frozenset[VerdictName]] = BREACHES

    claim: str
    library: Library
    cases: str = ""
    counterexample: str = ""
    file: str = field(default="", compare=False)
    first: int = field(default=0, compare=False)
    last: int = field(default=0, compare=False)

    @property
    def reason(self) -> str:
        """What a verdict that it expects has for a reason."""
        issue = f" ({self.issue})" if self.issue else ""
        return f"a known deviation: {self.why or 'nobody has said why yet'}{issue}"

    @property
    def lines(self) -> str:
        """Where it is on record, as in ``lines 12-20 of deviations.toml``."""
        return f"lines {self.first}-{self.last} of {self.file}"

    @property
    def missing(self) -> tuple[str, ...]:
        """What it should say and does not: names of keys."""
        return tuple(key for key in SAID if not getattr(self, key))

    def is_for(self, backend: str) -> bool:
        """Whether it speaks of ``backend``, whatever the versions here."""
        without = [each[1:] for each in self.on if each.startswith("!")]
        those = [each for each in self.on if not each.startswith("!")]
        return (not those or _names(those, backend)) and not _names(without, backend)

    def fits(self, claim: str, library: str, backend: str) -> bool:
        """Whether it is the verdict on record there, with the versions that are here."""
        return (
            (claim, library) == (self.claim, self.library)
            and self.is_for(backend)
            and fits(self.when)
        )


def _names(names: Iterable[str], backend: str) -> bool:
    """Whether one of ``names``, which may be globs, is ``backend``."""
    return any(backend == each or fnmatchcase(backend, each) for each in names)


@dataclass(frozen=True)
class Deviations:
    """Everything on record, the file that wins first, each file's in its own order."""

    entries: tuple[Deviation, ...] = ()

    def all(self, claim: str, library: str, backend: str) -> tuple[Deviation, ...]:
        """The deviations on record for the law in that library on that backend, here."""
        return tuple(each for each in self.entries if each.fits(claim, library, backend))

    def find(self, claim: str, library: str, backend: str) -> Deviation | None:
        """The first of :meth:`all`, which says what the verdict is, if there is one."""
        return next(iter(self.all(claim, library, backend)), None)

    def of(self, claim: str, library: str | None = None) -> tuple[Deviation, ...]:
        """Those of one law, in one library if it is said, whether they fit here or not."""
        return tuple(
            each for each in self.entries if each.claim == claim and library in (None, each.library)
        )

    @property
    def warnings(self) -> Iterator[str]:
        """A line for each deviation that does not say what it should."""
        for each in self.entries:
            if each.missing:
                yield (
                    f"{each.file}:{each.first}: the deviation of {each.claim} has no "
                    f"{' and no '.join(each.missing)} yet; say it, so that others can check it"
                )


def load(files: Sequence[str | os.PathLike[str]] = ()) -> Deviations:
    """The package's deviations and those of ``files``, of which a later one wins.

    Raises :class:`BadDeviations`.
    """
    ours = package_deviations()
    names = dict.fromkeys(os.fspath(each) for each in files)
    theirs = [parse(_text(name), name) for name in names if not is_the_package_s(name)]
    return Deviations((*(each for file in reversed(theirs) for each in file), *ours.entries))


@lru_cache(maxsize=1)
def package_deviations() -> Deviations:
    """The package's own."""
    return Deviations(parse(_text(PACKAGE_FILE), shown(PACKAGE_FILE)))


def shown(path: str | os.PathLike[str]) -> str:
    """``path`` as it is best told: from the working directory if it is below that."""
    try:
        inside = Path(path).relative_to(Path.cwd())
    except (ValueError, OSError):  # elsewhere, or the working directory was removed
        return os.fspath(path)
    return inside.as_posix()


def parse(text: str, name: str) -> tuple[Deviation, ...]:
    """The deviations that ``text``, of the file ``name``, has on record.

    Raises :class:`BadDeviations`.
    """
    # Some editors begin a file with a mark of its encoding.
    text = text.removeprefix("\ufeff")
    try:
        document = tomlkit.parse(text).unwrap()
    except RecursionError as error:
        raise BadDeviations(f"{name}: it is nested too deeply for a file of deviations") from error
    except TOMLKitError as error:
        place = f"{name}:{line}" if (line := getattr(error, "line", None)) else name
        raise BadDeviations(f"{place}: this is no TOML: {error}; mend it there") from error
    places = list(sections(text))
    tables = document.pop(TABLE, [])
    if document:
        raise BadDeviations(
            f"{name}: {next(iter(document))!r} means nothing here; a file of deviations holds "
            f"[[{TABLE}]] tables alone"
        )
    if not isinstance(tables, list) or len(tables) != len(places):
        raise BadDeviations(
            f"{name}: {TABLE!r} is not written as tables; begin each with the line [[{TABLE}]]"
        )
    found: dict[object, Deviation] = {}
    for table, section in zip(tables, places, strict=True):
        deviation = _deviation(table, section, name)
        same = found.setdefault(_cells(deviation), deviation)
        if same is not deviation:
            raise BadDeviations(
                f"{name}:{section.first}: {deviation.claim} is on record for the same library, backends, "
                f"versions and cases in line {same.first}; keep one of the two"
            )
    return tuple(found.values())


def check(deviations: Iterable[Deviation], claims: Iterable[Claim]) -> None:
    """See that each names a law among ``claims`` that is stated in its library.

    Raises :class:`BadDeviations`.
    """
    by_id = {claim.id: claim for claim in claims}
    for each in deviations:
        claim = by_id.get(each.claim)
        if claim is None:
            wrong = f"there is no claim {each.claim}; 'conformance list' shows all ids"
        elif claim.kind != "law":
            wrong = (
                f"{each.claim} is an article claim; only laws have deviations: take the entry out"
            )
        elif each.library not in claim.libraries:
            wrong = (
                f"{each.claim} is not stated in {each.library}; it is in "
                f"{', '.join(claim.libraries)}"
            )
        else:
            wrong = _wrong_region(each, claim)
            if not wrong:
                continue
        raise BadDeviations(f"{each.file}:{each.first}: {wrong}")


def _wrong_region(deviation: Deviation, claim: Claim) -> str:
    """What is wrong with the names in its region, empty if nothing is."""
    statement = claim.statements[deviation.library]
    if deviation.cases:
        unknown = region(deviation.cases).names.difference(statement.drawn)
        if unknown:
            return (
                f"region names {', '.join(sorted(unknown))}; what {claim.id} draws is "
                f"{', '.join(statement.drawn)}"
            )
    return ""


def check_backends(
    deviations: Iterable[Deviation], known: Sequence[Sequence[str]], *, every: bool = True
) -> list[str]:
    """See that each backend that they name is one of ``known``, the names of each; or of a package here.

    ``every`` says that ``known`` are all there can be: otherwise somebody's loop may have any name, and
    what would be refused is returned, in words.
    Raises :class:`BadDeviations`: what is mistyped would be on record of nothing.
    """
    unknown: list[str] = []
    there = [name for names in known for name in names]
    for each in deviations:
        for name in (name.removeprefix("!") for name in each.on):
            loop = name.removeprefix("asyncio+")
            if any(_names((name,), other) for other in there) or (
                loop != name and distribution(re.split("[+:]", loop)[0])
            ):
                continue
            unknown.append(
                f"{each.file}:{each.first}: no backend is called {name!r}; there is "
                f"{', '.join(names[0] for names in known)}; a loop of one's own has a name once "
                "--loop names it"
            )
            if every or loop == name:
                raise BadDeviations(unknown[-1])
    return unknown


@dataclass(frozen=True)
class Section:
    """Where a ``[[deviation]]`` stands in its file: its header, its last line, and its keys' lines."""

    first: int
    last: int
    keys: Mapping[str, int]


# Enough of TOML's grammar to see which lines are headers and keys: strings and comments are passed
# over whole.  Only used on text that tomlkit has read.
_TOKEN = re.compile(
    r"""
    ^[ \t]*\[\[[ \t]*(?:deviation|"deviation"|'deviation')[ \t]*\]\](?P<header>)
    | ^[ \t]*(?P<key>[\w-]+)[ \t]*=
    | \"{3}(?:\\.|[^\\])*?\"{3,5}
    | '{3}.*?'{3,5}
    | "(?:\\.|[^"\\\n])*"
    | '[^'\n]*'
    | \#[^\n]*
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)


def sections(text: str) -> Iterator[Section]:
    """Where the deviations stand in ``text``, in order."""
    headers: list[tuple[int, dict[str, int]]] = []
    ends: list[int] = []
    line, counted = 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", counted, match.end() - 1)
        counted = match.end() - 1
        if match["header"] is not None:
            headers.append((line, {}))
            ends.append(line)
        elif match["key"] is not None and headers:
            headers[-1][1].setdefault(match["key"], line)
            ends[-1] = line
        elif headers and not match.group().startswith("#"):
            ends[-1] = line
    lines = text.split("\n")
    for (first, keys), end in zip(headers, ends, strict=True):
        last = end
        # A list may end on a line of its own.
        while last < len(lines) and re.fullmatch(r"\s*\],?\s*(#.*)?", lines[last]):
            last += 1
        yield Section(first, last, keys)


def _deviation(table: Mapping[str, Any], place: Section, name: str) -> Deviation:
    """The deviation that ``table`` is.  Raises :class:`BadDeviations`."""

    def wrong(key: str, what: str) -> BadDeviations:
        return BadDeviations(f"{name}:{place.keys.get(key, place.first)}: {what}")

    for key, value in table.items():
        if key not in KEYS:
            raise wrong(key, f"{key!r} is no key of a deviation; they are {', '.join(KEYS)}")
        if key == "backend":
            if not _is_names(value):
                raise wrong(
                    key, 'backend is no list of names; write it as ["asyncio", "asyncio+*"]'
                )
        elif key == "message" and _is_names(value):
            continue
        elif not isinstance(value, str):
            raise wrong(key, f"{key} is no string; write it in quotes")
    for key in NEEDED:
        if key not in table:
            raise wrong(key, f"{key!r} is missing; a deviation needs {', '.join(NEEDED)}")
    if table["library"] not in LIBRARIES:
        raise wrong(
            "library", f"there is no library {table['library']!r}; it is {_one_of(LIBRARIES)}"
        )
    if table["seen"] not in BREACHES:
        raise wrong(
            "seen", f"seen = {table['seen']!r} is no breach of a law; it is {_one_of(_BREACHES)}"
        )
    try:
        fits(table.get("when", ""))
    except BadCondition as error:
        raise wrong("when", f"when: {error}; several are joined by commas") from error
    cases = " ".join(table.get("region", "").split())
    try:
        where = region(cases) if cases else None
    except BadRegion as error:
        raise wrong("region", f"region: {error}") from error
    return Deviation(
        table["seen"],
        " ".join(table.get("why", "").split()),
        table.get("when", ""),
        tuple(table.get("backend", ())),
        table.get("issue") or None,
        where,
        _messages(table.get("message", ())),
        claim=written(table["claim"]),
        library=cast("Library", table["library"]),
        cases=cases,
        counterexample=table.get("counterexample", ""),
        file=name,
        first=place.first,
        last=place.last,
    )


def _messages(said: str | Sequence[str]) -> tuple[str, ...]:
    """The messages on record: one, or a list of them."""
    messages = (said,) if isinstance(said, str) else said
    return tuple(each.strip() for each in messages if each.strip())


_BREACHES = [each for each in get_args(VerdictName) if each in BREACHES]


def _one_of(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _is_names(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, str) and each for each in value)
    )


def _cells(deviation: Deviation) -> tuple[object, ...]:
    """What it is on record for."""
    return (
        deviation.claim,
        deviation.library,
        deviation.cases,
        frozenset(deviation.on),
        frozenset(part.strip() for part in deviation.when.split(",")),
    )


def _text(path: str | os.PathLike[str]) -> str:
    name = shown(path)
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadDeviations(
            f"there is no file {name}: 'conformance deviations update --deviations {name}' writes one"
        ) from None
    except OSError as error:
        raise BadDeviations(
            f"cannot read {name}: {error.strerror or error}; give a file of deviations"
        ) from error
    except UnicodeDecodeError as error:
        raise BadDeviations(f"{name} is not UTF-8: {error}; save it as that") from error


def is_the_package_s(path: str | os.PathLike[str]) -> bool:
    """Whether ``path`` is the package's own file."""
    return os.path.realpath(path) == os.path.realpath(PACKAGE_FILE)


def runtimes(
    deviation: Deviation, backends: Iterable[tuple[Sequence[str], Sequence[Library]]]
) -> list[str]:
    """The runtimes that it fits here, of those of ``backends``: the names and the libraries of each."""
    return [
        runtime_name(deviation.library, names[0])
        for names, libraries in backends
        if deviation.library in libraries
        and any(deviation.fits(deviation.claim, deviation.library, name) for name in names)
    ]
