"""The options of the command line, and the one-line message for a wrong call."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeAlias

from conformance.claim import LIBRARIES
from conformance.judging.effort import LARGE, PROFILES, SMALL
from conformance.judging.supervision.child import PATIENCE
from conformance.printable import one_line

_CUT_SHORT = "interrupted (143 by SIGTERM, 129 by SIGHUP)"
_CODES = {
    0: "every verdict is the one on record",
    1: "some verdict is not",
    2: "the call was wrong: one line says what was not found, and what there is",
    3: "the run could not be completed",
    130: f"{_CUT_SHORT}: what was judged by then is recorded and shown",
}


def _teaching(*examples: str, **codes: str) -> dict[str, Any]:
    """What a parser says below its options: calls that work, and exit codes.

    ``code_1="..."`` says otherwise what a code means, or with ``""`` that there is none.
    """
    said = _CODES | {int(name.removeprefix("code_")): text for name, text in codes.items()}
    lines = ["examples:", *(f"  {each}" for each in examples), ""] if examples else []
    lines += ["exit codes:", *(f"  {code:<4} {text}" for code, text in said.items())]
    return {
        "epilog": "\n".join(lines),
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with a call in one line; an option's name is the whole of it."""

    def __init__(self, **more: Any) -> None:
        # A beginning that is enough today is not when there is another option.
        super().__init__(allow_abbrev=False, **more)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{one_line(f'{self.prog}: {message} (see {self.prog} --help)')}\n")


class _Version(argparse.Action):
    """Prints the version, which takes long enough to find out not to be done for nothing."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(
            option_strings, dest, nargs=0, help="show program's version number and exit"
        )

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from conformance.results.record import conformance_version

        print(conformance_version())
        parser.exit()


_Calls: TypeAlias = "argparse._SubParsersAction[_Parser]"  # noqa: SLF001  # argparse has no public name for it


Command: TypeAlias = Callable[[argparse.Namespace], int]


def command_of(options: argparse.Namespace) -> Command:
    """What does the call that ``options`` are, imported now: nobody waits for it who asks for help."""
    module, name = options.command
    found: Command = getattr(importlib.import_module(f"conformance.cli.{module}"), name)
    return found


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says; :func:`command_of` is what does it.

    Raises ``SystemExit`` with 2 for what cannot be understood, and with 0 where help was asked for.
    """
    parser, calls = _parser()
    options, left = parser.parse_known_args(arguments)
    # argparse takes the patterns that stand together, and no more behind an option.
    if left and "patterns" in options and not any(each.startswith("-") for each in left):
        options.patterns += left
    elif left:
        calls.choices[options.name].error(f"unrecognized arguments: {' '.join(left)}")
    return options


def _parser() -> tuple[argparse.ArgumentParser, _Calls]:
    parser = _Parser(
        prog="conformance",
        description="The executable law of cancellation in Python's async world.",
        **_teaching(
            "conformance run                              judge everything that is installed here",
            "conformance run --loop mypkg:new_event_loop  judge your own event loop",
            "conformance explain NEST-03                  all there is to say of one claim",
            code_1="some verdict is not (diff: something changed)",
        ),
    )
    parser.add_argument("--version", action=_Version)
    calls = parser.add_subparsers(
        dest="name", required=True, metavar="COMMAND", parser_class=_Parser
    )
    _run(calls)
    _list(calls)
    _explain(calls)
    _deviations(calls)
    _report(calls)
    _diff(calls)
    return parser, calls


