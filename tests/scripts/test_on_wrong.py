"""The script of a law, run on a wrong runtime, says what the law says of it there; and holds elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from zlib import crc32

import pytest

from conformance.conditions import fits
from conformance.judging.effort import Effort, size_for
from conformance.judging.judge import judge
from tests.scripts.on_wrong import run_on
from tests.scripts.run import message_of
from tests.scripts.test_book import WITHOUT
from tests.test_wrong import KILLS, LAWS
from tests.wrong.kit import Wrong

ONLY_JUDGED = {
    "the loop turns and runs nothing": "nobody can stop it: what is judged is ended in virtual time",
    "an AsyncExitStack registers the exit before it enters": "it is put into the claim's module alone",
    "run_process() of trio's leaves its process running": "its process needs this one's input",
}
"""Wrong runtimes that a script cannot be run on, with the reason."""

A_TENTH = [
    (wrong, law)
    for wrong, law in KILLS
    if crc32(f"{wrong.key}{law}".encode()) % 10 == 0
    # A program's script prints its trace, and what breaks the judging breaks no script.
    and LAWS[law].chapter != "programs"
    and wrong.breaks != "driver"
    and wrong.name not in ONLY_JUDGED
]


@pytest.mark.skipif(sys.platform == "win32", reason="it runs in a fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize(
    ("wrong", "law"), A_TENTH, ids=[f"{law}-{wrong}" for wrong, law in A_TENTH]
)
def test_the_script_says_so_on_the_wrong_runtime(
    wrong: Wrong, law: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fits(wrong.when):
        pytest.skip(f"this wrong runtime needs {wrong.when}")
    # Which cases are counterexamples takes long to find out, and is not asked here.
    monkeypatch.setattr("conformance.judging.judge.explanation", lambda *_: None)
    statement = LAWS[law].statements[wrong.library]
    with wrong.patch():
        verdict = judge(
            statement, wrong.backend, Effort(size=size_for([statement.claim])), explain=False
        )
    if verdict.verdict == "hung" or (law, wrong.library) in WITHOUT:
        return
    assert verdict.verdict == "refuted"
    assert verdict.counterexample is not None
    script = verdict.counterexample.script
    assert script, verdict.counterexample.text
    code, said = run_on(wrong, script, tmp_path)
    assert (code, message_of(verdict.counterexample.text) in said) == (1, True), said
    code, said = run_on(None, script, tmp_path)
    assert code == 0, said
