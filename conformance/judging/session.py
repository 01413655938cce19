"""What one process knows of its judging: how hard to try, and what failed so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from conformance.backends.backend import Backend
from conformance.claim import Statement
from conformance.expectations.deviations import Deviations
from conformance.expectations.lookup import on_record
from conformance.judging.effort import Effort
from conformance.judging.judge import judge
from conformance.judging.message import unexpected
from conformance.judging.prerequisites import Failures, blocked, note
from conformance.judging.search import Pulse
from conformance.verdict import Verdict


class Judged(NamedTuple):
    """A verdict, and the message that it needs if it is not the one on record."""

    verdict: Verdict
    message: str | None


@dataclass
class Session:
    """Judges statements one after the other; those that build on what failed are ``blocked``.

    ``failures`` are the laws that failed before, in an earlier process, say.
    ``pulse`` hears of every example before it is run.
    ``deviations`` are the known ones, the package's own if none are given.
    """

    effort: Effort = field(default_factory=Effort)
    failures: Failures = field(default_factory=dict)
    pulse: Pulse | None = None
    deviations: Deviations | None = None
    memory: dict[str, dict[Any, Any]] = field(default_factory=dict)

    def judge(self, statement: Statement, backend: Backend) -> Judged:
        """The verdict on ``statement`` on ``backend``, with its message."""
        known = on_record(statement, backend.known_as, self.deviations)
        verdict = blocked(statement, backend, self.failures, known)
        if verdict is None:
            memory = self.memory.setdefault(backend.name, {})
            verdict = judge(statement, backend, self.effort, memory, self.pulse, known=known)
        note(self.failures, verdict)
        if verdict.as_expected:
            return Judged(verdict, None)
        return Judged(verdict, unexpected(statement, verdict, known.expected, backend, self.effort))
