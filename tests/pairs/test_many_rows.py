"""A large table with one bad row: everything is accounted for, in memory that hardly grows with the rows."""

from pathlib import Path

import numpy as np
import pandas as pd
from many_rows import BAD_ROW, checked, write_many_rows

from engine.pairs import images, load_data_set

FEW, MANY = 2_000, 100_000
BYTES_PER_ROW = 1000
"""of memory, at the most; a row of the table has 100 bytes of text (measured: 700 for 1,000,000 rows)"""


GIVEN, WIDTH = 40_000, 1024
BYTES_PER_GIVEN_ROW = 2000
"""of memory, at the most; the features of a row have 4,096 bytes (measured: 1,200 for 200,000 rows)"""


def given_features(folder: Path, number: int) -> Path:
    """A folder of random features as clip-retrieval writes it; this process must stay small, or its child is large."""
    random = np.random.default_rng(0)
    for name in ("img_emb", "text_emb", "metadata"):
        (folder / name).mkdir(parents=True)
    for part in range(number // FEW):
        for name in ("img_emb", "text_emb"):
            np.save(folder / name / f"{name}_{part}.npy", random.random((FEW, WIDTH), np.float32).astype(np.float16))
        texts = [f"picture {part} {at}" for at in range(FEW)]
        table = pd.DataFrame({"image_path": texts, "caption": texts})
        table.to_parquet(folder / "metadata" / f"metadata_{part}.parquet")
    return folder


def test_a_hundred_thousand_rows_are_checked_in_little_memory(tmp_path):
    few, many = (checked(write_many_rows(tmp_path, number, "csv")) for number in (FEW, MANY))
    print(many)
    assert (many["rows"], many["accepted"], many["rejected"]) == (MANY, MANY - 1, 1)
    assert many["reasons"] == {images.MISSING: 1}
    assert (many["peak_megabytes"] - few["peak_megabytes"]) * 2**20 < BYTES_PER_ROW * (MANY - FEW)


def test_the_bad_row_is_named_and_no_other_is_touched(tmp_path):
    found = load_data_set(write_many_rows(tmp_path, FEW * 3, "jsonl"))
    assert found.rejects["row"].tolist() == [int(BAD_ROW * FEW * 3) + 1]
    assert sorted([*found.pairs["row"], *found.rejects["row"]]) == list(range(1, FEW * 3 + 1))
    assert found.pairs["pair_id"].is_unique


def test_given_features_are_read_without_keeping_them_in_memory(tmp_path):
    few, many = (checked(given_features(tmp_path / str(number), number)) for number in (FEW, GIVEN))
    print(many)
    assert many["accepted"] == many["rows"] == GIVEN
    assert (many["peak_megabytes"] - few["peak_megabytes"]) * 2**20 < BYTES_PER_GIVEN_ROW * (GIVEN - FEW)
