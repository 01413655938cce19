"""Python's own flags change no verdict, and reach the processes that judge."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import QUICK, ROOT, conformance

EATS = """\
import asyncio

class Loop(asyncio.SelectorEventLoop):
    given = 0

    # Not what other threads give, or nobody could end it.
    def call_soon(self, callback, *args, context=None):
        Loop.given += 1
        if Loop.given % 3:
            return super().call_soon(callback, *args, context=context)
        return asyncio.Handle(callback, args, self, context)
"""


def verdicts(path: Path) -> list[tuple[Any, ...]]:
    """What was judged, and how it came out."""
    record = json.loads(path.read_text())
    return [
        (each["claim"], each["runtime"], each["verdict"], each["examples"], each["antecedents"])
        for each in record["verdicts"]
    ]


@pytest.mark.parametrize("level", ["1", "2"])
def test_without_assertions_in_the_environment_the_verdicts_are_the_same(
    tmp_path: Path, level: str
) -> None:
    call = ("run", "DELIVER-0*", *QUICK, "--json")
    conformance(*call, "plain.json", cwd=tmp_path)
    conformance(*call, "optimised.json", cwd=tmp_path, PYTHONOPTIMIZE=level)
    assert verdicts(tmp_path / "optimised.json") == verdicts(tmp_path / "plain.json")


def test_a_loop_that_eats_callbacks_is_seen_under_any_flag(tmp_path: Path) -> None:
    (tmp_path / "eats.py").write_text(EATS)
    call = ("LAW-LOOP-01", "--loop", "eats:Loop", "--library", "asyncio")
    ran = conformance("run", *call, cwd=tmp_path, flags=["-O"], expect=1)
    assert "expected holds, found refuted" in ran.stdout
    ran = conformance("explain", *call, cwd=tmp_path, flags=["-OO"], expect=1)
    assert "asyncio+Loop: refuted" in ran.stdout


def test_explain_judges_apart_where_there_are_no_assertions(tmp_path: Path) -> None:
    ran = conformance("explain", "NEST-03", "--backend", "asyncio", cwd=tmp_path, flags=["-O"])
    assert "asyncio: refuted" in ran.stdout


@pytest.mark.parametrize("flags", [(), ("--deviations", "none.toml")])
def test_one_process_without_assertions_is_refused(tmp_path: Path, flags: tuple[str, ...]) -> None:
    (tmp_path / "none.toml").touch()
    ran = conformance(
        "run", "NEST-03", "--no-supervision", *flags, cwd=tmp_path, expect=2, PYTHONOPTIMIZE="1"
    )
    assert "--no-supervision judges in this process, where -O" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert ran.stdout == ""


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        (("--pyargs", "conformance.claims.propagation", "-k", "NEST-03"), True),
        (("--assert=plain", "--pyargs", "conformance.claims.propagation"), True),
        (("test_mine.py", "--conformance-backend", "asyncio"), True),
        (("test_mine.py",), False),
    ],
)
def test_pytest_without_assertions_judges_nothing(
    tmp_path: Path, options: tuple[str, ...], refused: bool
) -> None:
    (tmp_path / "test_mine.py").write_text("def test_mine(): pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope=function\n")
    plugins = ("-p", "no:cacheprovider", "-p", "conformance.judging.plugin")
    ran = subprocess.run(
        [sys.executable, "-O", "-m", "pytest", *plugins, *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if not refused:
        assert (ran.returncode, ran.stderr) == (0, "")
        return
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert ran.stderr.startswith("ERROR: claims are made of assertions, which -O and PYTHONOPT")
    assert "passed" not in ran.stdout


def test_flags_reach_the_processes_that_judge(tmp_path: Path) -> None:
    (tmp_path / "flagged.py").write_text(
        "import asyncio, sys\n"
        "assert sys.flags.dev_mode and sys.dont_write_bytecode\n"
        "assert 'error::FutureWarning' in sys.warnoptions\n"
        "new_event_loop = asyncio.new_event_loop\n"
    )
    flags = ["-X", "dev", "-B", "-W", "error::FutureWarning"]
    call = ("run", "NEST-03", "--loop", "flagged:new_event_loop", "--library", "asyncio")
    conformance(*call, cwd=tmp_path, flags=flags)
    assert "AssertionError" in conformance(*call, cwd=tmp_path, flags=flags[:3], expect=2).stderr


def test_a_record_that_is_made_under_warnings_as_errors_is_the_same(tmp_path: Path) -> None:
    call = ("run", "DELIVER-0[1-4]", *QUICK, "--json")
    conformance(*call, "plain.json", cwd=tmp_path)
    for name, strict, dev in (("strict", "error", ""), ("dev", "", "1")):
        ran = conformance(
            *call, f"{name}.json", cwd=tmp_path, PYTHONWARNINGS=strict, PYTHONDEVMODE=dev
        )
        assert ran.stderr == "", "a ResourceWarning of the supervisor's"
        assert verdicts(tmp_path / f"{name}.json") == verdicts(tmp_path / "plain.json")


def test_what_lies_about_in_the_working_directory_is_not_taken_for_something_else(
    tmp_path: Path,
) -> None:
    for name in ("queue", "random", "rich", "pytest", "hypothesis"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('it is not meant')\n")
    (tmp_path / "mine.py").write_text("from asyncio import SelectorEventLoop as new_loop\n")
    ran = subprocess.run(
        [
            *(
                sys.executable,
                "-c",
                "import sys; sys.path.remove(''); from conformance.cli.main import main; main()",
            ),
            *(
                "run",
                "NEST-03",
                "--loop",
                "mine:new_loop",
                "--library",
                "asyncio",
                "--json",
                "run.json",
            ),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert len(verdicts(tmp_path / "run.json")) == 1
