"""Known breaches of laws, on the command line and under pytest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.expectations.deviations import package_deviations
from tests.cli.calling import ROOT, conformance

FORGETFUL = """\
import asyncio

class Task(asyncio.Task):
    def cancelling(self):
        return 0

def new_loop():
    loop = asyncio.new_event_loop()
    loop.set_task_factory(lambda loop, coro, **more: Task(coro, loop=loop, **more))
    return loop
"""
MENDED = FORGETFUL.replace("return 0", "return super().cancelling()")
THERE = ("LAW-NEST-03", "--loop", "mine:new_loop", "--library", "asyncio")
OWN = ("--deviations", "own.toml")

needs_cancelling = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="cancelling() came with Python 3.11"
)


@needs_cancelling
def test_what_was_seen_goes_on_record_and_comes_off_again(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FORGETFUL)
    ran = conformance("deviations", "update", *THERE, *OWN, cwd=tmp_path)
    assert ran.stdout.splitlines() == [
        "added to own.toml: LAW-NEST-03 is refuted on asyncio+new_loop, in the cases of "
        'place != "at the beginning" and instant != "before the first step"',
        "now say why and name the issue, where own.toml has TODO",
    ]
    # The second time there is nothing to do but to fill it in.
    ran = conformance("deviations", "update", *THERE, *OWN, cwd=tmp_path)
    assert ran.stdout == "nothing to change: 1 verdict as on record\n"
    assert ran.stderr.splitlines() == [
        "conformance deviations: warning: own.toml:3: the deviation of LAW-NEST-03 has no why and no "
        "issue yet; say it, so that others can check it"
    ]

    file = tmp_path / "own.toml"
    text = file.read_text()
    text = text.replace('why = ""', 'why = "it forgets"').replace(
        'issue = ""', 'issue = "https://example.org/1"'
    )
    file.write_text(f"{text}\n# Kept.\n")
    ran = conformance("run", *THERE, *OWN, "--json", "run.json", cwd=tmp_path)
    assert ran.stderr == ""
    assert (
        "  LAW-NEST-03 refuted on asyncio+new_loop: a known deviation: it forgets "
        "(https://example.org/1)"
    ) in ran.stdout.splitlines()
    (verdict,) = json.loads((tmp_path / "run.json").read_text())["verdicts"]
    assert (verdict["verdict"], verdict["expected"]) == ("refuted", "refuted")

    (tmp_path / "mine.py").write_text(MENDED)
    ran = conformance("run", *THERE, *OWN, cwd=tmp_path, expect=1)
    last = len(text.splitlines())
    assert f"delete lines 3-{last} of own.toml: LAW-NEST-03 holds on asyncio+new_loop" in ran.stdout
    (again,) = (each for each in ran.stdout.splitlines() if "  conformance run " in each)
    assert again.endswith(" --deviations own.toml")
    ran = conformance("deviations", "update", *THERE, *OWN, cwd=tmp_path)
    assert ran.stdout == (
        f"removed lines 3-{last} of own.toml: LAW-NEST-03 holds on asyncio+new_loop\n"
    )
    assert file.read_text() == f"{text.splitlines()[0]}\n\n# Kept.\n"


@needs_cancelling
def test_under_pytest(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FORGETFUL)
    (tmp_path / "own.toml").write_text(
        '[[deviation]]\nclaim = "LAW-NEST-03"\nlibrary = "asyncio"\nseen = "refuted"\n'
        'issue = "https://example.org/1"\n'
    )

    def outcome(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider"),
                *("--pyargs", "conformance.claims.propagation"),
                *("--conformance-loop=mine:new_loop", "--conformance-library=asyncio"),
                *("--conformance-claim=LAW-NEST-03", *options),
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert outcome().returncode == 1
    known = outcome("--conformance-deviations=own.toml")
    assert known.returncode == 0, known.stdout
    assert "conformance: own.toml:1: the deviation of LAW-NEST-03 has no why and no counter" in (
        known.stdout
    )
    wrong = outcome("--conformance-deviations=none.toml")
    assert wrong.returncode == pytest.ExitCode.USAGE_ERROR
    assert "there is no file none.toml" in wrong.stderr


def test_list_has_all_of_them_and_marks_what_fits_here(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        '[[deviation]]\nclaim = "LAW-NEST-03"\nlibrary = "asyncio"\nseen = "hung"\n'
        'backend = ["asyncio"]\nwhy = "it waits"\nissue = "https://example.org/1"\n'
        'counterexample = "x"\n\n'
        '[[deviation]]\nclaim = "LAW-NEST-03"\nlibrary = "asyncio"\nseen = "hung"\n'
        'when = "python<3"\nwhy = "it waits"\nissue = "https://example.org/1"\n'
        'counterexample = "x"\n'
    )
    text = conformance("deviations", "list", *OWN, cwd=tmp_path).stdout
    assert text.splitlines()[:10] == [
        "* LAW-NEST-03 in asyncio is hung on asyncio",
        "    it waits",
        "    https://example.org/1",
        "    here: asyncio",
        "    own.toml:1",
        "  LAW-NEST-03 in asyncio is hung on every backend where python<3",
        "    it waits",
        "    https://example.org/1",
        "    own.toml:10",
        text.splitlines()[9],
    ]
    listed = json.loads(conformance("deviations", "list", "--json", *OWN, cwd=tmp_path).stdout)
    assert len(listed) == 2 + len(package_deviations().entries)
    assert listed[0] == {
        "claim": "LAW-NEST-03",
        "library": "asyncio",
        "backend": ["asyncio"],
        "when": "",
        "seen": "hung",
        "why": "it waits",
        "issue": "https://example.org/1",
        "counterexample": "x",
        "file": "own.toml",
        "lines": [1, 8],
        "here": ["asyncio"],
    }


def test_explain_and_list_name_the_deviations(tmp_path: Path) -> None:
    for arguments in (
        ("explain", "LAW-DELIVER-06", "--backend", "asyncio"),
        ("list", "LAW-DELIVER-06"),
    ):
        ran = conformance(*arguments, cwd=tmp_path)
        assert "refuted" in ran.stdout
        assert "python<3.13" in ran.stdout
    text = " ".join(conformance("explain", "LAW-DELIVER-06", cwd=tmp_path).stdout.split())
    assert "issues/112202) [a known deviation: lines " in text
    (listed,) = json.loads(conformance("list", "LAW-DELIVER-06", "--json", cwd=tmp_path).stdout)
    assert [each["deviation"] for each in listed["expectations"]["asyncio"]] == [True, False]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", *OWN), "own.toml:3: 'sees' is no key of a deviation; they are claim, "),
        (("list", *OWN), "own.toml:3: 'sees' is no key"),
        (("deviations", "list", *OWN), "own.toml:3: 'sees' is no key"),
        (("deviations", "update", *OWN), "own.toml:3: 'sees' is no key"),
        (("run", "--deviations", "none.toml"), "there is no file none.toml: 'conformance devia"),
        (("run", "--deviations", "law.toml"), "law.toml:1: there is no claim LAW-NONE-1; "),
        (("deviations", "update", "--deviations", "no/own.toml"), "there is no directory no;"),
        (("deviations", "update", "NONE-*"), "no claim matches 'NONE-*'"),
        (("deviations",), "required: ACTION"),
    ],
)
def test_a_wrong_call_is_told_in_one_line(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    (tmp_path / "own.toml").write_text('[[deviation]]\n\nsees = "hung"\nclaim = "A"\n')
    (tmp_path / "law.toml").write_text(
        '[[deviation]]\nclaim = "LAW-NONE-1"\nlibrary = "asyncio"\nseen = "hung"\n'
    )
    ran = conformance(*arguments, cwd=tmp_path, expect=2)
    assert says in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert ran.stdout == ""


def test_a_file_as_an_editor_on_windows_writes_it(tmp_path: Path) -> None:
    """Its mark of the encoding and its line ends stay, and a name that means nothing is told."""
    entry = '[[deviation]]\r\nclaim = "LAW-LOOP-01"\r\nlibrary = "asyncio"\r\nseen = "hung"\r\n'
    path = tmp_path / "own.toml"
    path.write_bytes(f"\ufeff# Ours.\r\n\r\n{entry}".encode())
    call = ("LAW-LOOP-01", "--backend", "asyncio", "--profile", "quick", "--deviations", "own.toml")
    ran = conformance("deviations", "update", *call, cwd=tmp_path)
    assert ran.stdout.startswith("removed lines 3-6 of own.toml: LAW-LOOP-01 holds on asyncio")
    assert path.read_bytes() == "\ufeff# Ours.\r\n".encode()
    path.write_text(f'{entry}backend = ["asynico"]')
    ran = conformance("run", *call, cwd=tmp_path, expect=2)
    assert "own.toml:1: no backend is called 'asynico'; there is asyncio, " in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    # Who only lists has no --loop: it may be the name of one.
    path.write_text(f'{entry}backend = ["asyncio+uvlop*"]')
    for listing in (("list", "LAW-LOOP-01"), ("deviations", "list")):
        ran = conformance(*listing, "--deviations", "own.toml", cwd=tmp_path)
        assert "warning: own.toml:1: no backend is called 'asyncio+uvlop*'; " in ran.stderr
