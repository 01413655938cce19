"""The pytest plugin: claims are ordinary tests, one item for each runtime.

Inert unless claims are collected or its options are given.  It takes no setting of the user's away:
no Hypothesis profile is loaded, nothing is patched.
"""

from __future__ import annotations

import argparse
import gc
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

import pytest

from conformance import book
from conformance.backends.interpreter import has_assertions
from conformance.claim import LIBRARIES, Claim, Statement
from conformance.judging.effort import PROFILES, SMALL, Effort
from conformance.printable import counted, one_line, printable
from conformance.verdict import runtime_name

# Every pytest session of whoever installed the package loads this module: trio, Hypothesis and the
# rest are imported where a claim is judged.
if TYPE_CHECKING:
    from conformance.backends.backend import Backend
    from conformance.judging.session import Session

PROPERTY = "conformance"
"""The name under which an item's report carries its verdict, as a record's dictionary."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance", "the law of cancellation")
    group.addoption(
        "--conformance-backend",
        action="append",
        default=[],
        metavar="NAME",
        help="judge claims on this backend only (repeatable; all that are installed)",
    )
    group.addoption(
        "--conformance-library",
        action="append",
        default=[],
        choices=LIBRARIES,
        help="judge only this library's statements of claims (repeatable; all)",
    )
    group.addoption(
        "--conformance-loop",
        action="append",
        default=[],
        metavar="SPEC",
        help="MODULE:FACTORY adds a backend, asyncio+MODULE or asyncio+FACTORY; a file such as tests/conftest.py those "
        "that it declares, for pytest-asyncio or anyio (FILE::NAME one of them); only these are judged "
        "if no backend is named (repeatable)",
    )
    group.addoption(
        "--conformance-claim",
        action="append",
        default=[],
        metavar="GLOB",
        help="judge only the claims whose id matches (repeatable; all)",
    )
    group.addoption(
        "--conformance-profile",
        choices=list(PROFILES),
        default="default",
        help="how hard to try (default)",
    )
    # For the processes that conformance run starts: what they make there, they judge.
    # It says what the one backend is called there.
    group.addoption("--conformance-supervised", metavar="NAME", help=argparse.SUPPRESS)
    group.addoption(
        "--conformance-examples",
        type=int,
        metavar="N",
        help="examples for a claim that is not enumerated whole (the profile's)",
    )
    group.addoption(
        "--conformance-seed",
        type=int,
        default=0,
        metavar="N",
        help="random seed (0)",
    )
    group.addoption(
        "--conformance-deviations",
        action="append",
        default=[],
        metavar="FILE",
        help="known breaches of laws that are on record beside the package's own (repeatable)",
    )
    group.addoption(
        "--conformance-size",
        type=int,
        metavar="N",
        help=f"run all programs up to this size ({SMALL})",
    )


@dataclass(frozen=True)
class Judging:
    """What is judged in this pytest session: on which backends, and how."""

    backends: tuple[Backend, ...]
    session: Session


_JUDGING = pytest.StashKey[Judging]()


def judging(config: pytest.Config) -> Judging:
    """Read the options, once.

    Raises ``pytest.UsageError`` for a backend that there is not, or deviations that cannot be read.
    """
    if _JUDGING not in config.stash:
        from conformance.backends.discovery import BadBackend, names
        from conformance.expectations.deviations import BadDeviations, check_backends, load
        from conformance.judging.session import Session

        files = config.getoption("--conformance-deviations")
        try:
            deviations = load(files)
            # Who started this process has looked already.
            if files and config.getoption("--conformance-supervised") is None:
                check_backends(deviations.entries, names(config.getoption("--conformance-loop")))
        except (BadBackend, BadDeviations) as error:
            raise pytest.UsageError(one_line(error)) from error
        session = Session(_effort(config), deviations=deviations)
        config.stash[_JUDGING] = Judging(_chosen(config), session)
    return config.stash[_JUDGING]


def _chosen(config: pytest.Config) -> tuple[Backend, ...]:
    from conformance.backends.discovery import BadBackend, choose, usable_here

    names = config.getoption("--conformance-backend")
    called = config.getoption("--conformance-supervised")
    try:
        backends = choose(
            names,
            config.getoption("--conformance-loop"),
            keep=called is not None,
        )
    except BadBackend as error:
        raise pytest.UsageError(one_line(error)) from error
    if called is not None:
        backends = [
            replace(each, name=called, aliases=(*each.aliases, each.name)) for each in backends
        ]
    for backend in backends:
        reason = usable_here(backend)
        if names and reason is not None:
            raise pytest.UsageError(f"backend {backend.name!r} cannot be used here: {reason}")
    return tuple(backend for backend in backends if usable_here(backend) is None)


def _effort(config: pytest.Config) -> Effort:
    examples = config.getoption("--conformance-examples")
    if examples is None:
        examples = PROFILES[config.getoption("--conformance-profile")]
    if examples < 1:
        raise pytest.UsageError(
            f"--conformance-examples {examples}: it takes a whole number from 1 on"
        )
    size = config.getoption("--conformance-size")
    if size is None:
        size = SMALL
    if size < 1:
        raise pytest.UsageError(f"--conformance-size {size}: it takes a whole number from 1 on")
    return Effort(examples, config.getoption("--conformance-seed"), size)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Collect the modules of packages of claims, whose names do not start with ``test_``."""
    if (
        file_path.suffix == ".py"
        and file_path.name != "__init__.py"
        and _in_a_package_of_claims(file_path)
        and not parent.session.isinitpath(file_path)  # pytest collects those itself
    ):
        module: pytest.Module = pytest.Module.from_parent(parent, path=file_path)
        return module
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> list[pytest.Item] | None:
    """A claim becomes one item for each runtime it is stated for; its tests are not collected twice."""
    module = collector.getparent(pytest.Module)
    here = module.obj.__name__ if module is not None else None
    # The type alone is looked at: a proxy of the user's may raise when it is asked anything.
    if issubclass(type(obj), Claim):
        claim: Any = obj
        return list(_items(collector, claim)) if claim.module == here else []
    owner = vars(obj).get("conformance_claim") if type(obj) is FunctionType else None
    if owner is not None and owner.module == here:
        return []
    # In the law book only claims are tests, whatever else a name there begins with.
    return [] if _in_a_package_of_claims(collector.path) else None


