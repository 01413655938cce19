"""What somebody hands over may crash or hang at the first touch: here a short-lived process touches it.

Started with ``look`` or ``try`` and a spec; answers in one line of JSON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import IO, Any, NamedTuple

from conformance.backends import interpreter
from conformance.backends.load import (
    BadBackend,
    Declared,
    look,
    make_another,
    try_factory,
)
from conformance.backends.naming import Origin, origin

SECONDS = 20.0
"""Real seconds after which what does not return is given up."""

_AT_A_TIME = 4
_WIDTH = 200
_BOOTSTRAP = "from conformance.backends.probe import main; main()"


def look_apart(specs: Iterable[str]) -> dict[str, list[Declared]]:
    """What :func:`~conformance.backends.load.look` says of each of ``specs``.

    Raises :class:`BadBackend` as it does, and if looking crashed or hung.
    """
    found = {}
    for spec, answer in _ask("look", specs).items():
        if "why_not" in answer:
            raise BadBackend(answer["why_not"])
        found[spec] = [Declared(**each) for each in answer["declared"]]
    return found


class Tried(NamedTuple):
    """What trying a factory gave: why it cannot be used, or ``None``; where its loop is from."""

    why_not: str | None
    origin: Origin = Origin()


def try_apart(specs: Iterable[str]) -> dict[str, Tried]:
    """What trying the factory of each spec gave."""
    return {spec: _tried(**answer) for spec, answer in _ask("try", specs).items()}


def _tried(why_not: str | None = None, kin: Iterable[str] = (), **of: Any) -> Tried:
    return Tried(why_not, Origin(**of, kin=tuple(kin)))


def _ask(what: str, specs: Iterable[str]) -> dict[str, dict[str, Any]]:
    specs = list(dict.fromkeys(specs))
    if not specs:
        return {}
    running: list[subprocess.Popen[bytes]] = []
    with ThreadPoolExecutor(min(_AT_A_TIME, len(specs))) as pool:
        try:
            answers = list(pool.map(partial(_answer, what, running), specs))
        except BaseException:
            # Somebody does not want to wait for what may hang.
            pool.shutdown(wait=False, cancel_futures=True)
            for process in running:
                _kill(process)
            raise
    return dict(zip(specs, answers, strict=True))


def _answer(what: str, running: list[subprocess.Popen[bytes]], spec: str) -> dict[str, Any]:
    """What a process of its own says of ``spec``; it is one of ``running`` meanwhile."""
    # Not pipes: what it starts may hold these open for ever.
    with tempfile.TemporaryFile() as says, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603  # our own command
            interpreter.command(_BOOTSTRAP, what, spec),
            env=interpreter.environment(),
            stdin=subprocess.DEVNULL,
            stdout=says,
            stderr=errors,
            start_new_session=True,
        )
        running.append(process)
        try:
            ended = _ended_by(process.wait(SECONDS))
        except subprocess.TimeoutExpired:
            ended = f"did not return within {SECONDS:g} s"
            _kill(process)
            process.wait()
        ended += _last_words(errors)
        says.seek(0)
        said = says.read().decode("utf-8", "replace")
    answers = [line for line in said.splitlines() if line.startswith("{") and line.endswith("}")]
    if answers:
        answer: dict[str, Any] = json.loads(answers[-1])
        return answer
    if what == "look":
        return {"why_not": f"{spec} cannot be imported: {ended}"}
    return {"why_not": f"{spec} cannot be used: {ended}; it must return a new event loop"}


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End ``process`` and what it started."""
    if sys.platform == "win32":
        process.kill()
    elif process.returncode is None:
        # It leads a group of its own; its end may have come first, which macOS says in another way.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _ended_by(code: int) -> str:
    if code < 0:
        with suppress(ValueError):
            return f"trying it ended the process by {signal.Signals(-code).name}"
    return f"trying it ended the process with exit code {code}"


def _last_words(errors: IO[bytes]) -> str:
    """The last line that was said to standard error, if there is one."""
    errors.seek(0)
    lines = [line for line in errors.read().decode(errors="replace").splitlines() if line.strip()]
    return f" (it said: {lines[-1].strip()[:_WIDTH]})" if lines else ""


def main() -> None:
    """Answer the question of the command line, and end."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    # What is imported may print.
    os.dup2(2, 1)
    interpreter.look_into_the_working_directory()
    what, spec = sys.argv[1:]

    def tell(**answer: Any) -> None:
        answers.write(f"{json.dumps(answer)}\n")

    try:
        if what == "look":
            tell(declared=[asdict(each) for each in look(spec)])
        else:
            factory, loop = try_factory(spec)
            # It is not closed: how it does that is judged.
            tell(**asdict(origin(factory, loop)))
            # If that hangs or crashes, what was told stands.
            make_another(spec, factory, loop)
    except BadBackend as error:
        tell(why_not=str(error))
    answers.flush()
    # Threads that it left behind must not keep this process.
    os._exit(0)
