"""Batch segmentations: every pair once, the same again with the same seed, conflicts kept apart."""

import numpy as np
import pandas as pd
import pytest

from engine.batches import (
    BatchSegmentation,
    consecutive_batches,
    read_segmentations,
    seeded_segmentations,
    segmentations_table,
)
from engine.errors import BatchesError


def distinct(num_pairs: int) -> np.ndarray:
    return np.stack([np.arange(num_pairs)] * 2, axis=1)


@pytest.mark.parametrize(("num_pairs", "batch_size"), [(10, 10), (103, 20), (100, 7), (5, 2)])
def test_every_pair_is_in_one_batch_of_nearly_equal_size(num_pairs: int, batch_size: int) -> None:
    found, unavoidable = seeded_segmentations(distinct(num_pairs), batch_size, 3, seed=0)
    assert unavoidable == 0
    for one in found:
        sizes = [len(batch) for batch in one.batches]
        assert sorted(np.concatenate(one.batches)) == list(range(num_pairs))
        assert max(sizes) <= batch_size
        assert max(sizes) - min(sizes) <= 1
        assert len(one.left_out) == 0


def test_a_seed_gives_the_same_segmentations_again_and_they_differ_from_each_other() -> None:
    first, again = (seeded_segmentations(distinct(50), 10, 2, seed=4)[0] for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first[1].batches, again[1].batches, strict=True))
    assert not np.array_equal(first[0].batches[0], first[1].batches[0])


def test_two_captions_of_one_image_are_kept_apart() -> None:
    conflicts = np.stack([np.arange(60) // 2, np.arange(60)], axis=1)
    found, unavoidable = seeded_segmentations(conflicts, 15, 4, seed=0)
    assert unavoidable == 0
    for batch in (b for one in found for b in one.batches):
        assert len(set(batch // 2)) == len(batch)


def test_what_cannot_be_kept_apart_is_counted() -> None:
    conflicts = np.stack([np.zeros(6, dtype=int), np.arange(6)], axis=1)
    _, unavoidable = seeded_segmentations(conflicts, 3, 1, seed=0)
    assert unavoidable == 4


def test_fewer_pairs_than_a_batch_is_refused_with_what_to_do() -> None:
    with pytest.raises(BatchesError, match="--batch-size 9"):
        seeded_segmentations(distinct(9), 10, 1, seed=0)


def test_consecutive_batches_keep_the_short_last_one() -> None:
    assert [len(batch) for batch in consecutive_batches(25, 10)] == [10, 10, 5]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_written_segmentation_reads_back_the_same(tmp_path, suffix: str) -> None:
    ids = pd.Series([f"00{i}" for i in range(20)])
    written, _ = seeded_segmentations(distinct(20), 6, 2, seed=1)
    path = tmp_path / f"batches.{suffix}"
    table = segmentations_table(written, ids)
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path, index=False)
    for a, b in zip(written, read_segmentations(path, ids)[0], strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a.batches, b.batches, strict=True))


def test_pairs_missing_from_a_recorded_segmentation_are_known(tmp_path) -> None:
    path = tmp_path / "batches.csv"
    path.write_text("segmentation,batch_index,pair_id\n0,0,a\n0,0,b\n0,0,stranger\n")
    (one,), unknown = read_segmentations(path, pd.Series(["a", "b", "c"]))
    assert one.left_out.tolist() == [2] and unknown == 1
    assert isinstance(one, BatchSegmentation)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("batch,pair\n0,a\n", "columns segmentation"),
        ("segmentation,batch_index,pair_id\n0,0,x\n", "none of them"),
        ("segmentation,batch_index,pair_id\n0,0,a\n0,1,a\n", "a twice"),
    ],
)
def test_a_table_that_is_no_segmentation_is_refused(tmp_path, text: str, words: str) -> None:
    path = tmp_path / "batches.csv"
    path.write_text(text)
    with pytest.raises(BatchesError, match=words):
        read_segmentations(path, pd.Series(["a", "b"]))
