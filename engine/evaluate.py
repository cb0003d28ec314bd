"""Measuring a run against planted errors: detection by kind, and trace-back to the planted cause."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rich.console import Console
from rich.table import Table

from engine.errors import PairsError
from engine.runs import RunFolder
from engine.study import load_study

TRUTH_COLUMNS = {"pair_id", "error_kind", "confusion"}
TARGET = "confusion_target"
WRONG_KINDS_EXCLUDED = ("false_negative", "exact_duplicate", "near_duplicate", TARGET)
SIGNALS = {
    "suspicion": 1,
    "influence": -1,
    "influence_positive": -1,
    "influence_negative": -1,
    "relative_influence": -1,
    "clip_score": -1,
    "pair_loss": 1,
}
"""signals and the sign that makes higher mean more suspect"""


@dataclass(frozen=True)
class TraceBack:
    """Trace-back of one wrong prediction with a known planted cause."""

    query_id: str
    confusion: str
    influence_share: float
    """share of the planted cause among the top culprits by relative influence"""
    raw_share: float
    """the same by influence"""
    similarity_share: float
    """the same among the training images most similar to the test image, by CLIP feature"""


def auroc(scores: np.ndarray, is_wrong: np.ndarray) -> float:
    """Probability that a wrong pair has a higher score than a right one; ties count half (Mann–Whitney)."""
    ranks = pd.Series(scores).rank().to_numpy()
    wrong, right = int(is_wrong.sum()), int((~is_wrong).sum())
    if not wrong or not right:
        return float("nan")
    return float((ranks[is_wrong].sum() - wrong * (wrong + 1) / 2) / (wrong * right))


def read_truth(path: str | Path) -> pd.DataFrame:
    """A ground-truth table.

    Raises:
        PairsError: if it cannot be read or lacks a column.
    """
    try:
        truth = pd.read_csv(path, dtype={"pair_id": str})
    except (OSError, ValueError) as error:
        raise PairsError("a ground-truth .csv", f"{path} ({error})", "Check --truth.") from error
    if not set(truth.columns) >= TRUTH_COLUMNS:
        raise PairsError(
            f"columns {', '.join(sorted(TRUTH_COLUMNS))}", f"{', '.join(truth.columns)} in {path}", "Check --truth."
        )
    return truth


def detection_table(run: RunFolder, truth: pd.DataFrame) -> pd.DataFrame:
    """AUROC of each signal per error kind (against pairs with no planted error), and for all wrong captions."""
    scores = run.table("scores").set_index("pair_id")
    kind = truth.drop_duplicates("pair_id").set_index("pair_id")["error_kind"].reindex(scores.index)
    untouched = kind.isna().to_numpy()
    kinds = [k for k in sorted(kind.dropna().unique()) if k not in WRONG_KINDS_EXCLUDED]
    rows = []
    for name, among in [*((k, [k]) for k in kinds), ("all wrong captions", kinds)]:
        is_wrong = kind.isin(among).to_numpy()
        use = untouched | is_wrong
        row = {"error kind": name, "pairs": int(is_wrong.sum())}
        for signal, sign in SIGNALS.items():
            row[signal] = auroc(sign * scores[signal].to_numpy()[use], is_wrong[use])
        rows.append(row)
    return pd.DataFrame(rows)


def trace_back(run: RunFolder, truth: pd.DataFrame, top: int = 10) -> list[TraceBack]:
    """Every wrong classification inside a planted confusion, with the share of the cause in the top culprits."""
    targets = truth[truth["error_kind"] == TARGET].set_index("pair_id")["confusion"]
    causes = truth[(truth["error_kind"] != TARGET) & truth["confusion"].notna()]
    causes_of = causes.groupby("confusion")["pair_id"].agg(set)
    queries = run.table("queries")
    wrong = queries[(queries["kind"] == "classification") & ~queries["correct"].fillna(True).astype(bool)]
    wrong = wrong[wrong["pair_id"].isin(targets.index)]
    traces = run.table("traces")
    traces = traces[traces["side"] == "hurts"]
    neighbours = _nearest_images(run, wrong["pair_id"].tolist(), top)
    found = []
    for row in wrong.itertuples():
        confusion = targets[row.pair_id]
        planted = causes_of.get(confusion, set())
        own = traces[traces["query_id"] == row.query_id]
        found.append(
            TraceBack(
                row.query_id,
                confusion,
                own.nsmallest(top, "relative_influence")["pair_id"].isin(planted).sum() / top,
                own.nsmallest(top, "influence")["pair_id"].isin(planted).sum() / top,
                sum(pair_id in planted for pair_id in neighbours[row.pair_id]) / top,
            )
        )
    return found


def _nearest_images(run: RunFolder, pair_ids: list[str], top: int) -> dict[str, list[str]]:
    """For each test pair the training pairs with the most similar image features."""
    study = load_study(run)
    train, test = study.rows("train"), study.rows(study.test_split)
    position = {pair_id: i for i, pair_id in enumerate(test["pair_id"])}
    asked = torch.tensor([position[pair_id] for pair_id in pair_ids], dtype=torch.long)
    test_images = study.feature_map(study.test_split).features(asked, asked).image
    everyone = torch.arange(len(train))
    similarity = test_images @ study.train.features(everyone, everyone).image.T
    ids = train["pair_id"].to_numpy()
    nearest = similarity.topk(top, 1).indices.cpu().numpy()
    return {pair_id: list(ids[row]) for pair_id, row in zip(pair_ids, nearest, strict=True)}


def print_planted(run: RunFolder, truth_path: str | Path) -> None:
    """Print detection per error kind and trace-back per confusion."""
    truth, console = read_truth(truth_path), Console()
    detection = detection_table(run, truth)
    table = Table(title="Detection: AUROC against untouched pairs (0.5 = chance)")
    for name in detection.columns:
        table.add_column(name.replace("_", " "), justify="left" if name == "error kind" else "right")
    for row in detection.itertuples(index=False):
        table.add_row(*(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row))
    console.print(table)

    rows = pd.DataFrame([vars(one) for one in trace_back(run, truth)])
    table = Table(
        "confusion",
        "wrong predictions",
        "relative influence",
        "influence",
        "image similarity",
        title="Trace-back: share of the top 10 culprits that are the planted cause",
    )
    shares = ["influence_share", "raw_share", "similarity_share"]
    for name, group in [*rows.groupby("confusion"), ("all", rows)] if len(rows) else []:
        table.add_row(str(name), str(len(group)), *(f"{group[s].mean():.3f}" for s in shares))
    console.print(table)
    cost = run.record["cost"]
    console.print(
        f"Embedding pass {cost['embedding_seconds']:.2f} s; influence of all pairs on one query "
        f"{cost['scoring_seconds']:.2f} s ({cost['scoring_seconds'] / cost['embedding_seconds']:.2f}×)."
    )
