"""Confident learning: does a classifier that was not fitted to the image see in it the class that the caption names?

Source: Northcutt, Jiang and Chuang (JAIR 2021); the score is `cleanlab`'s normalized margin (Kuan and Mueller 2022),

    label quality = ½ (p_label − max_{c ≠ label} p_c + 1)        0 … 1, lower is more suspect

rather than its self-confidence p_label: a picture that is hard for every class spreads its probability and gets about
½, one that clearly shows another class goes to 0. On the sample it finds confused classes better (AUROC .76 for .72)
and shuffled captions a little worse (.98 for .99), which other signals find anyway. Only pairs with class labels have a
value. Cost: a lookup for each candidate; the classifier, logistic regression, is O(folds · steps · pairs · dim ·
classes), with at most `MAX_FITTED` pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from cleanlab.rank import get_label_quality_scores
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from torch import Tensor

from engine.feature_rows import Rows
from engine.signals.interface import Candidates

INVERSE_PENALTY = 0.03
"""on standardised features; small, because some of the labels are wrong: on the sample .01 to .1 do best"""
MAX_STEPS = 200
MAX_FITTED = 50_000


class LabelQuality:
    """How clearly the image shows the class of the caption, of all classes."""

    name = "label_quality"
    sign = -1

    def __call__(self, candidates: Candidates) -> Tensor:
        """Label quality of each candidate, `[candidates]`; NaN without a label or for a class that was never fitted."""
        space = candidates.space
        found = candidates.similarity.new_full((len(candidates.images),), float("nan"))
        if space.class_probabilities is None:
            return found
        probabilities = space.class_probabilities[candidates.images.cpu().numpy()]
        labels = space.labels[candidates.texts.cpu().numpy()]
        judged = labels >= 0
        judged[judged] = np.isfinite(probabilities[judged, labels[judged]])
        if judged.any():
            known = np.nan_to_num(probabilities[judged], nan=0.0)
            quality = get_label_quality_scores(labels[judged], known, method="normalized_margin")
            found[torch.from_numpy(np.flatnonzero(judged)).to(found.device)] = torch.from_numpy(quality).to(found)
        return found


@dataclass(frozen=True)
class FoldClassifiers:
    """Logistic regressions, one per fold, each fitted to the other folds."""

    num_classes: int
    classes: list[np.ndarray]
    """that each was fitted to"""
    models: list[Pipeline | None]
    """None where there is but one class, or none"""

    @classmethod
    def fitted(
        cls, images: Rows, labels: np.ndarray, folds: np.ndarray, num_classes: int, trust: np.ndarray | None = None
    ) -> FoldClassifiers:
        """Fit them.

        Args:
            images: features, `[pairs, dim]`, any scale; standardised here.
            labels: class of each pair, `[pairs]`, 0 … num_classes − 1; −1 without one: not fitted, but predicted.
            folds: the fold of each pair, `[pairs]`.
            num_classes: columns of the probabilities.
            trust: weight of each pair in the fit, `[pairs]`, 0 … 1; None: all alike.
        """
        weights, classes, models = np.ones(len(labels)) if trust is None else trust, [], []
        for fold in range(int(folds.max()) + 1):
            rows = np.flatnonzero((folds != fold) & (labels >= 0) & (weights > 0))
            if len(rows) > MAX_FITTED:
                rows = np.sort(np.random.default_rng(0).permutation(rows)[:MAX_FITTED])
            classes.append(np.unique(labels[rows]))
            models.append(None)
            if len(classes[-1]) > 1:
                regression = LogisticRegression(C=INVERSE_PENALTY, max_iter=MAX_STEPS, tol=1e-3)
                models[-1] = make_pipeline(StandardScaler(), regression)
                features = images[torch.as_tensor(rows)].cpu().numpy()
                with threadpool_limits(
                    1
                ):  # steps are small: threads mostly wait, long where the machine does other work
                    models[-1].fit(features, labels[rows], logisticregression__sample_weight=weights[rows])
        return cls(num_classes, classes, models)

    def probabilities(self, images: Tensor, folds: np.ndarray) -> np.ndarray:
        """Of each image's classes by the classifier that was not fitted to its fold.

        Args:
            images: features of some pairs, `[pairs, dim]`.
            folds: theirs, `[pairs]`.

        Returns:
            `[pairs, num_classes]`; NaN for classes without a pair in the other folds. Rows sum to 1 without those.
        """
        found, features = np.full((len(folds), self.num_classes), np.nan), images.cpu().numpy()
        for fold, (classes, model) in enumerate(zip(self.classes, self.models, strict=True)):
            rows = np.flatnonzero(folds == fold)
            if model is None:
                found[np.ix_(rows, classes)] = 1.0
            elif len(rows):
                found[np.ix_(rows, classes)] = model.predict_proba(features[rows])
        return found
