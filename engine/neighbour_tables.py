"""What is near each training pair: the map of the run, and its nearest pairs by picture and by caption.

Both are about the unit features of the model as studied. Tables of a run: `map.parquet` (pair_id, kind, x, y) and
`neighbours.parquet` (pair_id, kind, other_pair_id, similarity, rank), where kind is `image` or `caption`. Neighbours
are written piece by piece in the order of pair_id, so that those of one pair are found without reading the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from engine.feature_rows import UnitRows, chunks_of, kept_aside
from engine.projection import map_positions
from engine.runs import RunFolder, finished_as
from engine.signals.neighbours import NeighbourIndex
from engine.study import load_features

KINDS = ("image", "caption")
KEPT = 6
"""nearest pairs of each kind"""
PAIRS_AT_ONCE = 16_384

Report = Callable[[int, int], None]
NEIGHBOUR_SCHEMA = pa.schema(
    [
        ("pair_id", pa.string()),
        ("kind", pa.string()),
        ("other_pair_id", pa.string()),
        ("similarity", pa.float32()),
        ("rank", pa.int8()),
    ]
)


def write_neighbours(run: RunFolder, report: Report) -> None:
    """Write the nearest training pairs of every training pair, a pair itself left out; copies count.

    Exact up to `neighbours.EXACT_UP_TO` different features, nearly all of the true ones above.
    """
    pair_ids, features = training_features(run)
    with finished_as(run.path / "neighbours.parquet") as part:
        write_pieces(part, neighbour_pieces(pair_ids, features, report))


def write_map(run: RunFolder, report: Report) -> None:
    """Write where every training pair stands on the map of pictures and on the map of captions."""
    pair_ids, features = training_features(run)
    order = np.argsort(pair_ids, kind="stable")
    pieces = []
    for number, (kind, rows) in enumerate(features.items()):
        x, y = map_positions(rows, run.config.seed)[order].T
        pieces.append(pd.DataFrame({"pair_id": pair_ids[order], "kind": kind, "x": x, "y": y}))
        report(number + 1, len(features))
    with finished_as(run.path / "map.parquet") as part:
        pd.concat(pieces).to_parquet(part, index=False)


def training_features(run: RunFolder) -> tuple[np.ndarray, dict[str, Tensor]]:
    """Ids of the training pairs, and their unit features of each kind, `[pairs, embed_dim]`, in table order.

    Very many are mapped from a file of their own that is gone when they are.
    """
    pairs = run.table("pairs", columns=["pair_id", "pair_index", "split"])
    train = pairs[pairs["split"] == "train"]
    positions = torch.tensor(train["pair_index"].to_numpy(copy=True))
    source, _ = load_features(run.path / "features", run.config)
    feature_map = source.pairs(positions)
    found = {}
    with torch.no_grad():
        for kind, side in zip(KINDS, ("image", "text"), strict=True):
            rows = UnitRows(feature_map, side, len(train))
            chunks = (rows[part] for part in chunks_of(len(train)))
            found[kind] = kept_aside(chunks, len(train), rows.shape[1], rows[:0], run.path)
    return train["pair_id"].to_numpy(dtype=object), found


def neighbour_pieces(pair_ids: np.ndarray, features: dict[str, Tensor], report: Report) -> Iterator[pa.Table]:
    """Tables of `NEIGHBOUR_SCHEMA`, some pairs each, in the order of pair_id; empty for a single pair.

    One kind is looked up after the other, because two graphs of very many pairs are twice the memory.
    """
    order, nearest = torch.from_numpy(np.argsort(pair_ids, kind="stable")), {}
    for number, (kind, rows) in enumerate(features.items()):
        index, found = NeighbourIndex(rows), []
        for some in order.split(PAIRS_AT_ONCE):
            found.append(_nearest(index, some))
            report(number * len(order) + sum(len(one) for one, _ in found), len(features) * len(order))
        nearest[kind] = found
        del index
    for number, some in enumerate(order.split(PAIRS_AT_ONCE)):
        frames = [_frame(pair_ids, some.numpy(), kind, *found[number]) for kind, found in nearest.items()]
        frame = pd.concat(frames).sort_values("pair_id", kind="stable")
        yield pa.Table.from_pandas(frame, NEIGHBOUR_SCHEMA, preserve_index=False)


def write_pieces(path: Path, pieces: Iterator[pa.Table]) -> None:
    """Write tables of `NEIGHBOUR_SCHEMA` below each other, each as a row group."""
    with pq.ParquetWriter(path, NEIGHBOUR_SCHEMA) as file:
        for piece in pieces:
            file.write_table(piece)


def _nearest(index: NeighbourIndex, rows: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Positions and similarity of the nearest of some pairs, `[rows, KEPT]`; −inf where there is none."""
    where = rows.to(index.features.device)
    found = index.nearest(index.features[where], KEPT, excluded=where[:, None])
    return found.positions.cpu().numpy().astype(np.int32), found.similarity.cpu().numpy().astype(np.float32)


def _frame(
    pair_ids: np.ndarray, rows: np.ndarray, kind: str, positions: np.ndarray, similarity: np.ndarray
) -> pd.DataFrame:
    exists = np.isfinite(similarity)  # a single pair has nobody
    which, rank = exists.nonzero()
    return pd.DataFrame(
        {
            "pair_id": pair_ids[rows[which]],
            "kind": kind,
            "other_pair_id": pair_ids[positions[exists]],
            "similarity": similarity[exists],
            "rank": (rank + 1).astype(np.int8),
        }
    )
