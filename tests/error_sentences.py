"""Every error sentence that people can meet, read from the code: errors with their three parts, reasons of rejects.

`python tests/error_sentences.py` writes them to tests/error_sentences.txt for review.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "tests" / "error_sentences.txt"
REASON_MODULES = ("engine/pairs", "engine/review/label_studio_rows.py")
"""where constants that are whole sentences are reasons of rejects"""
HEAD = "# What people can read when something is wrong. Written by: python tests/error_sentences.py\n"


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Our modules, as trees."""
    for top in ("engine", "dashboard"):
        for path in sorted((ROOT / top).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def error_classes() -> set[str]:
    """The classes that take (expected, got, fix): those of engine/errors.py."""
    tree = ast.parse((ROOT / "engine" / "errors.py").read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef)}


def shown(node: ast.expr, known: dict[str, str] | None = None) -> str:
    """An expression as a person would see it; what is only known when it happens stands as {…}.

    Args:
        node: an expression.
        known: constants of its module.
    """
    known = known or {}
    match node:
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.FormattedValue(value=inner, format_spec=None):
            return shown(inner, known)
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(shown(part, known) for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return shown(left, known) + shown(right, known)
        case ast.IfExp(body=body, orelse=other):
            return f"{shown(body, known)}|{shown(other, known)}"
        case _:
            return "{…}"


def constants(tree: ast.Module) -> dict[str, str]:
    """Texts and numbers that a module gives names to."""
    found: dict[str, str] = {}
    for node in tree.body:
        name = getattr(node.targets[0], "id", "") if isinstance(node, ast.Assign) else ""
        if name.lstrip("_").isupper():
            is_number = isinstance(node.value, ast.Constant) and isinstance(node.value.value, int | float)
            text = str(node.value.value) if is_number else shown(node.value, found)
            found |= {name: text} if text != "{…}" else {}
    return found


def raised() -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Module, and the three parts, of every error that is built with them."""
    classes = error_classes()
    for name, tree in sources():
        known = constants(tree)
        for node in ast.walk(tree):
            is_error = isinstance(node, ast.Call) and getattr(node.func, "id", "") in classes
            if is_error and len(node.args) == 3 and not any(isinstance(one, ast.Starred) for one in node.args):
                yield name, tuple(shown(one, known) for one in node.args)


def reasons() -> Iterator[tuple[str, str]]:
    """Module and sentence of every reason to reject a row: constants in capitals that hold one."""
    for name, tree in sources():
        if not name.startswith(REASON_MODULES):
            continue
        calls = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "PairsError"
        ]
        parts = {getattr(one, "id", "") for call in calls for one in call.args}
        for constant, text in constants(tree).items():
            if constant not in parts and text.endswith(".") and " " in text:
                yield name, text


def on_pages() -> Iterator[tuple[str, str]]:
    """Module and words of every error and warning that a page writes itself."""
    for name, tree in sources():
        known = constants(tree)
        for node in ast.walk(tree):
            is_shown = isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("error", "warning")
            if (
                is_shown
                and name.startswith("dashboard/")
                and node.args
                and (text := shown(node.args[0], known)) != "{…}"
            ):
                yield name, text


def all_sentences() -> list[str]:
    """One line each, sorted."""
    errors = {f"{name}: Expected {expected}, got {got}. {fix}" for name, (expected, got, fix) in raised()}
    return sorted(errors | {f"{name}: {text}" for name, text in (*reasons(), *on_pages())})


if __name__ == "__main__":
    LIST.write_text(HEAD + "".join(f"{line}\n" for line in all_sentences()), encoding="utf-8")
