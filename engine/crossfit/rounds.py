"""One round of cross-fitting: the models of all folds, and the scores of the pairs of a block by them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from engine.crossfit.blocks import BlockScores, signals_of
from engine.crossfit.inputs import PairInputs
from engine.crossfit.model_features import model_similarity
from engine.crossfit.spaces import FoldFitter, FoldModel
from engine.crossfit.unseen_influence import SIGNS, ValidationQueries, unseen_influence
from engine.signals import Candidates, Signal, Space
from engine.signals.confident_learning import FoldClassifiers
from engine.signals.suspicion import MadeWrong
from engine.signals.wrong_on_purpose import NEAR, kinds_for, wrong_captions

MOST_REFERENCES = 1024
"""pairs of a block that a pair competes with in losses; 4096 found no more wrong pairs (`blocks`)"""
MOST_MADE_WRONG = 100_000
"""pairs made wrong of each kind, in all blocks together: their scores' distribution is known well enough"""


@dataclass(frozen=True)
class Round:
    """What a round scores by."""

    fitter: FoldFitter
    inputs_of_fold: Callable[[int], PairInputs] | None
    """see `cross_fit`"""
    trust: Tensor
    """probability so far that each pair is right, `[pairs]`"""
    signals: tuple[Signal, ...]
    num_evidence: int
    """the first so many signals are evidence"""
    testifies: bool
    """whether the model's own similarity is a signal"""
    makes_near: bool
    """whether near misses are made wrong on purpose too"""
    has_influence: bool
    seed: int
    number: int
    """0 for the first round"""

    @cached_property
    def models(self) -> list[FoldModel]:
        """What each fold is scored by."""
        fitter, folds, found = self.fitter, range(int(self.fitter.folds.max()) + 1), []
        shared = None if self.inputs_of_fold else fitter.moments(fitter.inputs, self.trust)
        for fold in folds:
            inputs = self.inputs_of_fold(fold) if self.inputs_of_fold else fitter.inputs
            moments = fitter.moments(inputs, self.trust) if shared is None else shared
            found.append(fitter.model(fold, inputs, moments, self.trust))
        return found

    @cached_property
    def classifiers(self) -> FoldClassifiers | None:
        """Classes of images by classifiers of the other folds; None without labels."""
        inputs = self.fitter.inputs
        if inputs.num_classes < 2 or not (inputs.labels >= 0).any():
            return None
        trust = self.trust.cpu().numpy()
        return FoldClassifiers.fitted(inputs.image, inputs.labels, self.fitter.folds, inputs.num_classes, trust)

    @cached_property
    def queries(self) -> list[ValidationQueries]:
        """Gradients of validation losses at each fold's heads."""
        return [ValidationQueries.at(one.inputs, one.heads, one.logit_scale, self.seed) for one in self.models]

    def scores(self, block: int, pairs: Tensor, report: Callable[[int], None]) -> BlockScores:
        """Score a block.

        Args:
            block: its number, which draws are seeded with.
            pairs: positions of its pairs.
            report: called with the folds done.
        """
        generator = np.random.default_rng([self.seed, self.number, *([block] if block else [])])
        columns = len(SIGNS) if self.has_influence else 0
        found = BlockScores(np.full((len(pairs), len(self.signals)), np.nan), np.full((len(pairs), columns), np.nan))
        folds, references = self.fitter.folds[pairs.cpu().numpy()], self._references(pairs)
        classes = self.classifiers and self.classifiers.probabilities(self.fitter.inputs.image[pairs], folds)
        for fold, model in enumerate(self.models):
            rows = torch.as_tensor(np.flatnonzero(folds == fold), device=pairs.device)
            if len(rows):
                testimony = model_similarity(model.inputs, pairs) if self.testifies else None
                space = model.space(pairs, references, self.trust, classes, testimony)
                own = Candidates(space, rows, rows)
                found.own[rows.cpu().numpy()] = signals_of(own, self.signals)
                if self.has_influence:
                    values = unseen_influence(model.inputs, pairs[rows], self.queries[fold], self.seed)
                    found.influence[rows.cpu().numpy()] = values
                self._make_wrong(found, space, rows, fold, generator)
            report(fold + 1)
        return found

    def _references(self, pairs: Tensor) -> Tensor:
        """See `Space.references`."""
        everyone = np.arange(len(pairs))
        if len(pairs) > MOST_REFERENCES:
            everyone = np.sort(np.random.default_rng(self.seed).choice(len(pairs), MOST_REFERENCES, replace=False))
        return torch.as_tensor(everyone, device=pairs.device)

    def _make_wrong(
        self, found: BlockScores, space: Space, rows: Tensor, fold: int, generator: np.random.Generator
    ) -> None:
        share = MOST_MADE_WRONG / len(self.trust)
        if share < 1:
            some = np.sort(generator.choice(len(rows), max(2, round(share * len(rows))), replace=False))
            rows = rows[torch.as_tensor(some, device=rows.device)]
        evidence = self.signals[: self.num_evidence]
        signs = np.array([signal.sign for signal in evidence], dtype=np.float64)
        for kind in kinds_for(space):
            if kind == NEAR and not self.makes_near:
                continue
            candidates = wrong_captions(space, rows, kind, generator)
            if len(candidates.images):
                made = MadeWrong(np.full(len(candidates.images), fold), signals_of(candidates, evidence) * signs)
                found.made_wrong.setdefault(kind, []).append(made)