def _run(calls: _Calls) -> None:
    parser = calls.add_parser(
        "run",
        help="judge claims on every backend, and show the matrix",
        description="Judge claims on every backend that is installed, and show the matrix.",
        **_teaching(
            "conformance run                              every claim on every backend that is installed",
            "conformance run 'GATHER-*' LAW-NEST-03       only these claims",
            "conformance run --backend asyncio+uvloop --library anyio",
            "conformance run --loop mypkg:new_event_loop  only your own event loop",
            "conformance run --loop tests/conftest.py     the loops that your tests are run on",
            "conformance run --json run.json --junit run.xml",
            "conformance run --json - | jq .verdicts      the matrix goes to the standard error",
        ),
    )
    parser.add_argument(
        "patterns",
        nargs="*",
        metavar="PATTERN",
        help="ids of claims, as globs ('GATHER-*'); all if none is given",
    )
    _add_where(parser)
    _add_deviations(parser)
    _add_effort(parser)
    output = parser.add_argument_group("records")
    output.add_argument(
        "--json",
        type=_path,
        metavar="PATH",
        help="write the record of the run; - is the standard output, and the matrix then goes to "
        "the standard error",
    )
    output.add_argument(
        "--junit", type=_path, metavar="PATH", help="write it as JUnit XML; - as for --json"
    )
    parser.set_defaults(command=("run", "run"))


def _add_effort(parser: argparse.ArgumentParser) -> None:
    effort = parser.add_argument_group("how hard to try")
    effort.add_argument(
        "--profile",
        choices=list(PROFILES),
        default="default",
        help="examples for each claim that is too big to enumerate whole: "
        + ", ".join(f"{name} {count}" for name, count in PROFILES.items()),
    )
    effort.add_argument("--examples", type=_count, metavar="N", help="that many examples instead")
    effort.add_argument(
        "--seed",
        type=_whole,
        default=0,
        metavar="N",
        help="random seed (0): with the same versions of all packages the same seed gives the same run",
    )
    effort.add_argument(
        "--size",
        type=_count,
        metavar="N",
        help="run all programs up to this size, and draw larger ones "
        f"({SMALL}; {LARGE} where only laws about programs are judged: some 100,000 runs, "
        "a minute a backend)",
    )
    effort.add_argument(
        "--jobs",
        type=_count,
        default=2,
        metavar="N",
        help="backends judged at a time, each in a process of its own (2)",
    )
    effort.add_argument(
        "--patience",
        type=_seconds,
        default=PATIENCE,
        metavar="SECONDS",
        help="how long a claim may be silent before it counts as hung, and the rest is "
        f"judged in a new process ({PATIENCE:g}; halved by every hang, down to 10)",
    )
    effort.add_argument(
        "--no-supervision",
        action="store_true",
        help="judge in this one process, for a debugger: what hangs or crashes does so here",
    )


def _add_where(parser: argparse.ArgumentParser) -> None:
    where = parser.add_argument_group("where to judge")
    where.add_argument(
        "--backend",
        action="append",
        default=[],
        metavar="NAME",
        help="only on this backend, as in asyncio+uvloop (repeatable)",
    )
    where.add_argument(
        "--library",
        action="append",
        default=[],
        choices=LIBRARIES,
        help="only as stated in this library (repeatable)",
    )
    where.add_argument(
        "--loop",
        action="append",
        default=[],
        metavar="SPEC",
        help="MODULE:FACTORY adds a backend whose event loops FACTORY() makes, called asyncio+MODULE if "
        "MODULE is of an installed package, else asyncio+FACTORY; "
        "a file such as tests/conftest.py those that it declares, for pytest-asyncio or anyio "
        "(FILE::NAME one of them); if no backend is named, only these are judged (repeatable)",
    )


def _add_deviations(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--deviations",
        action="append",
        default=[],
        metavar="FILE",
        help="known breaches of laws, beside the package's own; of several files a later one wins "
        "(repeatable)",
    )


def _list(calls: _Calls) -> None:
    parser = calls.add_parser(
        "list",
        help="every claim: id, sentence, source, libraries, expectation",
        description="List every claim.",
        **_teaching(
            "conformance list",
            "conformance list 'LAW-IO-*'",
            "conformance list --json",
            code_0="done",
            code_1="",
            code_130=_CUT_SHORT,
        ),
    )
    parser.add_argument("patterns", nargs="*", metavar="PATTERN", help="ids as globs; all if none")
    parser.add_argument("--json", action="store_true", help="as JSON")
    _add_deviations(parser)
    parser.set_defaults(command=("listing", "list_claims"))


