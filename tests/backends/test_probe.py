"""What somebody hands over is touched in a process of its own first, whatever it does there."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from conformance.backends import probe
from conformance.backends.discovery import BadBackend, choose
from conformance.backends.probe import look_apart, try_apart

ROOT = Path(__file__).parents[2]
HERE = "tests.backends.loops"


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(
    ("factory", "says"),
    [
        ("raises", "raised ValueError: no loop today; it must return a new event loop"),
        ("exits", "raised SystemExit: 3"),
        ("NO_FACTORY", "is not callable"),
        ("coroutine", "returned coroutine, which is no asyncio event loop"),
        ("nothing", "has no 'nothing'"),
        ("same", "returned the same loop twice: it must return a new event loop each time"),
        ("closed", "returned a loop that is closed: it must return a new event loop each time"),
        ("coloured", r"raised ValueError: \x1b[31mred\x1b]0;title\x07 \u202edrawkcab"),
        pytest.param(
            "crashes",
            "trying it ended the process by SIGKILL; it must return a new event loop",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals"),
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_cannot_be_used_is_told_in_one_line(factory: str, says: str) -> None:
    for apart in (True, False) if factory != "crashes" else (True,):
        with pytest.raises(BadBackend) as caught:
            choose([], [f"{HERE}:{factory}"], apart=apart)
        assert says in str(caught.value)
        assert factory in str(caught.value)
        assert str(caught.value).isprintable()


def test_a_factory_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "SECONDS", 2.0)
    with pytest.raises(BadBackend, match=r"hangs cannot be used: did not return within 2 s"):
        choose([], [f"{HERE}:hangs"], apart=True)


@pytest.mark.parametrize(
    "factory",
    ["Subclass", "talks", "DiesRunning", "DiesClosing", "one_at_a_time", "twice_dies"],
)
def test_what_goes_wrong_later_is_left_to_judging(factory: str) -> None:
    spec = f"{HERE}:{factory}"
    ((why_not, origin),) = try_apart([spec]).values()
    assert (why_not, origin.package, origin.kin) == (None, None, ("asyncio",))
    (backend,) = choose([], [spec], apart=True)
    assert (backend.name, backend.spec, backend.why_not) == (f"asyncio+{factory}", spec, None)


def test_a_loop_is_imported_where_one_is_first_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "not_yet.py").write_text("from asyncio import SelectorEventLoop\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (backend,) = choose([], ["not_yet:SelectorEventLoop"], apart=True)
    assert "not_yet" not in sys.modules
    backend.new_event_loop()().close()
    assert "not_yet" in sys.modules


def test_several_are_tried_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each waits for the other: one after the other would hang.
    (tmp_path / "meeting.py").write_text(
        "import asyncio, os, time\n"
        "def meet(own, other):\n"
        "    open(own, 'w').close()\n"
        "    while not os.path.exists(other):\n"
        "        time.sleep(0.01)\n"
        "    return asyncio.new_event_loop()\n"
        "def left(): return meet('left', 'right')\n"
        "def right(): return meet('right', 'left')\n"
    )
    monkeypatch.chdir(tmp_path)
    tried = try_apart(["meeting:left", "meeting:right"])
    assert [each.why_not for each in tried.values()] == [None, None]


@pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="uvloop is not installed")
def test_the_package_that_a_loop_is_from() -> None:
    from importlib import metadata

    (known,) = choose(["asyncio+uvloop"], [], apart=True)
    assert known.origin.package == f"uvloop {metadata.version('uvloop')}"
    assert known.spec is None


def test_the_last_words_of_what_crashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "panics.py").write_text(
        "import os, sys\n"
        "def loop():\n"
        "    sys.stderr.write('thread panicked at loop.rs:7\\n')\n"
        "    sys.stderr.flush()\n"
        "    os._exit(101)\n"
    )
    monkeypatch.chdir(tmp_path)
    ((why_not, _),) = try_apart(["panics:loop"]).values()
    assert why_not is not None
    assert "exit code 101 (it said: thread panicked at loop.rs:7)" in why_not


def test_a_file_that_crashes_when_it_is_imported(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("import os\nos._exit(9)\n")
    with pytest.raises(BadBackend, match=r"conftest\.py cannot be imported: .* exit code 9"):
        look_apart([str(tmp_path / "conftest.py")])


def test_only_what_is_chosen_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    touched: list[str] = []

    def load(spec: str, *, keep: bool) -> None:
        touched.append(spec)
        raise BadBackend("touched")

    monkeypatch.setattr("conformance.backends.discovery.load_factory", load)
    (backend,) = choose(["asyncio"], [f"{HERE}:Subclass"])
    assert (backend.name, touched) == ("asyncio", [])
    with pytest.raises(BadBackend, match="touched"):
        choose([], [f"{HERE}:Subclass"])
    assert touched == [f"{HERE}:Subclass"]


def test_who_told_python_not_to_look_here_is_reminded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here.py").write_text("from asyncio import SelectorEventLoop\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    hint = "the working directory is not searched: 'python -m pytest' does that"
    with pytest.raises(BadBackend, match=hint):
        choose([], ["here:SelectorEventLoop"])
    monkeypatch.syspath_prepend(tmp_path)
    assert choose([], ["here:SelectorEventLoop"])
    with pytest.raises(BadBackend) as caught:
        choose([], ["nowhere:Loop"])
    assert "searched" not in str(caught.value)
