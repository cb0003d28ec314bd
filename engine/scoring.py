"""The scores and traces tables: influence of every training pair on the validation loss and on predictions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from engine.curvature import Solution, SolveStatus
from engine.influence.relative import parameter_changes, relative_influence
from engine.influence.scores import SegmentedScores, segmented_scores
from engine.pairs import duplicate_groups
from engine.predictions import VALIDATION, gradients
from engine.signals import clip_scores, pair_losses, suggested_captions, suspicion
from engine.study import Study

TRACE_SCORES = (
    "influence",
    "influence_positive",
    "influence_negative",
    "relative_influence",
    "relative_influence_positive",
)
TRACE_RANKED_BY = {"positive": "relative_influence_positive", "both": "relative_influence"}
"""the column that ranks a trace, by role. Single removals count a pair's negative role too, yet whoever else stood
in the batch would have been the same negative: on planted causes the own match finds the culprits far better
(`ecif evaluate planted` prints both)."""


@dataclass(frozen=True)
class SolveRecord:
    """What the record keeps of the solves of one step."""

    iterations: int
    """most products with the curvature in one solve"""
    worst_residual: float
    """largest relative residual"""
    status: str
    """the sentence of the worst outcome"""

    @classmethod
    def of(cls, solutions: list[Solution]) -> SolveRecord:
        """Summarise solves."""
        bad = [s.status for s in solutions if s.status is not SolveStatus.CONVERGED]
        return cls(
            max(s.iterations for s in solutions),
            max(float(s.residuals.max()) for s in solutions),
            (bad[0] if bad else SolveStatus.CONVERGED).value,
        )


def influence_on(study: Study, query_ids: list[str]) -> Iterator[tuple[list[str], SegmentedScores, Solution]]:
    """Influence of every training pair on each query, a few queries at a time.

    Yields:
        The ids, scores `[queries, pairs]` in nats, and the solve.
    """
    for ids, gradient in gradients(study, query_ids):
        solution = study.inverse.solve(gradient)
        directions = solution.values / study.segmentations[0].num_pairs
        yield ids, _scores(study, directions), solution


def scores_table(
    study: Study, report: Callable[[int, int], None]
) -> tuple[pd.DataFrame, SolveRecord, dict[str, float]]:
    """One row per training pair for the validation query, with the signals beside it.

    Args:
        study: features, batches, curvature.
        report: called with (done, 3).

    Returns:
        The table, what the solves were like, and the seconds of the influence on the one query
        (gradient, solve, directional pass) and of the sketches behind the relative influence.
    """
    started = time.monotonic()
    _, scores, solution = next(influence_on(study, [VALIDATION]))
    one_query_seconds = time.monotonic() - started
    report(1, 3)
    changes, sketch_solution = parameter_changes(
        study.train,
        study.loss,
        list(study.segmentations),
        study.inverse,
        study.config.sketches,
        study.config.seed,
        study.like,
        study.config.negative_term,
    )
    seconds = {"scoring_seconds": one_query_seconds, "sketch_seconds": time.monotonic() - started - one_query_seconds}
    report(2, 3)
    train = study.rows("train")
    everyone = torch.arange(len(train))
    features = study.train.features(everyone, everyone)
    table = pd.DataFrame(
        {
            "pair_id": train["pair_id"].to_numpy(),
            "influence": _column(scores.mean.both),
            "influence_positive": _column(scores.mean.positive),
            "influence_negative": _column(scores.mean.negative),
            "influence_std": _column(scores.std),
            "relative_influence": _column(relative_influence(scores.mean.both, changes)),
            "parameter_change": changes.cpu().numpy(),
            "clip_score": clip_scores(features).cpu().numpy(),
            "pair_loss": pair_losses(study.train, study.loss, list(study.segmentations)).cpu().numpy(),
        }
    )
    table = pd.concat([table, suspicion(table)], axis=1)
    table["suggested_caption"] = suggested_captions(features.image, features.text, train["caption"].tolist())
    table["duplicate_group"] = duplicate_groups(train)
    report(3, 3)
    return table, SolveRecord.of([solution, sketch_solution]), seconds


def traces_table(
    study: Study, scores: pd.DataFrame, query_ids: list[str], report: Callable[[int, int], None]
) -> tuple[pd.DataFrame, SolveRecord | None]:
    """The pairs that hurt and help each query most, by the relative influence of the configured role.

    Args:
        study: features, batches, curvature.
        scores: the scores table (its parameter_change is the denominator).
        query_ids: predictions to explain.
        report: called with (done, total) queries.

    Returns:
        query_id, pair_id, `TRACE_SCORES`, side, rank within query and side; and what the solves were like.
    """
    changes = torch.as_tensor(scores["parameter_change"].to_numpy(copy=True)).to(study.like)
    pair_ids = scores["pair_id"].to_numpy()
    parts, solutions = [], []
    for ids, found, solution in influence_on(study, query_ids):
        relative = relative_influence(found.mean.both, changes)
        relative_positive = relative_influence(found.mean.positive, changes)
        for row, query_id in enumerate(ids):
            columns = (found.mean.both, found.mean.positive, found.mean.negative, relative, relative_positive)
            values = {name: part[row].cpu().numpy() for name, part in zip(TRACE_SCORES, columns, strict=True)}
            table = pd.DataFrame({"query_id": query_id, "pair_id": pair_ids, **values})
            parts += _both_sides(table, TRACE_RANKED_BY[study.config.trace_role], study.config.trace_depth)
        solutions.append(solution)
        report(sum(len(s.residuals) for s in solutions), len(query_ids))
    if not parts:
        types = {
            "query_id": object,
            "pair_id": object,
            **dict.fromkeys(TRACE_SCORES, float),
            "side": object,
            "rank": int,
        }
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()}), None
    return pd.concat(parts, ignore_index=True), SolveRecord.of(solutions)


def _both_sides(table: pd.DataFrame, by: str, depth: int) -> list[pd.DataFrame]:
    """The pairs that hurt (most negative first) and that help (most positive first)."""
    hurts = table[table[by] < 0].nsmallest(depth, by)
    helps = table[table[by] > 0].nlargest(depth, by)
    return [
        side.assign(side=name, rank=np.arange(1, len(side) + 1)) for name, side in (("hurts", hurts), ("helps", helps))
    ]


def _scores(study: Study, directions: torch.Tensor) -> SegmentedScores:
    return segmented_scores(study.train, study.loss, list(study.segmentations), directions, study.config.negative_term)


def _column(values: torch.Tensor) -> np.ndarray:
    return values[0].cpu().numpy()
