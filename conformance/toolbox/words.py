"""How much there is of something, in words."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """``number`` of what is called ``one``, as in "1 step", "2 steps"; ``many`` if that takes no s."""
    return f"{number:,} {one}" if number == 1 else f"{number:,} {many or one + 's'}"


def were(number: int) -> str:
    """``"was"`` or ``"were"``: what goes with so many."""
    return "was" if number == 1 else "were"
