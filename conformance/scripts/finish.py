"""From the tree to source: names as people write them, imports, comments, and the layout."""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any

from conformance.scripts.nodes import (
    COMMENTS,
    Comprehension,
    Function,
    NoScript,
    arguments,
    base,
    bodies,
    is_function,
    is_literal,
    is_module,
    is_ours,
    own,
    renamed,
    walk,
)
from conformance.scripts.source import Book, is_brought

WIDTH = 100

MARK = "__comment_{}__"
_MARKED = re.compile(r"^(\s*)__comment_(\d+)__$", re.MULTILINE)

Path = tuple[ast.AST, ...]


class Scopes:
    """In which function each variable lives: the innermost one that has all its uses."""

    def __init__(self, trees: list[ast.stmt]) -> None:
        self.paths: dict[str, list[Path]] = defaultdict(list)
        self.fixed: dict[str, Path] = {}
        self.within: dict[int, set[str]] = defaultdict(set)
        self.order: list[str] = []
        for tree in trees:
            self._look(tree, ())

    def _note(self, variable: str | None, path: Path, *, fixed: bool = False) -> None:
        if variable is None or not is_ours(variable):
            return
        if variable not in self.paths:
            self.order.append(variable)
        self.paths[variable].append(path)
        if fixed:
            self.fixed[variable] = path
        for scope in path:
            self.within[id(scope)].add(variable)

    def _look(self, node: Any, path: Path) -> None:
        if isinstance(node, list):
            for each in node:
                self._look(each, path)
            return
        if not isinstance(node, ast.AST):
            return
        if is_function(node) or isinstance(node, ast.Lambda):
            if is_function(node):
                self._note(node.name, path)
                self._look(node.decorator_list, path)
            self._look(node.args.defaults, path)
            self._look([each for each in node.args.kw_defaults if each], path)
            inner = (*path, node)
            for arg in arguments(node):
                self._note(arg.arg, inner, fixed=True)
            self._look(node.body, inner)
            return
        if isinstance(node, Comprehension):
            inner = (*path, node)
            self._look(node.generators[0].iter, path)
            for number, part in enumerate(node.generators):
                for each in walk(part.target):
                    if isinstance(each, ast.Name):
                        self._note(each.id, inner, fixed=True)
                if number:
                    self._look(part.iter, inner)
                self._look(part.ifs, inner)
            for field in ("elt", "key", "value"):
                self._look(getattr(node, field, None), inner)
            return
        if isinstance(node, ast.Name):
            self._note(node.id, path)
        elif isinstance(node, ast.alias):
            self._note(node.asname, path)
        elif isinstance(node, (ast.ClassDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
            self._note(node.name, path)
        for _, value in ast.iter_fields(node):
            self._look(value, path)

    def owner(self, variable: str) -> Path:
        """The functions around the variable, outermost first; none for what is at the top."""
        if variable in self.fixed:
            return self.fixed[variable]
        paths = self.paths[variable]
        shared = paths[0]
        for path in paths[1:]:
            same = 0
            while same < min(len(shared), len(path)) and shared[same] is path[same]:
                same += 1
            shared = shared[:same]
        while shared and not is_function(shared[-1]):
            shared = shared[:-1]
        return shared

    def seen(self, variable: str, path: Path) -> bool:
        """Whether the variable is used in the innermost of ``path``."""
        return not path or variable in self.within[id(path[-1])]


def declared(trees: list[ast.stmt]) -> None:
    """Write the ``nonlocal`` and ``global`` statements that the trees need."""
    scopes = Scopes(trees)
    for function in [each for each in walk(trees) if is_function(each)]:
        parameters = {each.arg for each in arguments(function)}
        stored = {
            each.id
            for each in own(function.body)
            if isinstance(each, ast.Name)
            and not isinstance(each.ctx, ast.Load)
            and is_ours(each.id)
        } - parameters
        outer = []
        for variable in sorted(stored, key=scopes.order.index):
            owner = scopes.owner(variable)
            if owner and owner[-1] is not function and isinstance(owner[-1], Function):
                outer.append(variable)
                if variable not in _bound_by(owner[-1]):
                    raise NoScript(f"{base(variable)} is bound in an inner function alone")
        if outer:
            function.body.insert(0, ast.Nonlocal(outer))


def _bound_by(function: Any) -> set[str]:
    return {each.arg for each in arguments(function)} | {
        each.id if isinstance(each, ast.Name) else each.name
        for each in own(function.body)
        if (isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load)) or is_function(each)
        if isinstance(each, ast.Name) or is_function(each)
    }


def named(trees: list[ast.stmt], book: Book, taken: set[str]) -> None:
    """Give every variable the name that it had in the source, or one like it where that is taken."""
    scopes = Scopes(trees)
    used = {
        each.id for each in walk(trees) if isinstance(each, ast.Name) and not is_ours(each.id)
    } | taken
    read = {
        each.id
        for each in walk(trees)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)
    }
    new: dict[str, str] = {}
    places = {variable: scopes.owner(variable) for variable in scopes.order}
    for variable in sorted(scopes.order, key=lambda each: len(places[each])):
        found = book.globals.get(variable)
        if found is not None and is_module(found.value) and not found.name:
            new[variable] = found.value.__name__
            continue
        here = places[variable]
        hidden = {
            new[other].partition(".")[0]
            for other, place in places.items()
            if other in new
            and (
                (
                    len(place) <= len(here)
                    and here[: len(place)] == place
                    and scopes.seen(other, here)
                )
                or (
                    len(here) <= len(place)
                    and place[: len(here)] == here
                    and scopes.seen(variable, place)
                )
            )
        } | used
        wanted = base(variable)
        free, number = wanted, 2
        # What nobody reads may share its name.
        shares = wanted == "_" and variable not in read
        while (not shares and free in hidden) or (free != wanted and hasattr(builtins, free)):
            free, number = f"{wanted}_{number}", number + 1
        new[variable] = free
    renamed(trees, new)
    for node in walk(trees):
        if isinstance(node, ast.Nonlocal):
            node.names = [new.get(each, each) for each in node.names]
        elif isinstance(node, ast.keyword) and node.arg:
            node.arg = base(node.arg)
        elif isinstance(node, ast.alias) and node.asname == node.name:
            node.asname = None


