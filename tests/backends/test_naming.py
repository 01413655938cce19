"""A loop has one name, from its package, by whichever door it comes."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest

from conformance.backends.backend import Backend
from conformance.backends.discovery import BadBackend, choose, names
from conformance.backends.naming import Origin, builtin_of, distribution, origin

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

LOOPS = """\
import asyncio

class Loop(asyncio.SelectorEventLoop):
    pass

class Slow(Loop):
    pass

def new_event_loop():
    return Loop()

def plain():
    return asyncio.SelectorEventLoop()

def eager():
    loop = Loop()
    loop.set_task_factory(lambda loop, coro, **more: asyncio.Task(coro, loop=loop, **more))
    return loop
"""

CONFTEST = """\
import mypkg.loops
import pytest

class Own(mypkg.loops.Loop):
    pass

def pytest_asyncio_loop_factories(config, item):
    return {name: factory for name, factory in FACTORIES.items()}

FACTORIES = {
    "direct": mypkg.loops.new_event_loop,
    "wrapped": lambda: mypkg.loops.new_event_loop(),
    "configured": lambda: mypkg.loops.eager(),
    "own": Own,
}
"""

Install = Callable[..., Path]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory, and a folder of packages on the path."""
    known = set(sys.modules)
    (tmp_path / "packages").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(
        sys, "path", [str(tmp_path / "here"), *sys.path, str(tmp_path / "packages")]
    )
    distribution.cache_clear()
    importlib.invalidate_caches()
    yield tmp_path
    distribution.cache_clear()
    for name in set(sys.modules) - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def write(folder: Path, module: str) -> None:
    (folder / module).mkdir(parents=True)
    (folder / module / "__init__.py").write_text("from .loops import *\n")
    (folder / module / "loops.py").write_text(LOOPS)


def install(
    place: Path,
    module: str = "mypkg",
    name: str = "My-Package",
    points: dict[str, str] | None = None,
    checkout: Path | None = None,
    editable: bool = False,
) -> None:
    """Install ``module`` as the distribution ``name``, with these entry points."""
    packages = place / "packages"
    info = packages / f"{name.replace('-', '_')}-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
    if checkout is not None:
        # As an installer notes where a package came from.
        write(checkout, module)
        told = {"url": checkout.as_uri(), "dir_info": {"editable": True} if editable else {}}
        (info / "direct_url.json").write_text(json.dumps(told))
    if editable:
        # The one file that is listed is not of the package.
        (info / "RECORD").write_text(f"_{module}.pth,,\n")
        sys.path.append(str(checkout))
    else:
        write(packages, module)
        (info / "RECORD").write_text(f"{module}/__init__.py,,\n{module}/loops.py,,\n")
    lines = [f"{key} = {value}\n" for key, value in (points or {}).items()]
    (info / "entry_points.txt").write_text("[conformance.backends]\n" + "".join(lines))


def by_name(specs: list[str], names: tuple[str, ...] = ()) -> dict[str, Backend]:
    """What these stand for; another process must see the same."""
    here, apart = choose(names, specs), choose(names, specs, apart=True)

    def told(backend: Backend) -> object:
        # Here another file may have been imported as conftest already.
        return backend.name, backend.known_as, backend.origin.module, backend.origin.package

    assert list(map(told, here)) == list(map(told, apart))
    return {each.name: each for each in here}


def test_a_package_names_its_loop_by_whichever_door_it_comes(place: Path) -> None:
    install(place, points={"fast": "mypkg:new_event_loop"})
    (place / "here" / "conftest.py").write_text(CONFTEST)
    for specs, asked in (
        (["mypkg:new_event_loop"], ()),
        (["mypkg.loops:Loop"], ()),
        (["conftest.py::direct"], ()),
        (["conftest.py::wrapped"], ()),
        ([], ("asyncio+mypkg",)),
        ([], ("asyncio+fast",)),
        (["mypkg:new_event_loop"], ("asyncio+new_event_loop",)),
    ):
        (backend,) = by_name(specs, asked).values()
        assert backend.name == "asyncio+mypkg", specs
        assert backend.origin.package == "My-Package 1.5"
        assert backend.origin.loop == "mypkg.loops.Loop"
        assert backend.known_as[-1] == "asyncio"


