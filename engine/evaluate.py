"""Measuring a run against planted errors: detection by kind, and trace-back to the planted cause."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rich.console import Console
from rich.table import Column, Table

from engine.crossfit.combine import SIGNS
from engine.detection.judge import auroc
from engine.detection.truth import RIGHT_CAPTION, TARGET, error_kinds, read_truth
from engine.errors import RunFolderPartial
from engine.influence.relative import relative_influence
from engine.influence.scores import SegmentedScores
from engine.runs import RunFolder, is_wrong
from engine.scoring import influence_on
from engine.study import Study, load_study

RANKINGS = {
    "own match, relative": ("positive", True),
    "both roles, relative": ("both", True),
    "own match": ("positive", False),
    "both roles": ("both", False),
}
"""rankings of culprits: role, and whether it is divided by the parameter change"""
SIMILARITY = "image similarity"
SIGNALS = {
    "suspicion": 1,
    "influence": -1,
    "influence_positive": -1,
    "influence_negative": -1,
    "relative_influence": -1,
    "clip_score": -1,
    "pair_loss": 1,
}
"""signals of the scores table, and the sign that makes higher mean more suspect; all but suspicion are in sample"""
CROSS_FITTED = ("lemon", "similarity", "association", "alike_caption_loss", "label_quality", "unseen_influence")
"""signals of the signals table: of heads that have not seen the pair"""
MEASURED = {**SIGNALS, **{name: SIGNS[name] for name in CROSS_FITTED}}

COLUMN_TITLES = {
    "influence_positive": "own match",
    "influence_negative": "as negative",
    "relative_influence": "relative",
    "clip_score": "CLIP score",
    "pair_loss": "pair loss",
    "lemon": "LEMoN",
    "alike_caption_loss": "loss among alike",
    "label_quality": "label quality",
    "unseen_influence": "influence",
}
LEAST_WIDTH = 130


@dataclass(frozen=True)
class TraceBack:
    """Trace-back of one wrong prediction with a known planted cause."""

    query_id: str
    confusion: str
    shares: dict[str, float]
    """share of the planted cause among the top culprits by each of `RANKINGS`, and among the training images most
    similar to the test image by CLIP feature (`SIMILARITY`)"""


def detection_table(run: RunFolder, truth: pd.DataFrame) -> pd.DataFrame:
    """AUROC of each signal per error kind (against pairs with no planted error), and for all wrong captions.

    Cross-fitted signals are left out where the run has none, or where one says nothing of some pair.
    """
    scores = run.table("scores").set_index("pair_id")
    kind = error_kinds(truth, scores.index.to_series())
    if run.has_table("signals"):
        cross_fitted = run.table("signals").set_index("pair_id").reindex(scores.index)
        scores = scores.drop(columns="lemon", errors="ignore").join(cross_fitted.reindex(columns=CROSS_FITTED))
    untouched = kind.isna().to_numpy()
    kinds = [k for k in sorted(kind.dropna().unique()) if k not in RIGHT_CAPTION]
    rows = []
    for name, among in [*((k, [k]) for k in kinds), ("all wrong captions", kinds)]:
        is_wrong = kind.isin(among).to_numpy()
        use = untouched | is_wrong
        row = {"error kind": name, "pairs": int(is_wrong.sum())}
        for signal, sign in MEASURED.items():
            if signal in scores and np.isfinite(scores[signal].to_numpy()[use]).all():
                row[signal] = auroc(sign * scores[signal].to_numpy()[use], is_wrong[use])
        rows.append(row)
    return pd.DataFrame(rows)


def trace_back(run: RunFolder, truth: pd.DataFrame, top: int = 10) -> list[TraceBack]:
    """Every wrong classification inside a planted confusion, with the share of the cause in the top culprits."""
    targets = truth[truth["error_kind"] == TARGET].set_index("pair_id")["confusion"]
    causes = truth[(truth["error_kind"] != TARGET) & truth["confusion"].notna()]
    causes_of = causes.groupby("confusion")["pair_id"].agg(set)
    queries = run.table("queries")
    wrong = queries[(queries["kind"] == "classification") & is_wrong(queries)]
    asked = wrong.loc[wrong["pair_id"].isin(targets.index), "query_id"].tolist()
    study = load_study(run)
    pair_ids = study.rows("train")["pair_id"].to_numpy()
    changes = torch.as_tensor(run.table("scores")["parameter_change"].to_numpy(copy=True)).to(study.like)
    found = []
    for ids, scores, _ in influence_on(study, asked):
        test_ids = [query_id.partition(":")[2] for query_id in ids]
        orders = {name: _order(scores, changes, *how) for name, how in RANKINGS.items()}
        orders[SIMILARITY] = (-_image_similarity(study, test_ids)).argsort(1)
        for row, (query_id, test_id) in enumerate(zip(ids, test_ids, strict=True)):
            planted = causes_of.get(targets[test_id], set())
            best = {name: pair_ids[order[row, :top].cpu().numpy()] for name, order in orders.items()}
            shares = {name: sum(pair_id in planted for pair_id in some) / top for name, some in best.items()}
            found.append(TraceBack(query_id, targets[test_id], shares))
    return found


def _order(scores: SegmentedScores, changes: torch.Tensor, role: str, relative: bool) -> torch.Tensor:
    """Positions of the training pairs from the most harmful on, `[queries, pairs]`."""
    values = getattr(scores.mean, role)
    return (relative_influence(values, changes) if relative else values).nan_to_num().argsort(1)


def _image_similarity(study: Study, test_ids: list[str]) -> torch.Tensor:
    """Cosine of each test image and every training image, `[queries, pairs]`."""
    position = {pair_id: i for i, pair_id in enumerate(study.rows(study.test_split)["pair_id"])}
    asked = torch.tensor([position[pair_id] for pair_id in test_ids], dtype=torch.long)
    everyone = torch.arange(len(study.rows("train")))
    test_images = study.feature_map(study.test_split).features(asked, asked).image
    return test_images @ study.train.features(everyone, everyone).image.T


def print_planted(run: RunFolder, truth_path: str | Path) -> None:
    """Print detection per error kind and trace-back per confusion."""
    if not run.is_finished:
        raise RunFolderPartial("a finished run", f"{run.path}", "Run its config.json again: it resumes.")
    truth, console = read_truth(truth_path), Console()
    console.width = max(console.width, LEAST_WIDTH)
    detection = detection_table(run, truth)
    for title, signals in (("the model itself", SIGNALS), ("heads that have not seen the pair", CROSS_FITTED)):
        shown = ["error kind", "pairs", *dict.fromkeys(["suspicion", *signals])]
        table = Table(title=f"Detection by {title}, and suspicion: AUROC against untouched pairs (0.5 = chance)")
        some = detection[[name for name in shown if name in detection]]
        for name in some.columns:
            table.add_column(COLUMN_TITLES.get(name, name), justify="left" if name == "error kind" else "right")
        for row in some.itertuples(index=False):
            table.add_row(*(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row))
        if some.shape[1] > 3:
            console.print(table)

    rankings = [*RANKINGS, SIMILARITY]
    found = trace_back(run, truth)
    rows = pd.DataFrame([{"confusion": one.confusion, **one.shares} for one in found], columns=["confusion", *rankings])
    table = Table(
        Column("confusion", no_wrap=True),
        "wrong",
        *rankings,
        title="Trace-back: share of the top 10 culprits that are the planted cause",
    )
    for name, group in [*rows.groupby("confusion"), ("all", rows)] if len(rows) else []:
        table.add_row(str(name), str(len(group)), *(f"{group[one].mean():.3f}" for one in rankings))
    console.print(table)
    cost = run.record["cost"]
    console.print(
        f"Embedding pass {cost['embedding_seconds']:.2f} s; influence of all pairs on one query "
        f"{cost['scoring_seconds']:.2f} s ({cost['scoring_seconds'] / cost['embedding_seconds']:.2f}×)."
    )