def imports(trees: list[ast.stmt], book: Book) -> tuple[set[str], dict[str, set[str]]]:
    """What the trees import: modules, and names of modules.  Asked before :func:`named`."""
    modules: set[str] = set()
    names: dict[str, set[str]] = defaultdict(set)
    for node in walk(trees):
        if isinstance(node, ast.Attribute):
            path = _dotted(node, book)
            if path in sys.modules and is_module(sys.modules[path]) and not _comes_along(path):
                modules.add(path)
        if isinstance(node, ast.Name) and node.id in book.globals:
            found = book.globals[node.id]
            if is_module(found.value) and not found.name:
                modules.add(found.value.__name__)
            elif not is_brought(found.module):
                names[found.module].add(found.name)
            else:
                definition = found.definition
                if isinstance(definition, ast.ImportFrom):
                    names[str(definition.module)].add(found.name)
    ours = [each for each in (*modules, *names) if is_brought(each)]
    if ours:
        raise NoScript(f"{ours[0]} is used as a whole")
    return modules, names


def _dotted(node: ast.expr, book: Book) -> str:
    if isinstance(node, ast.Attribute):
        of = _dotted(node.value, book)
        return f"{of}.{node.attr}" if of else ""
    if isinstance(node, ast.Name) and node.id in book.globals:
        found = book.globals[node.id]
        return found.value.__name__ if is_module(found.value) and not found.name else ""
    return ""


