"""Where a command writes: pipes, closed and full streams, directories that are gone."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.results.files import (
    CannotWrite,
    check_writable,
    descriptor_of,
    same_file,
    write_text,
)
from tests.cli.calling import ROOT, conformance

RUN = "run NEST-03 --backend asyncio --library asyncio"
needs_a_shell = pytest.mark.skipif(sys.platform == "win32", reason="what a POSIX shell does")


def shell(line: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``line``, where ``conformance`` is ours, in bash."""
    ours = f'conformance() {{ {shlex.quote(sys.executable)} -m conformance "$@"; }}\n'
    return subprocess.run(
        ["bash", "-c", ours + line],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@needs_a_shell
@pytest.mark.parametrize(
    "line",
    [
        f"conformance {RUN} --json - 2>shown",
        f"conformance {RUN} --json /dev/stdout 2>shown",
        f"conformance {RUN} --json /dev/stdout 2>shown >file && cat file",
        f"conformance {RUN} --json /dev/fd/3 3>file >shown && cat file",
        f"conformance {RUN} --json >(cat >file) >shown && sleep 1 && cat file",
        f"mkfifo pipe && (conformance {RUN} --json pipe >shown & cat pipe && wait)",
        f"ln -s /dev/stdout link && conformance {RUN} --json link 2>shown",
    ],
)
def test_a_record_goes_into_any_stream(tmp_path: Path, line: str) -> None:
    ran = shell(line, tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout)["verdicts"][0]["claim"] == "NEST-03"
    assert "1 claim, 1 verdict, 0 not as expected; seed 0" in (tmp_path / "shown").read_text()


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        (("--json", "a", "--junit", "a"), "a is there twice: give each file a name of its own"),
        (("--json", "a", "--junit", "./a"), "a and ./a are the same file"),
        (("--json", "own.toml", "--deviations", "own.toml"), "own.toml is there twice"),
        (("--json", ""), "argument --json: it takes a path"),
        pytest.param(
            ("--json", "-", "--junit", "/dev/stdout"),
            "- and /dev/stdout are the same file",
            marks=needs_a_shell,
        ),
        pytest.param(("--json", "/dev/fd/99"), "it is not open", marks=needs_a_shell),
    ],
)
def test_one_file_takes_one_thing(tmp_path: Path, outputs: tuple[str, ...], says: str) -> None:
    (tmp_path / "own.toml").touch()
    ran = conformance("run", "NEST-03", *outputs, cwd=tmp_path, expect=2)
    assert says in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert os.listdir(tmp_path) == ["own.toml"]


@pytest.mark.skipif(sys.platform == "win32", reason="links and devices are POSIX's")
def test_what_a_path_stands_for(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "out").symlink_to("/dev/stdout")
    os.link(tmp_path / "file", tmp_path / "hard")
    assert [descriptor_of(each) for each in ("-", "/dev/stdout", "/dev/fd/7", "a")] == [
        1,
        1,
        7,
        None,
    ]
    assert descriptor_of(tmp_path / "out") == 1
    assert descriptor_of(tmp_path / "link") is None
    assert same_file(tmp_path / "file", tmp_path / "link")
    assert same_file(tmp_path / "file", tmp_path / "hard")
    assert same_file(tmp_path / "new", f"{tmp_path}/./new")
    assert not same_file(tmp_path / "file", tmp_path / "new")
    assert not same_file("/dev/null", "/dev/null")


