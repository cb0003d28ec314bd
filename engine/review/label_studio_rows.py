"""The answers in Label Studio's JSON export, one row each.

Its full form is a list of tasks, each with `data` and `annotations`; of an annotation's results the choices named
`decision` and the text named `new_caption` count. Its short form (JSON-MIN) is a list of flat objects.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import DecisionsError

NOT_AN_EXPORT = "a list of tasks as Label Studio exports it (JSON or JSON-MIN)"


def label_studio_rows(path: Path) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Cells of each answer by name, and why it cannot be read if it cannot.

    Tasks that nobody answered, and answers that were skipped, are rows without a decision.

    Raises:
        DecisionsError: if the file is no such export.
    """
    try:
        tasks = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DecisionsError(NOT_AN_EXPORT, f"{path} ({error})", "Export it again.") from error
    if not isinstance(tasks, list):
        raise DecisionsError(NOT_AN_EXPORT, f"no list in {path}", "Export it again.")
    for task in tasks:
        if not isinstance(task, dict):
            yield {}, "The task is no object with named values."
        elif "annotations" not in task:
            yield _flat(task), None
        else:
            yield from _answers(task)


def _flat(task: dict[str, Any]) -> dict[str, Any]:
    text = task.get("new_caption")
    new_caption = text[0] if isinstance(text, list) and len(text) == 1 else text
    return {"decision": None, **task, "new_caption": new_caption, "annotator": _person(task.get("annotator"))}


def _answers(task: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str | None]]:
    data, annotations = task.get("data"), task["annotations"]
    pair_id = data.get("pair_id") if isinstance(data, dict) else None
    answers = [one for one in annotations if isinstance(one, dict)] if isinstance(annotations, list) else []
    for answer in answers or [{}]:
        cells = {
            "pair_id": pair_id,
            "decision": None,
            "annotator": _person(answer.get("completed_by")),
            "updated_at": answer.get("updated_at") or answer.get("created_at"),
            "lead_time": answer.get("lead_time"),
        }
        try:
            results = [] if answer.get("was_cancelled") else answer.get("result", [])
            chosen = _values(results, "decision", "choices")
            written = _values(results, "new_caption", "text")
        except (AttributeError, KeyError, TypeError):
            yield cells, "The answer is not built as Label Studio builds it."
            continue
        if len(chosen) > 1 or len(written) > 1:
            yield cells, "The answer has more than one verdict or more than one caption."
            continue
        yield {**cells, "decision": next(iter(chosen), None), "new_caption": next(iter(written), None)}, None


def _values(results: list[dict[str, Any]], name: str, kind: str) -> list[str]:
    """What was given in one field of the form; a text field may give its text bare."""
    found: list[str] = []
    for result in results:
        if result.get("from_name") == name:
            value = result["value"][kind]
            found += [value] if isinstance(value, str) else list(value)
    return found


def _person(who: Any) -> str | None:
    """Label Studio names people by number, or with their address."""
    if isinstance(who, dict):
        who = who.get("email") or who.get("username") or who.get("id")
    return f"Label Studio user {who}" if isinstance(who, int) and not isinstance(who, bool) else who