@cache
def _comes_along(path: str) -> bool:
    """Whether a submodule is there when its package is imported."""
    top = path.partition(".")[0]
    return top in ("asyncio", "concurrent", "os") or path in (
        "trio.lowlevel",
        "anyio.abc",
        "trio.abc",
    )


def import_lines(modules: set[str], names: dict[str, set[str]]) -> str:
    """The lines that import these, the standard library's first."""
    modules = {
        each for each in modules if not any(other.startswith(f"{each}.") for other in modules)
    }
    groups = []
    for standard in (True, False):
        lines = [f"import {each}" for each in sorted(modules) if _is_standard(each) is standard]
        lines += [
            f"from {module} import {', '.join(sorted(names[module]))}"
            for module in sorted(names)
            if _is_standard(module) is standard
        ]
        groups.append("\n".join(lines))
    return "\n\n".join(filter(None, groups))


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def literal(trees: list[ast.stmt]) -> None:
    """See that every known value that is left can be written.  Raises :class:`NoScript`."""
    in_text = {
        id(part) for node in walk(trees) if isinstance(node, ast.JoinedStr) for part in node.values
    }
    for node in walk(trees):
        if isinstance(node, ast.Constant) and id(node) not in in_text:
            if not is_literal(node.value):
                raise NoScript(f"{node.value!r} is used as a whole")
            if type(node.value) is float and node.value.is_integer() and abs(node.value) < 1e9:
                node.value = int(node.value)


def source(tree: ast.stmt) -> str:
    """The text of one definition, with its comments."""
    comments: list[str] = []
    _mark(tree, comments)
    text = plain(ast.unparse(ast.fix_missing_locations(tree)))
    text = re.sub(r":\n\n(?= )", ":\n", text)
    return _MARKED.sub(
        lambda found: "\n".join(
            f"{found[1]}{line}" for line in comments[int(found[2])].splitlines()
        ),
        text,
    )


def _mark(node: ast.AST, comments: list[str]) -> None:
    for block in bodies(node):
        new: list[ast.stmt] = []
        for each in block:
            new += _marks(each, comments)
            new.append(each)
            _mark(each, comments)
        block[:] = new
    for part in getattr(node, "handlers", ()):
        part.body[:0] = _marks(part, comments)


def _marks(node: ast.AST, comments: list[str]) -> Iterator[ast.stmt]:
    lines = getattr(node, COMMENTS, ())
    if lines:
        comments.append("\n".join(lines))
        yield ast.Expr(ast.Name(MARK.format(len(comments) - 1), ast.Load()))


def plain(text: str) -> str:
    """``text`` without the parentheses that a tree is written with and nobody would write."""
    tree = ast.dump(ast.parse(text))
    for found in reversed([*re.finditer(r"\(not |(?<= = )\(|(?<=return )\(|(?<=\{)\(", text)]):
        end = _end_of(text, found.start())
        if end is None or "\n" in text[found.start() : end]:
            continue
        shorter = text[: found.start()] + text[found.start() + 1 : end] + text[end + 1 :]
        try:
            if ast.dump(ast.parse(shorter)) == tree:
                text = shorter
        except SyntaxError:
            continue
    return text


def _end_of(text: str, start: int) -> int | None:
    """Where the parenthesis that opens at ``start`` closes, on the same line."""
    depth = 0
    for place in range(start, len(text)):
        if text[place] == "\n":
            return None
        depth += (text[place] == "(") - (text[place] == ")")
        if not depth:
            return place
    return None


def laid_out(text: str) -> str:
    """The source as black lays it out."""
    # Here, for it takes long and few need it.
    import black
    from black.mode import Preview

    text_feature = getattr(Preview, "string_processing", None)
    mode = black.Mode(
        line_length=WIDTH,
        preview=text_feature is not None,
        enabled_features=set() if text_feature is None else {text_feature},
        string_normalization=True,
    )
    return black.format_str(text, mode=mode)
