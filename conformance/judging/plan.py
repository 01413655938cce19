"""What is to be judged, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from conformance.backends.backend import Backend
from conformance.book import statements_on
from conformance.claim import Claim, Statement
from conformance.judging.effort import Effort
from conformance.judging.supervision.child import PATIENCE
from conformance.verdict import GrowthRecord, VerdictRecord, runtime_name


@dataclass(frozen=True)
class Plan:
    """What is to be judged: statements by backend, and how hard.

    ``patience`` is for how many seconds a claim may be silent before it counts as hung.
    """

    backends: tuple[Backend, ...]
    claims: tuple[Claim, ...]
    libraries: tuple[str, ...] = ()
    effort: Effort = field(default_factory=Effort)
    patience: float = PATIENCE
    deviations: tuple[str, ...] = ()

    def statements(self, backend: Backend) -> list[Statement]:
        """What is judged on ``backend``."""
        return [
            statement
            for claim in self.claims
            for statement in statements_on(claim, backend, self.libraries)
        ]

    @property
    def size(self) -> int:
        """How many verdicts there are to come."""
        return sum(len(self.statements(backend)) for backend in self.backends)


@dataclass
class Outcome:
    """What came of a plan.

    ``messages`` says of each verdict that is not the one on record why that matters, in many lines;
    ``failures`` says in words what kept a verdict from being had at all; ``growth`` says what grows
    from example to example, by backend.
    """

    verdicts: list[VerdictRecord] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    growth: dict[str, GrowthRecord] = field(default_factory=dict)


@dataclass(frozen=True)
class Heard:
    """What a listener hears: ``item`` of ``backend`` was begun, or judged if ``verdict`` is given."""

    backend: str
    item: str
    verdict: VerdictRecord | None = None


Listener = Callable[[Heard], None]


def item_name(statement: Statement, backend: Backend) -> str:
    """A claim on a runtime, as pytest names it."""
    return f"{statement.claim.id}[{runtime_name(statement.library, backend.name)}]"
