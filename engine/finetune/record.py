"""finetune.json: every option, what was trained on what, and what came out. No torch."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import importlib.metadata
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import engine
from engine.errors import ConfigError, RunFolderAbsent, RunFolderDamaged
from engine.finetune.recipe import Recipe
from engine.models import model_hash
from engine.runs import write_json

FILE = "finetune.json"
FORMAT_VERSION = 1
LIBRARIES = ("torch", "transformers", "peft", "open_clip_torch", "numpy")


@dataclass(frozen=True)
class TrainingFolder:
    """The folder of one training."""

    path: Path

    @classmethod
    def open(cls, path: str | Path) -> TrainingFolder:
        """The training at `path`, finished or not.

        Raises:
            RunFolderAbsent: if there is none.
            RunFolderDamaged: if its record cannot be read.
        """
        folder = cls(Path(path))
        if not (folder.path / FILE).is_file():
            raise RunFolderAbsent(
                f"a training's folder (with {FILE})", str(path), "Check the path, or train with `ecif finetune`."
            )
        if folder.record.get("format_version") != FORMAT_VERSION:
            raise RunFolderDamaged(
                f"training format {FORMAT_VERSION}", f"another in {path}", "Train again with this version."
            )
        return folder

    @property
    def record(self) -> dict[str, Any]:
        """What finetune.json says.

        Raises:
            RunFolderDamaged: if it cannot be read.
        """
        try:
            found = json.loads((self.path / FILE).read_text(encoding="utf-8"))
            if not isinstance(found, dict):
                raise ValueError("not an object")
            return found
        except (OSError, ValueError) as error:
            raise RunFolderDamaged(
                f"a readable {FILE}", f"{self.path} ({error})", "Delete the folder and train again."
            ) from error

    @property
    def recipe(self) -> Recipe:
        """The recipe of this training, with this folder as `out`."""
        try:
            return Recipe(**{**self.record["options"], "out": str(self.path)})
        except (KeyError, TypeError, ConfigError) as error:
            raise RunFolderDamaged(
                f"a readable {FILE}", f"{self.path} ({error})", "Delete the folder and train again."
            ) from error

    @property
    def is_finished(self) -> bool:
        """Whether model or adapter is there."""
        return bool(self.record["finished_at"])

    @property
    def result(self) -> Path:
        """Where the finished model or adapter lies."""
        return self.path / self.recipe.result

    def update(self, **values: Any) -> None:
        """Set entries of finetune.json."""
        write_json(self.path / FILE, {**self.record, **values})

    def check_data(self, pairs: pd.DataFrame) -> None:
        """Keep the hash of the pairs, or compare it with the one that was kept.

        Raises:
            ConfigError: if the pairs are not those that the training began with.
        """
        kept, now = self.record["hashes"], _hash(pairs)
        if kept["pairs"] not in (None, now):
            raise ConfigError("the pairs that the training began with", "others", "Restore them, or train anew.")
        self.update(hashes={**kept, "pairs": now})


def begin(recipe: Recipe, left_out: Collection[str], again: TrainingFolder | None) -> TrainingFolder:
    """The folder of this training: new, or as it was left.

    Args:
        recipe: with absolute paths.
        left_out: ids of pairs that are missing from their batches.
        again: the training that this one repeats without them.

    Raises:
        ConfigError: if the folder holds something else, or the model has changed.
    """
    folder, fix = TrainingFolder(Path(recipe.out)), "Choose another --out."
    hashes = {"model": model_hash(recipe.model, recipe.adapter), "pairs": None}
    if (folder.path / FILE).is_file():
        folder = TrainingFolder.open(folder.path)
        changed = folder.recipe.differences(recipe)
        changed += ["without"] if set(folder.record["without"]) != set(left_out) else []
        if changed:
            raise ConfigError("a folder of this training", f"one with another {', '.join(changed)}", fix)
    elif any(one.name not in (".lock", f"{FILE}.part") for one in folder.path.iterdir()):
        raise ConfigError("an empty folder or one of this training", str(folder.path), fix)
    else:
        if again is not None:
            hashes["pairs"] = again.record["hashes"]["pairs"]
        write_json(folder.path / FILE, _first_record(recipe, sorted(left_out), hashes, again))
    for known in (folder, *([again] if again else [])):
        if known.record["hashes"]["model"] != hashes["model"]:
            raise ConfigError(
                "the model that the training began with", f"another at {recipe.model}", "Restore it, or train anew."
            )
    return folder


def now() -> str:
    """The time in UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _first_record(
    recipe: Recipe, left_out: list[str], hashes: dict[str, str | None], again: TrainingFolder | None
) -> dict[str, Any]:
    options = dataclasses.asdict(recipe)
    options.pop("out")
    versions = {"ecif": engine.__version__}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "format_version": FORMAT_VERSION,
        "created_at": now(),
        "finished_at": None,
        "options": options,
        "learning_rate": recipe.learning_rate_in_force,
        "alpha": recipe.alpha_in_force if recipe.tier == "lora" else None,
        "versions": versions,
        "hashes": hashes,
        "again": None if again is None else str(again.path.resolve()),
        "without": left_out,
        "notes": [],
    }


def _hash(pairs: pd.DataFrame) -> str:
    """SHA-256 over id, image content, caption and split of every pair."""
    digest = hashlib.sha256()
    for row in pairs[["pair_id", "content_hash", "caption", "split"]].itertuples(index=False):
        digest.update(json.dumps(list(row)).encode())
    return digest.hexdigest()
