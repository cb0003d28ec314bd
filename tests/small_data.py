"""Small data sets cut from the sample, for tests that need a real run in a second or two."""

from pathlib import Path

import pandas as pd

from engine.config import RunConfig
from engine.sample import sample_folder


def small_table(folder: Path, train: int = 24, validation: int = 10, test: int = 8) -> Path:
    """Write pairs.csv with its images to `folder`: the first pairs of each split of the sample."""
    source = sample_folder()
    pairs = pd.read_csv(source / "pairs.csv", keep_default_na=False)
    truth = pd.read_csv(source / "ground_truth.csv")
    broken = truth.loc[truth["error_kind"].isin(["unreadable_image", "empty_caption"]), "pair_id"]
    pairs = pairs[~pairs["pair_id"].isin(broken)]
    sizes = {"train": train, "validation": validation, "test": test}
    parts = [pairs[pairs["split"] == split].head(size) for split, size in sizes.items()]
    table = pd.concat(parts)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for name in table["image"]:
        (folder / name).write_bytes((source / name).read_bytes())
    table.to_csv(folder / "pairs.csv", index=False)
    return folder / "pairs.csv"


def small_config(folder: Path, **options: object) -> RunConfig:
    """A run on `small_table` with the sample's model."""
    pairs = folder / "pairs.csv"
    given = {"batch_size": 8, "segmentations": 2, "sketches": 4, "out": str(folder / "runs"), **options}
    return RunConfig(pairs=str(pairs if pairs.exists() else small_table(folder)), model=model(), **given)


def model() -> str:
    """The sample's model."""
    return f"hf:{sample_folder() / 'model'}"
