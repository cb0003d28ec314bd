"""The pairs table of a run is written some rows at a time, and reads as one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from engine.pairs import pair_set, read_pair_table
from engine.pairs.pair_set import REPEATED_COLUMNS, write_pairs


@pytest.mark.parametrize("rows_at_once", [3, 7, 100])
def test_slices_make_the_table_that_is_written_at_once(
    tmp_path: Path, picture, table, monkeypatch, rows_at_once
) -> None:
    images = [picture(f"{at % 4}.png", at % 4) for at in range(7)]
    pairs = read_pair_table(table([{"image": name, "caption": f"c{at}"} for at, name in enumerate(images)])).pairs
    odd = pd.DataFrame(
        {"oddity": np.arange(7) / 7, "oddity_reason": np.array([None] * 6 + ["It is odd."], dtype=object)}
    )
    monkeypatch.setattr(pair_set, "ROWS_AT_ONCE", rows_at_once)
    write_pairs(tmp_path / "pairs.parquet", pairs, odd)
    expected = pairs.astype(dict.fromkeys(REPEATED_COLUMNS, "str")).assign(
        **{name: odd[name].to_numpy() for name in odd}
    )
    expected.to_parquet(tmp_path / "at_once.parquet", index=False)
    found = pd.read_parquet(tmp_path / "pairs.parquet")
    pd.testing.assert_frame_equal(found, pd.read_parquet(tmp_path / "at_once.parquet"))
    assert found["oddity_reason"].tolist()[-1] == "It is odd." and found["label"].isna().all()
    assert pq.ParquetFile(tmp_path / "pairs.parquet").num_row_groups == -(-7 // rows_at_once)


def test_a_column_without_any_text_is_a_column_of_texts(tmp_path: Path, picture, table) -> None:
    pairs = read_pair_table(table([{"image": picture("a.png"), "caption": "a"}])).pairs
    write_pairs(tmp_path / "pairs.parquet", pairs, pd.DataFrame({"oddity": [0.0], "oddity_reason": [None]}))
    schema = pq.read_schema(tmp_path / "pairs.parquet")
    assert schema.field("oddity_reason").type == schema.field("caption").type == schema.field("label").type
