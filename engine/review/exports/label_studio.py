"""Label Studio: tasks with pre-annotations, and the labelling configuration that fits them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd

from engine.review.exports.interface import Origin, Words, Written
from engine.review.exports.json_text import json_line
from engine.review.exports.rows import records
from engine.runs import RunFolder

TASKS_PER_FILE = 250_000
BYTES_PER_FILE = 50_000_000
"""what Label Studio takes in one upload"""
IMAGE_ROOT = "/data/local-files/?d="
"""how Label Studio addresses files below LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT"""

CONFIG = """<View>
  <Image name="img" value="$image"/>
  <Text name="caption" value="$caption"/>
  <Choices name="decision" toName="img" choice="single" required="true">
    <Choice value="keep"/>
    <Choice value="drop"/>
    <Choice value="relabel"/>
    <Choice value="unsure"/>
  </Choices>
  <TextArea name="new_caption" toName="img" editable="true" maxSubmissions="1" rows="3"
            placeholder="The caption that fits the picture"
            visibleWhen="choice-selected" whenTagName="decision" whenChoiceValue="relabel"/>
</View>
"""


class LabelStudioExport:
    """A folder: config.xml, and tasks-001.json, tasks-002.json, … with at most so many tasks and bytes each."""

    words = Words(
        "Label Studio tasks",
        "A folder of tasks with the decisions as pre-annotations, and the labelling configuration.",
        "Undecided pairs come without a choice, the suggested caption filled in; keep and unsure are pre-selected.",
        "Paste `config.xml` into a new project, import the tasks; for local images let "
        "`LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT` be the data set's folder.",
    )
    which = ("decided", "unsure", "relabel", "drop", "keep", "undecided", "all")
    columns = (
        *("pair_id", "image", "caption", "label", "split", "images"),
        *("verdict", "new_caption", "suspicion", "suggested_caption"),
    )
    is_ranked = True

    def file_name(self, run: RunFolder) -> str:
        """label-studio, a folder."""
        return "label-studio"

    def write(self, chunks: Iterator[pd.DataFrame], path: Path, origin: Origin) -> Written:
        """Write the tasks and the configuration."""
        path.mkdir()
        (path / "config.xml").write_text(CONFIG, encoding="utf-8")
        with TaskFiles(path) as files:
            for chunk in chunks:
                for record in records(chunk):
                    files.add(json_line(_task(record, origin)).encode())
        return Written(files.tasks, (f"Image paths are relative to {origin.images.folder}.",))


class TaskFiles:
    """JSON arrays that are closed, and a new one begun, before they grow too large."""

    def __init__(self, folder: Path) -> None:
        self.tasks = 0
        self._folder, self._stack = folder, ExitStack()
        self._file: BinaryIO | None = None
        self._number = self._in_file = self._bytes = 0

    def __enter__(self) -> TaskFiles:
        self._begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._stack:
            if kind is None:
                self._file.write(b"\n]\n")

    def add(self, task: bytes) -> None:
        """Write one task to the present file, or to the next one if it is full."""
        if self._in_file and (self._in_file >= TASKS_PER_FILE or self._bytes + len(task) > BYTES_PER_FILE):
            self._file.write(b"\n]\n")
            self._begin()
        self._bytes += self._file.write((b",\n" if self._in_file else b"\n") + task)
        self._in_file += 1
        self.tasks += 1

    def _begin(self) -> None:
        self._stack.close()
        self._number += 1
        self._file = self._stack.enter_context((self._folder / f"tasks-{self._number:03d}.json").open("wb"))
        self._in_file, self._bytes = 0, self._file.write(b"[") + len(b"\n]\n")


def _task(record: dict[str, Any], origin: Origin) -> dict[str, Any]:
    image = origin.images.address(record["images"], record["image"], origin.image_root)
    facts = {name: record[name] for name in ("pair_id", "caption", "label", "split", "suspicion")}
    return {"data": {"image": image, **facts, "run_id": origin.run.run_id}, "predictions": _predictions(record, origin)}


def _predictions(record: dict[str, Any], origin: Origin) -> list[dict[str, Any]]:
    verdict, made_by = record["verdict"], f"ecif {origin.facts['ecif_version']}"
    caption = record["new_caption"] if verdict else record["suggested_caption"]
    result = [_result("decision", "choices", [verdict])] if verdict else []
    result += [_result("new_caption", "textarea", [caption])] if caption else []
    if not result:
        return []
    score = {} if record["suspicion"] is None else {"score": record["suspicion"]}
    return [{"model_version": made_by if verdict else f"{made_by} suggestion", **score, "result": result}]


def _result(name: str, kind: str, value: list[str]) -> dict[str, Any]:
    key = "choices" if kind == "choices" else "text"
    return {"id": name, "from_name": name, "to_name": "img", "type": kind, "value": {key: value}}
