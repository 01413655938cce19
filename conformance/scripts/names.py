"""The modules that the source of what is waited for may name."""

import asyncio
import time
from contextlib import asynccontextmanager, contextmanager
from types import SimpleNamespace

import anyio
import anyio.lowlevel
import trio
import trio.lowlevel
import trio.testing

__all__ = [
    "SimpleNamespace",
    "anyio",
    "asynccontextmanager",
    "asyncio",
    "contextmanager",
    "time",
    "trio",
]