@pytest.mark.skipif(sys.platform == "win32", reason="descriptors of pipes are POSIX's")
def test_a_descriptor_is_written_through(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    name = f"/dev/fd/{writing}"
    check_writable(name)
    write_text(name, "text")
    assert os.read(reading, 9) == b"text"
    with pytest.raises(CannotWrite, match="it is not open for writing"):
        check_writable(f"/dev/fd/{reading}")
    os.close(reading)
    with pytest.raises(CannotWrite, match="Broken pipe"):
        write_text(name, "text")
    os.close(writing)
    with pytest.raises(CannotWrite, match="it is not open"):
        check_writable(name)


@needs_a_shell
@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        (f"conformance {RUN} >&-", 3, "cannot write to standard output: it is closed"),
        ("conformance list --json >&-", 3, "cannot write to standard output: it is closed"),
        (f"conformance {RUN} --json - >&-", 2, "cannot write -: it is not open for writing"),
        (f"conformance {RUN} 2>&- >shown <&-", 0, ""),
        (f"conformance {RUN} | head -1; exit ${{PIPESTATUS[0]}}", 0, ""),
        (f"conformance {RUN} --json - 2>shown | head -1; exit ${{PIPESTATUS[0]}}", 0, ""),
        pytest.param(
            f"conformance {RUN} >/dev/full",
            3,
            "cannot write to standard output: No space left on device",
            marks=pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has it"),
        ),
        pytest.param(
            f"conformance {RUN} --json /dev/full >shown",
            3,
            "cannot write /dev/full: No space left on device",
            marks=pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has it"),
        ),
        ("rmdir $PWD && conformance list", 3, "the working directory is gone"),
    ],
)
def test_a_stream_that_takes_nothing_is_told_in_one_line(
    tmp_path: Path, line: str, code: int, says: str, buffered: str
) -> None:
    ran = shell(line, tmp_path, PYTHONUNBUFFERED=buffered)
    assert (ran.returncode, says in ran.stderr) == (code, True), ran.stderr
    assert len(ran.stderr.splitlines()) == bool(says)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what Linux lets a process have")
@pytest.mark.parametrize(
    ("limit", "says"),
    [
        ("ulimit -n 8", "this process may have no more open files (ulimit -n)"),
        # It may run out as it begins, or later.
        ("ulimit -v 60000", " memory "),
        ("ulimit -f 0", "No usable temporary directory found in "),
    ],
)
def test_what_the_machine_does_not_give_is_told_in_one_line(
    tmp_path: Path, limit: str, says: str
) -> None:
    # Compiled first: a file of no size is a compiled module to be read, too.
    ran = shell(f"conformance list >/dev/null && {limit} && conformance {RUN}", tmp_path)
    assert (ran.returncode, ran.stdout) == (3, "")
    assert says in ran.stderr
    assert ("(ulimit -v" in ran.stderr) == ("ulimit -v" in limit)
    assert len(ran.stderr.splitlines()) == 1


@needs_a_shell
def test_what_is_printed_can_be_pasted(tmp_path: Path) -> None:
    (tmp_path / "my tests").mkdir()
    (tmp_path / "my tests" / "conftest.py").write_text(
        "import asyncio\n"
        "class Loop(asyncio.SelectorEventLoop):\n"
        "    def call_soon(self, callback, *args, context=None):\n"
        "        raise ValueError('\\x1b[31m no')\n"
        "def pytest_asyncio_loop_factories(config, item):\n"
        '    return {"it\'s $HOME": Loop}\n'
    )
    spec = shlex.quote("my tests/conftest.py::it's $HOME")
    line = f"conformance run LAW-LOOP-01 --loop {spec} --library asyncio --profile quick"
    first = shell(line, tmp_path)
    assert first.returncode == 1, first.stderr
    assert "\x1b" not in first.stdout + first.stderr
    lines = first.stdout.splitlines()
    again = lines[lines.index("  again:") + 1].strip()
    assert again.startswith("conformance run LAW-LOOP-01 ")
    second = shell(again, tmp_path)
    assert (second.returncode, second.stdout) == (1, first.stdout)
    (record,) = (each for each in lines if each.startswith("    conformance deviations update"))
    assert shell(record.strip(), tmp_path).returncode == 0
    assert shell(f"{again} --deviations deviations.toml", tmp_path).returncode == 0
