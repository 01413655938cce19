"""What the watch takes for a hang, and what not."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

from conformance import book
from conformance.backends.discovery import choose
from conformance.judging.supervision import watch

(CLAIM,) = (each for each in book.all_claims() if each.id == "LAW-NEST-03")


@pytest.mark.parametrize("own", [False, True])
def test_what_judging_does_itself_is_no_hang_of_the_runtime(
    monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    told: list[str] = []
    alive, ended = threading.Event(), threading.Event()

    def tell(*, event: str, **more: Any) -> None:
        told.append(event)
        if told[-3:] == ["alive"] * 3:
            alive.set()

    monkeypatch.setattr(os, "_exit", lambda code: ended.set())
    with open(os.devnull, "w") as dumps:
        here = watch.Watch(choose(["asyncio"], [])[0], tell, dumps, patience=0.2)
        here.begin("LAW-NEST-03[asyncio]")
        try:
            here(CLAIM.statements["asyncio"], {})
            if own:
                here(CLAIM.statements["asyncio"], None)
            # Each sign of life comes a twentieth of a second after the one before.
            assert (alive if own else ended).wait(60)
        finally:
            here.end()
    assert ("hung" in told) == (not own)
