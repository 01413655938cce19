"""The script as a whole: what it says of itself, how it ends, and on which event loops it runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from conformance.claim import Claim, Library
from conformance.scripts.script import NoScript, script
from conformance.scripts.style import Style
from tests.scripts.making import script_of, statement_of

SAYS = """\
async def test(number):
    await asyncio.sleep(0)
    assert number < 3, f"{number} is not below three"
"""

IN_A_GROUP = """\
async def test(library, number):
    async def child():
        assert number < 3, f"{number} is not below three"

    async with open_group(library) as group:
        group.start_soon(child)
"""

LOOPS = """\
def test(number, new_event_loop):
    with fresh_loop(new_event_loop) as loop:
        loop.call_soon(loop.stop)
        loop.run_forever()
    assert number < 3, f"{number} is not below three"
"""


def run(file: Path, *arguments: str, flags: tuple[str, ...] = ("-I",)) -> tuple[int, str, str]:
    """The exit code of a script, and what it says on both streams."""
    ran = subprocess.run(
        [sys.executable, *flags, file, *arguments], capture_output=True, text=True, check=False
    )
    return ran.returncode, ran.stdout, ran.stderr


@pytest.mark.parametrize("flags", [("-I",), ("-O",), ("-OO", "-W", "error")], ids=" ".join)
@pytest.mark.parametrize("source", [SAYS, LOOPS], ids=["asynchronous", "synchronous"])
def test_it_ends_with_the_claims_own_message(
    source: str, flags: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "script.py"
    file.write_text(script_of(tmp_path, source, number=3))
    assert run(file, flags=flags) == (1, "", "3 is not below three\n")
    file.write_text(script_of(tmp_path, source, number=2))
    assert run(file, flags=flags) == (0, "TEST-1 holds here\n", "")


@pytest.mark.parametrize(
    ("library", "style"), [("anyio", "asyncio"), ("anyio", "trio"), ("trio", "trio")]
)
def test_it_does_so_out_of_a_group(library: Library, style: str, tmp_path: Path) -> None:
    file = tmp_path / "script.py"
    file.write_text(script_of(tmp_path, IN_A_GROUP, library, style, number=3))
    assert run(file) == (1, "", "3 is not below three\n")


def test_another_error_is_not_hidden(tmp_path: Path) -> None:
    source = "async def test():\n    raise KeyError('not the claim')\n"
    file = tmp_path / "script.py"
    file.write_text(script_of(tmp_path, source))
    code, _, said = run(file)
    assert code == 1
    assert said.endswith("KeyError: 'not the claim'\n")


LOOP = """\
import asyncio

class Loop(asyncio.SelectorEventLoop):
    def call_soon(self, callback, *args, context=None):
        print("called on this loop")
        return super().call_soon(callback, *args, context=context)
"""


@pytest.mark.parametrize("source", [SAYS, LOOPS], ids=["asynchronous", "synchronous"])
def test_it_takes_the_event_loop_of_whoever_runs_it(source: str, tmp_path: Path) -> None:
    (tmp_path / "somebodys.py").write_text(LOOP)
    file = tmp_path / "script.py"
    file.write_text(script_of(tmp_path, source, number=2))
    code, said, _ = run(file, "somebodys:Loop", flags=())
    assert code == 0
    assert "called on this loop" in said


@pytest.mark.parametrize(
    ("library", "style", "line"),
    [
        ("asyncio", "asyncio", 'sys.argv[1] if sys.argv[1:] else "asyncio:new_event_loop"'),
        ("anyio", "uvloop", 'sys.argv[1] if sys.argv[1:] else "uvloop:new_event_loop"'),
        ("asyncio", "loop:a.b:Loop", 'sys.argv[1] if sys.argv[1:] else "a.b:Loop"'),
        ("asyncio", "loop:a.b:make()", "if sys.argv[1:] else lambda: a.b.make()()"),
        ("asyncio", "path:tests:a:Loop", 'sys.path.insert(0, "tests")'),
        ("asyncio", "eager", "set_task_factory(asyncio.eager_task_factory)"),
        ("asyncio", "pytask", 'sys.modules["_asyncio"] = None'),
        ("asyncio", "debug", "debug"),
        ("anyio", "debug", '"debug": True'),
        ("anyio", "trio", 'anyio.run(main, backend="trio")'),
    ],
)
def test_it_runs_as_its_backend_does(
    library: Library, style: str, line: str, tmp_path: Path
) -> None:
    assert line in script_of(tmp_path, SAYS, library, style, number=2)


def test_on_trio_there_is_no_event_loop_to_name(tmp_path: Path) -> None:
    text = script_of(tmp_path, IN_A_GROUP, "trio", number=2)
    assert "MODULE:FACTORY" not in text
    assert "new_event_loop" not in text


def test_it_says_which_claim_and_which_case_it_is(tmp_path: Path) -> None:
    source = "async def test(kind, again):\n    print(kind, again)\n"
    text = script_of(tmp_path, source, kind="a task", again=True)
    assert text.startswith(
        dedent('''\
        """TEST-1: Something is so.

        kind: a task
        again: yes

        It takes another event loop as an argument: MODULE:FACTORY.
        """
        ''')
    )


def test_what_cannot_be_written_has_no_script_and_a_reason(tmp_path: Path) -> None:
    statement = statement_of(tmp_path, "async def test(thing):\n    print(thing)\n")
    with pytest.raises(NoScript, match=r"thing = .*object.* cannot be written"):
        script(statement, "asyncio", {"thing": object()})


def test_what_is_not_foreseen_is_a_reason_too(tmp_path: Path) -> None:
    statement = statement_of(tmp_path, "async def test(**values):\n    print(values)\n")
    with pytest.raises(NoScript):
        script(statement, "asyncio", {})


def test_it_needs_nothing_of_ours(tmp_path: Path) -> None:
    text = script_of(tmp_path, IN_A_GROUP, "anyio", "asyncio", number=3)
    assert "conformance" not in text


def test_a_claim_of_somebody_else_brings_its_own_helpers(tmp_path: Path) -> None:
    source = """\
    async def helper():
        for _ in range(2):
            await asyncio.sleep(0)

    async def test():
        tasks = [asyncio.ensure_future(helper()), asyncio.ensure_future(helper())]
        await asyncio.wait(tasks)
    """
    assert "async def helper():" in script_of(tmp_path, source)


def test_a_style_has_its_modules() -> None:
    assert Style("trio", "trio").modules() == {"trio"}
    assert Style("asyncio", "loop:a:make()").modules() == {"a", "asyncio", "pkgutil", "sys"}


def test_a_claim_that_is_not_stated_by_a_test_of_a_module_has_none() -> None:
    claim = Claim("TEST-2", "Something is so.", source="a test")

    async def inner() -> None:
        pass

    claim.states("asyncio", antecedents=())(inner)
    with pytest.raises(NoScript, match=r"inner\(\) is not defined at the top of its module"):
        script(claim.statements["asyncio"], "asyncio", {})


def test_whether_a_library_has_something_is_asked_again(tmp_path: Path) -> None:
    """Another version may have it: then the claim may hold."""
    source = (
        "async def test(library):\n    assert hasattr(library, 'CancelScope'), 'there is none'\n"
    )
    text = script_of(tmp_path, source)
    assert 'if not hasattr(asyncio, "CancelScope"):' in text
