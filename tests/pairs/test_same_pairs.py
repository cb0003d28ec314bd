"""The same data in every format: the same pairs, and the same scores.

Ids come from the content and rows keep their order in all of these formats, so the batch segmentations are the same
ones too. Class folders sort by name: their segmentation, and so their scores, are others unless it is given.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from formats import FORMATS, WITHOUT_LABELS, Given, copied
from small_data import small_config, small_table

from engine.pairs import ReadOptions, load_data_set
from engine.pipeline import run

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
TABLES = {"flickr8k": "captions.csv", "cifar10n": "pairs.csv", "clothing": "pairs.csv"}
NUM_PICTURES = 40
COMPARED = ["pair_id", "caption", "split", "content_hash", "width", "height"]


def rows_of(table: Path, num_pictures: int | None = None) -> pd.DataFrame:
    """Image, caption, label and split of a table of ours; all rows of some pictures."""
    rows = pd.read_csv(table, dtype=str, keep_default_na=False)
    rows["label"] = rows.get("label", "")
    rows["split"] = rows["split"].where(rows["split"] == "train", "validation")  # two parts are enough
    names = rows["image"].drop_duplicates()
    chosen = names if num_pictures is None else names.sample(num_pictures, random_state=1)
    return rows.loc[rows["image"].isin(chosen), ["image", "caption", "label", "split"]].reset_index(drop=True)


def written(name: str, folder: Path, rows: pd.DataFrame, pictures: Path) -> dict[str, Given]:
    """The training and the validation pairs in one format."""
    found = {}
    for split in ("train", "validation"):
        (folder / split).mkdir(parents=True)
        part = rows.loc[rows["split"] == split, ["image", "caption", "label"]].reset_index(drop=True)
        found[split] = FORMATS[name](folder / split, part, pictures)
    return found


def pairs_of(given: dict[str, Given]) -> pd.DataFrame:
    options = ReadOptions(images=given["train"].images)
    found = load_data_set(given["train"].pairs, given["validation"].pairs, options=options)
    assert found.rejects.empty
    return found.pairs


def scores_of(given: dict[str, Given], sample: Path, out: Path) -> pd.DataFrame:
    quick = {"folds": 2, "cleaning_rounds": 1, "detection_seeds": 1, "segmentations": 1, "sketches": 2,
             "trace_queries": 3}  # fmt: skip
    config = small_config(sample, dtype="float64", out=str(out), **quick)
    train, validation = given["train"], given["validation"]
    config = replace(config, pairs=train.pairs, validation=validation.pairs, images=train.images)
    return run(config).table("scores").set_index("pair_id").sort_index().select_dtypes("number")


def must_be_equal(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    assert expected["influence"].std() > 0 and list(found.index) == list(expected.index)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12, equal_nan=True)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, Path]:
    folder = tmp_path_factory.mktemp("sample")
    rows = rows_of(small_table(folder))
    return rows, folder


@pytest.fixture(scope="module")
def in_csv(sample, tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pairs and scores of the sample, read from a plain table."""
    folder = tmp_path_factory.mktemp("csv")
    given = written(".csv", folder, *sample)
    return pairs_of(given), scores_of(given, sample[1], folder / "runs")


@pytest.mark.parametrize("name", [name for name in FORMATS if name != ".csv"])
def test_the_sample_gives_the_same_pairs_and_scores_in_every_format(name, sample, in_csv, tmp_path) -> None:
    given = written(name, tmp_path / "data", *sample)
    found, (pairs, scores) = pairs_of(given), in_csv
    assert len(found) == 42 and found["label"].nunique() == (0 if name in WITHOUT_LABELS else pairs["label"].nunique())
    pd.testing.assert_frame_equal(found[COMPARED], pairs[COMPARED])
    if name not in WITHOUT_LABELS:
        assert found["label"].tolist() == pairs["label"].tolist()
    must_be_equal(scores_of(given, sample[1], tmp_path / "runs"), scores)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the large data sets are not on this machine")
@pytest.mark.parametrize("data", TABLES)
def test_real_data_gives_the_same_pairs_in_every_format(data, tmp_path) -> None:
    source = SHARED / data
    rows = rows_of(source / TABLES[data], NUM_PICTURES)
    copied(tmp_path / "pictures", rows["image"], source)
    seen = {}
    for name in FORMATS:
        found = pairs_of(written(name, tmp_path / name, rows, tmp_path / "pictures"))
        label = [""] * len(found) if name in WITHOUT_LABELS else found["label"].fillna("")
        seen[name] = set(zip(found["content_hash"], found["caption"], label, strict=True))
    assert len(set(rows["image"])) == NUM_PICTURES
    for name, triples in seen.items():
        without = {(content, caption, "") for content, caption, _ in seen[".csv"]}
        assert triples == (without if name in WITHOUT_LABELS else seen[".csv"]), name


@pytest.mark.skipif(not SHARED.is_dir(), reason="the large data sets are not on this machine")
def test_real_captions_get_the_same_scores_in_the_formats_made_for_them(sample, tmp_path) -> None:
    rows = rows_of(SHARED / "flickr8k" / "captions.csv", NUM_PICTURES // 2)
    found = {}
    for name in (".csv", "COCO captions", "Flickr8k tokens"):
        given = written(name, tmp_path / name, rows, SHARED / "flickr8k")
        found[name] = scores_of(given, sample[1], tmp_path / name / "runs")
        must_be_equal(found[name], found[".csv"])
    assert len(found[".csv"]) > 60
