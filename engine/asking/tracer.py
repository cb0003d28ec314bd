"""The engine behind a trace-back asked for now: a run's features and curvature, kept ready. No encoder is needed.

A prediction is traced as `ecif trace` does it: the gradient of its loss, a solve with the curvature of the run to the
run's tolerance, and one directional pass over all training pairs, none of which is left out or only estimated. What is
kept between questions are the training pairs' unit features (`engine.directional.kept_heads`), and the operator.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd
import torch
from torch import Tensor

from engine.asking.askable import check_traceable
from engine.asking.prediction import PredictionQuestion, Traced
from engine.asking.stacked import StackedGaussNewton, stacked_scores
from engine.curvature import GaussNewton, InverseCurvature, IterativeInverse, LinearOperator, Solution
from engine.directional import FeatureMap, KeptHeadsFeatureMap
from engine.influence.scores import SegmentedScores, segmented_scores
from engine.predictions import gradients
from engine.runs import RunFolder
from engine.scoring import both_sides
from engine.sources import HeadsSource
from engine.study import Study, load_study

KEPT_BYTES = 4 * 2**30
"""most memory for the training pairs' features, kept twice: penultimate and unit; beyond, nothing is kept"""

Report = Callable[[str, int, int], None]
"""(step, done, of about so many)"""
STEPS = ("solving", "scoring")
"""what `trace` reports, in this order"""


def nothing(step: str, done: int, expected: int) -> None:
    """A report to nobody."""


@dataclass(frozen=True)
class Tracer:
    """A run any of whose predictions can be traced."""

    study: Study
    scores: pd.DataFrame
    """pair_id and parameter_change of the run"""
    inverse: InverseCurvature
    """that of the study, quicker for single gradients"""
    expected_products: int
    """products with the curvature that the run's own solves took"""

    @classmethod
    def open(cls, run: RunFolder) -> Tracer:
        """Load features and curvature of a run.

        Raises:
            ConfigError: if the run studies more than the heads.
            RunFolderError: if the run's scores are not finished or cannot be read.
        """
        check_traceable(run)
        scores = run.table("scores", ["pair_id", "parameter_change"])
        study = load_study(run)
        study = replace(study, source=_KeptSource(**vars(study.source)))
        _first_gradient(study)
        return cls(study, scores, stacked(study.inverse), _products_of(run))

    @torch.no_grad()
    def trace(self, question: PredictionQuestion, report: Report = nothing) -> Traced:
        """The pairs that hurt and help a prediction most, as `ecif trace` gives them.

        Raises:
            ConfigError: if the run has no such prediction.
            SolveError: if a gradient is not finite.
        """
        started = time.monotonic()
        ids, gradient = next(gradients(self.study, [question.query_id]))
        begun = time.monotonic()
        found, solution, solved = self.influence_of(gradient, report)
        sides = both_sides(self.study, self.scores, ids, found, self.study.config.trace_depth)
        seconds = {"gradient": begun - started, "solve": solved - begun, "score": time.monotonic() - solved}
        return Traced(pd.concat(sides, ignore_index=True), solution.status.value, seconds)

    def influence_of(self, gradient: Tensor, report: Report = nothing) -> tuple[SegmentedScores, Solution, float]:
        """Influence of every training pair on the losses with these gradients `[queries, parameters]`.

        Returns:
            The scores, the solve, and when it ended [seconds of the monotonic clock].
        """
        study = self.study
        report("solving", 0, self.expected_products)
        solution = _watched(self.inverse, report, self.expected_products).solve(gradient)
        solved = time.monotonic()
        report("scoring", 0, len(self.scores))
        directions = solution.values / study.segmentations[0].num_pairs
        scores = stacked_scores if _is_stackable(study.train) and len(directions) == 1 else segmented_scores
        found = scores(study.train, study.loss, study.segmentations, directions, study.config.negative_term)
        return found, solution, solved


@dataclass(frozen=True)
class _KeptSource(HeadsSource):
    """The heads of a run with unit features kept, where memory allows."""

    def pairs(self, positions: Tensor) -> FeatureMap:
        """Features of the pairs at these positions."""
        widths = sum(map(sum, (head.shape for head in (self.heads.text, self.heads.image))))
        plain = super().pairs(positions)
        if len(positions) * widths * self.heads.text.element_size() > KEPT_BYTES:
            return plain
        return KeptHeadsFeatureMap.of(plain)


@dataclass
class _Watched:
    """An operator that says how often it was applied."""

    operator: LinearOperator
    report: Report
    expected: int
    done: int = 0

    def matvec(self, directions: Tensor) -> Tensor:
        """The operator applied to each row of `directions`."""
        found = self.operator.matvec(directions)
        self.done += 1
        self.report("solving", self.done, max(self.done, self.expected))
        return found


def _first_gradient(study: Study) -> None:
    """One gradient of each kind: what torch loads for the first takes a second, which nobody should wait for."""
    asked = study.rows(study.test_split)["pair_id"].iloc[0]
    kinds = ["retrieval", *(["classification"] if study.labels(study.test_split)[0] >= 0 else [])]
    for _ in gradients(study, [f"{kind}:{asked}" for kind in kinds]):
        pass


def stacked(inverse: InverseCurvature) -> InverseCurvature:
    """The same inverse, quicker for single gradients where it is one of Gauss–Newton on kept heads."""
    operator = inverse.operator if isinstance(inverse, IterativeInverse) else None
    if not isinstance(operator, GaussNewton) or not _is_stackable(operator.feature_map):
        return inverse
    return replace(inverse, operator=StackedGaussNewton.of(operator))


def _is_stackable(feature_map: FeatureMap) -> bool:
    return isinstance(feature_map, KeptHeadsFeatureMap) and not feature_map.plain.log_logit_scale


def _watched(inverse: InverseCurvature, report: Report, expected: int) -> InverseCurvature:
    """The same inverse, which reports its products if it works by products."""
    if not isinstance(inverse, IterativeInverse):
        return inverse
    return replace(inverse, operator=_Watched(inverse.operator, report, expected))


def _products_of(run: RunFolder) -> int:
    record = run.record
    solves = record.get("trace_solves") or record.get("curvature") or {}
    return int(solves.get("iterations", 0)) + 1  # one more tells the residual