def _in_a_package_of_claims(path: Path) -> bool:
    return any(folder in path.parents for folder in book.claim_folders())


def _items(collector: pytest.Module | pytest.Class, claim: Claim) -> Iterator[pytest.Item]:
    options = collector.config
    if not book.matches(claim.id, options.getoption("--conformance-claim")):
        return
    for backend in judging(options).backends:
        libraries = options.getoption("--conformance-library")
        for statement in book.statements_on(claim, backend, libraries):
            name = f"{claim.id}[{runtime_name(statement.library, backend.name)}]"
            yield ClaimItem.from_parent(
                collector,
                name=name,
                # Spelled out, so that pytest takes the bracket for parameters, as --lf expects.
                nodeid=f"{collector.nodeid}::{name}",
                statement=statement,
                backend=backend,
            )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Judge the laws that others build on before these; all else stays where it is."""
    claims = [item for item in items if isinstance(item, ClaimItem)]
    if not claims:
        return
    # pytest-xdist takes an error in a worker's collection for a crash: there each claim says it.
    if not hasattr(config, "workerinput"):
        _needs_assertions()
    from conformance.judging.prerequisites import basic_first

    order: dict[str, int] = {}
    for statement in basic_first(item.statement for item in claims):
        order.setdefault(statement.claim.id, len(order))
    places = [place for place, item in enumerate(items) if isinstance(item, ClaimItem)]
    ordered = sorted(claims, key=lambda item: order[item.statement.claim.id])
    for place, item in zip(places, ordered, strict=True):
        items[place] = item


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Behind the last claim, collect what was left, so that no test of the user's is blamed for it."""
    if isinstance(item, ClaimItem) and not isinstance(nextitem, ClaimItem):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()


class UnexpectedVerdict(Exception):
    """A verdict that is not the one on record; its text is the message."""


class ClaimItem(pytest.Item):
    """A claim on a runtime: passes if the verdict is the one on record, whatever it is."""

    def __init__(self, *, statement: Statement, backend: Backend, **more: Any) -> None:
        super().__init__(**more)
        self.statement = statement
        self.backend = backend
        self.extra_keyword_matches.add(statement.test.__name__)
        # What an example leaves behind may be collected while another claim is judged.
        for kind in (
            "ResourceWarning",
            "RuntimeWarning",
            "pytest.PytestUnraisableExceptionWarning",
        ):
            self.add_marker(pytest.mark.filterwarnings(f"ignore::{kind}"))

    def runtest(self) -> None:
        _needs_assertions()
        verdict, message = judging(self.config).session.judge(self.statement, self.backend)
        self.user_properties.append((PROPERTY, verdict.record()))
        if message is not None:
            raise UnexpectedVerdict(message)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The message alone: where in our code it was raised helps nobody."""
        if isinstance(excinfo.value, (UnexpectedVerdict, pytest.UsageError)):
            return printable(str(excinfo.value))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name


def pytest_configure(config: pytest.Config) -> None:
    """A wrong option is told before anything is collected."""
    if _asked(config):
        _needs_assertions()
        judging(config)


def _needs_assertions() -> None:
    """Raise ``pytest.UsageError`` where the assertions that claims are made of do nothing.

    pytest would bring back those of a claim's own module, but not those of what it calls.
    """
    if not has_assertions():
        raise pytest.UsageError(
            "claims are made of assertions, which -O and PYTHONOPTIMIZE take away: run pytest without "
            "them, or 'conformance run', which judges in processes that have assertions"
        )


def pytest_report_header(config: pytest.Config) -> list[str] | None:
    """How hard it is tried, if claims were asked for by an option."""
    if not _asked(config):
        return None
    effort = judging(config).session.effort
    deviations = judging(config).session.deviations
    return [
        f"conformance: seed {effort.seed}, {counted(effort.examples, 'example')}, "
        f"all programs up to size {effort.size}",
        *(f"conformance: {one_line(each)}" for each in (deviations.warnings if deviations else ())),
    ]


def _asked(config: pytest.Config) -> bool:
    names = ("backend", "library", "loop", "claim", "examples", "size", "deviations")
    return any(config.getoption(f"--conformance-{name}") not in ([], None) for name in names)
