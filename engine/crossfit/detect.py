"""Cross-fitting with self-cleaning: every pair is scored by heads that were fitted without it and without the suspects.

One seed: deal folds, then a few rounds. In each, heads are fitted to the other folds, pairs weighted by their
probability of being right so far; the fold's pairs and pairs made wrong on purpose from the same fold are scored; a
classifier learned from both gives new probabilities. The last round computes all signals. Several seeds (folds, pairs
made wrong) are averaged. Very many pairs are scored block by block (`engine.crossfit.blocks`). Source: derived in
`suspicion`; cleaning in rounds after Northcutt et al. (2021).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from engine.crossfit.blocks import BlockScores, blocks_of
from engine.crossfit.folds import image_folds
from engine.crossfit.inputs import PairInputs
from engine.crossfit.model_features import may_testify
from engine.crossfit.rounds import Round
from engine.crossfit.spaces import FoldFitter
from engine.crossfit.unseen_influence import LEAST_VALIDATION, SIGNS
from engine.feature_rows import Rows, chunks_of
from engine.signals import BESIDES, EVIDENCE, QUICK_EVIDENCE, Signal
from engine.signals.suspicion import MadeWrong, Suspected, learn_suspicion
from engine.signals.wrong_on_purpose import ELSEWHERE

Report = Callable[[int, int], None]
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
        if _are_equal(features):
            return f"All {kind} have the same features: there is nothing to tell them apart by."
    return None


def cross_fit(
    inputs: PairInputs,
    options: CrossFitOptions,
    seed: int,
    report: Report | None = None,
    inputs_of_fold: Callable[[int], PairInputs] | None = None,
    parts: Path | None = None,
) -> CrossFitted:
    """Score all pairs out of sample.

    Args:
        inputs: training pairs without an `obstacle`.
        options: folds and rounds.
        seed: of the folds, the blocks, and of the pairs made wrong.
        report: called with (done, total) folds of blocks.
        inputs_of_fold: the same pairs as a model sees them that has not seen the fold (`folds_of`), which may then
            testify itself; without, heads are fitted to `inputs`.
        parts: folder that keeps the finished blocks of more than one, so that a kill costs one; None keeps none.
    """
    fitter = FoldFitter(inputs, folds_of(inputs, options, seed))
    blocks = blocks_of(inputs.image_ids, seed)
    testifies = inputs_of_fold is not None or may_testify(inputs)
    trust = torch.ones(len(inputs), dtype=inputs.image.dtype, device=inputs.image.device)
    has_influence = inputs.validation is not None and len(inputs.validation) >= LEAST_VALIDATION
    shares, steps = [], options.rounds * len(blocks)
    for number in range(options.rounds):
        is_last = number == options.rounds - 1
        evidence, besides = (EVIDENCE, BESIDES) if is_last else (QUICK_EVIDENCE, ())
        one = Round(
            fitter, inputs_of_fold, trust, (*evidence, *besides), len(evidence), testifies, is_last,
            is_last and has_influence, seed, number,
        )  # fmt: skip
        found = []
        for block, pairs in enumerate(blocks):
            path = parts / f"round-{number}-block-{block}.npz" if parts and len(blocks) > 1 else None
            done = number * len(blocks) + block
            found.append(_block(one, block, pairs, path, _within(report, done, steps, options.folds)))
        merged = _merged(found, blocks, len(inputs))
        signs = np.array([signal.sign for signal in evidence], dtype=np.float64)
        own = merged.own[:, : len(evidence)] * signs
        suspected = learn_suspicion(own, fitter.folds, _usable(merged.made_wrong), seed)
        shares.append(suspected.share.value)
        trust = torch.as_tensor(1.0 - suspected.p_wrong).to(trust)
    return CrossFitted(_table(merged, (*evidence, *besides)), suspected, tuple(shares))


def folds_of(inputs: PairInputs, options: CrossFitOptions, seed: int) -> np.ndarray:
    """The fold of each pair, `[pairs]`."""
    return image_folds(inputs.image_ids, options.folds, seed)


def _are_equal(features: Rows) -> bool:
    first = features[0:1]
    parts = (features[part] for part in chunks_of(len(features)))
    differences = ((part - first).abs().max() > ROUNDING * part.abs().max() for part in parts)
    return not any(differences)


def _within(report: Report | None, done: int, steps: int, folds: int) -> Callable[[int], None]:
    """Folds of one block as steps of all."""
    return lambda fold: report(done * folds + fold, steps * folds) if report else None


def _block(one: Round, block: int, pairs: np.ndarray, path: Path | None, report: Callable[[int], None]) -> BlockScores:
    """A block's scores, from its finished file where there is one."""
    if path and path.exists():
        return BlockScores.load(path)
    found = one.scores(block, torch.as_tensor(pairs, device=one.trust.device), report)
    if path:
        found.save(path)
    return found


def _merged(found: list[BlockScores], blocks: list[np.ndarray], num_pairs: int) -> BlockScores:
    """The scores of all pairs."""
    merged = BlockScores(
        np.empty((num_pairs, found[0].own.shape[1])), np.empty((num_pairs, found[0].influence.shape[1]))
    )
    for pairs, one in zip(blocks, found, strict=True):
        merged.own[pairs], merged.influence[pairs] = one.own, one.influence
        for kind, made in one.made_wrong.items():
            merged.made_wrong.setdefault(kind, []).extend(made)
    return merged


def _usable(made_wrong: dict[str, list[MadeWrong]]) -> dict[str, MadeWrong]:
    """By kind, over all folds; kinds of which hardly any could be made are left out."""
    found = {
        kind: MadeWrong(np.concatenate([one.folds for one in parts]), np.concatenate([one.signals for one in parts]))
        for kind, parts in made_wrong.items()
    }
    return {
        kind: made
        for kind, made in found.items()
        if kind == ELSEWHERE or (len(made.folds) >= LEAST_MADE_WRONG and len(np.unique(made.folds)) > 1)
    }


def _table(merged: BlockScores, signals: tuple[Signal, ...]) -> pd.DataFrame:
    """All signals in their own units."""
    table = pd.DataFrame(merged.own, columns=[signal.name for signal in signals])
    return table.join(pd.DataFrame(merged.influence, columns=list(SIGNS)[: merged.influence.shape[1]]))
