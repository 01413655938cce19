"""How hard to try: the examples that a claim gets, and the seed that they follow from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Profile = Literal["quick", "default", "thorough"]
PROFILES: Mapping[Profile, int] = {"quick": 25, "default": 100, "thorough": 1000}
"""Examples that each profile gives a claim whose space is too big to enumerate."""


@dataclass(frozen=True)
class Effort:
    """How hard to try: examples a claim, and the seed that everything drawn follows from."""

    examples: int = PROFILES["default"]
    seed: int = 0
