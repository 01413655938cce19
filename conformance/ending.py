"""How a command of ours ends: its exit codes, the signals that end it, streams that take nothing more.

Nothing here needs a package of others': it is there while these are imported.
"""

from __future__ import annotations

import errno
import io
import os
import select
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import IO, Any, cast

from conformance.printable import one_line

AS_EXPECTED, UNEXPECTED, BAD_CALL, NO_ANSWER = 0, 1, 2, 3
"""The exit codes of a command that came to its end; a signal's is 128 and its number."""


ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""The signals that end a command as Ctrl-C does, and are not Ctrl-C's."""


class Refusal(Exception):
    """A call that cannot be followed: its text says in one line what is wrong, and what would do."""


class Ended(KeyboardInterrupt):
    """A signal that ends the process came, as Ctrl-C does."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def signal_of(interrupt: KeyboardInterrupt) -> signal.Signals:
    """The signal that ``interrupt`` came by."""
    return signal.Signals(interrupt.number if isinstance(interrupt, Ended) else signal.SIGINT)


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """The exit code of a process that a signal ended, as shells count."""
    return 128 + signal_of(interrupt)


def in_words(interrupt: KeyboardInterrupt) -> str:
    """``interrupted``, or which signal it was if it was not Ctrl-C's."""
    name = signal_of(interrupt).name
    return "interrupted" if name == "SIGINT" else f"interrupted by {name}"


def prepare() -> None:
    """Let signals raise :class:`Ended`, and the standard streams no errors."""
    for number in ENDING:
        # Ignored it stays, as under nohup.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)
    _reserve_descriptors()
    sys.stdout = _lenient(sys.stdout, 1)
    sys.stderr = _lenient(sys.stderr, 2)


def _end(number: int, frame: FrameType | None) -> None:
    raise Ended(number)


def finish(name: str, code: int) -> int:
    """The exit code that is to be: ``code``, unless standard output could not take what was shown."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # not one of ours
            stream.flush()
    failed = _failure_of(sys.stdout)
    if failed is None:
        return code
    why = "it is closed" if failed.errno == errno.EBADF else failed.strerror
    say(f"{name}: cannot write to standard output: {why}; what is shown there is lost")
    return NO_ANSWER if code in (AS_EXPECTED, UNEXPECTED) else code


def say(text: str) -> None:
    """Print one line to standard error, whatever there is in ``text``."""
    print(one_line(text), file=sys.stderr)


class _Lenient(io.RawIOBase):
    """Writes through to a raw stream, and what that cannot take to nowhere: ``failed`` says why.

    Nobody reading on is no failure.
    """

    def __init__(self, raw: Any) -> None:
        self._through = raw
        self.failed: OSError | None = None
        self.over = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self._through.fileno())

    def isatty(self) -> bool:
        return bool(self._through.isatty())

    def write(self, data: Any) -> int:
        left = memoryview(data).cast("B")
        while left and not self.over:
            try:
                written = self._through.write(left)
            except BrokenPipeError:
                self.over = True
            except OSError as error:
                self.over, self.failed = True, error
            else:
                if written is None:
                    # Somebody who has the other end made it one that never waits.
                    select.select([], [self.fileno()], [])
                left = left[written or 0 :]
        return len(data)


def _lenient(stream: Any, descriptor: int) -> Any:
    if stream is None:
        # Python has none on a descriptor that was closed.
        raw: Any = io.FileIO(descriptor, "w", closefd=False)
        return io.TextIOWrapper(
            io.BufferedWriter(_Lenient(raw)), encoding="utf-8", errors="backslashreplace"
        )
    buffer = getattr(stream, "buffer", None)
    # Under PYTHONUNBUFFERED there is none in between.
    raw = getattr(buffer, "raw", buffer)
    if not isinstance(raw, io.RawIOBase) or isinstance(raw, _Lenient):
        return stream  # not Python's own, or ours already
    stream.flush()
    lenient = _Lenient(raw)
    return io.TextIOWrapper(
        # The stubs want a buffer; an unbuffered stream of Python's has none either.
        cast("Any", lenient) if buffer is raw else io.BufferedWriter(lenient),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _failure_of(stream: IO[str]) -> OSError | None:
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    return raw.failed if isinstance(raw, _Lenient) else None


def _reserve_descriptors() -> None:
    """Let no file of ours become a standard stream because somebody closed that one."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest that is free.  What cannot be written says so when it is tried.
            os.open(os.devnull, os.O_WRONLY if descriptor == 0 else os.O_RDONLY)
