"""How hard to try: the examples that a claim gets, and the seed that they follow from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from conformance.claim import Claim

Profile = Literal["quick", "default", "thorough"]
PROFILES: Mapping[Profile, int] = {"quick": 25, "default": 100, "thorough": 1000}
"""Examples that each profile gives a claim whose space is too big to enumerate."""


SMALL, LARGE = 2, 3
"""Up to which size programs are enumerated: among other claims, and where nothing else is judged."""


@dataclass(frozen=True)
class Effort:
    """How hard to try: examples a claim, and the random seed.

    ``size`` is the size up to which programs are enumerated whole.
    """

    examples: int = PROFILES["default"]
    seed: int = 0
    size: int = SMALL

    @property
    def beyond(self) -> Effort:
        """The effort for what is drawn beyond an enumerated space: little where that is small."""
        share = 1 if self.size >= LARGE else 5
        return replace(self, examples=max(1, self.examples // share))


def size_for(claims: Iterable[Claim]) -> int:
    """Up to which size programs are enumerated if nobody says: further if nothing else is judged."""
    return LARGE if all(claim.chapter == "programs" for claim in claims) else SMALL
