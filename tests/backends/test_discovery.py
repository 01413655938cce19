"""Backends are found by name, entry point or MODULE:FACTORY; a bad one is named in one line."""

from __future__ import annotations

import asyncio
from importlib import metadata
from pathlib import Path

import pytest

from conformance.backends.discovery import (
    BadBackend,
    builtin_backends,
    choose,
    discover,
    load_factory,
)


def test_every_builtin_backend_is_listed_available_or_not() -> None:
    assert [backend.name for backend in builtin_backends()] == [
        "asyncio",
        "asyncio+pytask",
        "asyncio+debug",
        "asyncio+eager",
        "asyncio+uvloop",
        "asyncio+winloop",
        "asyncio+rloop",
        "asyncio+rsloop",
        "trio",
    ]


def test_a_loop_of_ones_own_is_a_backend() -> None:
    backend = discover(["asyncio:SelectorEventLoop"])[-1]
    assert backend.name == "asyncio+SelectorEventLoop"
    assert backend.libraries == ("asyncio", "anyio")
    ran = []

    async def example() -> None:
        assert isinstance(asyncio.get_running_loop(), asyncio.SelectorEventLoop)
        ran.append(True)

    backend.run(example)
    assert ran


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("nonsense", "is not MODULE:FACTORY"),
        ("no_such_module_at_all:loop", "cannot import 'no_such_module_at_all'"),
        ("asyncio:no_such_factory", "has no 'no_such_factory'"),
        ("asyncio:__name__", "is not callable"),
        ("builtins:dict", "returned dict, which is no asyncio event loop"),
        ("builtins:open", "raised TypeError"),
    ],
)
def test_a_bad_loop_is_named_in_one_line(spec: str, says: str) -> None:
    with pytest.raises(BadBackend) as caught:
        load_factory(spec)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_module_that_fails_while_it_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_loop.py").write_text("raise RuntimeError('not today')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BadBackend, match="not today"):
        load_factory("broken_loop:new_event_loop")


def test_a_loop_is_judged_though_another_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_loops.py").write_text("from asyncio import SelectorEventLoop as uvloop\n")
    monkeypatch.syspath_prepend(tmp_path)
    specs = [
        "my_loops:uvloop",
        "asyncio:SelectorEventLoop",
        "asyncio.unix_events:SelectorEventLoop",
    ]
    assert [backend.spec for backend in choose([], [*specs, specs[0]])] == specs
    assert [backend.name for backend in choose(["trio"], specs)] == ["trio"]


def test_a_broken_entry_point_is_a_backend_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = [metadata.EntryPoint("gone", "no_such_module_at_all:loop", "conformance.backends")]
    monkeypatch.setattr(metadata, "entry_points", lambda group: points)
    backend = discover()[-1]
    assert backend.name == "asyncio+gone"
    assert "cannot import 'no_such_module_at_all'" in str(backend.why_not)
    with pytest.raises(BadBackend, match="'asyncio\\+gone' cannot be used here"):
        choose(["asyncio+gone"], [])