def test_what_was_on_record_under_another_name_still_is(place: Path) -> None:
    install(place)
    (backend,) = by_name(["mypkg:new_event_loop"]).values()
    assert backend.known_as == (
        "asyncio+mypkg",
        "asyncio+new_event_loop",
        "asyncio+mypkg:new_event_loop",
        "asyncio",
    )


def test_a_loop_of_ones_own_has_its_own_name_and_what_it_derives_from(place: Path) -> None:
    install(place)
    (place / "here" / "conftest.py").write_text(CONFTEST)
    found = by_name(["conftest.py::own"])
    assert list(found) == ["asyncio+own"]
    assert found["asyncio+own"].known_as[-2:] == ("asyncio+mypkg", "asyncio")
    assert found["asyncio+own"].origin.package is None
    # Its tasks are made in a way of its own.
    found = by_name(["conftest.py::configured"])
    assert list(found) == ["asyncio+configured"]
    assert "asyncio+mypkg" in found["asyncio+configured"].known_as
    assert found["asyncio+configured"].origin.package == "My-Package 1.5"


def test_loops_that_would_have_one_name_are_told_apart(place: Path) -> None:
    install(place, points={"fast": "mypkg:new_event_loop", "slow": "mypkg:Slow"})
    (place / "here" / "conftest.py").write_text(CONFTEST)
    assert list(by_name(["conftest.py"])) == [
        "asyncio+mypkg",
        "asyncio+mypkg:wrapped",
        "asyncio+configured",
        "asyncio+own",
    ]
    assert list(by_name([], ("asyncio+fast", "asyncio+slow"))) == [
        "asyncio+mypkg:fast",
        "asyncio+mypkg:slow",
    ]
    # It is called the same alone: what else is asked for is none of its name.
    assert list(by_name([], ("asyncio+slow",))) == ["asyncio+mypkg:slow"]
    assert list(by_name([], ("asyncio+mypkg",))) == ["asyncio+mypkg:fast", "asyncio+mypkg:slow"]
    # By its own spec it is the one that the entry point names.
    assert list(by_name(["mypkg:Slow"])) == ["asyncio+mypkg:slow"]
    specs = ["mypkg:Loop", "mypkg.loops:Loop"]
    assert list(by_name(specs)) == ["asyncio+mypkg:Loop", "asyncio+mypkg.loops:Loop"]


def test_two_of_no_package_are_written_out(place: Path) -> None:
    for name in ("one", "two"):
        (place / "here" / f"{name}.py").write_text(LOOPS)
    assert list(by_name(["one:Loop", "two:Loop"])) == ["asyncio+one:Loop", "asyncio+two:Loop"]
    assert list(by_name(["two:Loop"])) == ["asyncio+Loop"]
    assert list(by_name(["one:Loop", "two:Loop"], ("asyncio+two:Loop",))) == ["asyncio+two:Loop"]
    with pytest.raises(
        BadBackend, match=r"no backend 'asyncio\+three': there is .*asyncio\+one:Loop"
    ):
        choose(["asyncio+three"], ["one:Loop", "two:Loop"])


def test_a_checkout_that_is_installed_as_it_lies_is_a_package(place: Path) -> None:
    install(place, name="mypkg", checkout=place / "checkout", editable=True)
    assert list(by_name(["mypkg:new_event_loop"])) == ["asyncio+mypkg"]


def test_a_package_is_one_in_its_own_checkout_too(place: Path) -> None:
    install(place, checkout=place / "here")
    (backend,) = by_name(["mypkg:new_event_loop"]).values()
    assert (backend.name, backend.origin.package) == ("asyncio+mypkg", "My-Package 1.5")


def test_a_module_here_is_not_of_a_package_of_the_same_name(place: Path) -> None:
    install(place)
    write(place / "here", "mypkg")
    (backend,) = by_name(["mypkg:new_event_loop"]).values()
    assert (backend.name, backend.origin.package) == ("asyncio+new_event_loop", None)


def test_a_package_may_make_a_loop_of_the_standard_library(place: Path) -> None:
    install(place)
    (backend,) = by_name(["mypkg:plain"]).values()
    assert (backend.name, backend.origin.package) == ("asyncio+mypkg", "My-Package 1.5")


