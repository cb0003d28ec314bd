"""The scores, disturbs, suggestions and traces tables: influence of every training pair on losses and predictions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from engine.config import RunConfig
from engine.crossfit.inputs import PairInputs
from engine.curvature import Solution, SolveStatus
from engine.directional import FeatureMap
from engine.feature_rows import Rows, UnitRows, chunks_of
from engine.influence.disturbance import disturbances
from engine.influence.estimate import Estimate
from engine.influence.relative import parameter_changes, relative_influence
from engine.influence.scores import SegmentedScores, segmented_scores
from engine.influence.self_influence import self_influence
from engine.pairs import duplicate_groups
from engine.predictions import VALIDATION, gradients
from engine.signals import clip_scores, in_sample_suspicion, pair_losses, suggested_captions
from engine.signals.duplicates import caption_conflicts, feature_matches
from engine.signals.health import health
from engine.study import Study
from engine.suggestions import suggestions_table

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

LEAST_TRACED, TRACED_TIMES_PAIRS = 10, 5_000_000
"""predictions traced beforehand where pairs are many: at least so many, and no more than this product; 300 for 100,000
pairs would take longer than all other steps together. Others are traced when they are asked for."""
DISTURBED_KEPT = 8
"""other pairs kept for each pair in the disturbs table"""


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


@dataclass(frozen=True)
class Scored:
    """What the scoring step finds out."""

    scores: pd.DataFrame
    """one row per training pair for the validation query, with the signals beside it"""
    disturbs: pd.DataFrame
    """pair_id, other_pair_id, influence: parts of influence_negative, the largest few per pair first"""
    suggestions: pd.DataFrame
    """see `engine.suggestions`"""
    solves: SolveRecord
    """what the solves were like"""
    health: dict[str, Any]
    """of the space of the training pairs' unit features: `engine.signals.health`, with `words`"""
    seconds: dict[str, float]
    """of the influence on the one query (gradient, solve, directional pass), of the sketches behind relative influence
    and self-influence, of the disturbs and suggestions tables, and of the columns beside"""


def influence_on(study: Study, query_ids: list[str]) -> Iterator[tuple[list[str], SegmentedScores, Solution]]:
    """Influence of every training pair on each query, a few queries at a time.

    Yields:
        The ids, scores `[queries, pairs]` in nats, and the solve.
    """
    for ids, gradient in gradients(study, query_ids):
        yield ids, *influence_of(study, gradient)


def influence_of(study: Study, gradient: torch.Tensor) -> tuple[SegmentedScores, Solution]:
    """Influence of every training pair on the losses with these gradients `[queries, parameters]`, and the solve."""
    solution = study.inverse.solve(gradient)
    return _scores(study, solution.values / study.segmentations[0].num_pairs), solution


def scores_tables(
    study: Study, signals: pd.DataFrame, inputs: PairInputs, prompts: torch.Tensor, report: Callable[[int, int], None]
) -> Scored:
    """Everything about every training pair that the validation loss can tell.

    Args:
        study: features, batches, curvature.
        signals: the signals table; its suspicion stands in the scores as well.
        inputs: penultimate features of the training pairs, in which copies of pictures are looked for.
        prompts: penultimate features of the class prompts, `[prompts, text_dim]`.
        report: called with (done, 5).
    """
    seconds, started = {}, time.monotonic()

    def finished(name: str, done: int) -> None:
        nonlocal started
        seconds[name], started = time.monotonic() - started, time.monotonic()
        report(done, 5)

    _, scores, solution = next(influence_on(study, [VALIDATION]))
    finished("scoring_seconds", 1)
    changes, change_solution = _sketched(parameter_changes, study, study.config.seed)
    itself, itself_solution = _sketched(self_influence, study, study.config.seed + 1)
    finished("sketch_seconds", 2)
    direction = solution.values / study.segmentations[0].num_pairs
    disturbs = _disturbs(study, direction)
    finished("disturbance_seconds", 3)
    suggestions = suggestions_table(study, signals, inputs, prompts, direction)
    finished("suggestion_seconds", 4)
    train = study.rows("train")
    image, text = (UnitRows(study.train, kind, len(train)) for kind in ("image", "text"))
    table = pd.DataFrame(
        {
            "pair_id": train["pair_id"].to_numpy(),
            **_by_role(scores),
            "relative_influence": _column(relative_influence(scores.mean.both[0], changes.value)),
            "parameter_change": _column(changes.value),
            "parameter_change_error": _column(changes.error),
            "self_influence": _column(itself.value),
            "self_influence_error": _column(itself.error),
            "clip_score": _clip_scores(study.train, len(train)),
            "pair_loss": _column(pair_losses(study.train, study.loss, list(study.segmentations))),
        }
    )
    table = pd.concat([table, _suspicion(table, signals)], axis=1)
    table["lemon"] = signals["lemon"] if "lemon" in signals else float("nan")
    table["suggested_caption"] = _suggested(suggestions, train, image, text)
    table = table.assign(**_copies(train, inputs, text))
    found_health = health(image, text)
    finished("table_seconds", 5)
    return Scored(
        table,
        disturbs,
        suggestions,
        SolveRecord.of([solution, change_solution, itself_solution]),
        {**asdict(found_health), "words": found_health.words},
        seconds,
    )


