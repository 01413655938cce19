"""What the failure of an example means, and its message."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis.errors import Flaky, Unsatisfiable

from conformance.backends.deadlock import Deadlock
from conformance.claim import NotApplicable
from conformance.outcomes.lacking import out_of_memory
from conformance.outcomes.raised import where_raised
from conformance.verdict import VerdictName

NO_ROOM = "the process that judges can have no more "
"""How the reason begins of an error that says nothing of the claim, nor of the runtime."""

_USED_UP = (errno.EMFILE, errno.ENFILE)


def classify(failure: BaseException) -> tuple[VerdictName, str | None]:
    """What an example's failure means for its claim, and the reason if there is more to say."""
    found = list(leaves(failure))
    lack = out_of_memory(failure)
    if lack is not None:
        return "error", f"{NO_ROOM}{lack}"
    if any(isinstance(leaf, Deadlock) for leaf in found):
        return "hung", str(next(leaf for leaf in found if isinstance(leaf, Deadlock)))
    if any(isinstance(leaf, NotApplicable) for leaf in found):
        return "not-applicable", str(
            next(leaf for leaf in found if isinstance(leaf, NotApplicable))
        )
    if any(isinstance(leaf, OSError) and leaf.errno in _USED_UP for leaf in found):
        return "blocked", (
            "the process has no file descriptor left: the loops that were closed keep some open "
            "(LAW-LOOP-12 judges that)"
        )
    if any(isinstance(leaf, Unsatisfiable) for leaf in found):
        return "vacuous", "no example satisfied what the claim assumes"
    if isinstance(failure, Flaky):
        return "error", f"the same example did not fail twice: {failure}"
    if found and all(isinstance(leaf, AssertionError) for leaf in found):
        return "refuted", None
    first = next(leaf for leaf in found if not isinstance(leaf, AssertionError))
    return "error", f"{type(first).__name__}: {first}"


def leaves(failure: BaseException) -> Iterator[BaseException]:
    """The exceptions that are no groups, of a group or of one exception alone."""
    members = getattr(failure, "exceptions", None)
    if isinstance(members, tuple) and not isinstance(failure, Flaky):
        for member in members:
            yield from leaves(member)
    else:
        yield failure


def message(failure: BaseException) -> str:
    """What the example says that it has seen: a line or more for each exception that is no group."""
    # Where pytest rewrites assertions it adds what it makes of the expression.
    said = (str(leaf).partition("\nassert ")[0] or type(leaf).__name__ for leaf in leaves(failure))
    return "\n".join(said)


def describe(values: Mapping[str, Any], failure: BaseException | None = None) -> str:
    """An example in words: the case, and what was seen if it failed."""
    texts = {name: repr(value) for name, value in values.items()}
    # What takes several lines says itself what it is.
    lines = [text if "\n" in text else f"{name} = {text}" for name, text in texts.items()]
    if failure is not None:
        lines.append(message(failure))
        if classify(failure)[0] == "error":
            lines += ["", where_raised(failure)]
    return "\n".join(lines)
