"""Cross-fitting with self-cleaning: every pair is scored by heads that were fitted without it and without the suspects.

One seed: deal folds, then a few rounds. In each, heads are fitted to the other folds, pairs weighted by their
probability of being right so far; the fold's pairs and pairs made wrong on purpose from the same fold are scored; a
classifier learned from both gives new probabilities. The last round computes all signals. Several seeds (folds, pairs
made wrong) are averaged. Source: derived in `suspicion`; cleaning in rounds after Northcutt et al. (2021).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from engine.crossfit.folds import image_folds
from engine.crossfit.inputs import PairInputs
from engine.crossfit.model_features import model_similarity, trusted_similarity
from engine.crossfit.spaces import MOST_REFERENCES, FoldFitter
from engine.crossfit.unseen_influence import LEAST_VALIDATION, unseen_influence
from engine.signals import BESIDES, EVIDENCE, QUICK_EVIDENCE, Candidates, Signal, Space
from engine.signals.confident_learning import class_probabilities
from engine.signals.suspicion import MadeWrong, Suspected, learn_suspicion
from engine.signals.wrong_on_purpose import ELSEWHERE, NEAR, kinds_for, wrong_captions

Report = Callable[[int, int], None]
CANDIDATES_AT_ONCE = 1024
LEAST_PAIRS = 100
"""fewer training pairs are not cross-fitted: heads of a part of them would know nothing"""
LEAST_MADE_WRONG = 20
MOST_OF_ONE_CAPTION = 0.9
ROUNDING = 1e-6
"""features that differ by less, relative to the largest, are the same"""


@dataclass(frozen=True)
class CrossFitOptions:
    """How pairs are cross-fitted."""

    folds: int = 5
    rounds: int = 3
    """the first scores with all pairs trusted, each further one without the suspects of the one before"""


@dataclass(frozen=True)
class CrossFitted:
    """What one seed found."""

    signals: pd.DataFrame
    """one column per signal in its own unit, rows as the pairs"""
    suspected: Suspected
    round_shares: tuple[float, ...]
    """estimated share of wrong pairs after each round"""


def obstacle(inputs: PairInputs, options: CrossFitOptions) -> str | None:
    """Why these pairs cannot be cross-fitted, as a sentence; None if they can."""
    if len(inputs) < LEAST_PAIRS:
        return f"{len(inputs)} training pairs are too few to cross-fit ({LEAST_PAIRS} are needed)."
    if len(np.unique(inputs.image_ids)) < 2 * options.folds:
        return "The training pairs have too few different pictures to cross-fit."
    if np.unique(inputs.caption_ids, return_counts=True)[1].max() > MOST_OF_ONE_CAPTION * len(inputs):
        return "Nearly all training pairs have the same caption: there is nothing to compare them with."
    for kind, features in (("pictures", inputs.image), ("captions", inputs.text)):
        if (features - features[0]).abs().max() <= ROUNDING * features.abs().max():
            return f"All {kind} have the same features: there is nothing to tell them apart by."
    return None


def cross_fit(
    inputs: PairInputs,
    options: CrossFitOptions,
    seed: int,
    report: Report | None = None,
    inputs_of_fold: Callable[[int], PairInputs] | None = None,
) -> CrossFitted:
    """Score all pairs out of sample.

    Args:
        inputs: training pairs without an `obstacle`.
        options: folds and rounds.
        seed: of the folds and of the pairs made wrong.
        report: called with (done, total) folds.
        inputs_of_fold: the same pairs as a model sees them that has not seen the fold (`folds_of`), which may then
            testify itself; without, heads are fitted to `inputs`.
    """
    fitter = _fitter(inputs, options, seed, inputs_of_fold)
    of_model = None if inputs_of_fold else trusted_similarity(inputs)
    trust = torch.ones(len(inputs), dtype=inputs.image.dtype, device=inputs.image.device)
    shares, influence, table, suspected = [], [], pd.DataFrame(), None
    has_influence = inputs.validation is not None and len(inputs.validation) >= LEAST_VALIDATION
    for number in range(options.rounds):
        is_last = number == options.rounds - 1
        evidence = EVIDENCE if is_last else QUICK_EVIDENCE
        generator = np.random.default_rng([seed, number])
        found = _Scored(len(inputs), evidence, BESIDES if is_last else ())
        classes = _class_probabilities(inputs, fitter.folds, trust)
        for fold in range(options.folds):
            seen, rows = fitter.inputs_of_fold(fold), fitter.rows(fold)
            heads = fitter.heads(fold, seen, trust)
            testimony = model_similarity(seen) if inputs_of_fold else of_model
            space = fitter.space(fold, seen, heads, trust, classes, testimony)
            found.add_own(space, rows)
            if is_last and has_influence:
                influence.append(
                    unseen_influence(seen, rows, heads, space.logit_scale, seed).set_index(rows.cpu().numpy())
                )
            for kind in kinds_for(space) if is_last else set(kinds_for(space)) - {NEAR}:
                found.add_wrong(kind, fold, wrong_captions(space, rows, kind, generator))
            if report:
                report(number * options.folds + fold + 1, options.rounds * options.folds)
        suspected = learn_suspicion(found.oriented(), fitter.folds, found.made_wrong(), seed)
        shares.append(suspected.share.value)
        trust = torch.as_tensor(1.0 - suspected.p_wrong).to(trust)
        table = found.table()
    if influence:
        table = table.join(pd.concat(influence))
    return CrossFitted(table, suspected, tuple(shares))


def folds_of(inputs: PairInputs, options: CrossFitOptions, seed: int) -> np.ndarray:
    """The fold of each pair, `[pairs]`."""
    return image_folds(inputs.image_ids, options.folds, seed)


def _fitter(
    inputs: PairInputs, options: CrossFitOptions, seed: int, inputs_of_fold: Callable[[int], PairInputs] | None
) -> FoldFitter:
    folds = folds_of(inputs, options, seed)
    references = np.arange(len(inputs))
    if len(inputs) > MOST_REFERENCES:
        references = np.sort(np.random.default_rng(seed).choice(len(inputs), MOST_REFERENCES, replace=False))
    positions = torch.as_tensor(references, device=inputs.image.device)
    return FoldFitter(inputs, inputs_of_fold or (lambda fold: inputs), folds, positions)


def _class_probabilities(inputs: PairInputs, folds: np.ndarray, trust: Tensor) -> np.ndarray | None:
    """`[pairs, classes]` by classifiers of the other folds; None without labels."""
    if inputs.num_classes < 2 or not (inputs.labels >= 0).any():
        return None
    features = inputs.image.cpu().numpy()
    return class_probabilities(features, inputs.labels, folds, inputs.num_classes, trust.cpu().numpy())


class _Scored:
    """Signals of own pairs and of pairs made wrong, as folds come in."""

    def __init__(self, num_pairs: int, evidence: Sequence[Signal], besides: Sequence[Signal]) -> None:
        self.evidence, self.besides = evidence, besides
        self.own = np.full((num_pairs, len(evidence) + len(besides)), np.nan)
        self.wrong: dict[str, list[MadeWrong]] = {}

    def add_own(self, space: Space, rows: Tensor) -> None:
        """All signals of the pairs at `rows`."""
        candidates = Candidates(space, rows, rows)
        self.own[rows.cpu().numpy()] = _signals(candidates, [*self.evidence, *self.besides])

    def add_wrong(self, kind: str, fold: int, candidates: Candidates) -> None:
        """The evidence of pairs made wrong."""
        values = _signals(candidates, self.evidence) * self._signs
        self.wrong.setdefault(kind, []).append(MadeWrong(np.full(len(values), fold), values))

    def oriented(self) -> np.ndarray:
        """Evidence of the own pairs, higher is more suspect, `[pairs, evidence]`."""
        return self.own[:, : len(self.evidence)] * self._signs

    def made_wrong(self) -> dict[str, MadeWrong]:
        """By kind, over all folds; kinds of which hardly any could be made are left out."""
        found = {
            kind: MadeWrong(
                np.concatenate([one.folds for one in parts]), np.concatenate([one.signals for one in parts])
            )
            for kind, parts in self.wrong.items()
        }
        return {
            kind: made
            for kind, made in found.items()
            if kind == ELSEWHERE or (len(made.folds) >= LEAST_MADE_WRONG and len(np.unique(made.folds)) > 1)
        }

    def table(self) -> pd.DataFrame:
        """All signals in their own units."""
        return pd.DataFrame(self.own, columns=[signal.name for signal in (*self.evidence, *self.besides)])

    @property
    def _signs(self) -> np.ndarray:
        return np.array([signal.sign for signal in self.evidence], dtype=np.float64)


def _signals(candidates: Candidates, signals: Sequence[Signal]) -> np.ndarray:
    """`[candidates, signals]`, a part of the candidates at a time."""
    parts = []
    for images, texts in zip(
        candidates.images.split(CANDIDATES_AT_ONCE), candidates.texts.split(CANDIDATES_AT_ONCE), strict=True
    ):
        some = Candidates(candidates.space, images, texts)
        parts.append(torch.stack([signal(some).double() for signal in signals], 1).cpu().numpy())
    return np.concatenate(parts)
