"""The tables of the map and of the nearest pairs: true neighbours, written in pieces, whole after a kill."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from small_data import small_config

from engine import neighbour_tables
from engine.neighbour_tables import KEPT, KINDS, neighbour_pieces, training_features, write_neighbours, write_pieces
from engine.pipeline import run
from engine.runs import RunFolder

ROOT = Path(__file__).resolve().parents[1]


def features(num_pairs: int) -> tuple[np.ndarray, dict[str, torch.Tensor]]:
    """Ids that are not in alphabetical order, and unit features of both kinds."""
    generator = torch.Generator().manual_seed(3)
    rows = {kind: torch.randn(num_pairs, 6, generator=generator, dtype=torch.float64) for kind in KINDS}
    ids = np.array([f"p{number:03}" for number in reversed(range(num_pairs))], dtype=object)
    return ids, {kind: torch.nn.functional.normalize(one, dim=1) for kind, one in rows.items()}


def table_of(num_pairs: int) -> pd.DataFrame:
    return pa.concat_tables(neighbour_pieces(*features(num_pairs), lambda done, total: None)).to_pandas()


def test_the_neighbours_of_a_run_are_the_largest_cosines_in_double_precision(tmp_path: Path) -> None:
    folder = run(small_config(tmp_path, dtype="float64", segmentations=1))
    ids, found = training_features(folder)
    table = folder.table("neighbours")
    assert len(table) == 2 * KEPT * len(ids) and not (table["pair_id"] == table["other_pair_id"]).any()
    for kind in KINDS:
        similarity = found[kind].numpy() @ found[kind].numpy().T
        np.fill_diagonal(similarity, -np.inf)
        for position, pair_id in enumerate(ids):
            own = table[(table["pair_id"] == pair_id) & (table["kind"] == kind)].sort_values("rank")
            assert own["rank"].tolist() == list(range(1, KEPT + 1))
            expected = np.sort(similarity[position])[::-1][:KEPT]
            np.testing.assert_allclose(own["similarity"], expected, rtol=1e-6)
            where = pd.Index(ids).get_indexer(own["other_pair_id"])
            np.testing.assert_allclose(similarity[position][where], expected, rtol=1e-6)
    placed = folder.table("map")
    assert set(zip(placed["pair_id"], placed["kind"], strict=True)) == {(one, kind) for one in ids for kind in KINDS}
    assert np.isfinite(placed[["x", "y"]]).all(axis=None) and (placed[["x", "y"]].abs() <= 1).all(axis=None)


def test_pieces_together_are_the_whole_in_the_order_of_pair_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = table_of(40)
    monkeypatch.setattr(neighbour_tables, "PAIRS_AT_ONCE", 7)
    pieces = list(neighbour_pieces(*features(40), lambda done, total: None))
    assert len(pieces) == 6
    pd.testing.assert_frame_equal(pa.concat_tables(pieces).to_pandas(), whole)
    assert whole["pair_id"].is_monotonic_increasing and whole["pair_id"].nunique() == 40


@pytest.mark.parametrize(("num_pairs", "expected"), [(1, 0), (2, 1), (3, 2), (10, 6)])
def test_few_pairs_have_few_neighbours(num_pairs: int, expected: int) -> None:
    counts = table_of(num_pairs).groupby(["pair_id", "kind"]).size()
    assert len(counts) == (2 * num_pairs if expected else 0) and (counts == expected).all()


def test_the_rows_of_one_pair_are_read_without_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbour_tables, "PAIRS_AT_ONCE", 10)
    path = tmp_path / "neighbours.parquet"
    write_pieces(path, neighbour_pieces(*features(40), lambda done, total: None))
    found = RunFolder(tmp_path).table("neighbours", pair_id="p017")
    whole = pd.read_parquet(path)
    expected = whole[whole["pair_id"] == "p017"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected)
    assert len(found) == 2 * KEPT
    groups = [pq.ParquetFile(path).metadata.row_group(number).column(0).statistics for number in range(4)]
    assert sum(one.min <= "p017" <= one.max for one in groups) == 1


HANG = """
import sys, time
from pathlib import Path
from engine import neighbour_tables
from engine.config import RunConfig
from engine.pipeline import run

def hang(*arguments):
    Path(sys.argv[2]).touch()
    time.sleep(60)

def first_piece_only(*arguments, true_pieces=neighbour_tables.neighbour_pieces):
    yield next(true_pieces(*arguments))
    hang()

setattr(neighbour_tables, sys.argv[3], {"map_positions": hang, "neighbour_pieces": first_piece_only}[sys.argv[3]])
run(RunConfig.load(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("function", "left"), [("neighbour_pieces", "neighbours.parquet"), ("map_positions", "map.parquet")]
)
def test_a_run_killed_in_one_of_these_steps_resumes_to_the_same_tables(
    tmp_path: Path, function: str, left: str
) -> None:
    config = small_config(tmp_path, segmentations=1)
    expected = run(dataclasses.replace(config, out=str(tmp_path / "whole")))
    path, hung = tmp_path / "config.json", tmp_path / "hung"
    path.write_text(config.to_json())
    process = subprocess.Popen([sys.executable, "-c", HANG, str(path), str(hung), function], cwd=ROOT)
    until = time.monotonic() + 90
    while not hung.exists():
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    killed = RunFolder(tmp_path / "runs" / expected.run_id)
    assert killed.has("traces.parquet") and not killed.has(left) and not killed.is_finished
    resumed = run(config)
    assert resumed.path == killed.path and resumed.is_finished and not list(resumed.path.glob("*.part"))
    for name in ("neighbours", "map"):
        pd.testing.assert_frame_equal(resumed.table(name), expected.table(name), check_exact=True)
    assert resumed.record["steps"].keys() >= {"neighbours", "map"}


def test_the_next_run_of_the_same_pairs_writes_the_same_file(tmp_path: Path) -> None:
    folder = run(small_config(tmp_path, segmentations=1))
    before = (folder.path / "neighbours.parquet").read_bytes()
    write_neighbours(folder, lambda done, total: None)
    assert (folder.path / "neighbours.parquet").read_bytes() == before