def most_traced(config: RunConfig, num_pairs: int) -> int:
    """How many wrong predictions a run of so many training pairs traces beforehand."""
    return min(config.trace_queries, max(LEAST_TRACED, TRACED_TIMES_PAIRS // num_pairs))


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
    parts, solutions = [], []
    for ids, found, solution in influence_on(study, query_ids):
        parts += both_sides(study, scores, ids, found, study.config.trace_depth)
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


def both_sides(
    study: Study, scores: pd.DataFrame, query_ids: list[str], found: SegmentedScores, depth: int
) -> list[pd.DataFrame]:
    """The pairs that hurt and help some queries most, by the relative influence of the configured role.

    Args:
        study: of the run.
        scores: the scores table (its parameter_change is the denominator).
        query_ids: what to call the queries.
        found: influence of every training pair on each of them.
        depth: most pairs per query and side.

    Returns:
        Two tables per query, with the columns of `traces_table`.
    """
    changes = torch.as_tensor(scores["parameter_change"].to_numpy(copy=True)).to(study.like)
    relative = relative_influence(found.mean.both, changes)
    relative_positive = relative_influence(found.mean.positive, changes)
    columns = (found.mean.both, found.mean.positive, found.mean.negative, relative, relative_positive)
    parts = []
    for row, query_id in enumerate(query_ids):
        values = {name: _column(part[row]) for name, part in zip(TRACE_SCORES, columns, strict=True)}
        table = pd.DataFrame({"query_id": query_id, "pair_id": scores["pair_id"].to_numpy(), **values})
        parts += _ranked(table, TRACE_RANKED_BY[study.config.trace_role], depth)
    return parts


def _ranked(table: pd.DataFrame, by: str, depth: int) -> list[pd.DataFrame]:
    """The pairs that hurt (most negative first) and that help (most positive first)."""
    hurts = table[table[by] < 0].nsmallest(depth, by)
    helps = table[table[by] > 0].nlargest(depth, by)
    return [
        side.assign(side=name, rank=np.arange(1, len(side) + 1)) for name, side in (("hurts", hurts), ("helps", helps))
    ]


def _by_role(scores: SegmentedScores) -> dict[str, np.ndarray]:
    """Influence on the one query, as columns."""
    return {
        "influence": _column(scores.mean.both[0]),
        "influence_positive": _column(scores.mean.positive[0]),
        "influence_negative": _column(scores.mean.negative[0]),
        "influence_std": _column(scores.std[0]),
    }


def _suspicion(scores: pd.DataFrame, signals: pd.DataFrame) -> pd.DataFrame:
    """Suspicion and its rank, cross-fitted where the run is."""
    cross_fitted = signals[["suspicion", "suspicion_rank"]]
    return in_sample_suspicion(scores) if cross_fitted.isna().all(axis=None) else cross_fitted


def _clip_scores(feature_map: FeatureMap, num_pairs: int) -> np.ndarray:
    everyone = torch.arange(num_pairs)
    parts = (feature_map.features(everyone[part], everyone[part]) for part in chunks_of(num_pairs))
    return np.concatenate([_column(clip_scores(some)) for some in parts])


def _suggested(suggestions: pd.DataFrame, train: pd.DataFrame, image: Rows, text: Rows) -> np.ndarray:
    """The best suggestion of each pair; where there is none, the other caption with the highest CLIP score."""
    nearest = pd.Series(suggested_captions(image, text, train["caption"].tolist()), dtype=object)
    best = suggestions[suggestions["rank"] == 1].set_index("pair_id")["caption"]
    found = train["pair_id"].map(best).reset_index(drop=True)
    return found.where(found.notna(), nearest).to_numpy()


def _copies(train: pd.DataFrame, inputs: PairInputs, text: Rows) -> dict[str, np.ndarray]:
    """Which pairs show the same picture, by file, hash or features, and how far their captions disagree."""
    matches = feature_matches(inputs.image, train["perceptual_hash"].to_numpy(dtype=object))
    groups = duplicate_groups(train, matches)
    return {"duplicate_group": groups, "caption_conflict": caption_conflicts(groups, text)}


def _sketched(estimate: Callable[..., tuple[Estimate, Solution]], study: Study, seed: int) -> tuple[Estimate, Solution]:
    return estimate(
        study.train,
        study.loss,
        list(study.segmentations),
        study.inverse,
        study.config.sketches,
        seed,
        study.like,
        study.config.negative_term,
    )


def _disturbs(study: Study, direction: torch.Tensor) -> pd.DataFrame:
    """Whom each pair disturbs as a negative, one row per two pairs."""
    found = disturbances(
        study.train, study.loss, list(study.segmentations), direction, DISTURBED_KEPT, study.config.negative_term
    )
    pair, kept = (found.others >= 0).cpu().numpy().nonzero()
    pair_ids = study.rows("train")["pair_id"].to_numpy()
    others = pair_ids[found.others.cpu().numpy()[pair, kept]]
    influence = _column(found.influence)[pair, kept]
    return pd.DataFrame({"pair_id": pair_ids[pair], "other_pair_id": others, "influence": influence})


def _scores(study: Study, directions: torch.Tensor) -> SegmentedScores:
    return segmented_scores(study.train, study.loss, list(study.segmentations), directions, study.config.negative_term)


def _column(values: torch.Tensor) -> np.ndarray:
    return values.cpu().numpy()
