"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


class CannotWrite(Exception):
    """A file that cannot be written: one line that says which, why and what would do."""


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``: under a temporary name beside it, which is then moved.

    What is no ordinary file (a pipe, ``/dev/stdout``) is written straight: it cannot be moved over.
    Raises :class:`CannotWrite`, and then leaves what was there before as it was.
    """
    # The bytes first: text that has none must fail before there is a file.
    data = text.encode("utf-8", "backslashreplace")
    target = _target(path)
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(data)
            return
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(temporary, _mode(target))
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise CannotWrite(_complaint(path, error)) from error


def check_writable(path: str | os.PathLike[str]) -> None:
    """See, before the work is done, that :func:`write_text` to ``path`` can succeed; changes nothing.

    Raises :class:`CannotWrite`.
    """
    target = _target(path)
    try:
        if target.exists() and not target.is_file():
            if target.is_dir():
                raise IsADirectoryError(21, "Is a directory")
            return
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(handle)
        os.unlink(temporary)
    except OSError as error:
        raise CannotWrite(_complaint(path, error)) from error


def _target(path: str | os.PathLike[str]) -> Path:
    # A link stays a link: what it points to is replaced.
    return Path(os.path.realpath(path))


def _mode(target: Path) -> int:
    """The permissions that the file had, or those that any new file gets; mkstemp's are private."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)  # there is no way to read it without setting it
    os.umask(mask)
    return 0o666 & ~mask


def _complaint(path: str | os.PathLike[str], error: OSError) -> str:
    name = os.fspath(path)
    parent = Path(name).parent
    if isinstance(error, IsADirectoryError) or os.path.isdir(name):
        return f"cannot write {name}: it is a directory; give the name of a file"
    if not parent.is_dir():
        return f"cannot write {name}: there is no directory {parent}; make it first"
    return f"cannot write {name}: {error.strerror or error}; give a path that can be written"
