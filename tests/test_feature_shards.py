"""Features written shard by shard: whole at the end, gone on with after a kill, refused where they are not finite."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tiny_models

from engine import shard_encoding
from engine.embedding import write_features
from engine.errors import ModelError
from engine.feature_shards import LOG_FILE, FeatureShards, Shard
from engine.pairs import load_data_set

WIDTHS = {"image": 3, "text": 2}


def shards(folder: Path, num_rows: int = 10, shard_rows: int = 4) -> FeatureShards:
    found = FeatureShards(folder, WIDTHS, np.dtype(np.float64), num_rows, shard_rows)
    found.prepare()
    return found


def rows(shard: Shard) -> dict[str, np.ndarray]:
    return {
        kind: np.arange(shard.first, shard.stop)[:, None] + np.arange(width) / 10 + 1 for kind, width in WIDTHS.items()
    }


def written(one: FeatureShards, shard: Shard) -> None:
    one.write(shard.first, rows(shard))
    one.finish(shard, cut=shard.first + 1)


def test_shards_written_in_any_order_are_the_whole(tmp_path: Path) -> None:
    one = shards(tmp_path)
    assert one.unfinished() == [Shard(0, 4, 4), Shard(4, 8, 8), Shard(8, 10, None)]
    for shard in reversed(one.unfinished()):
        written(one, shard)
    for kind, values in rows(Shard(0, 10)).items():
        np.testing.assert_array_equal(np.load(tmp_path / f"{kind}.npy", allow_pickle=False), values)
    assert shards(tmp_path).finished() == {0: 1, 4: 5, 8: 9} and not one.unfinished()


@pytest.mark.parametrize("torn", [b'{"first": 4, "st', b'{"first": 3, "stop": 4, "cut": 0}\n', b"[]\n", b"\xff\n"])
def test_a_line_that_a_kill_cut_off_is_no_finished_shard(tmp_path: Path, torn: bytes) -> None:
    written(shards(tmp_path), Shard(0, 4))
    whole = (tmp_path / LOG_FILE).read_bytes()
    (tmp_path / LOG_FILE).write_bytes(whole + torn)
    assert [shard.first for shard in shards(tmp_path).unfinished()] == [4, 8]
    assert (tmp_path / LOG_FILE).read_bytes() == whole


@pytest.mark.parametrize("change", ["more pairs", "cut file", "no file", "no array"])
def test_files_of_other_pairs_or_damaged_ones_are_begun_anew(tmp_path: Path, change: str) -> None:
    written(shards(tmp_path), Shard(0, 4))
    path = tmp_path / "text.npy"
    if change == "cut file":
        path.write_bytes(path.read_bytes()[:-1])
    elif change == "no file":
        path.unlink()
    elif change == "no array":
        path.write_bytes(b"text")
    assert len(shards(tmp_path, 11 if change == "more pairs" else 10).unfinished()) == 3


def test_a_shard_that_is_not_finite_is_refused_and_not_written(tmp_path: Path) -> None:
    one = shards(tmp_path)
    broken = rows(Shard(4, 8))
    broken["text"][1, 1] = np.nan
    with pytest.raises(ModelError, match="text features"):
        one.write(4, broken)
    assert not np.load(tmp_path / "image.npy").any()


class Killed(BaseException):
    """What a kill is to the code below it."""


def test_a_killed_embedding_goes_on_after_its_last_finished_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_encoding, "ENCODED_SHARD", 4)
    config = dataclasses.replace(tiny_models.adapter_run(tmp_path), tier="heads", adapter=None, chunk_size=3)
    pairs = load_data_set(config.pairs).pairs
    write_features(tmp_path / "whole", config, pairs, lambda done, of: None)
    encoded: list[int] = []

    def dies(deaths: Iterator[bool], first: int) -> None:
        encoded.append(first)
        if next(deaths):
            raise Killed

    encode = shard_encoding.EncodedShards.encode
    deaths = iter([False, False, True, False, True] + [False] * 99)
    monkeypatch.setattr(
        shard_encoding.EncodedShards, "encode", lambda self, shard: dies(deaths, shard.first) or encode(self, shard)
    )
    for _ in range(2):
        with pytest.raises(Killed):
            write_features(tmp_path / "killed", config, pairs, lambda done, of: None)
    write_features(tmp_path / "killed", config, pairs, lambda done, of: None)
    firsts = list(range(0, len(pairs), 4))
    assert len(firsts) >= 4 and encoded == [*firsts[:2], firsts[2], firsts[2], firsts[3], *firsts[3:]]
    for path in (tmp_path / "whole").iterdir():
        assert (tmp_path / "killed" / path.name).read_bytes() == path.read_bytes(), path.name
