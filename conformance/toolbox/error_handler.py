"""Errors of which asyncio's event loop tells its exception handler, because nobody else gets them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from conformance.toolbox.scopes import on_asyncio


@contextmanager
def no_error_reported() -> Iterator[None]:
    """Raise ``AssertionError`` if the running loop reports an error by the end of the block.

    trio, which has no such handler, raises such errors out of its run.
    """
    errors: list[object] = []
    if on_asyncio():

        def handle(*told: Any) -> None:
            # Some loops leave themselves out: LAW-LOOP-10.
            context = told[-1]
            errors.append(context.get("exception", context["message"]))

        asyncio.get_running_loop().set_exception_handler(handle)
    yield
    assert not errors, f"the loop reported an error to its exception handler: {errors[0]!r}"
