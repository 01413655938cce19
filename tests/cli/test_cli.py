"""The command line, called as people call it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conformance.cli.parser import parsed
from tests.cli.calling import QUICK, ROOT, conformance


def test_run_shows_the_matrix_and_writes_the_records(tmp_path: Path) -> None:
    ran = conformance(
        "run", "NEST-03", *QUICK, "--json", "new/run.json", "--junit", "run.xml", cwd=tmp_path
    )
    assert "NEST-03" in ran.stdout
    assert "seed 0" in ran.stdout
    assert "\x1b" not in ran.stdout, "colours in a pipe"
    record = json.loads((tmp_path / "new" / "run.json").read_text())
    assert [(each["claim"], each["verdict"]) for each in record["verdicts"]] == [
        ("NEST-03", "refuted")
    ]
    assert (record["run"]["seed"], record["run"]["size"]) == (0, 2)
    assert "NEST-03[asyncio]" in (tmp_path / "run.xml").read_text()


def test_who_reads_only_the_first_line_changes_no_exit_code(tmp_path: Path) -> None:
    (tmp_path / "dying.py").write_text(
        "import asyncio, os\n"
        "class Loop(asyncio.SelectorEventLoop):\n"
        "    def run_forever(self):\n"
        "        os._exit(7)\n"
    )
    for arguments, expect in (
        (("list",), 0),
        (("run", "NEST-03", "--library", "asyncio", "--loop", "dying:Loop"), 1),
    ):
        reading, writing = os.pipe()
        os.close(reading)
        ran = subprocess.run(
            [sys.executable, "-m", "conformance", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
        os.close(writing)
        assert (ran.returncode, ran.stderr) == (expect, "")


def test_a_narrow_encoding_is_no_mistake(tmp_path: Path) -> None:
    assert "DELIVER-01" in conformance("list", cwd=tmp_path, PYTHONIOENCODING="ascii").stdout
    listed = conformance("list", "--json", cwd=tmp_path, PYTHONIOENCODING="ascii").stdout
    assert "异步" in json.loads(listed)[0]["source"]


def test_a_loop_of_ones_own_in_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("from asyncio import SelectorEventLoop as new_loop\n")
    ran = conformance(
        "run", "NEST-03", "--loop", "mine:new_loop", "--json", "run.json", cwd=tmp_path
    )
    record = json.loads((tmp_path / "run.json").read_text())
    assert [each["name"] for each in record["backends"]] == ["asyncio+new_loop"]
    assert {each["runtime"] for each in record["verdicts"]} == {
        "asyncio+new_loop",
        "anyio/asyncio+new_loop",
    }
    assert "asyncio+new_loop" in ran.stdout


def test_the_loops_that_a_conftest_declares(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "conftest.py").write_text(
        "import asyncio\n"
        "def pytest_asyncio_loop_factories(config, item):\n"
        "    return {'std': asyncio.new_event_loop, 'mine': lambda: asyncio.SelectorEventLoop()}\n"
    )
    for spec, backends in (
        ("tests/conftest.py", ["asyncio", "asyncio+mine"]),
        ("tests/conftest.py::mine", ["asyncio+mine"]),
    ):
        conformance("run", "NEST-03", "--loop", spec, "--json", "run.json", cwd=tmp_path)
        record = json.loads((tmp_path / "run.json").read_text())
        assert [each["name"] for each in record["backends"]] == backends
        assert {each["backend"] for each in record["verdicts"]} == set(backends)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "NEST-3"), "did you mean NEST-03"),
        (("run", "NOTHING-*"), "no claim matches 'NOTHING-*'"),
        (("run", "--backend", "asincio"), "no backend 'asincio': there is asyncio, "),
        (("run", "--loop", "nowhere:loop"), "cannot import 'nowhere'"),
        (("run", "--loop", "asyncio:nowhere"), "has no 'nowhere'"),
        (("run", "--loop", "builtins:dict"), "which is no asyncio event loop"),
        (("run", "--loop", "os:abort"), "ended the process by SIGABRT; it must return a new event"),
        (("run", "--loop", "conftest.py"), "there is no file conftest.py in "),
        (("run", "--examples", "none"), "is not a whole number from 1 on"),
        (("run", "--library", "curio"), "invalid choice: 'curio'"),
        (("run", "--backend", "asyncio", "--library", "trio"), "nothing to judge"),
        (("run", "--backend", "asyncio+pytask", "--no-supervision"), "nothing to judge on: "),
        (("run", "--patience", "1e12"), "is not a number of seconds up to a day"),
        (("run", "NEST-03", "--json", "{file}/run.json"), "cannot make the folder"),
        (("run", "NEST-03", "--json", "{folder}"), "is a directory"),
        (("run", "--loop", "src/mine.py:loop"), "is not MODULE:FACTORY, as in"),
        (("run", "--loop", ".mine:loop"), "is not MODULE:FACTORY, as in"),
        (("run", "--seed", "one"), "'one' is not a whole number"),
        (("run", "--back", "asyncio"), "conformance run: unrecognized arguments: --back"),
        (("run", "NEST-03", "--json", "new/"), "it is a directory; give the name of a file"),
        (("diff", "a", "b", "c"), "conformance diff: unrecognized arguments: c"),
        (("explain", "NEST-99"), "no claim matches 'NEST-99'"),
        (
            ("explain", "NEST-03", "--backend", "asyncio", "--library", "trio"),
            "NEST-03 is stated in asyncio and anyio and trio, not in trio on asyncio",
        ),
        (("diff", "a.json", "b.json"), "there is no record a.json"),
        (("diff", "{file}", "{file}"), "is not JSON"),
        (("report", "{folder}", "--output", "{folder}"), "no records in"),
        (("report", "a.json"), "--output"),
        (("judge",), "invalid choice: 'judge'"),
        ((), "required: COMMAND"),
    ],
)
def test_a_wrong_call_is_told_in_one_line(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    (tmp_path / "file").write_text("not a record")
    (tmp_path / "folder").mkdir()
    names = {"file": str(tmp_path / "file"), "folder": str(tmp_path / "folder")}
    ran = conformance(*(each.format(**names) for each in arguments), cwd=tmp_path, expect=2)
    assert says in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert ran.stdout == ""
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder"]


def test_a_newer_record_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "new.json").write_text('{"schema_version": 99}')
    ran = conformance("diff", "new.json", "new.json", cwd=tmp_path, expect=2)
    assert "pip install --upgrade cancellation-conformance" in ran.stderr


def test_list_has_every_claim_of_the_article(tmp_path: Path) -> None:
    listed: list[dict[str, Any]] = json.loads(conformance("list", "--json", cwd=tmp_path).stdout)
    article = {each["id"] for each in listed if each["kind"] == "article"}
    expected = {
        *(f"DELIVER-{number:02}" for number in range(1, 14) if number != 9),
        *(f"DELIVER-09{part}" for part in "ABC"),
        *(f"CLEANUP-{number:02}" for number in range(1, 11)),
        *(f"GATHER-{number:02}" for number in range(1, 11)),
        *(f"NEST-{number:02}" for number in range(1, 12)),
    }
    assert len(expected) == 46
    assert article == expected
    for each in listed:
        assert each["libraries"] == ["asyncio", "anyio", "trio"] or each["kind"] == "law"
        assert all(each["expectations"].values())
    text = conformance("list", "NEST-03", cwd=tmp_path).stdout
    assert text.startswith("NEST-03")


def test_explain_says_it_all(tmp_path: Path) -> None:
    ran = conformance("explain", "NEST-03", cwd=tmp_path)
    for part in (
        "refuted",
        "LAW-NEST-03",
        "current_task().cancelled()",
        "main()",
        "async def test_",
    ):
        assert part in ran.stdout


def test_explain_of_a_loop_that_crashes_is_an_answer(tmp_path: Path) -> None:
    (tmp_path / "crashing.py").write_text(
        "import asyncio, os\n"
        "class Loop(asyncio.SelectorEventLoop):\n"
        "    def run_forever(self):\n"
        "        os._exit(7)\n"
    )
    ran = conformance("explain", "LAW-LOOP-01", "--loop", "crashing:Loop", cwd=tmp_path, expect=1)
    assert "crashed" in ran.stdout
    assert "exit code 7" in ran.stdout


def test_explain_shows_a_program_and_what_is_predicted(tmp_path: Path) -> None:
    ran = conformance(
        "explain", "PROGRAM-01", "--backend", "asyncio", "--library", "asyncio", cwd=tmp_path
    )
    assert "up to size 2" in ran.stdout
    _, _, shown = ran.stdout.partition("an example of what is judged on asyncio\n")
    told, _, rest = shown.partition("As a program that runs by itself:\n\n")
    _, _, predicted = told.partition("predicted:\n")
    (tmp_path / "program.py").write_text(rest.partition("\n\nthe code for ")[0])
    program = subprocess.run(
        [sys.executable, "-I", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert program.stdout.split() == predicted.split()


def test_report_and_diff(tmp_path: Path) -> None:
    conformance("run", "NEST-0[34]", *QUICK, "--json", "records/old.json", cwd=tmp_path)
    record = json.loads((tmp_path / "records" / "old.json").read_text())
    assert (
        "nothing changed"
        in conformance("diff", "records/old.json", "records/old.json", cwd=tmp_path).stdout
    )
    for each in record["verdicts"]:
        each["verdict"] = "holds" if each["verdict"] != "holds" else "refuted"
        each["as_expected"] = each["verdict"] == each["expected"]
    (tmp_path / "new.json").write_text(json.dumps(record))
    conformance("diff", "records/old.json", "new.json", cwd=tmp_path, expect=1)
    (tmp_path / "records" / "package.json").write_text("{}")
    ran = conformance(
        "report", "records", "--output", "out", "--python", "3.10", "--python", "2.7", cwd=tmp_path
    )
    text = (tmp_path / "out" / "MATRIX.md").read_text()
    assert "NEST-03" in text
    assert "2.7" in text, "a Python that was skipped must be listed"
    assert "2.7" in ran.stdout
    assert "conformance report: passed over: records/package.json is not a valid" in ran.stderr
    ran = conformance("report", "records/package.json", "--output", "out", cwd=tmp_path, expect=2)
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.version_info < (3, 11), reason="cancelling() came with Python 3.11")
def test_an_unexpected_verdict_is_exit_1_with_its_message(tmp_path: Path) -> None:
    (tmp_path / "forgetful.py").write_text(
        "import asyncio\n"
        "class Task(asyncio.Task):\n"
        "    def cancelling(self):\n"
        "        return 0\n"
        "def new_loop():\n"
        "    loop = asyncio.new_event_loop()\n"
        "    loop.set_task_factory(lambda loop, coro, **more: Task(coro, loop=loop))\n"
        "    return loop\n"
    )
    ran = conformance(
        "run",
        "LAW-NEST-03",
        "--loop",
        "forgetful:new_loop",
        "--library",
        "asyncio",
        cwd=tmp_path,
        expect=1,
    )
    assert "expected holds, found refuted" in ran.stdout
    assert "the smallest counterexample:" in ran.stdout
    again = "conformance run LAW-NEST-03 --loop forgetful:new_loop --library asyncio"
    assert again in ran.stdout


def test_patterns_may_stand_anywhere(tmp_path: Path) -> None:
    ran = conformance(
        "run", "NEST-03", *QUICK, "NEST-04", "--seed", "1", "LAW-NEST-0[34]", cwd=tmp_path
    )
    assert "4 claims, 4 verdicts, 0 not as expected; seed 1" in ran.stdout


@pytest.mark.parametrize(
    "command", ["", "run", "list", "explain", "deviations", "deviations update", "report", "diff"]
)
def test_help_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        parsed([*command.split(), "--help"])
    text = capsys.readouterr().out
    _, _, taught = text.partition("examples:\n")
    examples, _, codes = taught.partition("\nexit codes:\n")
    assert len(codes.splitlines()) >= 4
    for line in examples.splitlines():
        # Each can be called as it stands, but for what it says beside it.
        words = shlex.split(re.split(r" {2,}| \|", line.strip())[0])
        assert words[0] == "conformance"
        parsed(words[1:])


def test_the_version(tmp_path: Path) -> None:
    assert conformance("--version", cwd=tmp_path).stdout.strip()


def test_reading_only_the_first_lines_is_no_error(tmp_path: Path) -> None:
    ran = subprocess.run(
        f"{sys.executable} -m conformance list | head -1",
        shell=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stderr == ""
