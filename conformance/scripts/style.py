"""How a script runs on a backend, and on whatever event loop it is asked to."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from conformance.claim import Library

LOOP = "new_event_loop"
"""What a script calls the factory of its event loops."""

HAS_LOOP_FACTORY = sys.version_info >= (3, 12)
"""Whether asyncio.run() takes a loop factory."""


class Style:
    """How a script runs its ``main`` on a backend: ``style`` is the backend's ``script_style``.

    That is one of the known ones, or ``loop:MODULE:FACTORY``, or ``path:FOLDER:MODULE:FACTORY`` where
    the module is to be imported from a folder (``FACTORY`` may be any expression on the module), each
    with ``debug+`` before it in debug mode.  Where it runs on an event loop, another one may be named
    on the command line, as ``MODULE:FACTORY``.
    """

    def __init__(self, library: Library, style: str) -> None:
        self.library = library
        self.debug = style == "debug" or style.startswith("debug+")
        self.style = style.removeprefix("debug+")
        self.on_trio = self.style == "trio"
        # Where a loop of somebody's is imported from, its module, and its factory there.
        self.folder, self.module, self.factory = "", "asyncio", LOOP
        if self.style.startswith("loop:"):
            _, self.module, self.factory = self.style.split(":", 2)
        elif self.style.startswith("path:"):
            _, self.folder, self.module, self.factory = self.style.split(":", 3)
        elif self.style == "uvloop":
            self.module = "uvloop"

    @property
    def is_named(self) -> bool:
        """Whether the factory is a name that can be looked up, and no other expression."""
        return all(part.isidentifier() for part in self.factory.split("."))

    @property
    def before(self) -> str:
        """What stands before all imports."""
        text = ""
        if self.style == "pytask":
            text += 'import sys\n\nsys.modules["_asyncio"] = None  # the pure-Python Task\n\n'
        if self.folder:
            text += f'import sys\n\nsys.path.insert(0, "{self.folder}")\n\n'
        return text

    def modules(self) -> set[str]:
        """The modules that :meth:`loop` and :meth:`run` need."""
        if self.on_trio:
            return {self.library}
        needed = {self.library, "pkgutil", "sys"}
        if self.style == "eager":
            needed.add("asyncio")
        elif not self.is_named:
            needed.add(self.module)
        return needed

    def loop(self) -> str:
        """The lines that say which event loops are used; none on trio."""
        if self.on_trio:
            return ""
        if self.style == "eager":
            return (
                "def eager_loop():\n"
                "    loop = asyncio.new_event_loop()\n"
                "    loop.set_task_factory(asyncio.eager_task_factory)\n"
                "    return loop\n\n\n"
                f"{LOOP} = pkgutil.resolve_name(sys.argv[1]) if sys.argv[1:] else eager_loop"
            )
        if not self.is_named:
            expression = f"lambda: {self.module}.{self.factory}()"
            return f"{LOOP} = pkgutil.resolve_name(sys.argv[1]) if sys.argv[1:] else {expression}"
        default = f"{self.module}:{self.factory}"
        return f'{LOOP} = pkgutil.resolve_name(sys.argv[1] if sys.argv[1:] else "{default}")'

    def run(self, main: str = "main") -> str:
        """The lines that run the coroutine function called ``main``."""
        if self.library == "trio":
            return f"trio.run({main})"
        if self.on_trio:
            return f'anyio.run({main}, backend="trio")'
        if self.library == "anyio":
            debug = ', "debug": True' if self.debug else ""
            return f'anyio.run({main}, backend_options={{"loop_factory": {LOOP}{debug}}})'
        more = ", debug=True" if self.debug else ""
        if HAS_LOOP_FACTORY:
            more += f", loop_factory={LOOP}"
        return f"asyncio.run({main}(){more})"

    def policy(self) -> str:
        """The lines by which ``asyncio.run()`` uses the loops where it takes no factory."""
        if self.on_trio or self.library != "asyncio" or HAS_LOOP_FACTORY:
            return ""
        return (
            "class Policy(asyncio.DefaultEventLoopPolicy):\n"
            f"    def {LOOP}(self):\n"
            "        asyncio.set_event_loop_policy(None)  # the factory may ask for asyncio's own\n"
            "        try:\n"
            f"            return {LOOP}()\n"
            "        finally:\n"
            "            asyncio.set_event_loop_policy(self)\n\n\n"
            "asyncio.set_event_loop_policy(Policy())"
        )

    def imports(self, *modules: str, contextlib: Sequence[str] = ()) -> str:
        """The lines that import ``modules``, names of ``contextlib``, and whatever :meth:`run` needs."""
        from conformance.scripts.finish import import_lines

        names = {"contextlib": set(contextlib)} if contextlib else {}
        return self.before + import_lines({*modules, *self.modules()}, names)
