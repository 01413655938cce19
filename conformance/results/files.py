"""Files that are written whole or not at all, and streams, which take what comes."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
import tempfile
from pathlib import Path

from conformance.ending import Refusal

STANDARD_OUTPUT = "-"
"""The name of a file that stands for the standard output."""

_NAMED = {STANDARD_OUTPUT: 1, "/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_NUMBERED = re.compile(r"/(?:dev|proc/(?:self|thread-self|\d+))/fd/(\d+)")
_LINKS = 40  # as many as Linux follows


class CannotWrite(Refusal):
    """A file that cannot be written: one line that says which, why and what would do."""


def descriptor_of(path: str | os.PathLike[str]) -> int | None:
    """The open descriptor that ``path`` stands for, as ``-`` or ``/dev/fd/3`` do, or a link to such.

    ``None`` for a file of a name of its own.
    """
    name = os.fspath(path)
    for _ in range(_LINKS):
        if name in _NAMED:
            return _NAMED[name]
        numbered = _NUMBERED.fullmatch(name)
        if numbered is not None:
            return int(numbered[1])
        if not os.path.islink(name):
            break
        name = os.path.join(os.path.dirname(name), os.readlink(name))
    return None


def is_standard_output(path: str | os.PathLike[str]) -> bool:
    """Whether what is written to ``path`` goes to the standard output."""
    return descriptor_of(path) == 1


def same_file(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Whether two paths are of one file, or one stream: what is written to one then spoils the other."""
    descriptors = descriptor_of(one), descriptor_of(other)
    if descriptors != (None, None):
        return descriptors[0] == descriptors[1]
    first, second = _target(one), _target(other)
    if first == second:
        # A device may be given twice, as /dev/null is.
        return first.is_file() or not first.exists()
    with contextlib.suppress(OSError):  # one that is not there yet is no other's
        return first.is_file() and first.samefile(second)
    return False


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``: under a temporary name beside it, which is then moved.

    What is no ordinary file (a pipe, ``/dev/fd/3``, ``-`` for the standard output) is written
    straight: it cannot be moved over.
    Raises :class:`CannotWrite`, and then leaves what was there before as it was.
    """
    # The bytes first: text that has none must fail before there is a file.
    data = text.encode("utf-8", "backslashreplace")
    descriptor = descriptor_of(path)
    try:
        if descriptor == 1:
            _to_standard_output(data)
        elif descriptor is not None:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(data)
        elif _is_stream(path):
            Path(path).write_bytes(data)
        else:
            _move_over(_target(path), data)
    except OSError as error:
        raise CannotWrite(_complaint(path, error)) from error


def _to_standard_output(data: bytes) -> None:
    # What comes of it is told where everything is told that is shown there.
    sys.stdout.flush()
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None:
        sys.stdout.write(data.decode("utf-8"))
    else:
        binary.write(data)
    sys.stdout.flush()


def _move_over(target: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name[:32]}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def check_writable(path: str | os.PathLike[str]) -> None:
    """See, before the work is done, that :func:`write_text` to ``path`` can succeed; changes nothing.

    Raises :class:`CannotWrite`.
    """
    descriptor = descriptor_of(path)
    try:
        if descriptor is not None:
            _check_descriptor(descriptor)
        elif _is_stream(path):
            if not os.access(path, os.W_OK):
                raise PermissionError(13, "Permission denied")
        else:
            target = _target(path)
            handle, temporary = tempfile.mkstemp(prefix=f".{target.name[:32]}.", dir=target.parent)
            os.close(handle)
            os.unlink(temporary)
    except OSError as error:
        raise CannotWrite(_complaint(path, error)) from error


def _check_descriptor(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError as error:
        raise OSError(9, "it is not open") from error
    if sys.platform != "win32":
        import fcntl

        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(9, "it is not open for writing")


def _is_stream(path: str | os.PathLike[str]) -> bool:
    """Whether ``path`` is there and is neither a file nor a directory.  Raises for a directory."""
    if os.fspath(path).endswith((os.sep, "/")):
        raise IsADirectoryError(21, "Is a directory")
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(21, "Is a directory")
    return not stat.S_ISREG(mode)


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
    if descriptor_of(name) is None and not parent.is_dir():
        return f"cannot write {name}: there is no directory {parent}; make it first"
    return f"cannot write {name}: {error.strerror or error}; give a path that can be written"


def make_folder(folder: Path) -> None:
    """Make ``folder`` and those above it, as far as they are not there.  Raises :class:`CannotWrite`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(
            f"cannot make the folder {folder}: {error.strerror}; give a path that can be written"
        ) from error