def test_the_loop_of_the_standard_library_is_asyncio() -> None:
    for spec in ("asyncio:new_event_loop", "asyncio.events:new_event_loop"):
        assert [(each.name, each.spec) for each in choose([], [spec])] == [("asyncio", None)]


@pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="uvloop is not installed")
def test_uvloop_is_uvloop_by_whichever_door_it_comes(place: Path) -> None:
    (place / "here" / "conftest.py").write_text(
        "import pytest, uvloop\n"
        "def made(): return uvloop.new_event_loop()\n"
        "def eager():\n"
        "    loop = uvloop.new_event_loop()\n"
        "    loop.set_task_factory(lambda loop, coro, **more: None)\n"
        "    return loop\n"
        "class Mine(uvloop.Loop): pass\n"
        "def pytest_asyncio_loop_factories(config, item):\n"
        "    return {'direct': uvloop.new_event_loop, 'made': made, 'mine': Mine, 'eager': eager}\n"
        "@pytest.fixture(params=[\n"
        "    pytest.param(('asyncio', {'use_uvloop': True}), id='asked'),\n"
        "    pytest.param(('asyncio', {'loop_factory': uvloop.Loop, 'debug': True}), id='debug'),\n"
        "])\n"
        "def anyio_backend(request): return request.param\n"
    )
    for spec in (
        "uvloop:new_event_loop",
        "uvloop:Loop",
        "conftest.py::direct",
        "conftest.py::asked",
    ):
        assert [(each.name, each.spec) for each in choose([], [spec])] == [("asyncio+uvloop", None)]
    for spec in ("conftest.py::made", "uvloop.loop:Loop"):
        (backend,) = by_name([spec]).values()
        assert (backend.name, backend.spec) == ("asyncio+uvloop", spec)
        assert backend.origin.package == f"uvloop {metadata.version('uvloop')}"
    for name, called in (
        ("mine", "mine"),
        ("eager", "conftest.py::eager"),
        ("debug", "uvloop+debug"),
    ):
        (backend,) = by_name([f"conftest.py::{name}"]).values()
        assert backend.name == f"asyncio+{called}"
        assert "asyncio+uvloop" in backend.known_as
        # Nothing that is on record of another backend is on record of it.
        assert not {"asyncio+eager", "asyncio+debug"} & set(backend.known_as)
    assert list(by_name(["uvloop:Loop", "conftest.py::made"])) == [
        "asyncio+uvloop",
        "asyncio+uvloop:made",
    ]
    assert list(by_name(["uvloop:Loop", "uvloop.loop:Loop"])) == [
        "asyncio+uvloop",
        "asyncio+uvloop:Loop",
    ]


@pytest.mark.parametrize("apart", [False, True])
def test_the_names_that_there_are(place: Path, apart: bool) -> None:
    install(place, points={"fast": "mypkg:new_event_loop"})
    (place / "here" / "one.py").write_text(LOOPS)
    (place / "here" / "conftest.py").write_text(CONFTEST)
    found = names(["one:Loop", "uvloop.loop:Loop", "conftest.py"], apart=apart)
    first = [each[0] for each in found]
    assert first[0] == "asyncio"
    assert {"asyncio+uvloop", "trio", "asyncio+mypkg", "asyncio+Loop", "asyncio+own"} <= set(first)
    assert len(set(first)) == len(first)
    assert "asyncio+fast" in next(each for each in found if "asyncio+mypkg:fast" in each)


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("uvloop:new_event_loop", "asyncio+uvloop"),
        ("rloop:Loop", "asyncio+rloop"),
        ("uvloop:EventLoopPolicy", None),
        ("mine:new_event_loop", None),
    ],
)
def test_a_spec_that_is_another_way_to_write_a_backend(spec: str, name: str | None) -> None:
    assert builtin_of(spec) == name


def test_whatever_a_loop_says_of_itself_it_is_from_somewhere() -> None:
    class Odd:
        __module__ = None  # type: ignore[assignment]  # as a class of C may have it

        def get_task_factory(self) -> None:
            raise NotImplementedError

    assert origin(3, Odd()) == Origin(f"None.{Odd.__qualname__}")
    assert distribution("") is distribution("sys") is distribution("no_such_module") is None
