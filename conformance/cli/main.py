"""The command line: from a call to its exit code, whatever happens on the way."""

from __future__ import annotations

# Nothing else: what takes time to import is imported where Ctrl-C has an answer.
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says, and end the process with its exit code."""
    try:
        code = _code(arguments)
    except KeyboardInterrupt:
        # It came as early, or as late, as that.
        sys.stderr.write("conformance: interrupted\n")
        code = 130
    except MemoryError:
        # There is not even enough to say so in another way.
        sys.stderr.write("conformance: there is not enough memory to begin (ulimit -v)\n")
        code = 3
    sys.exit(code)


def _code(arguments: Sequence[str] | None) -> int:
    from conformance.ending import finish, prepare

    prepare()
    name = ["conformance"]
    code = _done(arguments, name)
    return finish(" ".join(name), code)


def _done(arguments: Sequence[str] | None, name: list[str]) -> int:
    """Do it: the exit code.  ``name`` becomes what the command is called."""
    from conformance.ending import BAD_CALL, NO_ANSWER, Refusal, exit_code, in_words, say
    from conformance.outcomes.lacking import lacking

    try:
        if not _has_a_working_directory():
            say("conformance: the working directory is gone: change to one that is there")
            return NO_ANSWER
        from conformance.backends.interpreter import look_into_the_working_directory
        from conformance.cli.parser import command_of, parsed

        options = parsed(arguments)
        name.append(options.name)
        command = command_of(options)
        # A loop of one's own is found where Python would find it, and nothing else: all is imported.
        look_into_the_working_directory()
        try:
            return command(options)
        except Refusal as error:
            say(f"{' '.join(name)}: {error}")
            return BAD_CALL
    except SystemExit as end:
        # From the parser, which has said why.
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt as interrupt:
        say(f"{' '.join(name)}: {in_words(interrupt)}")
        return exit_code(interrupt)
    except (OSError, MemoryError) as error:
        # The machine's doing: what is wrong with a call is known before.
        lack = lacking(error)
        why = str(error) or type(error).__name__
        if lack is not None:
            why += f": this process may have no more {lack}"
        say(f"{' '.join(name)}: the run could not be completed: {why}")
        return NO_ANSWER
    except Exception:
        # A mistake of ours must not look like a verdict: Python's own exit code for it is 1.
        import traceback

        from conformance.printable import printable

        print(printable(traceback.format_exc()), end="", file=sys.stderr)
        say(f"{' '.join(name)}: this is a mistake of this package's own: please report it")
        return NO_ANSWER


def _has_a_working_directory() -> bool:
    import os

    try:
        os.getcwd()
    except FileNotFoundError:
        # Much of what is imported would ask, and not take that.
        return False
    return True
