"""A run on given features whose two sides agree, small enough to plant noise in it many times."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.config import RunConfig
from engine.pipeline import run
from engine.runs import RunFolder

PAIRS = {"train": 160, "validation": 40, "test": 40}


def write_features(folder: Path) -> Path:
    """Noisy copies of one hidden vector on both sides; every eighth caption says another class than it should."""
    generator = np.random.default_rng(0)
    num = sum(PAIRS.values())
    classes = np.arange(num) % 4
    hidden = generator.normal(size=(num, 8)) + 2 * np.eye(8)[classes]
    right = np.array(["ant", "bee", "cow", "dog"])[classes]
    label = np.where(np.arange(num) % 8 == 3, "ant", right)
    metadata = pd.DataFrame(
        {
            "pair_id": [f"pair-{number}" for number in range(num)],
            "image": "given",
            "caption": [f"{name} number {number}" for number, name in enumerate(label)],
            "label": label,
            "clean_label": right,
            "split": np.repeat(list(PAIRS), list(PAIRS.values())),
        }
    )
    for kind in ("img_emb", "text_emb", "metadata"):
        (folder / kind).mkdir(parents=True)
    for kind in ("img_emb", "text_emb"):
        np.save(folder / kind / f"{kind}_0.npy", hidden + 0.5 * generator.normal(size=hidden.shape))
    metadata.to_parquet(folder / "metadata" / "metadata_0.parquet")
    return folder


@pytest.fixture(scope="session")
def features_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The finished run on `write_features`."""
    folder = write_features(tmp_path_factory.mktemp("detection") / "features")
    out = str(folder.parent / "runs")
    return run(
        RunConfig(pairs=str(folder), model=f"embeddings:{folder}", batch_size=20, sketches=4, dtype="float64", out=out)
    )