def _explain(calls: _Calls) -> None:
    parser = calls.add_parser(
        "explain",
        help="one claim: sentence, verdicts, why, the law instead, programs that show it, the code",
        description="Say all that there is to say of one claim; it is judged here, quickly.",
        **_teaching(
            "conformance explain NEST-03",
            "conformance explain LAW-LOOP-01 --loop mypkg:new_event_loop",
            "conformance explain DELIVER-04 --backend asyncio+uvloop --library anyio",
            code_130=_CUT_SHORT,
        ),
    )
    parser.add_argument("id", metavar="ID", help="the claim's id, as in NEST-03")
    _add_where(parser)
    _add_deviations(parser)
    parser.set_defaults(command=("explain", "explain"))


_UPDATE = """\
Judge claims, and change FILE so that it says what was seen: an entry is added for each law that is
broken otherwise than on record, and removed if it no longer happens. Comments and order stay.
An entry that is added is for the versions that are installed and for later ones, and asks you to say
why and to name the issue.
The file that changes is the last --deviations FILE; in a checkout, if none is given, the package's own.
"""


def _deviations(calls: _Calls) -> None:
    parser = calls.add_parser(
        "deviations",
        help="known breaches of laws: list them, or update the file with what is seen",
        description="Known breaches of laws.",
        **_teaching(
            "conformance deviations list",
            "conformance deviations update --loop mypkg:new_event_loop --deviations deviations.toml",
            code_0="done",
            code_1="update: something differs that the file cannot say",
        ),
    )
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="ACTION", parser_class=_Parser
    )
    showing = actions.add_parser(
        "list",
        help="what is on record, and where it fits here",
        description="List what is on record, and where it fits here.",
    )
    showing.add_argument("--json", action="store_true", help="as JSON")
    _add_deviations(showing)
    showing.set_defaults(command=("deviations", "show"))
    updating = actions.add_parser(
        "update",
        help="judge, and write what was seen",
        description=_UPDATE,
        **_teaching(
            "conformance deviations update --loop mypkg:new_event_loop --deviations deviations.toml",
            "conformance deviations update LAW-IO-04 --backend asyncio+uvloop --deviations own.toml",
            code_0="the file says what was seen",
            code_1="something else differs: each line that begins with 'left' says what",
            code_130=f"{_CUT_SHORT}: nothing was written",
        ),
    )
    updating.add_argument(
        "patterns", nargs="*", metavar="PATTERN", help="ids of claims, as globs; all if none"
    )
    _add_where(updating)
    _add_deviations(updating)
    _add_effort(updating)
    updating.set_defaults(command=("deviations", "record"))


def _report(calls: _Calls) -> None:
    parser = calls.add_parser(
        "report",
        help="one matrix from the records of many Pythons",
        description="Merge records into MATRIX.md, and show the matrix.",
        **_teaching(
            "conformance report records --output .",
            "conformance report 3.13.json 3.14.json --output docs --python 3.15",
            code_0="done",
            code_1="",
            code_130=_CUT_SHORT,
        ),
    )
    parser.add_argument(
        "records",
        nargs="+",
        metavar="RESULTS.json",
        help="records that 'conformance run --json' wrote, or folders of them",
    )
    parser.add_argument(
        "--output", required=True, type=_path, metavar="DIR", help="where to write MATRIX.md"
    )
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="VERSION",
        help="a Python that the matrix should have (3.13, 3.13t, PyPy): listed as skipped if no "
        "record is of it (repeatable)",
    )
    parser.set_defaults(command=("report", "report"))


def _diff(calls: _Calls) -> None:
    parser = calls.add_parser(
        "diff",
        help="what changed between two records; exit code 1 if something did",
        description="Show what changed between two records; exit code 1 if something did.",
        **_teaching(
            "conformance diff before.json after.json",
            code_0="nothing changed",
            code_1="something changed",
            code_130=_CUT_SHORT,
        ),
    )
    parser.add_argument("old", metavar="OLD.json")
    parser.add_argument("new", metavar="NEW.json")
    parser.set_defaults(command=("diff", "diff"))


def _path(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("it takes a path, and was given an empty one")
    return text


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    # What is longer than a day, timers of C may not be able to count.
    if not 0 < number <= 86_400:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of seconds up to a day, as in 30 or 2.5"
        )
    return number


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return number
