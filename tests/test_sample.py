"""The sample data: drawn again it is the same, small, whole, and free of anything that could run."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from engine.runs import RunFolder
from engine.sample import sample_folder

KINDS = {
    "confusion", "shuffled", "near_miss_colour", "near_miss_count", "near_miss_sibling", "false_negative",
    "exact_duplicate", "near_duplicate", "unreadable_image", "empty_caption", "markup_caption", "formula_caption",
    "confusion_target",
}  # fmt: skip


def test_the_generator_draws_the_same_data_set_again(tmp_path: Path) -> None:
    source = sample_folder()
    subprocess.run([sys.executable, str(source / "generate.py"), "--out", str(tmp_path)], check=True)
    for name in ("pairs.csv", "ground_truth.csv", "scenes.csv", "classes.txt", "templates.txt"):
        assert (tmp_path / name).read_bytes() == (source / name).read_bytes(), name
    drawn = {path.name for path in (tmp_path / "images").iterdir()}
    assert drawn == {path.name for path in (source / "images").iterdir()} and len(drawn) == 1800
    for name in sorted(drawn)[::20]:
        assert same_picture(tmp_path / "images" / name, source / "images" / name), name


def same_picture(one: Path, other: Path) -> bool:
    """The same bytes; or, where another Pillow compresses otherwise, the same pixels but for its rounding."""
    if one.read_bytes() == other.read_bytes():
        return True
    pixels = [np.asarray(Image.open(path).convert("RGB"), dtype=float) for path in (one, other)]
    return bool(np.abs(pixels[0] - pixels[1]).mean() < 1)


def test_every_kind_of_error_is_planted_and_recorded() -> None:
    truth = pd.read_csv(sample_folder() / "ground_truth.csv")
    assert set(truth["error_kind"]) == KINDS
    assert truth.groupby("confusion")["pair_id"].count().size == 4


def test_markup_and_formula_captions_are_really_there() -> None:
    truth = pd.read_csv(sample_folder() / "ground_truth.csv").set_index("error_kind")["pair_id"]
    captions = pd.read_csv(sample_folder() / "pairs.csv", keep_default_na=False).set_index("pair_id")["caption"]
    assert "<" in captions[truth["markup_caption"]]
    assert captions[truth["formula_caption"]].startswith("=")
    assert captions[truth["empty_caption"]] == ""


def test_the_sample_is_small_and_holds_no_pickle() -> None:
    files = [path for path in sample_folder().rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sum(path.stat().st_size for path in files) < 12 * 2**20
    assert {path.suffix for path in files} <= {".py", ".csv", ".txt", ".md", ".json", ".safetensors", ".webp"}


def test_the_model_makes_the_planted_mistakes(sample_run: RunFolder) -> None:
    truth = pd.read_csv(sample_folder() / "ground_truth.csv")
    targets = truth.loc[truth["error_kind"] == "confusion_target", "pair_id"]
    queries = sample_run.table("queries")
    named = queries[queries["kind"] == "classification"].set_index("pair_id")["correct"].astype(bool)
    assert named[named.index.isin(targets)].mean() < 0.65
    assert named[~named.index.isin(targets)].mean() > 0.8
