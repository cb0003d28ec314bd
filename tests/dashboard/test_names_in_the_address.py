"""Who owns a name in the address: two owners on two pages would hand each other their values, or refuse to write."""

import ast
from pathlib import Path

import dashboard
from dashboard.components import left_out, pair_list
from dashboard.components.asking import answer, picture, words
from dashboard.filters import PARAMETERS

MODULES = list(Path(dashboard.__path__[0]).rglob("*.py"))
WRITTEN = {
    *PARAMETERS, "sort", pair_list.PAGE,
    left_out.SOURCE, left_out.SET, left_out.QUEUE, left_out.NUMBER,
    "true", "said", "predictions_page", "area",
    picture.EXAMPLE, *words.NAMES.values(), answer.PAIRS, answer.BEHIND, "asked",
}  # fmt: skip
"""names that pages write themselves; not those that only links carry"""


def bound_names() -> list[str]:
    """The keys of all widgets that are bound to the address, as they stand in the code."""
    found = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            given = {one.arg: one.value for one in node.keywords} if isinstance(node, ast.Call) else {}
            if "bind" in given:
                key = given["key"]
                found.append(key.value if isinstance(key, ast.Constant) else ast.unparse(key))
    return found


def test_no_two_widgets_of_any_pages_bind_the_same_name() -> None:
    names = bound_names()
    assert len(names) > 15 and sorted(names) == sorted(set(names))


def test_no_page_writes_a_name_that_a_widget_binds() -> None:
    assert WRITTEN & set(bound_names()) == set()
